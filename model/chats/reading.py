"""Reads a file of chats, whatever its format."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from itertools import chain, islice
from pathlib import Path

from model.chats.columns import Columns
from model.chats.encoding import text_encoding
from model.chats.line import ChatLine, Role, role_of
from model.chats.table import read_csv, read_jsonl, read_parquet, read_xlsx
from model.chats.transcript import read_transcript
from model.errors import InputError

TABLES = {".csv": read_csv, ".tsv": read_csv, ".xlsx": read_xlsx, ".jsonl": read_jsonl, ".parquet": read_parquet}
FORMATS = (*TABLES, ".txt")
LOOKED_AT = 1_000  # Lines among which one of the shop's people must be recognised.


def read_chats(path: Path, named: Columns, agents: Collection[str] = ()) -> Iterator[ChatLine]:
    """The file's lines.

    Args:
        path: csv, tsv, xlsx, jsonl, parquet, or txt for a transcript.
        named: columns that the user named; a transcript has none.
        agents: nicknames of the shop's people.

    Raises:
        InputError: unknown format, broken file, no messages, or nicknames among which nobody is known to be the
            shop's (its lines would be taken for the buyer's).
    """
    suffix = path.suffix.lower()
    if suffix not in FORMATS:
        raise InputError(f"不支持的格式 {path.suffix!r}", remedy=f"可用 {', '.join(FORMATS)}", path=path)
    if not path.is_file():
        raise InputError("没有这个文件", remedy="检查路径", path=path)
    lines = read_transcript(path, text_encoding(path)) if suffix == ".txt" else TABLES[suffix](path, named)
    first = list(islice(lines, LOOKED_AT))
    if not first:
        raise InputError("没有消息", remedy="请重新导出聊天记录", path=path)
    speakers = {line.speaker for line in first if line.speaker}
    roles = {role_of(speaker, agents) for speaker in speakers}
    if not agents and None in roles and Role.agent not in roles:
        names = "、".join(sorted(speakers)[:5])
        raise InputError(f"认不出谁是客服（{names}）", remedy="用 --agent 昵称 写明店铺的人", path=path)
    return chain(first, lines)
