"""Rules: conditions on the case, and what follows. Unknown facts widen the answer instead of being guessed."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field, field_validator

from model.playbook.conditions import Condition, Facts, Scalar, excluded, holds

MAX_WORLDS = 4096
# Distinct combinations of known facts that one rule set remembers; a case repeats through a conversation.
REMEMBERED = 4096
NOT_CLOSED: Mapping[str, Sequence[str]] = {}


class Rule(BaseModel):
    """What every kind of rule has.

    Attributes:
        issues: issue codes, `group:` and a group's code, or `*` for all.
        when: facts that must fit; while one is unknown the rule is possible, not certain.
        given: facts that must be known and fit.
        unless: facts that, if known to fit, rule it out; unknown counts as not.
        priority: beats the number of conditions.
        source: where the rule stands, for the agent.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")
    issues: tuple[str, ...] = ("*",)
    when: dict[str, Condition] = {}
    given: dict[str, Condition] = {}
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
        return self.priority, len(self.when) + len(self.given) + len(self.unless)

    @property
    def facts(self) -> set[str]:
        """Names of all facts in its conditions."""
        return {*self.when, *self.given, *self.unless}

    def is_possible(self, facts: Facts) -> bool:
        """Whether nothing known speaks against it."""
        if excluded(self.unless, facts) or not holds(self.given, facts):
            return False
        return all(condition.holds(facts[name]) for name, condition in self.when.items() if name in facts)

    def holds(self, facts: Facts) -> bool:
        """Whether it applies for certain."""
        return self.is_possible(facts) and holds(self.when, facts)


R = TypeVar("R", bound=Rule)


class RuleFile(BaseModel, Generic[R]):
    """A file of rules of one kind. `disabled` (in a shop's own folder) switches rules off by id."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rules: tuple[R, ...] = ()
    disabled: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Resolution(Generic[R]):
    """Rules that win in at least one way the unknown facts may turn out: the certain first, then the specific.

    Attributes:
        winners: the rules; none: no rule applies however the facts turn out.
        certain: no way is left in which no rule applies.
        ask: unknown facts that decide between the winners.
    """

    winners: tuple[R, ...]
    certain: bool
    ask: tuple[str, ...]


class RuleSet(Generic[R]):
    """The rules of one kind for one issue, with their answers remembered by the facts that matter to them."""

    def __init__(self, rules: Sequence[R], closed: Mapping[str, Sequence[str]] = NOT_CLOSED) -> None:
        self.rules = tuple(rules)
        self._closed = closed
        self.facts = tuple(sorted({name for rule in rules for name in rule.facts}))
        self._resolved = lru_cache(REMEMBERED)(self._resolve)
        self._possible = lru_cache(REMEMBERED)(self._list_possible)

    def resolve(self, facts: Facts) -> Resolution[R]:
        """The winners; see `resolve`."""
        return self._resolved(tuple(map(facts.get, self.facts)))

    def possible(self, facts: Facts) -> tuple[R, ...]:
        """All rules that nothing known speaks against, in the order of the file."""
        if not self.facts:  # Of many issues nothing more is to be asked.
            return self.rules
        return self._possible(tuple(map(facts.get, self.facts)))

    def _known(self, values: tuple[Scalar | None, ...]) -> dict[str, Scalar]:
        return {name: value for name, value in zip(self.facts, values, strict=True) if value is not None}

    def _resolve(self, values: tuple[Scalar | None, ...]) -> Resolution[R]:
        return resolve(self.rules, self._known(values), self._closed)

    def _list_possible(self, values: tuple[Scalar | None, ...]) -> tuple[R, ...]:
        known = self._known(values)
        return tuple(rule for rule in self.rules if rule.is_possible(known))


def resolve(rules: Sequence[R], facts: Facts, closed: Mapping[str, Sequence[str]] = NOT_CLOSED) -> Resolution[R]:
    """Find what the rules give for the known facts, over all ways the unknown ones may turn out.

    `closed` lists all values of a fact that can be nothing else.

    Raises:
        ValueError: two rules tie, or too many unknown facts stand in the conditions.
    """
    possible = [rule for rule in rules if rule.is_possible(facts)]
    unknown = sorted({name for rule in possible for name in rule.when if name not in facts})
    domains = [
        list(closed[name]) if name in closed else domain([rule.when[name] for rule in possible if name in rule.when])
        for name in unknown
    ]
    size = 1
    for values in domains:
        size *= len(values)
    if size > MAX_WORLDS:
        raise ValueError(f"{'、'.join(unknown)} 有 {size} 种组合；请减少条件")
    winner_of: dict[tuple[Scalar, ...], R | None] = {}
    for world in itertools.product(*domains):
        winner_of[world] = _most_specific(possible, {**facts, **dict(zip(unknown, world, strict=True))})
    found = {rule.id for rule in winner_of.values() if rule is not None}
    ask = tuple(name for place, name in enumerate(unknown) if _decides(place, winner_of))
    won = [rule for rule in possible if rule.id in found]
    winners = tuple(sorted(won, key=lambda rule: (rule.holds(facts), rule.specificity), reverse=True))
    return Resolution(winners=winners, certain=None not in winner_of.values(), ask=ask)


def _most_specific(rules: Iterable[R], facts: dict[str, Scalar]) -> R | None:
    fitting = sorted(
        (rule for rule in rules if holds(rule.when, facts) and not excluded(rule.unless, facts)),
        key=lambda rule: rule.specificity,
        reverse=True,
    )
    if len(fitting) > 1 and fitting[0].specificity == fitting[1].specificity:
        raise ValueError(f"规则 {fitting[0].id} 和 {fitting[1].id} 分不出先后；给其中一条加条件或 priority")
    return fitting[0] if fitting else None


_SOMETHING_ELSE = "something else"


def domain(conditions: Sequence[Condition]) -> list[Scalar]:
    """Values that stand for all an unknown fact may be, as far as the conditions tell them apart."""
    values: list[Scalar] = sorted({value for condition in conditions for value in condition.values}, key=str)
    if values and all(isinstance(value, bool) for value in values):
        return [True, False]
    edges = {edge for condition in conditions for edge in (condition.min, condition.max) if edge is not None}
    if edges:
        return [number for number in sorted(edges | {e - 1 for e in edges} | {e + 1 for e in edges}) if number >= 0]
    words: list[Scalar] = [condition.contains[0] for condition in conditions if condition.contains]
    return list(dict.fromkeys([*values, *words, _SOMETHING_ELSE]))


def _decides(place: int, winner_of: Mapping[tuple[Scalar, ...], Rule | None]) -> bool:
    """Whether the fact at `place` alone can change the winner."""
    seen: dict[tuple[Scalar, ...], str | None] = {}
    for world, winner in winner_of.items():
        rest = world[:place] + world[place + 1 :]
        outcome = None if winner is None else winner.id
        if seen.setdefault(rest, outcome) != outcome:
            return True
    return False
