"""Rows of a csv, xlsx, jsonl or parquet file, read in bounded memory."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq

from model.chats.columns import Columns, find_columns
from model.chats.encoding import text_encoding
from model.chats.line import ChatLine, read_time
from model.errors import InputError
from model.workbook import first_sheet

BATCH = 1_000
MAX_LINE_CHARS = 1_000_000  # Of a jsonl file: a longer line is no chat and must not fill the memory.
DELIMITERS = ",\t;"


def read_csv(path: Path, named: Columns) -> Iterator[ChatLine]:
    """Rows of a CSV with a header; comma, tab or semicolon, whichever the header has most of."""
    with path.open(encoding=text_encoding(path), newline="") as file:
        delimiter = max(DELIMITERS, key=file.readline().count)
        file.seek(0)
        reader = csv.reader(file, delimiter=delimiter, strict=True)
        start = 1
        try:
            header = [cell.strip() for cell in next(reader, [])]
            if not any(header):
                raise InputError("文件是空的", remedy="请重新导出聊天记录", path=path, line=1)
            columns = find_columns(header, named, path)
            start = reader.line_num + 1
            for cells in reader:
                row, start = start, reader.line_num + 1
                if not cells:
                    continue
                if len(cells) != len(header):
                    yield ChatLine(row, problem=f"{len(cells)} 格，表头有 {len(header)} 格")
                else:
                    yield _chat_line(row, dict(zip(header, cells, strict=True)), columns)
        except csv.Error as error:
            raise InputError(f"不是完整的 CSV（{error}）", remedy='引号 "…" 要成对', path=path, line=start) from error


def read_xlsx(path: Path, named: Columns) -> Iterator[ChatLine]:
    """Rows of the first sheet; its first row that is not empty is the header."""
    rows = enumerate(first_sheet(path), 1)
    header = next((cells for _, cells in rows if any(cell is not None for cell in cells)), None)
    if header is None:
        raise InputError("第一张工作表是空的", remedy="把聊天记录放在这张表上", path=path)
    names = ["" if cell is None else str(cell).strip() for cell in header]
    columns = find_columns(names, named, path)
    for row, cells in rows:
        if any(cell is not None for cell in cells):
            yield _chat_line(row, dict(zip(names, cells, strict=False)), columns)


def read_jsonl(path: Path, named: Columns) -> Iterator[ChatLine]:
    """JSON objects, one a line; the first one's keys are the columns."""
    with path.open(encoding=text_encoding(path)) as file:
        columns: Columns | None = None
        for row, line in _lines(file):
            if not line.strip():
                continue
            try:
                record = json.loads(line)
            except (ValueError, RecursionError):
                record = None
            if not isinstance(record, dict):
                yield ChatLine(row, problem="不是一条 JSON 记录")
                continue
            if columns is None:
                columns = find_columns(list(record), named, path)
            yield _chat_line(row, record, columns)
    if columns is None:
        raise InputError("里面没有 JSON 对象", remedy="每行一个 JSON 对象", path=path, line=1)


def _lines(file: IO[str]) -> Iterator[tuple[int, str]]:
    """Lines with their numbers; one that is too long comes as far as MAX_LINE_CHARS, and so is no JSON."""
    row = 0
    while line := file.readline(MAX_LINE_CHARS):
        row += 1
        yield row, line
        while line and not line.endswith("\n"):
            line = file.readline(MAX_LINE_CHARS)


def read_parquet(path: Path, named: Columns) -> Iterator[ChatLine]:
    """Records of a parquet file; only the columns that matter are read."""
    try:
        with pq.ParquetFile(path) as file:
            columns = find_columns(file.schema_arrow.names, named, path)
            wanted = [name for name in (columns.text, columns.role, columns.time, columns.conversation) if name]
            row = 0
            for batch in file.iter_batches(batch_size=BATCH, columns=wanted):
                for record in batch.to_pylist():
                    row += 1
                    yield _chat_line(row, record, columns)
    except FileNotFoundError as error:
        raise InputError("没有这个文件", remedy="检查路径", path=path) from error
    except (OSError, pa.ArrowException) as error:
        raise InputError("不是 parquet 文件，或已损坏", remedy="请重新生成", path=path) from error


def _chat_line(row: int, record: dict[str, Any], columns: Columns) -> ChatLine:
    text = record.get(columns.text or "")
    if text is not None and not isinstance(text, str | int | float):
        return ChatLine(row, problem="消息不是文字")
    return ChatLine(
        row,
        "" if text is None else str(text),
        _word(record.get(columns.role or "")),
        read_time(record.get(columns.time or "")),
        _word(record.get(columns.conversation or "")),
    )


def _word(value: object) -> str | None:
    return None if value is None else str(value).strip() or None
