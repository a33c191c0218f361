"""The redactor against labelled messages, and against what it must withstand."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.redaction import _AS_ASCII, _MAY_HOLD, Found, Kind, _find_addresses, _find_numbers, find, redact

MESSAGES = Path(__file__).parent / "data" / "redaction.txt"
MARK = re.compile(r"\{([^:{}]+):([^{}]+)\}")


def labelled() -> list[tuple[str, list[Found]]]:
    """Messages with what is personal in them."""
    rows = []
    for line in MESSAGES.read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            continue
        text, gold, done = "", [], 0
        for mark in MARK.finditer(line):
            text += line[done : mark.start()]
            gold.append(Found(Kind(mark[1]), len(text), len(text) + len(mark[2])))
            text += mark[2]
            done = mark.end()
        rows.append((text + line[done:], gold))
    return rows


def test_recall_and_precision() -> None:
    """Found means covered whole, of the right kind; a finding that touches nothing personal is wrong."""
    rows = labelled()
    missed, wrong, gold_count, found_count = [], [], 0, 0
    for text, gold in rows:
        found = find(text)
        gold_count += len(gold)
        found_count += len(found)
        for item in gold:
            if not any(f.kind == item.kind and f.start <= item.start and item.end <= f.end for f in found):
                missed.append(
                    (text, text[item.start : item.end], [(f.kind.value, text[f.start : f.end]) for f in found])
                )
        for item in found:
            if not any(g.start < item.end and item.start < g.end for g in gold):
                wrong.append((text, item.kind.value, text[item.start : item.end]))
    recall, precision = 1 - len(missed) / gold_count, 1 - len(wrong) / found_count
    print(f"{len(rows)} messages, {gold_count} pieces, recall {recall:.4f}, precision {precision:.4f}")
    assert len(rows) >= 200
    assert recall >= 0.98, missed
    assert precision >= 0.95, wrong


def test_little_more_than_the_personal_data_goes() -> None:
    extra = total = 0
    for text, gold in labelled():
        covered = {place for item in find(text) for place in range(item.start, item.end)}
        extra += len(covered - {place for item in gold for place in range(item.start, item.end)}) if gold else 0
        total += len(covered)
    assert extra / total < 0.05


@given(st.text(max_size=300))
def test_redacting_twice_changes_nothing_more(text: str) -> None:
    once = redact(text)
    assert redact(once) == once


@given(st.from_regex(r"[一1 .-]*[3-9三-九 .-]+(?i:weixin|wechat|微信)?[:：是a-z0-9一二]{0,20}"))
def test_the_first_look_misses_nothing_that_the_search_would_find(text: str) -> None:
    for whole in (text, *(message for message, _ in labelled())):
        seen = whole.translate(_AS_ASCII)
        assert _MAY_HOLD.search(seen) or not [*_find_numbers(seen), *_find_addresses(seen)], whole


@pytest.mark.parametrize("text", ["weixin:abcdefg", "一3八一二三四五六七八", "一 三 八 一 二 三 四 五 六 七 八"])
def test_numbers_that_the_first_look_once_missed(text: str) -> None:
    assert redact(text) != text


HARD = [
    *["路", "市", "省市区县镇乡村路街", "1", "1 ", "a@", "a.", "地址 ", "A1", "北京市", "小区1栋"],
    *["一单元", "花园", "1-", "1路2号", "12345678901 ", "微信", "0571-"],
]


@pytest.mark.parametrize("piece", HARD)
def test_no_text_takes_long(piece: str) -> None:
    text = (piece * 2000)[:2000]
    began = time.perf_counter()
    redact(text)
    assert time.perf_counter() - began < 0.25
