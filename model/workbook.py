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
                raise InputError("没有工作表", remedy="把内容放在第一张工作表", path=path)
            sheet = book.worksheets[0]
            sheet.reset_dimensions()  # Some programs write wrong ones.
            yield from sheet.iter_rows(values_only=True)
        finally:
            book.close()
    except FileNotFoundError as error:
        raise InputError("没有这个文件", remedy="检查路径", path=path) from error
    except OSError as error:
        raise InputError(f"读不了（{error.strerror or error}）", remedy="检查路径", path=path) from error
    except _NO_WORKBOOK as error:
        raise InputError("不是 Excel 文件（.xlsx），或已损坏", remedy="请另存为 .xlsx", path=path) from error
