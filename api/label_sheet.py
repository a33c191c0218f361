"""Messages to label as a spreadsheet, and the spreadsheet back."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from openpyxl import Workbook
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.datavalidation import DataValidation
from openpyxl.worksheet.worksheet import Worksheet

from api.label_answers import Answer
from api.label_guess import SHOWN, Guess
from model.errors import InputError
from model.taxonomy import Taxonomy
from model.whole_file import whole_file
from model.workbook import first_sheet

ID, VERSION, TEXT, ISSUE, SECONDARY, CUSTOMER = "编号", "版本", "消息", "问题类型", "次要问题", "客户类型"
WIDTHS = {
    ID: 7,
    VERSION: 6,
    TEXT: 60,
    "模型的看法": 26,
    "别人的看法": 20,
    ISSUE: 16,
    SECONDARY: 18,
    CUSTOMER: 14,
    "为什么先标它": 16,
    "出处": 24,
}
TO_FILL = (ISSUE, SECONDARY, CUSTOMER)
SKIP = "跳过"
LABELS_SHEET = "标签说明"
_SEPARATORS = re.compile(r"[|、,，;；\s]+")


def write_sheet(path: Path, guesses: Sequence[Guess], taxonomy: Taxonomy) -> None:
    """A workbook with a row a message: 问题类型 is left to the person, 客户类型 holds the model's guess to correct.

    Raises:
        InputError: the file cannot be written.
    """
    book = Workbook()
    sheet = book.worksheets[0]
    sheet.title = "标注"
    sheet.append(list(WIDTHS))
    issue_names = {issue.code: issue.name for issue in taxonomy.issues}
    customer_names = {customer.code: customer.name for customer in taxonomy.customers}
    for item, prediction in guesses:
        likely = "，".join(f"{issue_names[code]} {p:.0%}" for code, p in prediction.issues[:SHOWN])
        suggested = issue_names.get(item.suggested_issue or "", "")
        current = f"现标 {issue_names.get(item.current.issue, '')}" if item.current else ""
        sheet.append(
            [
                item.id,
                item.version,
                ILLEGAL_CHARACTERS_RE.sub("", item.redacted_text),
                likely,
                "，".join(filter(None, [suggested, current])),
                None,
                None,
                customer_names[item.current.customer if item.current else prediction.customers[0].code],
                item.reason,
                item.source,
            ]
        )
    _lay_out(sheet)
    _write_labels(book.create_sheet(LABELS_SHEET), taxonomy)
    n_issues, n_customers = len(taxonomy.issues), len(taxonomy.customers)
    _offer(sheet, ISSUE, f"'{LABELS_SHEET}'!$B$2:$B${n_issues + 2}", strict=True)
    _offer(sheet, SECONDARY, f"'{LABELS_SHEET}'!$B$2:$B${n_issues + 1}", strict=False)
    _offer(sheet, CUSTOMER, f"'{LABELS_SHEET}'!$E$2:$E${n_customers + 1}", strict=True)
    with whole_file(path) as aside:
        book.save(aside)


def _lay_out(sheet: Worksheet) -> None:
    sheet.freeze_panes = "D2"
    for column, (name, width) in enumerate(WIDTHS.items(), 1):
        letter = get_column_letter(column)
        sheet.column_dimensions[letter].width = width
        sheet.cell(1, column).font = Font(bold=True)
        if name in TO_FILL:
            sheet.cell(1, column).fill = PatternFill("solid", fgColor="FFF2CC")
        for row in range(2, sheet.max_row + 1):
            cell = sheet.cell(row, column)
            cell.alignment = Alignment(vertical="top", wrap_text=name in {TEXT, "模型的看法", "别人的看法"})
            if isinstance(cell.value, str):  # A message may begin with =, which would be a formula.
                cell.data_type = "s"
                cell.quotePrefix = cell.value[:1] in set("=+-@")


def _write_labels(sheet: Worksheet, taxonomy: Taxonomy) -> None:
    sheet.append(["大类", ISSUE, "说明", None, CUSTOMER, "说明"])
    groups = {group.code: group.name for group in taxonomy.groups}
    left = [(groups[issue.group], issue.name, issue.definition) for issue in taxonomy.issues]
    left.append(("", SKIP, "看不清、不该标的，先放一边"))
    right = [(customer.name, customer.definition) for customer in taxonomy.customers]
    for place, row in enumerate(left):
        sheet.append([*row, None, *(right[place] if place < len(right) else (None, None))])
    for letter, width in zip("ABCDEF", (12, 16, 70, 3, 14, 50), strict=True):
        sheet.column_dimensions[letter].width = width


def _offer(sheet: Worksheet, column: str, cells: str, strict: bool) -> None:
    """A list to choose from; `strict`: Excel takes nothing else."""
    letter = get_column_letter(list(WIDTHS).index(column) + 1)
    choice = DataValidation(type="list", formula1=cells, allow_blank=True, showErrorMessage=strict)
    choice.error, choice.errorTitle = f"请从“{LABELS_SHEET}”里的名称中选", column
    sheet.add_data_validation(choice)
    choice.add(f"{letter}2:{letter}{max(sheet.max_row, 2)}")


def read_sheet(path: Path, who: str) -> list[Answer]:
    """The rows of a filled-in workbook whose 问题类型 is not empty.

    Raises:
        InputError: not such a workbook, or a cell of 编号 or 版本 that is no number.
    """
    rows = list(first_sheet(path))
    header = [str(cell or "").strip() for cell in (rows[0] if rows else ())]
    places = {}
    for name in (ID, VERSION, TEXT, ISSUE, SECONDARY, CUSTOMER):
        if name not in header:
            raise InputError(f"没有 {name} 这一列", remedy="请用 shouhou label export 写的文件来填", path=path, line=1)
        places[name] = header.index(name)
    answers = []
    for number, row in enumerate(rows[1:], 2):
        cells = {name: _word(row[place]) if place < len(row) else "" for name, place in places.items()}
        if not cells[ISSUE]:
            continue
        if not (cells[ID].isdecimal() and cells[VERSION].isdecimal()):
            raise InputError(f"{ID}或{VERSION}不是数字", remedy="请不要改动这两列", path=path, line=number)
        answers.append(
            Answer(
                place=f"第 {number} 行",
                item_id=int(cells[ID]),
                version=int(cells[VERSION]),
                text=cells[TEXT],
                issue=None if cells[ISSUE] == SKIP else cells[ISSUE],
                secondary=tuple(word for word in _SEPARATORS.split(cells[SECONDARY]) if word),
                customer=cells[CUSTOMER],
                who=who,
            )
        )
    return answers


def _word(value: object) -> str:
    if isinstance(value, float) and value.is_integer():  # Some programs save 7 as 7.0.
        value = int(value)
    return "" if value is None else str(value).strip()
