"""Tables of messages as streams of batches: csv, xlsx, jsonl or parquet, in memory that does not grow with the file.

Every value leaves as it came. csv knows only text; so does what was read from csv, xlsx or jsonl when it is written to
parquet, whose columns have one type each.
"""

from __future__ import annotations

import csv
import json
import math
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.utils.exceptions import IllegalCharacterError

from model.dataset import read_rows
from model.errors import InputError
from model.validated_yaml import read_lines
from model.whole_file import written_aside
from model.workbook import first_sheet

BATCH = 10_000
ROW_GROUP = 100_000  # Rows; the description of every group of a parquet file is kept until its end.
READ_BUFFER = 1 << 20  # Bytes; without one a column of a row group is read whole.
XLSX_ROWS = 1_048_576  # Excel's limits: rows, header included; characters a cell; digits of a number.
XLSX_CELL = 32_767
XLSX_DIGITS = 15

Row = dict[str, Any]


@dataclass(frozen=True)
class Batch:
    """Consecutive rows.

    Attributes:
        texts: their messages; empty where there is none.
        rows: the rows whole, Arrow's from parquet.
    """

    texts: list[str]
    rows: list[Row] | pa.RecordBatch

    def dicts(self) -> list[Row]:
        """The rows, from column name to value."""
        return self.rows if isinstance(self.rows, list) else self.rows.to_pylist()


@dataclass(frozen=True)
class Table:
    """A file with a column `text`, checked from beginning to end (a parquet file: its description).

    Attributes:
        columns: names in order; of jsonl all keys that occur.
        rows: their number, at least 1.
        schema: a parquet file's types; None of other formats.
    """

    path: Path
    columns: tuple[str, ...]
    rows: int
    schema: pa.Schema | None = None

    def batches(self) -> Iterator[Batch]:
        """The rows in order, BATCH at a time (a parquet file: at most).

        Raises:
            InputError: the file cannot be read on.
        """
        with _read_errors(self.path):
            if self.schema is None:
                rows = _ROWS[self.path.suffix.lower()](self.path)
                while some := list(islice(rows, BATCH)):
                    yield Batch([_as_text(row.get("text")) for row in some], some)
            else:
                with pq.ParquetFile(self.path, buffer_size=READ_BUFFER, pre_buffer=False) as file:
                    for batch in file.iter_batches(BATCH):
                        yield Batch([_as_text(text) for text in batch["text"].to_pylist()], batch)


def check_format(path: Path) -> None:
    """Raises InputError unless the name ends like one of the formats."""
    if path.suffix.lower() not in _WRITERS:
        raise InputError(f"不支持的格式 {path.suffix!r}", remedy=f"可用 {', '.join(_WRITERS)}", path=path)


def open_table(path: Path) -> Table:
    """A table to read. Formats but parquet are read through once, so that a mistake shows before any work is done.

    Raises:
        InputError: an unknown format, an unreadable or broken file, no column `text`, no rows, with the line.
    """
    check_format(path)
    with _read_errors(path):
        if path.suffix.lower() == ".parquet":
            with pq.ParquetFile(path) as file:
                table = Table(path, tuple(file.schema_arrow.names), file.metadata.num_rows, file.schema_arrow)
        else:
            columns: dict[str, None] = {}
            number = 0
            for row in _ROWS[path.suffix.lower()](path):
                columns |= dict.fromkeys(row)
                number += 1
            table = Table(path, tuple(columns), number)
    if not table.rows:
        line = 2 if path.suffix.lower() == ".csv" else None
        raise InputError("一行也没有", remedy="在表头下面添上消息", path=path, line=line)
    if "text" not in table.columns:
        found = ", ".join(table.columns)[:80]
        raise InputError(f"没有 text 这一列（现有：{found}）", remedy="把消息那一列改名为 text", path=path, line=1)
    return table


Write = Callable[[Batch, pa.RecordBatch], None]


