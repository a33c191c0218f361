"""Which reply first: a score from fit to stage, customer type and facts, from acceptance, and from the issue.

    fit   = 0.50 stage + 0.20 customer + 0.20 context + 0.10 acceptance          each part in [0, 1]
    score = fit * (0.5 + 0.5 * probability of the issue)

stage: 1 at the stage of the conversation, less with every stage of distance. customer: 1 when written for this type,
0.5 when for anyone. context: more for a reply that is bound to the suggested remedy or to facts that decide, hardly
more for merely incidental facts, a little less for one that serves many issues. acceptance: how often agents took the
reply when they saw it, an edited one for half, with the prior of Beta(2, 4), so that three clicks do not rule.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from model.playbook.conditions import Facts, NumberedConditions
from model.playbook.kinds import REMEDY_NAMES
from model.playbook.templates import STAGE_NAMES, STAGE_ORDER, Stage, Template

STAGE_WEIGHT, CUSTOMER_WEIGHT, CONTEXT_WEIGHT, ACCEPTANCE_WEIGHT = 0.50, 0.20, 0.20, 0.10
STAGE_FIT = (1.0, 0.6, 0.35, 0.2, 0.1, 0.0)
PRIOR_TAKEN, PRIOR_SEEN = 2.0, 6.0


@dataclass(frozen=True, slots=True)
class Acceptance:
    """What agents did with a template so far: offered it, took one of the three, took it with changes of their own.

    Attributes:
        chosen: times it was taken, changed or not; edited: of these, changed.
    """

    shown: int = 0
    chosen: int = 0
    edited: int = 0

    @property
    def rate(self) -> float:
        """How often it is taken, with the prior; what had to be changed counts half."""
        return min((self.chosen - 0.5 * self.edited + PRIOR_TAKEN) / (self.shown + PRIOR_SEEN), 1.0)


UNSEEN = Acceptance()


@dataclass(frozen=True, slots=True)
class Ranked:
    """A template that fits, with its score and the reasons in words."""

    template: Template
    score: float
    why: tuple[str, ...]


class Wanted(NamedTuple):
    """What a reply must fit besides the facts."""

    customer: str
    stage: Stage
    remedy: str | None


class _Shelved(NamedTuple):
    """A template with what decides whether it fits, as bits of the shelf's conditions."""

    ranked: Ranked
    when: int
    unless: int
    slots: frozenset[str]
    promises_today: bool


class Shelf:
    """The templates of one issue, ranked for a case.

    Scores do not depend on the facts, so that every order is made once; a case walks down its order to what fits.
    """

    def __init__(
        self,
        templates: Sequence[Template],
        incidental: frozenset[str],
        same_day_promises: Sequence[str],
        fact_names: Mapping[str, str],
    ) -> None:
        self._templates = sorted(templates, key=lambda template: natural_order(template.id))
        self._incidental = incidental
        self._same_day_promises = same_day_promises
        self._fact_names = fact_names
        self._conditions = NumberedConditions()
        self._bits = {
            template.id: (self._conditions.bits(template.when), self._conditions.bits(template.unless))
            for template in self._templates
        }
        self._unlearned: dict[Wanted, list[_Shelved]] = {}
        self._orders: tuple[Mapping[str, Acceptance], dict[Wanted, list[_Shelved]]] = ({}, {})

    def ranked(
        self, wanted: Wanted, slots: Mapping[str, str], facts: Facts, record: Mapping[str, Acceptance]
    ) -> Iterator[Ranked]:
        """All templates that fit and whose slots can be filled, best first, before the issue's probability is taken in.

        Args:
            record: what agents did; a changed one must be another object.
        """
        held = self._conditions.held(facts)
        closed = facts.get("shop_open") is False
        for entry in self._order(wanted, record):
            if entry.when & held != entry.when or entry.unless & held or (closed and entry.promises_today):
                continue
            if entry.slots <= slots.keys():
                yield entry.ranked

    def _order(self, wanted: Wanted, record: Mapping[str, Acceptance]) -> list[_Shelved]:
        seen, orders = self._orders
        if seen is not record:
            orders = {}
            self._orders = record, orders
        order = orders.get(wanted)
        if order is None:
            if wanted not in self._unlearned:
                self._unlearned[wanted] = self._sorted(wanted)
            learned = [entry._replace(ranked=_with_record(entry.ranked, record)) for entry in self._unlearned[wanted]]
            order = orders[wanted] = sorted(learned, key=_by_score)  # Stable: the unlearned order among equals.
        return order

    def _sorted(self, wanted: Wanted) -> list[_Shelved]:
        order = [
            _Shelved(
                self._score(template, wanted),
                *self._bits[template.id],
                frozenset(template.slots),
                any(promise in template.text for promise in self._same_day_promises),
            )
            for template in self._templates
            if not (template.customers and wanted.customer not in template.customers)
            and not (template.remedies and wanted.remedy not in template.remedies)
        ]
        return sorted(order, key=_by_score)

    def _score(self, template: Template, wanted: Wanted) -> Ranked:
        distance = abs(STAGE_ORDER[template.stage] - STAGE_ORDER[wanted.stage])
        why = [f"{'当前阶段' if distance == 0 else '其他阶段'}：{STAGE_NAMES[template.stage]}"]
        if template.customers:
            why.append("专为此类客户写的说法")
        decisive = [name for name in template.when if name not in self._incidental]
        context = 0.4 - 0.1 * (len(template.issues) > 1 or ":" in template.issues[0])
        context += 0.15 * min(len(decisive), 2) + 0.02 * (len(template.when) - len(decisive))
        if template.remedies:
            context += 0.25
            why.append(f"对应建议的处理：{REMEDY_NAMES[wanted.remedy or 'none']}")
        if {"cash", "price_drop"} & set(template.slots):
            context += 0.2
            why.append("写明了金额")
        context += 0.02 * len(template.slots)
        if template.when:
            names = "、".join(self._fact_names.get(name, name) for name in template.when)
            why.append(f"切合本单：{names}")
        fit = (
            STAGE_WEIGHT * STAGE_FIT[distance]
            + CUSTOMER_WEIGHT * (1.0 if template.customers else 0.5)
            + CONTEXT_WEIGHT * min(context, 1.0)
            + ACCEPTANCE_WEIGHT * UNSEEN.rate
        )
        return Ranked(template, fit, tuple(why))


def _by_score(entry: _Shelved) -> float:
    return -entry.ranked.score


def _with_record(entry: Ranked, record: Mapping[str, Acceptance]) -> Ranked:
    seen = record.get(entry.template.id)
    if seen is None:
        return entry
    gain = ACCEPTANCE_WEIGHT * (seen.rate - UNSEEN.rate)
    why = entry.why
    if seen.chosen:  # Reasons tell what speaks for a reply; that nobody took it yet does not.
        why += (f"采用记录：出现{seen.shown}次，原样用{seen.chosen - seen.edited}次，改后用{seen.edited}次",)
    return Ranked(entry.template, entry.score + gain, why)


def natural_order(template_id: str) -> tuple[tuple[int, str], ...]:
    """Sorting key of an id: `resolve.2` before `resolve.10`."""
    return tuple((int(part), "") if part.isdigit() else (0, part) for part in template_id.split("."))
