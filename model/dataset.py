"""Labelled messages: read, validate, split."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from model.errors import InputError
from model.taxonomy import Taxonomy
from model.text import MAX_MESSAGE_CHARS, normalise, without_controls
from model.validated_yaml import read_lines

MAX_SECONDARY = 2


@dataclass(frozen=True, slots=True)
class Message:
    """One labelled buyer message.

    Attributes:
        text: as the buyer typed it.
        issue: code of the matter that must be solved first.
        secondary: codes of further matters, in order.
        customer: code of the customer type.
        source: where the message comes from, for people.
        voice: name of the file without its ending; splits never part a voice.
        line: line in that file.
    """

    text: str
    issue: str
    secondary: tuple[str, ...]
    customer: str
    source: str
    voice: str
    line: int


def read_rows(path: Path, required: Sequence[str]) -> Iterator[tuple[int, dict[str, str]]]:
    """Rows of a UTF-8 CSV with a header, each with its line number; the file is read as the rows are asked for.

    Raises:
        InputError: not UTF-8, empty, a required column missing, a column twice, or a line with more or fewer cells than
            the header.
    """
    reader = csv.reader(_without_nul(path), strict=True)
    start = 1
    try:
        header = [cell.strip() for cell in next(reader, [])]
        if not any(header):
            raise InputError("文件是空的", remedy=f"第一行写 {','.join(required)}", path=path, line=1)
        for column in required:
            if column not in header:
                found = ", ".join(header)[:80]
                raise InputError(
                    f"没有 {column} 这一列（现有：{found}）", remedy=f"把列名写成 {column}", path=path, line=1
                )
        if len(set(header)) < len(header):
            twice = next(column for column in header if header.count(column) > 1)
            raise InputError(f"列 {twice!r} 出现了两次", remedy="改名或删掉一列", path=path, line=1)
        start = reader.line_num + 1
        for row in reader:
            line, start = start, reader.line_num + 1
            if not row:
                continue
            if len(row) != len(header):
                remedy = '单元格里有逗号或引号的，用 "…" 括起来'
                raise InputError(f"有 {len(row)} 格，表头是 {len(header)} 格", remedy=remedy, path=path, line=line)
            yield line, dict(zip(header, row, strict=True))
    except csv.Error as error:
        raise InputError(f"不是完整的 CSV（{error}）", remedy='引号 "…" 要成对', path=path, line=start) from error


def _without_nul(path: Path) -> Iterator[str]:
    for number, line in enumerate(read_lines(path), 1):
        if "\0" in line:
            raise InputError("有空字符（NUL）", remedy="请重新导出这个文件", path=path, line=number)
        yield line


def read_messages(path: Path, taxonomy: Taxonomy) -> list[Message]:
    """Labelled messages of one CSV with columns text, issue and optional secondary, customer, source.

    Raises:
        InputError: with file and line, for a broken file, an empty or over-long text, or an unknown label.
    """
    return [_message(row, taxonomy, path, line) for line, row in read_rows(path, ("text", "issue"))]


def mistakes(path: Path, taxonomy: Taxonomy) -> Iterator[InputError]:
    """Every mistake that `read_messages` would stop at, row by row; a broken file ends with its first."""
    try:
        for line, row in read_rows(path, ("text", "issue")):
            try:
                _message(row, taxonomy, path, line)
            except InputError as error:
                yield error
    except InputError as error:
        yield error


def _message(row: dict[str, str], taxonomy: Taxonomy, path: Path, line: int) -> Message:
    text = without_controls(row["text"])
    if not normalise(text).text:
        raise InputError("消息是空的", remedy="写上消息，或删掉这一行", path=path, line=line)
    if len(text) > MAX_MESSAGE_CHARS:
        remedy = f"一条消息最多 {MAX_MESSAGE_CHARS} 字"
        raise InputError(f"有 {len(text)} 字", remedy=remedy, path=path, line=line)
    issue = row["issue"].strip()
    secondary = tuple(code.strip() for code in row.get("secondary", "").split("|") if code.strip())
    for code in (issue, *secondary):
        if code not in taxonomy.issue_by_code:
            raise InputError(f"没有 {code!r} 这个问题类型", remedy="写 taxonomy.yaml 里的代码", path=path, line=line)
    if len(secondary) > MAX_SECONDARY or issue in secondary or len(set(secondary)) < len(secondary):
        remedy = "次要问题最多两个，不能重复"
        raise InputError(f"次要问题 {row['secondary']!r} 不对", remedy=remedy, path=path, line=line)
    customer = row.get("customer", "").strip() or taxonomy.default_customer
    if customer not in taxonomy.customer_by_code:
        allowed = ", ".join(taxonomy.customer_by_code)
        raise InputError(f"没有 {customer!r} 这个客户类型", remedy=f"可用 {allowed}", path=path, line=line)
    return Message(text, issue, secondary, customer, row.get("source", "").strip(), path.stem, line)


def load_messages(data_dir: Path, taxonomy: Taxonomy) -> list[Message]:
    """All messages of `data_dir/messages/*.csv`, in the order of file names and lines.

    Raises:
        InputError: no file, a broken file, or messages of a single issue.
    """
    folder = data_dir / "messages"
    messages = [message for path in message_files(data_dir) for message in read_messages(path, taxonomy)]
    if len({message.issue for message in messages}) < 2:
        raise InputError("问题类型不足两类", remedy="至少标出两类问题的消息", path=folder)
    return messages


def message_files(data_dir: Path) -> list[Path]:
    """The CSV files of `data_dir/messages`, by name.

    Raises:
        InputError: there is none.
    """
    folder = data_dir / "messages"
    if paths := sorted(folder.glob("*.csv")):
        return paths
    raise InputError("没有消息", remedy="把列为 text,issue,customer 的 CSV 放进来", path=folder)
