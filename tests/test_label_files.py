"""Labels out to people and back: spreadsheet, Label Studio, training files."""

from __future__ import annotations

import csv
import json
import shutil
import stat
from datetime import date
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from api import label_sheet, label_studio
from api.label_answers import Answer, take
from api.label_guess import Guess
from api.store.label_queue import Item, NewItem, Origin, Status, add, decide, find, next_to_label, waiting
from model.dataset import load_messages, read_messages
from model.errors import InputError
from model.inference import Prediction, Scored
from model.label import Label, LabelError, read_label
from model.paths import TRAINING_DATA
from model.taxonomy import Taxonomy
from model.training_files import Confirmed, Outcome, week_file, write_labels

EXPORT = Path(__file__).parent / "data" / "label_studio_export.json"  # Of Label Studio 1.23.2, by its API.
DAY = date(2026, 11, 21)
DAMAGED = Label("damaged", (), "calm")
PREDICTION = Prediction(
    issues=(Scored("damaged", 0.5), Scored("spoilage", 0.3), Scored("defect", 0.1)),
    customers=(Scored("venting", 0.6),),
    also=(Scored("missing_item", 0.4),),
    evidence=(),
)


def items_of(engine: Engine, *texts: str) -> list[Item]:
    add(engine, [NewItem(text, Origin.chat, f"a.csv:{row}") for row, text in enumerate(texts, 2)])
    return [item for part in waiting(engine) for item in part]


def fill_in(path: Path, rows: dict[int, dict[str, object]]) -> None:
    """Write into cells of the first sheet, by row and column name, as a person does."""
    book = openpyxl.load_workbook(path)
    sheet = book.worksheets[0]
    columns = {cell.value: cell.column for cell in sheet[1]}
    for row, cells in rows.items():
        for name, value in cells.items():
            sheet.cell(row, columns[name]).value = value
    book.save(path)


def test_a_sheet_there_and_back(engine: Engine, taxonomy: Taxonomy, tmp_path: Path) -> None:
    texts = ["碎了两袋", "=1+1是几", "  多行\n第二行", "@客服 在哪", "少了一包"]
    items = items_of(engine, *texts)
    path = tmp_path / "待标.xlsx"
    label_sheet.write_sheet(path, [Guess(item, PREDICTION) for item in items], taxonomy)
    sheet = openpyxl.load_workbook(path).worksheets[0]
    by_text = {item.redacted_text: item for item in items}
    rows = {str(sheet.cell(row, 3).value): row for row in range(2, 7)}
    assert set(rows) == set(texts)
    assert all(sheet.cell(row, 3).data_type == "s" for row in rows.values()), "no message is a formula"
    assert str(sheet.cell(2, 4).value).startswith("破损撒漏 50%，变质过期 30%")
    assert (sheet.cell(2, 6).value, sheet.cell(2, 8).value) == (None, "发泄情绪型")
    fill_in(
        path,
        {
            rows["碎了两袋"]: {"问题类型": "破损撒漏", "次要问题": "少件漏发、变质过期", "客户类型": "平和型"},
            rows["=1+1是几"]: {"问题类型": "跳过"},
            rows["  多行\n第二行"]: {"问题类型": "other", "客户类型": None},
            rows["@客服 在哪"]: {"问题类型": "问候应答"},
        },
    )
    taken = take(engine, taxonomy, label_sheet.read_sheet(path, "小王"))
    assert (taken.labelled, taken.skipped, taken.same, taken.conflicts, taken.mistakes) == (3, 1, 0, [], [])
    found = find(engine, [item.id for item in items])
    labels = {item.redacted_text: found[item.id].label for item in items}
    assert labels == {
        "碎了两袋": Label("damaged", ("missing_item", "spoilage"), "calm"),
        "=1+1是几": None,
        "  多行\n第二行": Label("other", (), "calm"),
        "@客服 在哪": Label("greeting", (), "venting"),
        "少了一包": None,
    }
    assert found[by_text["=1+1是几"].id].status is Status.skipped
    again = take(engine, taxonomy, label_sheet.read_sheet(path, "小王"))
    assert (again.labelled, again.skipped, again.same) == (0, 0, 4)


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        ({"问题类型": "碎了"}, "没有“碎了”这个问题类型"),
        ({"问题类型": "破损撒漏", "次要问题": "坏"}, "没有“坏”这个问题类型"),
        ({"问题类型": "破损撒漏", "次要问题": "破损撒漏"}, "不能重复"),
        ({"问题类型": "破损撒漏", "次要问题": "发票 差价价保 退款进度"}, "最多 2 个"),
        ({"问题类型": "破损撒漏", "客户类型": "好人"}, "没有“好人”这个客户类型"),
        ({"问题类型": "破损撒漏", "编号": 999}, "队列里没有编号 999"),
        ({"问题类型": "破损撒漏", "版本": 10**12}, "没有版本 1000000000000"),
        ({"问题类型": "破损撒漏", "消息": "别的"}, "请不要改动消息和编号"),
        ({"问题类型": "破损撒漏", "编号": 10**30}, "队列里没有编号 1000"),
    ],
)
def test_with_one_mistake_nothing_is_taken(
    engine: Engine, taxonomy: Taxonomy, tmp_path: Path, cells: dict[str, object], words: str
) -> None:
    items = items_of(engine, "碎了两袋", "少了一包")
    path = tmp_path / "a.xlsx"
    label_sheet.write_sheet(path, [Guess(item, PREDICTION) for item in items], taxonomy)
    fill_in(path, {2: {"问题类型": "破损撒漏"}, 3: cells})
    taken = take(engine, taxonomy, label_sheet.read_sheet(path, "小王"))
    (mistake,) = taken.mistakes
    assert mistake.place == "第 3 行"
    assert words in mistake.problem
    assert len(next_to_label(engine, 9, "小王")) == 2


