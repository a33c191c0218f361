"""The check finds what is wrong with training messages, and the shipped ones pass it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from model.data_check import check
from model.paths import TRAINING_DATA
from tests.conftest import shouhou

TAXONOMY = 'version: "1"\nissues:\n  - {code: late, name: 慢}\n  - {code: broken, name: 坏}\n'
GOOD = [
    ("包裹停在中转站三天没动了", "late"),
    ("杯子到手就裂成两半", "broken"),
    ("怎么还没到", "late"),
    ("坏的", "broken"),
]


def folder(tmp_path: Path, rows: list[tuple[str, str]]) -> Path:
    (tmp_path / "messages").mkdir()
    (tmp_path / "taxonomy.yaml").write_text(TAXONOMY, encoding="utf-8")
    lines = ["text,issue", *(f"{text},{issue}" for text, issue in rows)]
    (tmp_path / "messages" / "a.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return tmp_path


def test_good_messages_break_no_rule(tmp_path: Path) -> None:
    report = check(folder(tmp_path, GOOD))
    assert report.broken_rules == []
    assert report.issues == {"late": 2, "broken": 2}


@pytest.mark.parametrize(
    ("more", "field", "first", "second"),
    [
        (("怎么还没到!!", "late"), "duplicates", "a.csv:4", "a.csv:6"),
        (("怎么还没到？", "broken"), "conflicts", "a.csv:4", "a.csv:6"),
        (("包裹停在中转站五天没动了", "late"), "near_duplicates", "a.csv:2", "a.csv:6"),
    ],
)
def test_copies_are_found(tmp_path: Path, more: tuple[str, str], field: str, first: str, second: str) -> None:
    report = check(folder(tmp_path, [*GOOD, more]))
    assert [(pair.first, pair.second) for pair in getattr(report, field)] == [(first, second)]
    assert len(report.broken_rules) == 1


def test_every_broken_row_is_told(tmp_path: Path) -> None:
    report = check(folder(tmp_path, [*GOOD, ("漏了", "leak"), ("  ", "late")]))
    assert len(report.mistakes) == 2
    assert "a.csv:6: 没有 'leak' 这个问题类型" in report.mistakes[0]
    assert "a.csv:7: 消息是空的" in report.mistakes[1]
    assert report.broken_rules


def test_a_frame_that_recurs_is_found(tmp_path: Path) -> None:
    nouns = ["苹果", "香蕉", "雨伞", "电脑", "手机", "椅子", "桌子", "花瓶"]
    report = check(folder(tmp_path, [*GOOD, *((f"我昨晚刚买的{noun}怎么就不能用了呢", "broken") for noun in nouns)]))
    assert report.top_frame_share > 0.3
    assert any("句式" in rule for rule in report.broken_rules)


def test_overlap_with_an_evaluation_file(tmp_path: Path) -> None:
    long = "我上个月在你们店里买的那个保温杯盖子拧不紧一直往外漏水"
    data = folder(tmp_path, [*GOOD, (long, "broken")])
    gold = tmp_path / "gold.csv"
    gold.write_text(
        f"text,issue\n包裹停在中转站三天没动了。,late\n坏的,broken\n{long[1:-1]}啊,broken\n", encoding="utf-8"
    )
    report = check(data, against=gold)
    assert [pair.second for pair in report.identical] == ["a.csv:2"]  # Not the short one.
    assert [pair.second for pair in report.near] == ["a.csv:6"]


def test_a_wrong_label_is_suspected(tmp_path: Path) -> None:
    late = [f"快递{day}号就发了怎么还没到" for day in range(1, 13)]
    broken = [f"打开一看第{n}个杯子碎了" for n in range(1, 13)]
    rows = [
        *((text, "late") for text in late),
        *((text, "broken") for text in broken),
        ("快递20号就发了怎么还没到", "broken"),
    ]
    report = check(folder(tmp_path, rows))
    assert report.suspicions[0].place == "a.csv:26"
    assert report.suspicions[0].suggested == "late"


def test_the_shipped_messages_pass() -> None:
    done = shouhou("data", "check", "--json")
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr
    report = json.loads(done.stdout)
    assert report["messages"] >= 15_000
    assert report["near_share"] < 0.005
    assert report["top_frame_share"] <= 0.003
    assert report["secondary_share"] >= 0.08
    assert min(report["issues"].values()) >= 200
    assert min(report["customers"].values()) >= 500
    assert len(list((TRAINING_DATA / "messages").glob("*.csv"))) >= 20


def test_exit_code_tells(tmp_path: Path) -> None:
    data = folder(tmp_path, [*GOOD, ("坏的", "broken")])
    done = shouhou("data", "check", "--data", str(data))
    assert done.returncode == 1
    assert "完全重复" in done.stdout
