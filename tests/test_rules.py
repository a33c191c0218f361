"""Rules: the most specific wins, unknown facts widen, ties are errors."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from model.playbook.kinds import RemedyRule
from model.playbook.rules import resolve


def rule(name: str, *, priority: int = 0, unless: dict[str, Any] | None = None, **when: Any) -> RemedyRule:
    return RemedyRule.model_validate(
        {
            "id": name,
            "issues": "damaged",
            "when": when,
            "unless": unless or {},
            "priority": priority,
            "remedy": "none",
            "source": "test",
        }
    )


def names(rules: list[RemedyRule], **facts: Any) -> list[str]:
    return [winner.id for winner in resolve(rules, facts).winners]


def test_the_most_specific_rule_wins() -> None:
    rules = [rule("general"), rule("slight", damage_extent="slight")]
    assert names(rules, damage_extent="slight") == ["slight"]
    assert names(rules, damage_extent="severe") == ["general"]


def test_an_unknown_fact_widens_and_is_asked_for() -> None:
    rules = [rule("slight", damage_extent="slight"), rule("severe", damage_extent="severe")]
    resolution = resolve(rules, {})
    assert [winner.id for winner in resolution.winners] == ["slight", "severe"]
    assert resolution.ask == ("damage_extent",)
    assert not resolution.certain  # Neither slight nor severe: no rule.


def test_a_fact_that_decides_nothing_is_not_asked_for() -> None:
    rules = [rule("always"), rule("never", damage_extent="slight", usable=True)]
    assert resolve(rules, {"usable": False}).ask == ()


def test_an_exception_counts_only_when_known() -> None:
    rules = [rule("keep", unless={"keeps_goods": False})]
    assert names(rules) == ["keep"]
    assert names(rules, keeps_goods=False) == []


def test_numbers_have_bounds() -> None:
    rules = [rule("many", package_count={"min": 2}), rule("one", package_count={"max": 1})]
    assert names(rules, package_count=2) == ["many"]
    assert names(rules, package_count=1) == ["one"]
    assert names(rules) == ["many", "one"]


def test_a_tie_is_an_error_with_both_ids() -> None:
    rules = [rule("first", usable=True), rule("second", repairable=True)]
    with pytest.raises(ValueError, match="first 和 second 分不出先后"):
        resolve(rules, {"usable": True, "repairable": True})


def test_a_priority_beats_conditions() -> None:
    rules = [rule("first", usable=True, priority=1), rule("second", usable=True, repairable=True)]
    assert names(rules, usable=True, repairable=True) == ["first"]


@pytest.mark.parametrize(
    "amount", [{}, {"fixed": 1, "value_of": "goods_value"}, {"first_single": 3}, {"value_of": "all"}]
)
def test_an_amount_is_of_one_kind(amount: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        RemedyRule.model_validate({"id": "x", "issues": "damaged", "remedy": "cash", "source": "s", "amount": amount})
