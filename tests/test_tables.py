"""Tables as streams: every value as it was, memory bounded, mistakes told before anything is written."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import Workbook, load_workbook

from model.bulk import Scored, predict_file
from model.errors import InputError
from model.tables import Batch, create_table, open_table

LENGTH = pa.schema([("length", pa.int64())])
CSV_CELLS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)


def copy(source: Path, target: Path) -> None:
    """Source to target, with the messages' lengths added."""
    table = open_table(source)
    with create_table(target, table, LENGTH) as write:
        for batch in table.batches():
            write(batch, pa.RecordBatch.from_arrays([pa.array(map(len, batch.texts), pa.int64())], schema=LENGTH))


def written_csv(path: Path, rows: list[list[str]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)
    return path


def read_csv(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


@given(st.lists(st.lists(CSV_CELLS, min_size=2, max_size=2), min_size=1, max_size=25))
def test_csv_keeps_every_value(tmp_path_factory: pytest.TempPathFactory, rows: list[list[str]]) -> None:
    folder = tmp_path_factory.mktemp("csv")
    source = written_csv(folder / "in.csv", [["text", "note"], *rows])
    copy(source, folder / "out.csv")
    assert read_csv(folder / "out.csv") == [["text", "note", "length"], *([*row, str(len(row[0]))] for row in rows)]


TRICKY = [["007", '他说"好"', "a,b"], ["1e5", "第一行\n第二行", " 空格 "], ["", "NA", "\r"], ["=1+1", "null", "0.10"]]


@pytest.mark.parametrize("suffix", [".xlsx", ".jsonl", ".parquet"])
def test_text_of_csv_survives_every_format(tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("model.tables.BATCH", 3)
    rows = TRICKY[:2] + TRICKY[3:] if suffix == ".xlsx" else TRICKY  # XML has no empty text and no lone \r.
    copy(written_csv(tmp_path / "in.csv", [["no", "text", "note"], *rows]), tmp_path / f"out{suffix}")
    back = [row for batch in open_table(tmp_path / f"out{suffix}").batches() for row in batch.dicts()]
    expected = [dict(zip(("no", "text", "note"), row, strict=True), length=len(row[1])) for row in rows]
    assert back == expected


def test_jsonl_keeps_values_of_all_kinds(tmp_path: Path) -> None:
    lines = [
        '{"text": "漏了", "id": 12345678901234567890, "tags": ["a", {"b": null}], "when": "2026-11-11T08:00:00"}',
        '{"text": "emoji \\ud83d", "price": 0.1, "ok": true}',
        '{"text": null}',
    ]
    source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_text("\n\n".join(lines), encoding="utf-8")
    copy(source, target)
    back = [json.loads(line) for line in target.read_text(encoding="utf-8").splitlines()]
    assert back == [{**json.loads(line), "length": n} for line, n in zip(lines, (2, 7, 0), strict=True)]
    assert open_table(source).columns == ("text", "id", "tags", "when", "price", "ok")
    with pytest.raises(InputError, match="半个字"):
        copy(source, tmp_path / "out.csv")
    assert not (tmp_path / "out.csv").exists()


def test_parquet_keeps_types_and_order_over_row_groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("model.tables.BATCH", 7)
    monkeypatch.setattr("model.tables.ROW_GROUP", 20)
    n = 100
    table = pa.table(
        {
            "text": pa.array(["漏" * (i % 5) if i % 9 else None for i in range(n)]),
            "at": pa.array(range(n), pa.timestamp("ns", "Asia/Shanghai")),
            "paid": pa.array([Decimal(i).scaleb(-2) for i in range(n)], pa.decimal128(10, 2)),
            "shop": pa.array(["a", "b"] * 50).dictionary_encode(),
            "tags": pa.array([[i, None] for i in range(n)]),
        }
    )
    pq.write_table(table, tmp_path / "in.parquet", row_group_size=33)
    copy(tmp_path / "in.parquet", tmp_path / "out.parquet")
    back = pq.read_table(tmp_path / "out.parquet")
    assert back.drop_columns("length").equals(table)
    assert back["length"].to_pylist() == [i % 5 if i % 9 else 0 for i in range(n)]
    assert pq.ParquetFile(tmp_path / "out.parquet").num_row_groups == 5


def test_xlsx_keeps_values_and_blank_rows(tmp_path: Path) -> None:
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    when = datetime(2026, 11, 11, 8, 30)
    rows: list[tuple[object, ...]] = [("text", "when", "n", None), (666, when, 1.5), (None,), ("'=1+1", None, True)]
    for row in [*rows, (None,), (None,)]:
        sheet.append(row)
    sheet["A4"].value, sheet["A4"].data_type = "=1+1", "s"
    book.save(tmp_path / "in.xlsx")
    copy(tmp_path / "in.xlsx", tmp_path / "out.xlsx")
    back = load_workbook(tmp_path / "out.xlsx").worksheets[0]
    assert list(back.iter_rows(values_only=True)) == [
        ("text", "when", "n", "length"),
        (666, when, 1.5, 3),
        (None, None, None, 0),
        ("=1+1", None, True, 4),
    ]
    assert back["A4"].data_type == "s"


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("in.csv", b"text\n" + "漏了\n".encode() * 30_000 + "漏了\n".encode("gbk"), ":30002: 不是 UTF-8"),
        ("in.csv", "text\n漏了\n".encode("utf-16"), ":1: 不是 UTF-8（像是 UTF-16）"),
        ("in.csv", b"text,a,a\nx,1,2\n", ":1: 列 'a' 出现了两次"),
        ("in.csv", b"text\n" + b"x" * 1_000_001, ":2: 一行超过 1000000 字"),
        ("in.csv", b"text\nx\0\n", ":2: 有空字符（NUL）"),
        ("in.csv", b"text,length\nx,1\n", ": 已经有 length 这一列"),
        ("in.jsonl", b'{"text": "x"}\n{"text": \n', ":2: 不是能读的 JSON"),
        ("in.jsonl", b'{"text": "x"}\n[1]\n', ":2: 不是 JSON 对象"),
        ("in.jsonl", b'{"message": "x"}\n', "没有 text 这一列（现有：message）"),
        ("in.jsonl", b"\n", "一行也没有"),
        ("in.xlsx", b"PK", "不是 Excel 文件"),
        ("in.parquet", b"PAR1PAR1", "不是能读的 parquet 文件"),
        ("in.txt", b"text", "不支持的格式 '.txt'"),
    ],
)
def test_mistakes_show_before_anything_is_written(tmp_path: Path, name: str, content: bytes, words: str) -> None:
    source = tmp_path / name
    source.write_bytes(content)

    def never(_batches: Iterator[Batch]) -> Iterator[Scored]:
        raise AssertionError("work was begun")

    with pytest.raises(InputError) as told:
        copy(source, tmp_path / "out.csv")
    assert f"{source}{words}" in str(told.value) or (words[0] != ":" and words in str(told.value))
    assert list(tmp_path.iterdir()) == [source]
    if "已经有" not in words:
        with pytest.raises(InputError):
            predict_file(never, source, tmp_path / "out.csv", lambda _done, _rows: None)


def test_a_parquet_file_damaged_in_the_middle_leaves_nothing(tmp_path: Path) -> None:
    source = tmp_path / "in.parquet"
    pq.write_table(pa.table({"text": [f"漏了{i}" for i in range(30_000)]}), source, row_group_size=10_000)
    raw = bytearray(source.read_bytes())
    raw[len(raw) // 2 : len(raw) // 2 + 2000] = bytes(2000)
    source.write_bytes(raw)
    with pytest.raises(InputError, match=r"in\.parquet: "):
        copy(source, tmp_path / "out.parquet")
    assert list(tmp_path.iterdir()) == [source]


@pytest.mark.parametrize(("text", "words"), [("x" * 40_000, "一格有 40000 字"), ("\x0b", "控制字符")])
def test_excel_says_what_it_cannot_hold(tmp_path: Path, text: str, words: str) -> None:
    source = written_csv(tmp_path / "in.csv", [["text"], ["x"], [text]])
    with pytest.raises(InputError, match=rf"in\.csv: 第 3 行：.*{words}"):
        copy(source, tmp_path / "out.xlsx")
    assert list(tmp_path.iterdir()) == [source]


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet", ".xlsx"])
def test_a_full_disk_leaves_nothing(tmp_path: Path, suffix: str) -> None:
    """A limit on the size of files stands for the disk."""
    source = written_csv(tmp_path / "in.csv", [["text"], *([f"漏了{i * 7919}"] for i in range(20_000))])
    code = (
        "import resource, signal; from pathlib import Path; from tests.test_tables import copy;"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000));"
        f"copy(Path({str(source)!r}), Path({str(tmp_path / 'out')!r} + {suffix!r}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=os.environ)
    assert done.stderr.splitlines()[-1].startswith("model.errors.InputError"), done.stderr
    assert "写不了（File too large）" in done.stderr.splitlines()[-1]
    assert list(tmp_path.iterdir()) == [source]


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_memory_does_not_grow_with_the_file(tmp_path: Path, suffix: str) -> None:
    """Ten times the rows, 100 MB of text: the peak grows by less than half of that (Arrow's pool varies by some 35)."""
    peaks = []
    for rows in (10_000, 100_000):
        source = tmp_path / f"{rows}{suffix}"
        text = pa.array([f"{i}" + "漏了一包" * 83 for i in range(rows)])
        if suffix == ".parquet":
            pq.write_table(pa.table({"text": text}), source, use_dictionary=False, compression="none")
        elif suffix == ".csv":
            written_csv(source, [["text"], *([one] for one in text.to_pylist())])
        else:
            source.write_text("".join(json.dumps({"text": one}) + "\n" for one in text.to_pylist()), "utf-8")
        code = (
            "from pathlib import Path; from model import tables; from tests.test_tables import copy;"
            "tables.BATCH, tables.ROW_GROUP = 1000, 2000;"
            f"copy(Path({str(source)!r}), Path({str(tmp_path / 'out')!r} + {suffix!r}));"
            "print(Path('/proc/self/status').read_text().split('VmHWM:')[1].split()[0])"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        peaks.append(int(done.stdout) / 1024)
    assert all(after - before < 50 for before, after in pairwise(peaks)), peaks
