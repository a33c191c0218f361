"""Rules: conditions on the case, and what follows. Unknown facts widen the answer instead of being guessed."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from enum import StrEnum
from typing import Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from model.playbook.conditions import Condition, Scalar, holds

MAX_WORLDS = 4096


class RemedyKind(StrEnum):
    """What the shop does for the buyer."""

    cash = "cash"
    resend = "resend"
    full_refund = "full_refund"
    exchange = "exchange"
    repair = "repair"
    return_ = "return"
    goodwill_gift = "goodwill_gift"
    carrier_claim = "carrier_claim"
    escalate = "escalate"
    none = "none"


class Amount(BaseModel):
    """A sum of money in CNY: fixed, by the buyer's standing, or the value of something in the case.

    Attributes:
        first_single: a first purchase of one pack. otherwise: a returning buyer or several packs.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    fixed: Decimal | None = None
    first_single: Decimal | None = None
    otherwise: Decimal | None = None
    value_of: Literal["goods_value", "affected_value", "price_drop"] | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> Amount:
        standing = self.first_single is not None
        if standing != (self.otherwise is not None) or standing + (self.fixed is not None) + bool(self.value_of) != 1:
            raise ValueError("write fixed, value_of, or first_single together with otherwise")
        return self


class Rule(BaseModel):
    """What every kind of rule has.

    Attributes:
        when: facts that must fit; while one is unknown the rule is possible, not certain.
        unless: facts that, if known to fit, rule it out; unknown counts as not.
        source: where the rule stands, for the agent.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")
    issues: tuple[str, ...] = Field(min_length=1)
    when: dict[str, Condition] = {}
    unless: dict[str, Condition] = {}
    priority: int = 0
    source: str = Field(min_length=1)

    @field_validator("issues", mode="before")
    @classmethod
    def _one_or_many(cls, value: object) -> object:
        return [value] if isinstance(value, str) else value

    @property
    def specificity(self) -> tuple[int, int]:
        """Greater wins: a stated priority first, then the number of conditions."""
        return self.priority, len(self.when) + len(self.unless)


class RemedyRule(Rule):
    """A remedy and what it is worth."""

    remedy: RemedyKind
    amount: Amount | None = None
    plus_freight: bool = False


class RemedyFile(BaseModel):
    """`model/playbook/remedies.yaml`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rules: tuple[RemedyRule, ...]


R = TypeVar("R", bound=Rule)


class Resolution(BaseModel, Generic[R]):
    """Rules that win in at least one way the unknown facts may turn out, most specific first.

    Attributes:
        winners: the rules; none: no rule applies however the facts turn out.
        certain: no way is left in which no rule applies.
        ask: unknown facts that decide between the winners.
    """

    model_config = ConfigDict(frozen=True)

    winners: tuple[R, ...]
    certain: bool
    ask: tuple[str, ...]


def resolve(rules: Sequence[R], facts: Mapping[str, Scalar]) -> Resolution[R]:
    """Find what the rules give for the known facts, over all ways the unknown ones may turn out.

    Raises:
        ValueError: two rules tie, or too many unknown facts stand in the conditions.
    """
    possible = [rule for rule in rules if _possible(rule, facts)]
    unknown = sorted({name for rule in possible for name in rule.when if name not in facts})
    domains = [_domain([rule.when[name] for rule in possible if name in rule.when]) for name in unknown]
    size = 1
    for domain in domains:
        size *= len(domain)
    if size > MAX_WORLDS:
        raise ValueError(f"{size} ways to combine {', '.join(unknown)}; use fewer conditions")
    winner_of: dict[tuple[Scalar, ...], R | None] = {}
    for world in itertools.product(*domains):
        winner_of[world] = _most_specific(possible, {**facts, **dict(zip(unknown, world, strict=True))})
    found = {rule.id: rule for rule in winner_of.values() if rule is not None}
    ask = tuple(name for place, name in enumerate(unknown) if _decides(place, winner_of))
    winners = sorted(found.values(), key=lambda rule: possible.index(rule))
    return Resolution(winners=tuple(winners), certain=None not in winner_of.values(), ask=ask)


def _possible(rule: Rule, facts: Mapping[str, Scalar]) -> bool:
    if any(name in facts and condition.holds(facts[name]) for name, condition in rule.unless.items()):
        return False
    return all(condition.holds(facts[name]) for name, condition in rule.when.items() if name in facts)


def _most_specific(rules: Iterable[R], facts: dict[str, Scalar]) -> R | None:
    fitting = sorted(
        (rule for rule in rules if holds(rule.when, facts)), key=lambda rule: rule.specificity, reverse=True
    )
    if len(fitting) > 1 and fitting[0].specificity == fitting[1].specificity:
        raise ValueError(f"rules {fitting[0].id} and {fitting[1].id} tie; give one a condition or a priority more")
    return fitting[0] if fitting else None


_SOMETHING_ELSE = "something else"


def _domain(conditions: Sequence[Condition]) -> list[Scalar]:
    """Values that stand for all an unknown fact may be, as far as the conditions tell them apart."""
    values: list[Scalar] = sorted({value for condition in conditions for value in condition.values}, key=str)
    if values and all(isinstance(value, bool) for value in values):
        return [True, False]
    edges = {edge for condition in conditions for edge in (condition.min, condition.max) if edge is not None}
    if edges:
        return [number for number in sorted(edges | {e - 1 for e in edges} | {e + 1 for e in edges}) if number >= 0]
    return [*values, _SOMETHING_ELSE]


def _decides(place: int, winner_of: Mapping[tuple[Scalar, ...], Rule | None]) -> bool:
    """Whether the fact at `place` alone can change the winner."""
    seen: dict[tuple[Scalar, ...], str | None] = {}
    for world, winner in winner_of.items():
        rest = world[:place] + world[place + 1 :]
        outcome = None if winner is None else winner.id
        if seen.setdefault(rest, outcome) != outcome:
            return True
    return False