@contextmanager
def create_table(path: Path, source: Table, added: pa.Schema) -> Iterator[Write]:
    """A table to write: the source's columns, then the added ones. It appears complete when the block ends, or not.

    Raises:
        InputError: a column is there already, the file cannot be written, or the format cannot hold a value.
    """
    check_format(path)
    suffix = path.suffix.lower()
    if taken := [column for column in added.names if column in source.columns]:
        raise InputError(f"已经有 {taken[0]} 这一列", remedy="改名或删掉它", path=source.path)
    if suffix == ".xlsx" and source.rows >= XLSX_ROWS:
        raise InputError(f"{source.rows} 行，Excel 放不下", remedy="改写 .csv 或 .parquet", path=path)
    try:
        with written_aside(path) as aside, _WRITERS[suffix](aside, source, added) as write:
            yield write
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else error  # pyarrow puts sentences around it.
        raise InputError(f"写不了（{reason}）", remedy="检查空间和权限", path=path) from error
    except UnicodeEncodeError as error:
        raise InputError("有消息以半个字结尾（孤立的代理项）", remedy="改写 .jsonl，它放得下", path=path) from error


def _as_text(value: object) -> str:
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    return json.dumps(value, ensure_ascii=False, default=str) if isinstance(value, dict | list) else str(value)


@contextmanager
def _read_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except InputError:
        raise
    except Exception as error:  # The readers raise many types; all but the system's mean that the file is broken.
        if isinstance(error, OSError) and error.errno:
            raise InputError(f"读不了（{os.strerror(error.errno)}）", remedy="检查路径", path=path) from error
        first_line = str(error).splitlines()[0][:120] if str(error) else type(error).__name__
        raise InputError(
            f"不是能读的 {path.suffix[1:].lower()} 文件（{first_line}）", remedy="请重新导出这个文件", path=path
        ) from error


def _csv_rows(path: Path) -> Iterator[Row]:
    return (row for _, row in read_rows(path, ("text",)))


def _jsonl_rows(path: Path) -> Iterator[Row]:
    for number, line in enumerate(read_lines(path), 1):
        if line.isspace():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise InputError(
                f"不是能读的 JSON（{error}）", remedy="每行一个 JSON 对象", path=path, line=number
            ) from error
        if not isinstance(row, dict):
            raise InputError("不是 JSON 对象", remedy='应像 {"text": "…"}', path=path, line=number)
        yield row


def _xlsx_rows(path: Path) -> Iterator[Row]:
    """Rows of the first sheet; what formulas showed when it was saved."""
    header: list[str] | None = None
    blank = 0
    for number, cells in enumerate(first_sheet(path), 1):
        if header is None:
            header = _xlsx_header(path, cells)
            continue
        if all(cell is None for cell in cells):
            blank += 1  # Kept between rows; below the last they are formatting.
            continue
        if any(cell is not None for cell in cells[len(header) :]):
            remedy = "在第一行写全列名"
            raise InputError("格子比表头多", remedy=remedy, path=path, line=number)
        for _ in range(blank):
            yield dict.fromkeys(header)
        blank = 0
        yield dict.fromkeys(header) | dict(zip(header, cells, strict=False))


def _xlsx_header(path: Path, cells: tuple[object, ...]) -> list[str]:
    header = [_as_text(cell).strip() for cell in cells]
    while header and not header[-1]:
        header.pop()
    if len(set(header)) < len(header):
        twice = next(column for column in header if header.count(column) > 1)
        raise InputError(f"列 {twice!r} 出现了两次", remedy="改名或删掉一列", path=path, line=1)
    return header


_ROWS: dict[str, Callable[[Path], Iterator[Row]]] = {".csv": _csv_rows, ".jsonl": _jsonl_rows, ".xlsx": _xlsx_rows}


@contextmanager
def _csv_writer(path: Path, source: Table, added: pa.Schema) -> Iterator[Write]:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*source.columns, *added.names])

        def write(batch: Batch, scores: pa.RecordBatch) -> None:
            writer.writerows(
                [*(_as_text(row.get(column)) for column in source.columns), *more]
                for row, more in zip(batch.dicts(), _tuples(scores), strict=True)
            )

        yield write


