"""Conditions of rules and templates on the facts of a case."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from functools import lru_cache, partial
from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator

Scalar = bool | int | Decimal | str
Facts = Mapping[str, Scalar]
REMEMBERED_VALUES = 256


class Condition(BaseModel):
    """What one fact must be: one of `values`, a number from `min` to `max`, or a text that contains one of `contains`.

    Written in YAML as `true`, `slight`, `[biscuit, snack]`, `{min: 2}` or `{contains: [开胶, 脱胶]}`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    values: tuple[Scalar, ...] = ()
    min: Decimal | None = None
    max: Decimal | None = None
    contains: tuple[str, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _short_forms(cls, data: Any) -> Any:
        if isinstance(data, dict):
            return data
        return {"values": data if isinstance(data, list) else [data]}

    @model_validator(mode="after")
    def _says_something(self) -> Condition:
        bounded = self.min is not None or self.max is not None
        if bool(self.values) + bounded + bool(self.contains) != 1:
            raise ValueError("写一个值、一个列表、{min: …, max: …} 或 {contains: […]}")
        return self

    def holds(self, value: Scalar) -> bool:
        """Whether a known fact meets the condition."""
        if self.values:
            # True equals 1 in Python, but is no count.
            return any(
                value == wanted and isinstance(value, bool) == isinstance(wanted, bool) for wanted in self.values
            )
        if self.contains:
            return any(word in str(value) for word in self.contains)
        if isinstance(value, str | bool):
            return False
        return (self.min is None or value >= self.min) and (self.max is None or value <= self.max)


def holds(conditions: Mapping[str, Condition], facts: Facts) -> bool:
    """Whether every condition's fact is known and meets it."""
    return all(name in facts and condition.holds(facts[name]) for name, condition in conditions.items())


def excluded(conditions: Mapping[str, Condition], facts: Facts) -> bool:
    """Whether some condition's fact is known and meets it."""
    return any(name in facts and condition.holds(facts[name]) for name, condition in conditions.items())


class NumberedConditions:
    """Gives every condition a bit, so that a case is asked once for all of them, and each answer is an `&`."""

    def __init__(self) -> None:
        self._of_fact: dict[str, list[tuple[int, Condition]]] = {}
        # By fact: the bits when it is true, when it is false, and the bits of any other value. True equals 1 in Python,
        # but is no count.
        self._answers: dict[str, tuple[int, int, Callable[[Scalar], int]]] = {}
        self._next = 1

    def bits(self, conditions: Mapping[str, Condition]) -> int:
        """Number these conditions; their bits together."""
        bits = 0
        for name, condition in conditions.items():
            numbered = self._of_fact.setdefault(name, [])
            numbered.append((self._next, condition))
            bits |= self._next
            self._next <<= 1
            held = partial(_held, numbered)
            self._answers[name] = held(True), held(False), lru_cache(REMEMBERED_VALUES)(held)
        return bits

    def held(self, facts: Facts) -> int:
        """Bits of the conditions whose fact is known and meets them."""
        bits = 0
        for name, (if_true, if_false, otherwise) in self._answers.items():
            value = facts.get(name)
            if value is None:
                continue
            if value is True:
                bits |= if_true
            elif value is False:
                bits |= if_false
            else:
                bits |= otherwise(value)
        return bits


def _held(numbered: Sequence[tuple[int, Condition]], value: Scalar) -> int:
    return sum(bit for bit, condition in numbered if condition.holds(value))
