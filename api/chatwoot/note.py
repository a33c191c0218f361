"""The recommendation in Chatwoot's terms: a private note in Markdown, a label, custom attributes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any

from api.schemas import RecommendationAnswer
from api.store.chatwoot_deliveries import Source
from api.store.storable import storable
from model.opening_hours import CHINA
from model.playbook.kinds import REMEDY_NAMES
from model.playbook.templates import STAGE_NAMES, Stage
from model.recommendation import Compensation, NextStep

LABEL_PREFIX = "shouhou-"  # Labels that begin so are ours: an older one gives way to the newer.


def render_note(answer: RecommendationAnswer, source: Source) -> str:
    """The note. It is redacted, for it waits in the store and a reply may quote the buyer's waybill."""
    text = storable("\n".join(_lines(answer)))
    return f"{text}\n\n{reference(source)}"


def reference(source: Source) -> str:
    """The note's last line, by which it is found again when its sending was not answered."""
    return f"— 售后参谋，对应消息 #{source.message_id}"


def label(answer: RecommendationAnswer) -> str:
    """The conversation's label. Chatwoot takes letters, digits, hyphens and underscores, as issue codes are."""
    return LABEL_PREFIX + answer.issue.code


def custom_attributes(answer: RecommendationAnswer) -> dict[str, Any]:
    """The conversation's attributes. All are always there: an old figure must not outlive its message."""
    money = answer.compensation
    return {
        "shouhou_issue": answer.issue.name,
        "shouhou_customer": answer.customer.name,
        "shouhou_confidence": answer.issue.confidence,
        "shouhou_remedy": REMEDY_NAMES[money.remedy] if money else None,
        "shouhou_min": money.min if money else None,
        "shouhou_max": money.max if money else None,
        "shouhou_review": answer.review.needed,
    }


def _lines(answer: RecommendationAnswer) -> Iterator[str]:
    issue, customer = answer.issue, answer.customer
    yield f"**{issue.name}** {issue.confidence:.0%} · **{customer.name}** {customer.confidence:.0%}"
    if answer.review.needed:
        yield "\n**请人工判断**"
        yield from (f"- {reason}" for reason in answer.review.reasons)
    yield f"\n**建议回复**（{STAGE_NAMES[Stage(answer.stage)]}）"
    yield from (f"{place}. {reply.text}" for place, reply in enumerate(answer.replies, 1))
    if answer.compensation is not None:
        yield from _compensation(answer.compensation)
    if answer.next_steps:
        yield "\n**下一步**"
        yield from (f"- {_step(step)}" for step in answer.next_steps)


def _compensation(money: Compensation) -> Iterator[str]:
    names = [REMEDY_NAMES[remedy] for remedy in (money.remedy, *money.alternatives)]
    yield f"\n**补偿** {'或'.join(names)}{_figure(money)}{'，须主管同意' if money.requires_approval else ''}"
    yield from (f"- 依据：{basis.source}（{basis.rule}）" for basis in money.basis)
    yield from (f"- 先问清：{question}" for question in money.ask)
    if money.statutory:
        yield f"- 法定：{money.statutory}"


def _figure(money: Compensation) -> str:
    if money.min is None or money.max is None or Decimal(money.max) == 0:
        return ""
    return f" {money.max} 元" if money.min == money.max else f" {money.min}～{money.max} 元"


def _step(step: NextStep) -> str:
    if step.due_at is None:
        return step.step
    due = datetime.fromisoformat(step.due_at).astimezone(CHINA)
    return f"{step.step}（{due.month}月{due.day}日 {due:%H:%M} 前）"