@contextmanager
def _jsonl_writer(path: Path, _source: Table, added: pa.Schema) -> Iterator[Write]:
    # Half a character (\ud83d), which JSON can hold and UTF-8 cannot, is written as the escape it was.
    with path.open("w", encoding="utf-8", errors="backslashreplace", newline="\n") as file:

        def write(batch: Batch, scores: pa.RecordBatch) -> None:
            for row, more in zip(batch.dicts(), _tuples(scores), strict=True):
                whole = {**row, **dict(zip(added.names, more, strict=True))}
                file.write(json.dumps(whole, ensure_ascii=False, default=str) + "\n")

        yield write


@contextmanager
def _xlsx_writer(path: Path, source: Table, added: pa.Schema) -> Iterator[Write]:
    book = Workbook(write_only=True)
    sheet = book.create_sheet()
    rows = 0

    def cell(value: object) -> object:
        if value is None or _is_excel_number(value):
            return value
        text = _as_text(value)
        if len(text) > XLSX_CELL:
            raise InputError(
                f"第 {rows} 行：一格有 {len(text)} 字，Excel 放不下",
                remedy="改写 .csv",
                path=source.path,
            )
        try:
            made = WriteOnlyCell(sheet, text)
        except IllegalCharacterError as error:
            raise InputError(
                f"第 {rows} 行：有 Excel 放不下的控制字符", remedy="改写 .csv", path=source.path
            ) from error
        made.data_type = "s"  # "=1+1" is a message, not a formula.
        return made

    def write(batch: Batch, scores: pa.RecordBatch) -> None:
        nonlocal rows
        for row, more in zip(batch.dicts(), _tuples(scores), strict=True):
            rows += 1
            sheet.append([*(cell(row.get(column)) for column in source.columns), *more])

    rows += 1
    try:
        sheet.append([cell(name) for name in (*source.columns, *added.names)])
        yield write
        book.save(path)
    finally:
        with suppress(Exception):  # Saved already; or ended by an error, which a later one may not cover.
            sheet.close()


def _is_excel_number(value: object) -> bool:
    """Whether Excel holds it as a number, date or truth value without loss."""
    if isinstance(value, datetime | time):
        return value.tzinfo is None
    if isinstance(value, int | float | Decimal):
        return math.isfinite(value) and (isinstance(value, float) or abs(value) < 10**XLSX_DIGITS)
    return isinstance(value, date | timedelta)


@contextmanager
def _parquet_writer(path: Path, source: Table, added: pa.Schema) -> Iterator[Write]:
    schema = source.schema or pa.schema([(column, pa.string()) for column in source.columns])
    for field in added:
        schema = schema.append(field)
    group: list[pa.RecordBatch] = []

    def flush() -> None:
        writer.write_table(pa.Table.from_batches(group, schema))
        group.clear()

    def write(batch: Batch, scores: pa.RecordBatch) -> None:
        if isinstance(batch.rows, list):
            cells = [[row.get(column) for row in batch.rows] for column in source.columns]
            columns = [
                pa.array([None if cell is None else _as_text(cell) for cell in column], pa.string()) for column in cells
            ]
        else:
            columns = batch.rows.columns
        group.append(pa.RecordBatch.from_arrays([*columns, *scores.columns], schema=schema))
        if sum(part.num_rows for part in group) >= ROW_GROUP:
            flush()

    with pq.ParquetWriter(path, schema) as writer:
        yield write
        if group:
            flush()


def _tuples(scores: pa.RecordBatch) -> Iterator[tuple[Any, ...]]:
    return zip(*(column.to_pylist() for column in scores.columns), strict=True)


_WRITERS: dict[str, Callable[[Path, Table, pa.Schema], AbstractContextManager[Write]]] = {
    ".csv": _csv_writer,
    ".xlsx": _xlsx_writer,
    ".jsonl": _jsonl_writer,
    ".parquet": _parquet_writer,
}
