"""Reads Excel workbooks."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from openpyxl import load_workbook
from openpyxl.utils.exceptions import InvalidFileException

from model.errors import InputError

# What openpyxl raises for files that are none or are damaged; SyntaxError: broken XML.
_NO_WORKBOOK = (InvalidFileException, zipfile.BadZipFile, zlib.error, KeyError, ValueError, SyntaxError, EOFError)


def first_sheet(path: Path) -> Iterator[tuple[object, ...]]:
    """Rows of a workbook's first sheet in bounded memory, from row 1, empty ones too; formulas as they last showed.

    A row ends with its last cell that holds anything, so that rows differ in length.

    Raises:
        InputError: missing, no workbook, damaged, or without a sheet.
    """
    try:
        book = load_workbook(path, read_only=True, data_only=True)
        try:
            if not book.worksheets:
                raise InputError("no sheet", remedy="put the messages on the first sheet", path=path)
            sheet = book.worksheets[0]
            sheet.reset_dimensions()  # Some programs write wrong ones.
            yield from sheet.iter_rows(values_only=True)
        finally:
            book.close()
    except FileNotFoundError as error:
        raise InputError("no such file", remedy="check the path", path=path) from error
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror or error})", remedy="check the path", path=path) from error
    except _NO_WORKBOOK as error:
        raise InputError("not an Excel file (.xlsx), or damaged", remedy="save it again as .xlsx", path=path) from error
