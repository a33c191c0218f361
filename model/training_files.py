"""Puts labels that people confirmed into the training data.

A text that is there already gets the new label where it stands; any other is added to the week's file. Splits never
part a file, so the week's chats are a voice of their own.
"""

from __future__ import annotations

import csv
import fcntl
import io
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from model.dataset import message_files, read_rows
from model.label import Label
from model.redaction import redact
from model.text import comparable
from model.validated_yaml import read_text
from model.whole_file import whole_file

COLUMNS = ("text", "issue", "secondary", "customer", "source")


class Confirmed(NamedTuple):
    """A redacted message with the label that a person gave it, and where it is from."""

    text: str
    label: Label
    source: str


class Outcome(StrEnum):
    """What became of a confirmed label."""

    added = "added"
    corrected = "corrected"
    same = "same"  # The training data said so already.


class Placed(NamedTuple):
    """Where a confirmed label stands now."""

    outcome: Outcome
    file: str


def week_file(day: date) -> str:
    """Name of the file for what is confirmed in the day's week.

    >>> week_file(date(2026, 11, 21))
    'chats_2026w47.csv'
    """
    year, week, _ = day.isocalendar()
    return f"chats_{year}w{week:02}.csv"


def write_labels(data_dir: Path, confirmed: Sequence[Confirmed], today: date) -> list[Placed]:
    """Write confirmed labels, one writer at a time; for each, what became of it. Writing them again changes nothing.

    Each file is written whole or not at all.

    Raises:
        InputError: a broken file, or one that cannot be written; files before it are complete.
    """
    folder = data_dir / "messages"
    name = week_file(today)
    with _alone(folder):
        tables = {path: _read(path) for path in message_files(data_dir)}
        tables.setdefault(folder / name, [list(COLUMNS)])
        placed = _place(tables, folder / name, confirmed)
        for path in {folder / place.file for place in placed if place.outcome is not Outcome.same}:
            _write(path, tables[path])
    return placed


def _place(tables: dict[Path, list[list[str]]], week: Path, confirmed: Sequence[Confirmed]) -> list[Placed]:
    """Change the tables; where each label stands."""
    known = {
        comparable(redact(cells[rows[0].index("text")])): (path, cells)
        for path, rows in tables.items()
        for cells in rows[1:]
    }
    placed = []
    for text, label, source in confirmed:
        key = comparable(text)
        if key in known:
            path, cells = known[key]
            changed = _set_label(tables[path], cells, label)
            placed.append(Placed(Outcome.corrected if changed else Outcome.same, path.name))
        else:
            header = tables[week][0]
            cells = ["" for _ in header]
            for column, value in (("text", text), ("source", source)):
                if column in header:
                    cells[header.index(column)] = value
            _set_label(tables[week], cells, label)
            tables[week].append(cells)
            known[key] = week, cells
            placed.append(Placed(Outcome.added, week.name))
    return placed


def _set_label(rows: list[list[str]], cells: list[str], label: Label) -> bool:
    """Write the label into a row; whether it was another. Columns that the file lacks are added to all of it."""
    header = rows[0]
    changed = False
    values = {"issue": label.issue, "secondary": "|".join(label.secondary), "customer": label.customer}
    for column, value in values.items():
        if column not in header:
            header.append(column)
            for other in rows[1:]:
                other.append("")
            if len(cells) < len(header):
                cells.append("")
        place = header.index(column)
        changed |= cells[place] != value
        cells[place] = value
    return changed


def _read(path: Path) -> list[list[str]]:
    rows = list(read_rows(path, ("text", "issue")))
    header = [cell.strip() for cell in next(csv.reader(io.StringIO(read_text(path), newline="")))]
    return [header, *([row[name] for name in header] for _, row in rows)]


def _write(path: Path, rows: list[list[str]]) -> None:
    line_end = "\r\n" if path.exists() and b"\r\n" in path.read_bytes()[:10_000] else "\n"
    with whole_file(path) as aside, aside.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator=line_end).writerows(rows)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One writer at a time, over all processes; the lock ends with its holder."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
