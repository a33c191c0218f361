"""Read a YAML file into a Pydantic model; a mistake names file, line, key and what to write instead."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from model.errors import InputError

MAX_LINE_CHARS = 1_000_000  # What is no text file would be read into memory whole in search of a line's end.
BLOCK = 1 << 20

M = TypeVar("M", bound=BaseModel)
# libyaml where PyYAML was built with it: the templates are read ten times faster.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read_yaml(path: Path, model: type[M], defaults: dict[str, Any] | None = None) -> M:
    """Parse `path` and validate it as `model`; keys that the file leaves out are taken from `defaults`.

    Raises:
        InputError: missing, not UTF-8, not YAML, or not valid, with the line of the offending key.
    """
    text = read_text(path)
    try:
        loader = _LOADER(text)
        root = loader.get_single_node()
        data = None if root is None else loader.construct_document(root)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or "not valid YAML"
        line = None if mark is None else mark.line + 1
        raise InputError(f"YAML 写法有误：{problem}", remedy="改正这一行", path=path, line=line) from error
    except RecursionError as error:
        raise InputError("嵌套太深", remedy="请减少层级", path=path) from error
    if root is not None and (twice := _duplicate_key(root)):
        raise InputError(f"键 {twice.value} 出现了两次", remedy="只留一个", path=path, line=_line(twice))
    try:
        return model.model_validate(data if defaults is None or not isinstance(data, dict) else defaults | data)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        told = first["msg"].removeprefix("Value error, ")
        problem = f"{where}：{told}" if where else told
        found = first.get("input")
        seen = f"（现为 {found!r}）" if where and isinstance(found, str | int | float | bool) else ""
        line = _line_of(root, first["loc"]) if root is not None else None
        raise InputError(f"{problem}{seen}", remedy="请改正这一条", path=path, line=line) from error


def read_text(path: Path) -> str:
    """Text of a UTF-8 file (a byte-order mark is dropped).

    Raises:
        InputError: missing, unreadable, or in another encoding (GBK is named when it fits), with the line.
    """
    return "".join(read_lines(path))


def read_lines(path: Path) -> Iterator[str]:
    """Lines of a UTF-8 file with their ends as they are, without reading the whole; otherwise like `read_text`."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            for number, line in enumerate(iter(lambda: file.readline(MAX_LINE_CHARS + 1), ""), 1):
                if len(line) > MAX_LINE_CHARS:
                    problem = f"一行超过 {MAX_LINE_CHARS} 字"
                    raise InputError(problem, remedy="这是文本文件吗？", path=path, line=number)
                yield line
    except FileNotFoundError as error:
        raise InputError("没有这个文件", remedy="检查路径", path=path) from error
    except OSError as error:
        raise InputError(f"读不了（{error.strerror}）", remedy="检查路径和权限", path=path) from error
    except UnicodeDecodeError as error:
        raise _not_utf8(path) from error


def _not_utf8(path: Path) -> InputError:
    """The first line that does not decode, and a word for people on what the bytes seem to be."""
    with path.open("rb") as file:
        for line, raw in enumerate(file, 1):  # noqa: B007
            try:
                raw.decode()
            except UnicodeDecodeError:
                break
        file.seek(0)
        return InputError(f"不是 UTF-8（{_guess_encoding(file)}）", remedy="请另存为 UTF-8", path=path, line=line)


def _guess_encoding(file: BinaryIO) -> str:
    if file.read(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        return "像是 UTF-16"
    file.seek(0)
    try:
        for _ in codecs.iterdecode(iter(lambda: file.read(BLOCK), b""), "gb18030"):
            pass
    except UnicodeDecodeError:
        return "编码不明，或已损坏"
    return "像是 GBK"


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def _duplicate_key(node: yaml.Node) -> yaml.ScalarNode | None:
    """First mapping key that stands twice in one mapping: PyYAML would silently keep the last."""
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in seen:
                    return key
                seen.add(key.value)
            if found := _duplicate_key(value):
                return found
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            if found := _duplicate_key(item):
                return found
    return None


def _line_of(node: yaml.Node, loc: tuple[Any, ...]) -> int:
    """Line of the deepest node on the path `loc` that exists in the file."""
    line = _line(node)
    for part in loc:
        child: yaml.Node | None = None
        if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            child = node.value[part]
        elif isinstance(node, yaml.MappingNode):
            child = next((value for key, value in node.value if key.value == str(part)), None)
        if child is None:
            continue
        node, line = child, _line(child)
    return line
