"""Scenarios in plain YAML: a message with its context, and what must follow. See tests/scenarios/README.md."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, field_validator

from model.adviser import Advice, Adviser
from model.context import Context
from model.conversation import Turn
from model.inference import Prediction, Scored, Thresholds
from model.playbook.book import Playbook
from model.playbook.conditions import Scalar
from model.recommendation import Recommendation
from model.taxonomy import Taxonomy
from model.validated_yaml import read_yaml

FOLDER = Path(__file__).parent / "scenarios"
ALL_REPLIES = 200
THRESHOLDS = Thresholds(abstain=0.4, margin=0.1, also=0.2)
SPEAKERS: dict[str, Literal["buyer", "agent"]] = {"买家": "buyer", "客服": "agent"}


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Expectation(_Part):
    """Whatever is written must hold; what is left out is not looked at."""

    stage: str | None = None
    remedy: str | None = None
    no_compensation: bool = False
    alternatives: tuple[str, ...] | None = None
    min: str | None = None
    max: str | None = None
    no_figure: bool = False
    approval: bool | None = None
    ask: tuple[str, ...] = ()
    statutory: str | None = None
    basis: tuple[str, ...] | None = None
    outbound: str | None = None
    returned: str | None = None
    open_legs: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    not_rules: tuple[str, ...] = ()
    replies: tuple[str, ...] = ()
    first_says: str | None = None
    never_says: tuple[str, ...] = ()
    review: bool | None = None
    review_says: str | None = None
    due: dict[str, str | None] = {}
    steps: tuple[str, ...] = ()
    evidence: tuple[str, ...] = ()
    procedure: tuple[str, ...] = ()
    facts: dict[str, Scalar] = {}


class Scenario(_Part):
    """One case. Without `issue` the real classifier decides what the message is about."""

    name: str
    message: str
    issue: str | None = None
    customer: str = "calm"
    also: tuple[str, ...] = ()
    confidence: float = 0.9
    second: str | None = None
    history: tuple[str, ...] = ()
    context: dict[str, Any] = {}
    now: datetime = datetime.fromisoformat("2026-03-04T10:30:00+08:00")
    expect: Expectation

    @field_validator("history")
    @classmethod
    def _has_speakers(cls, history: tuple[str, ...]) -> tuple[str, ...]:
        for line in history:
            if line[:2] not in SPEAKERS or line[2] not in "：:":
                raise ValueError(f"write 买家：… or 客服：…, not {line!r}")
        return history

    @property
    def turns(self) -> list[Turn]:
        """The history as the recommender takes it."""
        return [Turn(SPEAKERS[line[:2]], line[3:]) for line in self.history]

    def advise(self, playbook: Playbook, taxonomy: Taxonomy, top_k: int = ALL_REPLIES) -> Advice:
        """The answer, with the issue and the customer type as the scenario states them."""
        adviser = Adviser(playbook, taxonomy, THRESHOLDS)
        context = Context.model_validate(self.context)
        return adviser.advise(self.prediction(taxonomy), self.message, self.turns, context, top_k, now=self.now)

    def prediction(self, taxonomy: Taxonomy) -> Prediction:
        """As a classifier would say it that is this sure."""
        assert self.issue is not None
        codes = [code for code in taxonomy.issue_by_code if code not in {self.issue, self.second}]
        rest = 1 - self.confidence
        issues = [Scored(self.issue, self.confidence)]
        if self.second:
            rest /= 2
            issues.append(Scored(self.second, rest))
        issues += [Scored(code, rest / len(codes)) for code in codes]
        types = [code for code in taxonomy.customer_by_code if code != self.customer]
        customers = (Scored(self.customer, 0.9), *(Scored(code, 0.1 / len(types)) for code in types))
        return Prediction(tuple(issues), customers, tuple(Scored(code, 0.3) for code in self.also), ())


class ComplianceCase(_Part):
    """A reply that breaks a rule, or (`breaks` left out) that may be sent."""

    reply: str
    breaks: str | None = None


class ScenarioFile(_Part):
    """A file under tests/scenarios/."""

    scenarios: tuple[Scenario, ...] = ()
    compliance: tuple[ComplianceCase, ...] = ()


def load_scenarios() -> tuple[list[Scenario], list[ComplianceCase]]:
    """All scenarios, in the order of the files."""
    files = [read_yaml(path, ScenarioFile) for path in sorted(FOLDER.glob("*.yaml"))]
    return [s for file in files for s in file.scenarios], [c for file in files for c in file.compliance]


def differences(scenario: Scenario, answer: Recommendation, rules: Sequence[str]) -> list[str]:
    """What of the expectation does not hold, in words."""
    want, money, freight = scenario.expect, answer.compensation, answer.freight
    wrong: list[str] = []

    def same(what: str, found: Any, wanted: Any) -> None:
        if wanted is not None and found != wanted:
            wrong.append(f"{what} is {found!r}, not {wanted!r}")

    def within(what: str, found: Any, wanted: tuple[str, ...]) -> None:
        wrong.extend(f"{what} lacks {item!r}: {found}" for item in wanted if not any(item in text for text in found))

    same("stage", answer.stage, want.stage)
    if want.no_compensation and money is not None:
        wrong.append(f"compensation is {money.remedy}, not null")
    same("remedy", money and money.remedy, want.remedy)
    same("alternatives", money and tuple(money.alternatives), want.alternatives)
    same("min", money and money.min, want.min)
    same("max", money and money.max, want.max)
    if want.no_figure and money and money.max is not None:
        wrong.append(f"a figure is given: {money.max}")
    same("requires_approval", money and money.requires_approval, want.approval)
    same("basis", money and tuple(basis.rule for basis in money.basis), want.basis)
    within("ask", money.ask if money else [], want.ask)
    if want.statutory is not None:
        within("statutory", [(money and money.statutory) or ""], (want.statutory,))
    same("outbound", freight and freight.outbound, want.outbound)
    same("return", freight and freight.return_, want.returned)
    for leg in want.open_legs:
        if freight is None or getattr(freight, leg) is not None:
            wrong.append(f"{leg} is not open: {freight}")
    within("rules", rules, want.rules)
    wrong.extend(f"rule {name} is not wanted" for name in want.not_rules if name in rules)
    offered = [reply.template_id for reply in answer.replies]
    wrong.extend(f"{name} is not among the replies {offered[:12]}" for name in want.replies if name not in offered)
    if want.first_says is not None and want.first_says not in answer.replies[0].text:
        wrong.append(f"the first reply does not say {want.first_says!r}: {answer.replies[0].text}")
    for words in want.never_says:
        wrong.extend(f"{r.template_id} says {words!r}" for r in answer.replies[:5] if words in r.text)
    same("review", answer.review.needed, want.review)
    if want.review_says is not None:
        within("review", answer.review.reasons, (want.review_says,))
    for rule, due in want.due.items():
        step = next((step for step in answer.next_steps if step.rule == rule), None)
        same(f"due of {rule}", step.due_at if step else "no such step", due)
        if due is None and (step is None or step.due_at is not None):
            wrong.append(f"{rule} should have no due time: {step}")
    within("next_steps", [step.step for step in answer.next_steps], want.steps)
    within("evidence_needed", answer.evidence_needed, want.evidence)
    within("procedure", answer.procedure, want.procedure)
    found = {fact.name: fact.value for fact in answer.facts}
    for name, value in want.facts.items():
        same(f"fact {name}", found.get(name), value)
    return wrong
