"""Conditions of rules and templates on the facts of a case."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator

Scalar = bool | int | Decimal | str


class Condition(BaseModel):
    """What one fact must be: one of `values`, or a number from `min` to `max`.

    Written in YAML as `true`, `slight`, `[biscuit, snack]` or `{min: 2}`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    values: tuple[Scalar, ...] = ()
    min: Decimal | None = None
    max: Decimal | None = None

    @model_validator(mode="before")
    @classmethod
    def _short_forms(cls, data: Any) -> Any:
        if isinstance(data, dict):
            return data
        return {"values": data if isinstance(data, list) else [data]}

    @model_validator(mode="after")
    def _says_something(self) -> Condition:
        if not self.values and self.min is None and self.max is None:
            raise ValueError("an empty condition; write a value, a list, or {min: …, max: …}")
        return self

    def holds(self, value: Scalar) -> bool:
        """Whether a known fact meets the condition."""
        if self.values:
            return value in self.values
        number = Decimal(str(value))
        return (self.min is None or number >= self.min) and (self.max is None or number <= self.max)


def holds(conditions: dict[str, Condition], facts: dict[str, Scalar]) -> bool:
    """Whether every condition's fact is known and meets it."""
    return all(name in facts and condition.holds(facts[name]) for name, condition in conditions.items())
