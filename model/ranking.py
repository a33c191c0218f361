"""Which reply first: a score from fit to stage, customer type and facts, from acceptance, and from the issue.

    fit   = 0.50 stage + 0.20 customer + 0.20 context + 0.10 acceptance          each part in [0, 1]
    score = fit * (0.5 + 0.5 * probability of the issue)

stage: 1 at the stage of the conversation, less with every stage of distance. customer: 1 when written for this type,
0.5 when for anyone. context: more for a reply that is bound to the suggested remedy or to facts that decide, hardly
more for merely incidental facts, a little less for one that serves many issues. acceptance: how often agents took the
reply when they saw it, an edited one for half, with the prior of Beta(2, 4), so that three clicks do not rule.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from model.playbook.conditions import Facts, Scalar
from model.playbook.kinds import REMEDY_NAMES
from model.playbook.templates import STAGE_NAMES, STAGE_ORDER, Stage, Template

STAGE_WEIGHT, CUSTOMER_WEIGHT, CONTEXT_WEIGHT, ACCEPTANCE_WEIGHT = 0.50, 0.20, 0.20, 0.10
STAGE_FIT = (1.0, 0.6, 0.35, 0.2, 0.1, 0.0)
PRIOR_TAKEN, PRIOR_SEEN = 2.0, 6.0
REMEMBERED = 4096


@dataclass(frozen=True, slots=True)
class Acceptance:
    """What agents did with a template so far."""

    shown: int = 0
    chosen: int = 0
    edited: int = 0

    @property
    def rate(self) -> float:
        """How often it is taken, with the prior."""
        return min((self.chosen + 0.5 * self.edited + PRIOR_TAKEN) / (self.shown + PRIOR_SEEN), 1.0)


UNSEEN = Acceptance()


@dataclass(frozen=True, slots=True)
class Ranked:
    """A template that fits, with its score and the reasons in words."""

    template: Template
    score: float
    why: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a reply must fit besides the facts. `slots`: those that can be filled."""

    customer: str
    stage: Stage
    remedy: str | None
    slots: frozenset[str]


class Shelf:
    """The templates of one issue, ranked for a case; rankings are remembered by the facts that matter to them."""

    def __init__(
        self,
        templates: Sequence[Template],
        incidental: frozenset[str],
        same_day_promises: Sequence[str],
        fact_names: Mapping[str, str],
    ) -> None:
        self._templates = [
            (template, any(promise in template.text for promise in same_day_promises))
            for template in sorted(templates, key=lambda template: natural_order(template.id))
        ]
        self._incidental = incidental
        self._fact_names = fact_names
        self._facts = tuple(sorted({"shop_open", *(name for template in templates for name in template.facts)}))
        self._ranked = lru_cache(REMEMBERED)(self._rank)

    def ranked(self, wanted: Wanted, facts: Facts, record: Mapping[str, Acceptance]) -> Sequence[Ranked]:
        """All templates that fit, best first, before the issue's probability is taken in."""
        ranking = self._ranked(wanted, tuple([facts.get(name) for name in self._facts]))
        if not record:
            return ranking
        learned = [_with_record(entry, record.get(entry.template.id)) for entry in ranking]
        return sorted(learned, key=lambda entry: -entry.score)  # Stable: natural order among equals.

    def _rank(self, wanted: Wanted, values: tuple[Scalar | None, ...]) -> tuple[Ranked, ...]:
        facts = {name: value for name, value in zip(self._facts, values, strict=True) if value is not None}
        closed = facts.get("shop_open") is False
        fitting = [
            self._score(template, wanted)
            for template, promises_today in self._templates
            if not (closed and promises_today) and _fits(template, wanted, facts)
        ]
        return tuple(sorted(fitting, key=lambda entry: -entry.score))

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


def _fits(template: Template, wanted: Wanted, facts: Facts) -> bool:
    if template.customers and wanted.customer not in template.customers:
        return False
    if template.remedies and wanted.remedy not in template.remedies:
        return False
    return wanted.slots.issuperset(template.slots) and template.fits(facts)


def _with_record(entry: Ranked, seen: Acceptance | None) -> Ranked:
    if seen is None:
        return entry
    learned = f"采用记录：出现{seen.shown}次，直接用{seen.chosen}次，改后用{seen.edited}次"
    gain = ACCEPTANCE_WEIGHT * (seen.rate - UNSEEN.rate)
    return Ranked(entry.template, entry.score + gain, (*entry.why, learned))


def natural_order(template_id: str) -> tuple[tuple[int, str], ...]:
    """Sorting key of an id: `resolve.2` before `resolve.10`."""
    return tuple((int(part), "") if part.isdigit() else (0, part) for part in template_id.split("."))
