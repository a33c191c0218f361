"""Labelled messages: broken files are told in one line with file, line and remedy."""

from __future__ import annotations

from pathlib import Path

import pytest

from model.dataset import read_messages
from model.errors import InputError
from model.taxonomy import Taxonomy

HEAD = "text,issue,secondary,customer,source\n"


def read(tmp_path: Path, taxonomy: Taxonomy, content: str | bytes) -> list[tuple[str, str, tuple[str, ...], str]]:
    path = tmp_path / "voice.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return [(m.text, m.issue, m.secondary, m.customer) for m in read_messages(path, taxonomy)]


def test_reads_labels(tmp_path: Path, taxonomy: Taxonomy) -> None:
    rows = read(
        tmp_path, taxonomy, HEAD + '"少了一包,还破了一包",missing_item,damaged,,me\n快点啊,not_shipped,,urgent,\n'
    )
    assert rows == [
        ("少了一包,还破了一包", "missing_item", ("damaged",), "calm"),
        ("快点啊", "not_shipped", (), "urgent"),
    ]


def test_a_byte_order_mark_is_dropped(tmp_path: Path, taxonomy: Taxonomy) -> None:
    assert read(tmp_path, taxonomy, b"\xef\xbb\xbf" + (HEAD + "漏了,damaged,,,\n").encode()) == [
        ("漏了", "damaged", (), "calm")
    ]


@pytest.mark.parametrize(
    ("content", "line", "words"),
    [
        (b"", 1, "文件是空的"),
        (b"\n\n", 1, "文件是空的"),
        ("message,issue\n漏了,damaged\n", 1, "没有 text 这一列"),
        (HEAD + "漏了,damaged,,\n", 2, "有 4 格，表头是 5 格"),
        (HEAD + "漏了,damaged,,,\n漏,了,damaged,,,\n", 3, "有 6 格"),
        (HEAD + '"漏了\n还有,damaged,,,\n', 2, "不是完整的 CSV"),
        (HEAD + "漏了,broken,,,\n", 2, "没有 'broken' 这个问题类型"),
        (HEAD + "漏了,damaged,gone,,\n", 2, "没有 'gone' 这个问题类型"),
        (HEAD + "漏了,damaged,damaged,,\n", 2, "次要问题"),
        (HEAD + "漏了,damaged,defect|bulging|review,,\n", 2, "次要问题"),
        (HEAD + "漏了,damaged,,angry,\n", 2, "没有 'angry' 这个客户类型"),
        (HEAD + "   ,damaged,,,\n", 2, "消息是空的"),
        (HEAD + "漏" * 2001 + ",damaged,,,\n", 2, "有 2001 字"),
        ((HEAD + "漏了,damaged,,,\n").encode("gbk"), 2, "像是 GBK"),
        ((HEAD + "漏了,damaged,,,\n").encode("utf-16"), 1, "像是 UTF-16"),
        (HEAD + "漏\0了,damaged,,,\n", 2, "有空字符（NUL）"),
    ],
)
def test_mistakes_are_told(tmp_path: Path, taxonomy: Taxonomy, content: str | bytes, line: int, words: str) -> None:
    with pytest.raises(InputError) as caught:
        read(tmp_path, taxonomy, content)
    assert words in str(caught.value)
    assert caught.value.line == line
    assert str(caught.value).startswith(f"{tmp_path}/voice.csv:{line}: ")
    assert " — " in str(caught.value)  # Every mistake comes with its remedy.


def test_line_numbers_follow_cells_of_several_lines(tmp_path: Path, taxonomy: Taxonomy) -> None:
    with pytest.raises(InputError) as caught:
        read(tmp_path, taxonomy, HEAD + '"第一行\n第二行",damaged,,,\n漏了,gone,,,\n')
    assert caught.value.line == 4
