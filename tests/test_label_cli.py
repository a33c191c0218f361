"""The week's labelling as staff do it, by the commands."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from typer.testing import CliRunner, Result

from api.settings import Settings
from api.store.database import open_store
from api.store.label_queue import add_correction, text_sha256
from model.cli import add_commands, app
from model.dataset import load_messages, read_messages
from model.paths import TRAINING_DATA
from model.taxonomy import Taxonomy
from tests.conftest import shouhou

WEEK = Path(__file__).parent / "data" / "week"
Run = Callable[..., Result]


@pytest.fixture(scope="module", autouse=True)
def commands() -> None:
    add_commands()


@pytest.fixture
def run(artifacts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """`shouhou` in this process, with a store of its own."""
    monkeypatch.setenv("SHOUHOU_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("SHOUHOU_ARTIFACTS", str(artifacts))
    return lambda *arguments: CliRunner().invoke(app, [str(argument) for argument in arguments])


def told(done: Result, code: int = 0) -> Any:
    assert done.exit_code == code, (done.exception, done.stderr)
    return json.loads(done.stdout)


def small_data(folder: Path, *voices: str) -> Path:
    """A training data folder with a few of the shipped files."""
    (folder / "messages").mkdir(parents=True)
    shutil.copy(TRAINING_DATA / "taxonomy.yaml", folder)
    for voice in voices:
        shutil.copy(TRAINING_DATA / "messages" / f"{voice}.csv", folder / "messages")
    return folder


def fill_in(path: Path, issue_of: Callable[[str], str | None]) -> list[int]:
    """Fill in 问题类型; the ids of the messages."""
    book = openpyxl.load_workbook(path)
    sheet = book.worksheets[0]
    columns = {cell.value: cell.column for cell in sheet[1]}
    ids = []
    for row in range(2, sheet.max_row + 1):
        ids.append(int(str(sheet.cell(row, columns["编号"]).value)))
        sheet.cell(row, columns["问题类型"]).value = issue_of(str(sheet.cell(row, columns["消息"]).value))
    book.save(path)
    return ids


def test_a_week_of_labelling(run: Run, tmp_path: Path, taxonomy: Taxonomy) -> None:
    with (WEEK / "labels.csv").open(encoding="utf-8", newline="") as file:
        gold = {text_sha256(row["text"]): row["issue"] for row in csv.DictReader(file)}

    def right(text: str) -> str:
        return gold[text_sha256(text)]

    data = small_data(tmp_path / "training_data", "few_words", "tb_newmom")
    empty = run("label")
    assert "shouhou chats import" in empty.stdout
    taken = told(run("chats", "import", WEEK / "jingdong.csv", WEEK / "qianniu.txt", "--data", data, "--json"))["taken"]
    with open_store(Settings(data=tmp_path / "data")).begin() as connection:
        add_correction(connection.engine, connection, "鼓得像个枕头似的那几包", "bulging", None)
    waiting = told(run("label", "--json"))
    assert waiting["waiting"] == taken + 1
    assert waiting["unranked"] == 0
    assert "shouhou label export" in run("label").stdout

    mine, theirs = tmp_path / "a.xlsx", tmp_path / "b.xlsx"
    assert told(run("label", "export", "--output", mine, "-n", 200, "--who", "小王", "--json"))["messages"] == 200
    assert told(run("label", "export", "--output", theirs, "-n", 50, "--who", "小李", "--json"))["messages"] == 50
    gold[text_sha256("鼓得像个枕头似的那几包")] = "bulging"
    ids, other_ids = fill_in(mine, right), fill_in(theirs, lambda _text: "other")
    assert set(ids).isdisjoint(other_ids)
    assert told(run("label", "take", mine, "--who", "小王", "--json"))["labelled"] == 200
    assert told(run("label", "take", mine, "--who", "小王", "--json"))["same"] == 200

    fill_in(mine, lambda text: None if right(text) == "other" else "其他")
    conflicts = told(run("label", "take", mine, "--who", "小李", "--json"), code=1)
    assert conflicts["labelled"] == 0
    assert len(conflicts["conflicts"]) > 150
    shown = run("label", "take", mine, "--who", "小李")
    assert "小王" in shown.stdout
    assert told(run("label", "--json"))["today"] == {"小王": 200}

    before = len(load_messages(data, taxonomy))
    written = told(run("label", "write", "--data", data, "--json"))
    assert (written["added"], written["corrected"], written["same"]) == (200, 0, 0)
    (name,) = written["files"]
    new = read_messages(data / "messages" / name, taxonomy)
    assert len(load_messages(data, taxonomy)) == before + 200
    assert all(message.issue == right(message.text) for message in new)
    assert {message.source.split(":")[0] for message in new} <= {"jingdong.csv", "qianniu.txt", "feedback"}
    assert told(run("label", "write", "--data", data, "--json"))["added"] == 0
    assert told(run("label", "--json"))["written"] == 200


def test_label_errors_are_proposed_and_corrected_where_they_stand(run: Run, tmp_path: Path, taxonomy: Taxonomy) -> None:
    data = small_data(tmp_path / "training_data")
    kept = {"invoice", "not_shipped", "bulging", "size_mismatch"}
    wrong = {}
    for voice in ("tb_newmom", "few_words", "senior_buyer", "polite_newcomer", "hasty_buyer", "reseller"):
        messages = [m for m in read_messages(TRAINING_DATA / "messages" / f"{voice}.csv", taxonomy) if m.issue in kept]
        with (data / "messages" / f"{voice}.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(["text", "issue", "secondary", "customer", "source"])
            for place, message in enumerate(messages):
                issue = message.issue
                if issue == "invoice" and place % 9 == 0:
                    issue = wrong[message.text] = "size_mismatch"
                writer.writerow([message.text, issue, "|".join(message.secondary), message.customer, "authored"])
    assert len(wrong) >= 3
    proposed = told(run("label", "propose", "--data", data, "-n", 500, "--json"))
    assert proposed["added"] == proposed["suspicions"] > 0
    assert told(run("label", "propose", "--data", data, "-n", 500, "--json"))["added"] == 0, "none is proposed twice"

    tasks = tmp_path / "tasks.json"
    told(run("label", "export", "--output", tasks, "-n", 500, "--json"))
    exported = json.loads(tasks.read_text(encoding="utf-8"))
    found = [task for task in exported if task["data"]["text"] in wrong]
    assert len(found) >= len(wrong) / 2
    assert all("现标：尺码颜色不合" in task["data"]["hint"] for task in found)
    assert (tmp_path / "tasks.xml").exists()
    for task in exported:
        choices = [{"type": "choices", "from_name": "issue", "to_name": "text", "value": {"choices": ["invoice"]}}]
        task["annotations"] = [{"completed_by": 1, "result": choices}] if task in found else []
    tasks.write_text(json.dumps(exported), encoding="utf-8")
    assert told(run("label", "take", tasks, "--json"))["labelled"] == len(found)
    written = told(run("label", "write", "--data", data, "--json"))
    assert (written["corrected"], written["added"]) == (len(found), 0)
    by_text = {message.text: message.issue for message in load_messages(data, taxonomy)}
    assert all(by_text[task["data"]["text"]] == "invoice" for task in found)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("export", "--output", "a.doc"), "不支持的格式 '.doc'"),
        (("export", "--output", "a.xlsx"), "没有待标的消息"),
        (("take", "a.xlsx"), "没有这个文件"),
        (("take", "a.csv"), "不支持的格式 '.csv'"),
    ],
)
def test_mistakes_are_one_line(
    artifacts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], words: str
) -> None:
    monkeypatch.setenv("SHOUHOU_DATA", str(tmp_path / "data"))
    *options, name = arguments
    done = shouhou("label", *options, str(tmp_path / name), artifacts=artifacts)
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("错误：")]
    assert words in line
    assert "Traceback" not in done.stderr
    assert {path.name for path in tmp_path.iterdir()} <= {"data"}
