"""`compliance.yaml`: what no reply may say, with words, exceptions and the law or platform rule behind it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

from pydantic import BaseModel, ConfigDict, Field, field_validator

CHECKED_TEXTS = 4096


class ComplianceRule(BaseModel):
    """Words that break a rule (regular expressions), and set phrases and honest negations that do not."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")
    name: str = Field(min_length=2)
    words: tuple[str, ...] = Field(min_length=1)
    allowed: tuple[str, ...] = ()
    instead: str = Field(min_length=4)
    source: str = Field(min_length=1)

    @field_validator("words", "allowed")
    @classmethod
    def _compile(cls, patterns: tuple[str, ...]) -> tuple[str, ...]:
        for pattern in patterns:
            try:
                re.compile(pattern)
            except re.error as error:
                raise ValueError(f"不是正则表达式：{pattern}（{error}）") from error
        return patterns

    @cached_property
    def _words(self) -> re.Pattern[str]:
        return re.compile("|".join(self.words))

    @cached_property
    def _allowed(self) -> re.Pattern[str] | None:
        return re.compile("|".join(self.allowed)) if self.allowed else None

    def found_in(self, text: str) -> list[tuple[int, int]]:
        """Spans of the words that break this rule; those that an allowed phrase touches do not."""
        hits = [match.span() for match in self._words.finditer(text)]
        if not hits or self._allowed is None:
            return hits
        fine = [match.span() for match in self._allowed.finditer(text)]
        return [hit for hit in hits if not any(start < hit[1] and hit[0] < end for start, end in fine)]


class ComplianceFile(BaseModel):
    """`compliance.yaml`. `disabled` switches rules off by id."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rules: tuple[ComplianceRule, ...] = ()
    disabled: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Violation:
    """Words of a reply that break a rule; offsets are code points of the reply."""

    rule: str
    name: str
    words: str
    start: int
    end: int
    instead: str


class Compliance:
    """All rules together."""

    def __init__(self, rules: Iterable[ComplianceRule]) -> None:
        self.rules: Sequence[ComplianceRule] = tuple(rules)
        self._any = re.compile("|".join(word for rule in self.rules for word in rule.words) or r"(?!)")
        self.check = lru_cache(CHECKED_TEXTS)(self._check)

    def _check(self, text: str) -> tuple[Violation, ...]:
        """What a template, a staff's edit or a rendered reply says that it must not; empty: it may be sent."""
        if not self._any.search(text):
            return ()
        return tuple(
            Violation(rule.id, rule.name, text[start:end], start, end, rule.instead)
            for rule in self.rules
            for start, end in rule.found_in(text)
        )
