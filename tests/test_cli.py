"""The command line, run as processes."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from tests.conftest import shouhou

ADDED = ["issue", "issue_confidence", "issue_2", "issue_3", "customer", "customer_confidence", "needs_review"]


def one_line(done: object) -> str:
    """The error: one line on stderr, nothing on stdout, exit code 2, no traceback."""
    assert getattr(done, "returncode") == 2, done  # noqa: B009
    lines = [line for line in str(getattr(done, "stderr")).splitlines() if line.strip()]  # noqa: B009
    errors = [line for line in lines if line.startswith("错误：")]
    assert len(errors) == 1, lines
    assert not any("Traceback" in line for line in lines)
    return errors[0]


@pytest.mark.parametrize("suffix", [".csv", ".xlsx", ".jsonl", ".parquet"])
def test_predict_keeps_columns_and_order(artifacts: Path, tmp_path: Path, suffix: str) -> None:
    frame = pd.DataFrame(
        {"id": ["7", "3", "5"], "text": ["什么时候发货", "少了一包", "开个发票"], "note": ["a", "b,c", '"']}
    )
    source, target = tmp_path / f"in{suffix}", tmp_path / f"out{suffix}"
    if suffix == ".csv":
        frame.to_csv(source, index=False)
    elif suffix == ".xlsx":
        frame.to_excel(source, index=False)
    elif suffix == ".jsonl":
        frame.to_json(source, orient="records", lines=True, force_ascii=False)
    else:
        frame.to_parquet(source)
    done = shouhou("predict", "--input", str(source), "--output", str(target), "--json", artifacts=artifacts)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["rows"] == 3
    readers = {".csv": pd.read_csv, ".xlsx": pd.read_excel, ".parquet": pd.read_parquet}
    result = readers[suffix](target) if suffix in readers else pd.read_json(target, lines=True)
    assert list(result.columns) == ["id", "text", "note", *ADDED]
    assert [str(value) for value in result["id"]] == ["7", "3", "5"]
    assert list(result["note"]) == ["a", "b,c", '"']
    assert list(result["issue"]) == ["not_shipped", "missing_item", "invoice"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("text\n漏了\n".encode("gbk"), ":2: 不是 UTF-8（像是 GBK） — 请另存为 UTF-8"),
        ("消息\n漏了\n".encode(), ":1: 没有 text 这一列"),
        (b"text,id\n\xe6\xbc\x8f,1\n\xe6\xbc\x8f,1,2\n", ":3: 有 3 格，表头是 2 格"),
        (b"", ":1: 文件是空的"),
        (b"text\n", ":2: 一行也没有"),
        (b'text\n"\xe6\xbc\x8f\n', "不是完整的 CSV"),
    ],
)
def test_predict_tells_what_is_wrong_and_leaves_nothing(
    artifacts: Path, tmp_path: Path, content: bytes, words: str
) -> None:
    source, target = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_bytes(content)
    error = one_line(shouhou("predict", "--input", str(source), "--output", str(target), artifacts=artifacts))
    assert f"{source}" in error
    assert words in error
    assert list(tmp_path.iterdir()) == [source]


def test_predict_reads_a_byte_order_mark(artifacts: Path, tmp_path: Path) -> None:
    source, target = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_bytes(b"\xef\xbb\xbftext\r\n" + "少了一包\r\n".encode())
    assert shouhou("predict", "--input", str(source), "--output", str(target), artifacts=artifacts).returncode == 0
    assert next(iter(csv.DictReader(target.open(encoding="utf-8"))))["issue"] == "missing_item"


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("in.xlsx", b"not a zip", "不是 Excel 文件"),
        ("in.parquet", b"PAR1", "不是能读的"),
        ("in.jsonl", b"{", "不是能读的"),
    ],
)
def test_broken_files_of_other_formats(artifacts: Path, tmp_path: Path, name: str, content: bytes, words: str) -> None:
    (tmp_path / name).write_bytes(content)
    arguments = ("--input", str(tmp_path / name), "--output", str(tmp_path / "out.csv"))
    assert words in one_line(shouhou("predict", *arguments, artifacts=artifacts))
    assert not (tmp_path / "out.csv").exists()


def test_predict_cannot_write(artifacts: Path, tmp_path: Path) -> None:
    source = tmp_path / "in.csv"
    source.write_text("text\n漏了\n", encoding="utf-8")
    arguments = ("--input", str(source), "--output", str(tmp_path / "gone" / "out.csv"))
    assert "写不了" in one_line(shouhou("predict", *arguments, artifacts=artifacts))


def test_sigterm_leaves_nothing_half_written(small_artifacts: Path, tmp_path: Path) -> None:
    source, target = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_text("text\n" + "什么时候发货\n" * 200_000, encoding="utf-8")
    command = [sys.executable, "-m", "model.cli", "predict", "--input", str(source), "--output", str(target)]
    with subprocess.Popen(command, env={**os.environ, "SHOUHOU_ARTIFACTS": str(small_artifacts)}) as predicting:
        while list(tmp_path.iterdir()) == [source]:
            assert predicting.poll() is None
            time.sleep(0.02)
        predicting.terminate()
    assert predicting.returncode == 128 + signal.SIGTERM
    assert list(tmp_path.iterdir()) == [source]


def test_evaluate(artifacts: Path, tmp_path: Path) -> None:
    data = tmp_path / "gold.csv"
    data.write_text(
        "text,issue,customer,secondary\n什么时候发货,not_shipped,calm,\n少了一包还漏了,damaged,calm,missing_item\n"
    )
    done = shouhou("evaluate", "--data", str(data), "--json", artifacts=artifacts)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["n"] == 2
    for key in (
        "issue_accuracy",
        "issue_macro_f1",
        "issue_top3",
        "issue_lenient_accuracy",
        "customer_accuracy",
        "customer_macro_f1",
        "ece",
    ):
        assert 0 <= result[key] <= 1


def test_evaluate_unknown_label(artifacts: Path, tmp_path: Path) -> None:
    data = tmp_path / "gold.csv"
    data.write_text("text,issue,customer\n漏了,leak,calm\n")
    error = one_line(shouhou("evaluate", "--data", str(data), artifacts=artifacts))
    assert f"{data}:2: 没有 'leak' 这个问题类型" in error


def test_recommend(artifacts: Path) -> None:
    context = '{"product_line":"biscuit","package_count":1,"returning_customer":false}'
    done = shouhou("recommend", "老板收到你家饼干涨袋了", "--context", context, "--json", artifacts=artifacts)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["issue"]["code"] == "bulging"
    assert answer["compensation"]["max"] == "3.00"
    shown = shouhou("recommend", "老板收到你家饼干涨袋了", "--context", context, artifacts=artifacts)
    assert "涨袋漏气" in shown.stdout
    assert "bulging-keep" in shown.stdout


def test_recommend_bad_input(artifacts: Path) -> None:
    assert "消息有 0 字" in one_line(shouhou("recommend", "  ", artifacts=artifacts))
    assert "colour" in one_line(shouhou("recommend", "漏了", "--context", '{"colour":1}', artifacts=artifacts))
    assert "JSON" in one_line(shouhou("recommend", "漏了", "--context", "{", artifacts=artifacts))


def test_no_model_yet(tmp_path: Path) -> None:
    assert "先运行 shouhou train" in one_line(shouhou("recommend", "漏了", artifacts=tmp_path))


def test_train_tells_mistakes_in_the_data(tmp_path: Path) -> None:
    assert "taxonomy.yaml" in one_line(shouhou("train", "--data", str(tmp_path), "--output", str(tmp_path)))


@pytest.mark.parametrize("command", ["train", "evaluate", "predict", "recommend", "serve"])
def test_help_everywhere(command: str) -> None:
    done = shouhou(command, "--help")
    assert done.returncode == 0
    assert "Usage" in done.stdout
