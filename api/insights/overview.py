"""All that the insights show of a range of days, counted once for the page, its plots and its downloads."""

from __future__ import annotations

import asyncio
import time
from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from anyio import CapacityLimiter, to_thread
from sqlalchemy import Engine

from api.insights.date_range import CHINA_OFFSET_MS, EPOCH, DateRange
from api.model_in_use import ModelInUse
from api.store import activity
from api.store.recent import newest_messages
from model import promotions, registry
from model.drift import Drift, drift, traffic
from model.promotions import Promotion
from model.registry import Manifest

KEPT_SECONDS = 60.0
KEPT = 4
DRIFT_MESSAGES = 2_000  # Scored in some 0.2 s; enough for a PSI that is not chance.


@dataclass
class Certainty:
    """Messages of a day; those below the abstention threshold; those left to a person."""

    messages: int = 0
    abstained: int = 0
    reviewed: int = 0

    def add(self, messages: int, abstained: int, reviewed: int) -> None:
        """Count more."""
        self.messages += messages
        self.abstained += abstained
        self.reviewed += reviewed


@dataclass
class Paid:
    """What was paid, in fen; the meanings are those of `activity.Payment`."""

    cases: int = 0
    paid_fen: int = 0
    compared: int = 0
    compared_paid_fen: int = 0
    compared_min_fen: int = 0
    compared_max_fen: int = 0
    below: int = 0
    above: int = 0

    def add(self, payment: activity.Payment) -> None:
        """Count more."""
        for name in vars(self):
            setattr(self, name, getattr(self, name) + getattr(payment, name))


@dataclass(frozen=True)
class Overview:
    """Counts by day, code and version. `versions` and `promotions` are all there are, oldest first.

    Attributes:
        issues: by day and issue; customers: messages by day and customer type.
        suggested: recommendations by remedy; paid_by_day, paid_by_remedy: what agents told of it.
        templates: what agents did with each template, most offered first.
        drift: the newest messages of the range against the training messages of the model in use.
    """

    period: DateRange
    issues: dict[tuple[date, str], Certainty]
    customers: Counter[tuple[date, str]]
    by_version: Counter[str]
    suggested: dict[str, activity.RemedyCount]
    paid_by_day: dict[date, Paid]
    paid_by_remedy: dict[str | None, Paid]
    templates: list[activity.TemplateUse]
    drift: Drift
    versions: list[Manifest]
    promotions: list[tuple[Promotion, bool]]
    current: str

    @property
    def total(self) -> Certainty:
        """All messages of the range."""
        total = Certainty()
        for count in self.issues.values():
            total.add(count.messages, count.abstained, count.reviewed)
        return total

    @property
    def paid(self) -> Paid:
        """All that was paid."""
        total = Paid()
        for paid in self.paid_by_day.values():
            total.add(activity.Payment(0, None, **vars(paid)))
        return total


def collect(engine: Engine, model: ModelInUse, artifacts: Path, period: DateRange) -> Overview:
    """Count everything. Takes some seconds for a million messages.

    Raises:
        SQLAlchemyError: the store does not answer.
    """
    state = model.state
    versions = registry.versions(artifacts)
    thresholds = {manifest.version: manifest.thresholds["abstain"] for manifest in versions}
    start, end = period.start_ms, period.end_ms

    issues: dict[tuple[date, str], Certainty] = defaultdict(Certainty)
    customers: Counter[tuple[date, str]] = Counter()
    by_version: Counter[str] = Counter()
    otherwise = state.manifest.thresholds["abstain"]
    for count in activity.message_counts(engine, start, end, CHINA_OFFSET_MS, thresholds, otherwise):
        day = _date(count.day)
        issues[day, count.issue].add(count.messages, count.abstained, count.reviewed)
        customers[day, count.customer] += count.messages
        by_version[count.model_version] += count.messages

    suggested: dict[str, activity.RemedyCount] = {}
    for remedy in activity.remedy_counts(engine, start, end):
        before = suggested.get(remedy.remedy, activity.RemedyCount(remedy.remedy, 0, 0, 0, 0))
        sums = (one + more for one, more in zip(before[1:], remedy[1:], strict=True))
        suggested[remedy.remedy] = activity.RemedyCount(remedy.remedy, *sums)

    templates: dict[str, activity.TemplateUse] = {}
    for use in activity.template_uses(engine, start, end):
        known = templates.get(use.template_id, activity.TemplateUse(use.template_id, 0, 0, 0))
        sums = (one + more for one, more in zip(known[1:], use[1:], strict=True))
        templates[use.template_id] = activity.TemplateUse(use.template_id, *sums)

    paid_by_day: dict[date, Paid] = defaultdict(Paid)
    paid_by_remedy: dict[str | None, Paid] = defaultdict(Paid)
    for payment in activity.payments(engine, start, end, CHINA_OFFSET_MS):
        paid_by_day[_date(payment.day)].add(payment)
        paid_by_remedy[payment.remedy].add(payment)

    texts = newest_messages(engine, start, end, DRIFT_MESSAGES)
    return Overview(
        period=period,
        issues=dict(issues),
        customers=customers,
        by_version=by_version,
        suggested=suggested,
        paid_by_day=dict(paid_by_day),
        paid_by_remedy=dict(paid_by_remedy),
        templates=sorted(templates.values(), key=lambda use: (-use.offered, use.template_id)),
        drift=drift(state.manifest.reference, traffic(state.recommender.classifier, texts)),
        versions=versions,
        promotions=promotions.history(artifacts),
        current=state.manifest.version,
    )


class Overviews:
    """The overviews of the last minute. One is counted at a time, in a thread: the requests go on meanwhile."""

    def __init__(self, engine: Engine, model: ModelInUse, artifacts: Path) -> None:
        self._engine = engine
        self._model = model
        self._artifacts = artifacts
        self._one_at_a_time = CapacityLimiter(1)
        self._kept: dict[DateRange, tuple[float, asyncio.Task[Overview]]] = {}

    async def get(self, period: DateRange) -> Overview:
        """The overview of the range, at most a minute old.

        Raises:
            SQLAlchemyError: the store does not answer.
        """
        self._forget()
        if period not in self._kept:
            self._kept[period] = time.monotonic(), asyncio.create_task(self._collect(period))
        return await asyncio.shield(self._kept[period][1])

    async def _collect(self, period: DateRange) -> Overview:
        return await to_thread.run_sync(
            collect, self._engine, self._model, self._artifacts, period, limiter=self._one_at_a_time
        )

    def _forget(self) -> None:
        """Let go of what is old or failed, and of the oldest where there are too many."""
        fresh_from = time.monotonic() - KEPT_SECONDS
        done = {period: kept for period, kept in self._kept.items() if kept[1].done()}
        for place, (period, (begun, task)) in enumerate(reversed(done.items())):
            if place >= KEPT or begun < fresh_from or task.exception() is not None:
                del self._kept[period]


def _date(day: int) -> date:
    return EPOCH + timedelta(days=day)