def test_sheets_that_are_none(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    with pytest.raises(InputError, match="没有这个文件"):
        label_sheet.read_sheet(path, "小王")
    path.write_bytes(b"PK half")
    with pytest.raises(InputError, match="不是 Excel 文件"):
        label_sheet.read_sheet(path, "小王")
    openpyxl.Workbook().save(path)
    with pytest.raises(InputError, match="没有 编号 这一列"):
        label_sheet.read_sheet(path, "小王")


def test_a_sheet_whose_rows_end_early(tmp_path: Path) -> None:
    """As a program writes them that leaves out empty cells."""
    path = tmp_path / "a.xlsx"
    book = openpyxl.Workbook()
    book.worksheets[0].append(["编号", "版本", "消息", "问题类型", "次要问题", "客户类型"])
    book.worksheets[0].append([1, 1, "碎了两袋", "破损撒漏"])
    book.worksheets[0].append([2, 1, "少了一包"])
    book.save(path)
    (answer,) = label_sheet.read_sheet(path, "小王")
    assert (answer.item_id, answer.issue, answer.secondary, answer.customer) == (1, "破损撒漏", (), "")


def test_conflicts_are_shown_and_nothing_is_overwritten(engine: Engine, taxonomy: Taxonomy) -> None:
    first, second = items_of(engine, "碎了两袋", "少了一包")
    decide(engine, first.id, Label("spoilage", (), "calm"), "小李", 1)
    decide(engine, second.id, Label("missing_item", (), "calm"), "小李", 1)
    answers = [
        Answer("第 2 行", first.id, 1, first.redacted_text, "破损撒漏", (), "", "小王"),
        Answer("第 3 行", second.id, 1, second.redacted_text, "missing_item", (), "", "小王"),
    ]
    taken = take(engine, taxonomy, answers)
    assert (taken.labelled, taken.same) == (0, 1)
    (conflict,) = taken.conflicts
    assert (conflict.place, conflict.item.labelled_by, conflict.label) == ("第 2 行", "小李", DAMAGED)
    assert find(engine, [first.id])[first.id].label == Label("spoilage", (), "calm")
    assert take(engine, taxonomy, answers, replace=True).labelled == 1
    assert find(engine, [first.id])[first.id].label == DAMAGED
    twice = take(engine, taxonomy, [answers[0], answers[0]])
    assert twice.mistakes == []
    other_place = Answer("第 9 行", first.id, 1, first.redacted_text, "other", (), "", "小王")
    assert "已经有了" in take(engine, taxonomy, [answers[0], other_place]).mistakes[0].problem


def test_label_studio_tasks(engine: Engine, taxonomy: Taxonomy, tmp_path: Path) -> None:
    add(
        engine,
        [
            NewItem(
                "碎了两袋", Origin.training, "a.csv:7", suggested_issue="damaged", current=Label("defect", (), "urgent")
            )
        ],
    )
    items = next_to_label(engine, 9, "小王")
    label_studio.write_tasks(tmp_path / "a.json", [Guess(item, PREDICTION) for item in items], taxonomy, "v1")
    label_studio.write_config(tmp_path / "a.xml", taxonomy)
    (task,) = json.loads((tmp_path / "a.json").read_text(encoding="utf-8"))
    assert task["data"]["text"] == "碎了两袋"
    assert task["data"]["hint"] == "现标：瑕疵故障；别人的看法：破损撒漏"
    (prediction,) = task["predictions"]
    assert (prediction["model_version"], prediction["score"]) == ("v1", 0.5)
    chosen = {part["from_name"]: part["value"]["choices"] for part in prediction["result"]}
    assert chosen == {"issue": ["damaged"], "customer": ["urgent"], "secondary": ["missing_item"]}
    view = ElementTree.parse(tmp_path / "a.xml").getroot()  # noqa: S314
    tags = {tag.get("name"): tag for tag in view if tag.get("name")}
    assert all(part["from_name"] in tags and part["to_name"] in tags for part in prediction["result"])
    assert tags["text"].get("value", "").removeprefix("$") in task["data"]
    assert [choice.get("alias") for choice in tags["issue"]] == list(taxonomy.issue_by_code)
    assert [choice.get("alias") for choice in tags["customer"]] == list(taxonomy.customer_by_code)


@pytest.fixture
def export(engine: Engine, tmp_path: Path) -> Path:
    """The recorded export, its messages in the queue and under the queue's ids."""
    tasks: list[dict[str, Any]] = json.loads(EXPORT.read_text(encoding="utf-8"))
    ids = {item.redacted_text: item.id for item in items_of(engine, *[task["data"]["text"] for task in tasks])}
    for task in tasks:
        task["data"]["item_id"] = ids[task["data"]["text"]]
    path = tmp_path / "export.json"
    path.write_text(json.dumps(tasks, ensure_ascii=False), encoding="utf-8")
    return path


def test_a_real_label_studio_export(engine: Engine, taxonomy: Taxonomy, export: Path) -> None:
    answers, disagreements = label_studio.read_export(export)
    assert len(answers) == 8  # Of ten: one has no annotation, on one the annotators disagree.
    assert [place.split()[1] for place in disagreements] == ["8"]
    taken = take(engine, taxonomy, answers)
    assert (taken.labelled, taken.skipped, taken.conflicts, taken.mistakes) == (7, 1, [], [])
    first = find(engine, [answers[0].item_id])[answers[0].item_id]
    assert (first.label, first.labelled_by) == (Label("out_of_stock", (), "calm"), "label-studio:1")
    assert take(engine, taxonomy, answers).same == 8


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "不是 Label Studio 的导出"),
        (b"{}", "不是 Label Studio 的导出"),
        (b'[{"data": {"text": "a"}}]', "item_id"),
        (b'[{"data": {"text": "a", "item_id": 1, "version": 1}, "annotations": 7}]', "annotations"),
        ("[]".encode("utf-16"), "不是 UTF-8"),
    ],
)
def test_exports_that_are_none(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "export.json"
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        label_studio.read_export(path)
    assert words in str(caught.value)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A small training data folder."""
    folder = tmp_path / "training_data"
    (folder / "messages").mkdir(parents=True)
    shutil.copy(TRAINING_DATA / "taxonomy.yaml", folder)
    (folder / "messages" / "old.csv").write_text(
        "text,issue,secondary,customer,source\n碎了两袋,defect,,calm,mine\n打13800138000,other,,calm,mine\n"
        '"少了，\n一包",missing_item,,calm,mine\n',
        encoding="utf-8",
    )
    return folder


def test_confirmed_labels_become_training_data(data: Path, taxonomy: Taxonomy) -> None:
    confirmed = [
        Confirmed("碎了两袋！", DAMAGED, "a.csv:2"),
        Confirmed("少了，一包", Label("missing_item", (), "calm"), "a.csv:3"),
        Confirmed("打[手机号]", Label("address_change", (), "calm"), "a.csv:4"),
        Confirmed('他说"好",走了', Label("other", ("greeting", "review"), "venting"), "a.csv:5"),
    ]
    placed = write_labels(data, confirmed, DAY)
    assert [place.outcome for place in placed] == ["corrected", "same", "corrected", "added"]
    assert {place.file for place in placed} == {"old.csv", "chats_2026w47.csv"}
    messages = {message.text: message for message in load_messages(data, taxonomy)}
    assert len(messages) == 4
    assert messages["碎了两袋"].issue == "damaged"
    assert messages["打13800138000"].issue == "address_change"
    new = messages['他说"好",走了']
    assert (new.voice, new.issue, new.secondary, new.customer, new.source) == (
        "chats_2026w47",
        "other",
        ("greeting", "review"),
        "venting",
        "a.csv:5",
    )
    before = {path.name: path.read_bytes() for path in (data / "messages").iterdir()}
    again = write_labels(data, confirmed, DAY)
    assert {place.outcome for place in again} == {Outcome.same}
    assert {path.name: path.read_bytes() for path in (data / "messages").iterdir()} == before
    write_labels(data, [Confirmed("漏气了", Label("bulging", (), "calm"), "b.csv:1")], DAY)
    assert len(read_messages(data / "messages" / week_file(DAY), taxonomy)) == 2


def test_a_correction_changes_one_line_of_the_shipped_files(tmp_path: Path, taxonomy: Taxonomy) -> None:
    folder = tmp_path / "training_data"
    shutil.copytree(TRAINING_DATA, folder)
    (message, *_) = read_messages(folder / "messages" / "tb_newmom.csv", taxonomy)
    label = Label("other", (), "urgent")
    write_labels(folder, [Confirmed(message.text, label, "x")], DAY)
    changed = []
    for path in (TRAINING_DATA / "messages").iterdir():
        old, new = path.read_bytes().splitlines(), (folder / "messages" / path.name).read_bytes().splitlines()
        assert len(old) == len(new)
        changed += [(path.name, line) for a, b, line in zip(old, new, range(1, len(old) + 1), strict=True) if a != b]
    assert changed == [("tb_newmom.csv", message.line)]


def test_a_folder_that_cannot_be_written_keeps_what_it_has(data: Path) -> None:
    folder = data / "messages"
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    (folder / week_file(DAY)).mkdir()  # A folder where the file should be: no rename onto it works, even for root.
    with pytest.raises(InputError, match=r"chats_2026w47\.csv"):
        write_labels(data, [Confirmed("漏气了", DAMAGED, "a")], DAY)
    (folder / week_file(DAY)).rmdir()
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_written_files_can_be_read_by_all(data: Path) -> None:
    write_labels(data, [Confirmed("漏气了", DAMAGED, "a")], DAY)
    assert stat.S_IMODE((data / "messages" / week_file(DAY)).stat().st_mode) == 0o644


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=20), max_size=5))
def test_any_text_comes_back(tmp_path_factory: pytest.TempPathFactory, taxonomy: Taxonomy, texts: list[str]) -> None:
    from model.text import without_controls

    folder = tmp_path_factory.mktemp("any")
    (folder / "messages").mkdir()
    (folder / "messages" / "old.csv").write_text("text,issue\n碎了,defect\n少了,missing_item\n", encoding="utf-8")
    wanted = [clean for text in texts if (clean := without_controls(text)) and any(map(str.isalnum, clean))]
    write_labels(folder, [Confirmed(text, DAMAGED, 'a "b", c') for text in wanted], DAY)
    path = folder / "messages" / week_file(DAY)
    found = {message.text for message in read_messages(path, taxonomy)} if path.exists() else set()
    assert found <= set(wanted)
    with (folder / "messages" / "old.csv").open(encoding="utf-8", newline="") as file:
        assert len(list(csv.reader(file))) == 3


def test_labels_by_name_or_code(taxonomy: Taxonomy) -> None:
    assert read_label(taxonomy, "破损撒漏", ["spoilage"], "发泄情绪型") == Label("damaged", ("spoilage",), "venting")
    assert read_label(taxonomy, "damaged") == Label("damaged", (), taxonomy.default_customer)
    with pytest.raises(LabelError):
        read_label(taxonomy, "damaged", ["破损撒漏"])
