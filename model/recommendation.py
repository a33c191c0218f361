"""The answer to one message, as values. Field names are the HTTP contract's.

They are made anew for every message, two dozen of them; frozen ones would take twice as long to make.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import Field

from model.inference import Evidence


@dataclass(slots=True)
class Alternative:
    """A further label, with its probability."""

    code: str
    name: str
    confidence: float


@dataclass(slots=True)
class IssueAnswer:
    """The issue type. `evidence` offsets are code points of the message as sent, end exclusive."""

    code: str
    name: str
    group: str
    confidence: float
    alternatives: list[Alternative]
    also: list[Alternative]
    evidence: list[Evidence]


@dataclass(slots=True)
class CustomerAnswer:
    """The customer type, and how to handle it."""

    code: str
    name: str
    confidence: float
    alternatives: list[Alternative]
    handling: list[str]


@dataclass(slots=True)
class Review:
    """Whether a person must decide, and why."""

    needed: bool
    reasons: list[str]


@dataclass(slots=True)
class Reply:
    """A rendered reply; `score` orders the list, `why` says in words how it came about."""

    template_id: str
    text: str
    stage: str
    score: float
    why: list[str]


@dataclass(slots=True)
class Fact:
    """A fact found in the text, with its offsets in code points."""

    name: str
    value: Any
    text: str
    start: int
    end: int


@dataclass(slots=True)
class Basis:
    """The rule a figure or statement comes from."""

    rule: str
    source: str


@dataclass(slots=True)
class Compensation:
    """Suggested remedy. `min` and `max` are CNY with two decimals; "0.00": nothing is due; null: no figure is given."""

    remedy: str
    alternatives: list[str]
    min: str | None
    max: str | None
    currency: str
    basis: list[Basis]
    requires_approval: bool
    ask: list[str]
    statutory: str | None


@dataclass(slots=True)
class Freight:
    """Who pays: shop, buyer, split, or null where the facts leave it open. `return_` is `return` in JSON."""

    outbound: str | None
    return_: Annotated[str | None, Field(alias="return")]
    basis: list[Basis] = field(default_factory=list)


@dataclass(slots=True)
class NextStep:
    """What must be done by when; `due_at` is null when the start is unknown, the period then stands in `step`."""

    step: str
    due_at: str | None
    rule: str


@dataclass(slots=True)
class Recommendation:
    """The whole answer to one message."""

    issue: IssueAnswer
    customer: CustomerAnswer
    review: Review
    stage: str
    replies: list[Reply]
    facts: list[Fact]
    compensation: Compensation | None
    freight: Freight | None
    next_steps: list[NextStep]
    evidence_needed: list[str]
    procedure: list[str]


def rounded(figure: float) -> float:
    """A figure of at least 0 to four decimals, in a third of `round`'s time: an answer has a dozen of them."""
    return int(figure * 10_000 + 0.5) / 10_000
