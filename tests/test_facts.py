"""Facts from the text: right 19 times of 20, with exact offsets."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.case import open_case
from model.context import Context
from model.playbook.book import Playbook
from model.playbook.needed_characters import needed_characters

MESSAGES = Path(__file__).parent / "data" / "fact_messages.txt"
PRECISION = 0.95
RECALL = 0.85


def authored() -> list[tuple[str, dict[str, str]]]:
    rows = []
    for line in MESSAGES.read_text("utf-8").splitlines():
        if line.startswith("#") or "\t" not in line:
            continue
        message, facts = line.split("\t")
        rows.append((message, dict(pair.split("=") for pair in facts.split(";") if pair)))
    return rows


def written(value: object) -> str:
    return (
        str(value).lower() if isinstance(value, bool) else f"{value:.2f}" if isinstance(value, Decimal) else str(value)
    )


def test_precision_and_recall(playbook: Playbook) -> None:
    rows = authored()
    assert len(rows) >= 200
    right: Counter[str] = Counter()
    found: Counter[str] = Counter()
    wanted: Counter[str] = Counter()
    mistakes = []
    for message, facts in rows:
        wanted.update(list(facts))
        for fact in playbook.fact_finder.find(message):
            found[fact.name] += 1
            if facts.get(fact.name) == written(fact.value):
                right[fact.name] += 1
            else:
                mistakes.append((message, fact.name, fact.value))
        missed = set(facts) - {fact.name for fact in playbook.fact_finder.find(message)}
        mistakes += [(message, name, "missed") for name in missed]
    for name, count in found.items():
        assert right[name] / count >= PRECISION, (name, [m for m in mistakes if m[1] == name])
    assert sum(right.values()) / sum(wanted.values()) >= RECALL, mistakes


def test_every_fact_of_the_cues_is_tested(playbook: Playbook) -> None:
    tested = {name for _, facts in authored() for name in facts}
    assert {cue.fact for cue in playbook.cues.facts} <= tested


@given(
    st.sampled_from([row[0] for row in authored()]),
    st.text(max_size=8),
    st.sampled_from(["", "！！！！", "　", "\u200b"]),
)
def test_offsets_point_into_the_message_as_sent(playbook: Playbook, message: str, before: str, after: str) -> None:
    whole = before + after + message
    for fact in playbook.fact_finder.find(whole):
        assert whole[fact.start : fact.end] == fact.text


def test_no_cue_matches_without_the_characters_it_needs(playbook: Playbook) -> None:
    told = 0
    for fact in playbook.cues.facts:
        for message, _ in authored():
            if fact.scan.search(message):
                assert all(needed & set(message) for needed in fact.needs), (fact.fact, message)
                told += len(fact.needs)
    assert told > 400


@pytest.mark.parametrize(
    ("pattern", "needs"),
    [
        ("(?:先|就)?留(?:着|下)|退", ["留退", "着下退"]),
        ("留?.", []),
        ("(?<!买)袋(?=破)", ["袋", "破"]),
        ("[a-c]{2,3}", ["abc"]),
        ("[^甲]", []),
        ("甲|乙?", []),
        ("了没拍", ["拍", "了", "没"]),
        ("(?i)ok", []),
        ("(?i:ok)的", ["的"]),
    ],
)
def test_needed_characters(pattern: str, needs: list[str]) -> None:
    assert needed_characters(pattern) == [set(needed) for needed in needs]


def test_numbers_need_digits() -> None:
    (digits,) = needed_characters(r"\d+")
    assert digits >= set("0123456789")
    assert not digits & set("一百")


def test_the_example_of_the_contract(playbook: Playbook) -> None:
    fact = next(
        f for f in playbook.fact_finder.find("老板收到的饼干有两袋涨袋了还能吃吗") if f.name == "affected_count"
    )
    assert (fact.value, fact.text, fact.start, fact.end) == (2, "两袋", 8, 10)


@pytest.mark.parametrize(
    ("context", "package_count", "contradicted"),
    [({}, 3, False), ({"package_count": 3}, 3, False), ({"package_count": 1}, 1, True)],
)
def test_the_callers_context_wins(
    playbook: Playbook, context: dict[str, int], package_count: int, contradicted: bool
) -> None:
    case = open_case(playbook, "买了三包", [], Context.model_validate(context), None)
    assert case.facts["package_count"] == package_count
    assert bool(case.contradictions) == contradicted
    assert (case.as_told is not None) == contradicted


def test_a_contradiction_is_told_in_the_shops_words(playbook: Playbook) -> None:
    case = open_case(playbook, "我是老客户了，买了三包", [], Context(returning_customer=False, package_count=1), None)
    assert case.contradictions == [
        "件数：订单信息是“1”，买家说“三包”，请核对以哪个为准",
        "老客户：订单信息是“否”，买家说“老客户”，请核对以哪个为准",
    ]


def test_every_fact_of_a_message_has_a_name(playbook: Playbook) -> None:
    assert {fact.fact for fact in playbook.cues.facts} <= set(playbook.fact_names)


def test_a_fact_told_in_two_ways_stays_unknown(playbook: Playbook) -> None:
    case = open_case(playbook, "买了三包，不对，买了两包", [], Context(), None)
    assert "package_count" not in case.facts
    assert case.contradictions
