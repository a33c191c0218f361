"""A table as people read it on a page and as spreadsheets read it."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

Cell = str | int | float | None
# What a spreadsheet takes for a formula, or for a command: https://owasp.org/www-community/attacks/CSV_Injection
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


class Kind(StrEnum):
    """What its cells are. Lines break in `prose` and `code` only; `yuan` is fen, `share` a fraction of 1."""

    text = "text"
    prose = "prose"
    code = "code"
    number = "number"
    share = "share"
    yuan = "yuan"
    figure = "figure"


@dataclass(frozen=True)
class Column:
    """A column with its heading."""

    name: str
    kind: Kind = Kind.text

    def shown(self, cell: Cell) -> str:
        """The cell for people."""
        if cell is None:
            return "—"
        if isinstance(cell, str):
            return cell
        match self.kind:
            case Kind.share:
                return f"{cell:.1%}"
            case Kind.yuan:
                return f"{cell / 100:,.2f}"
            case Kind.figure:
                return f"{cell:.3f}"
            case _:
                return f"{cell:,}"

    def exported(self, cell: Cell) -> str:
        """The cell for programs: a number without separators or signs, or text that no spreadsheet runs."""
        if cell is None:
            return ""
        if isinstance(cell, str):
            return f"'{cell}" if cell.startswith(_FORMULA_STARTS) else cell
        match self.kind:
            case Kind.share | Kind.figure:
                return f"{cell:.4f}"
            case Kind.yuan:
                return f"{cell / 100:.2f}"
            case _:
                return str(cell)


@dataclass(frozen=True)
class DataTable:
    """Rows under columns. `name` stands in addresses and names of files."""

    name: str
    title: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]

    def as_csv(self) -> bytes:
        """UTF-8 with a byte order mark, without which Excel reads GBK."""
        file = io.StringIO(newline="")
        writer = csv.writer(file)
        writer.writerow([column.name for column in self.columns])
        for row in self.rows:
            writer.writerow([column.exported(cell) for column, cell in zip(self.columns, row, strict=True)])
        return file.getvalue().encode("utf-8-sig")
