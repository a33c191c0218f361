"""Tells the encoding of a text file by reading all of it once, in bounded memory.

Strict trial decoding, because exports are UTF-8, UTF-16 with its mark, or GBK; statistical detectors take short Chinese
files for Big5 or Korean.
"""

from __future__ import annotations

import codecs
from pathlib import Path

from model.errors import InputError

CHUNK_BYTES = 1 << 20
# GBK breaks UTF-8's rules within its first few characters; what breaks them only later is UTF-8 that was damaged.
PROVEN_UTF8_CHARS = 20


def text_encoding(path: Path) -> str:
    """`utf-8-sig`, `utf-16` or `gb18030` (which holds GBK): the first that the whole file obeys.

    Raises:
        InputError: missing, unreadable, damaged, cut off within a character, or of another encoding; with the line.
    """
    try:
        with path.open("rb") as file:
            has_utf16_mark = file.read(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
        for encoding in ["utf-16"] if has_utf16_mark else ["utf-8-sig", "gb18030"]:
            failure = _first_failure(path, encoding)
            if failure is None:
                return encoding
            line, foreign_chars, at_end = failure
            if at_end:
                raise InputError("文件在半个字处断了", remedy="请重新导出这个文件", path=path, line=line)
            if encoding != "gb18030" and foreign_chars >= PROVEN_UTF8_CHARS:
                break
    except FileNotFoundError as error:
        raise InputError("没有这个文件", remedy="检查路径", path=path) from error
    except OSError as error:
        raise InputError(f"读不了（{error.strerror}）", remedy="检查路径和权限", path=path) from error
    raise InputError("已损坏，或既不是 UTF-8 也不是 GBK", remedy="请按 UTF-8 或 GBK 重新导出", path=path, line=line)


def _first_failure(path: Path, encoding: str) -> tuple[int, int, bool] | None:
    """Where decoding fails: the line, how many non-ASCII characters were right before, whether at the file's end."""
    decoder = codecs.getincrementaldecoder(encoding)()
    line, foreign_chars = 1, 0
    with path.open("rb") as file:
        while True:
            chunk = file.read(CHUNK_BYTES)
            try:
                text = decoder.decode(chunk, final=not chunk)
            except UnicodeDecodeError as error:
                right = error.object[: error.start].decode(encoding, "ignore")
                foreign_chars += sum(not char.isascii() for char in right)
                return line + right.count("\n"), foreign_chars, not chunk
            line += text.count("\n")
            if foreign_chars < PROVEN_UTF8_CHARS:
                foreign_chars += sum(not char.isascii() for char in text)
            if not chunk:
                return None
