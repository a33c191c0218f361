"""Prediction and context in, recommendation out. Pure: the same input gives the same answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum

from model.compensation import suggest
from model.context import Context
from model.inference import Classifier, Prediction, Scored
from model.playbook.book import Playbook
from model.playbook.conditions import Scalar
from model.playbook.templates import STAGE_NAMES, STAGE_ORDER, Stage, Template
from model.recommendation import (
    Alternative,
    Compensation,
    CustomerAnswer,
    IssueAnswer,
    Recommendation,
    Reply,
    Review,
)
from model.slots import fill_slots
from model.stages import Turn, infer_stage

ALTERNATIVES = 3
# Issues on which a person must decide, whatever the confidence.
ALWAYS_REVIEWED = {
    "health_harm": "涉及人身健康，须由人工处理",
    "escalation": "涉及投诉维权，须由人工处理",
    "counterfeit": "涉及真假争议，须由人工处理",
}


@dataclass(frozen=True)
class Recommender:
    """Classifier and playbook together."""

    classifier: Classifier
    playbook: Playbook

    def recommend(
        self, message: str, history: Sequence[Turn] = (), context: Context | None = None, top_k: int = 3
    ) -> Recommendation:
        """Answer one message.

        Args:
            message: the buyer's, 1 to 2,000 characters.
            history: earlier turns, oldest first.
            context: facts the caller knows.
            top_k: at most this many replies, at least one.
        """
        context = context or Context()
        prediction = self.classifier.predict(message)
        issue = prediction.issues[0].code
        facts = known_facts(context)
        stage = infer_stage(self.playbook, issue, history, facts)
        compensation = suggest(self.playbook, issue, context, facts)
        return Recommendation(
            issue=self._issue_answer(prediction),
            customer=self._customer_answer(prediction),
            review=self._review(prediction),
            stage=str(stage),
            replies=self._replies(prediction, stage, facts, context, compensation)[:top_k],
            facts=[],
            compensation=compensation,
            freight=None,
            next_steps=[],
            evidence_needed=[],
            procedure=[],
        )

    def _issue_answer(self, prediction: Prediction) -> IssueAnswer:
        best = prediction.issues[0]
        issue = self.classifier.taxonomy.issue_by_code[best.code]
        return IssueAnswer(
            code=issue.code,
            name=issue.name,
            group=issue.group,
            confidence=_rounded(best),
            alternatives=[self._alternative(label) for label in prediction.issues[1 : 1 + ALTERNATIVES]],
            also=[self._alternative(label) for label in prediction.also],
            evidence=list(prediction.evidence),
        )

    def _alternative(self, label: Scored) -> Alternative:
        return Alternative(label.code, self.classifier.taxonomy.issue_by_code[label.code].name, _rounded(label))

    def _customer_answer(self, prediction: Prediction) -> CustomerAnswer:
        best, *others = prediction.customers
        names = self.classifier.taxonomy.customer_by_code
        return CustomerAnswer(
            code=best.code,
            name=names[best.code].name,
            confidence=_rounded(best),
            alternatives=[Alternative(o.code, names[o.code].name, _rounded(o)) for o in others[:ALTERNATIVES]],
            handling=list(self.playbook.handling[best.code]),
        )

    def _review(self, prediction: Prediction) -> Review:
        best, second = prediction.issues[:2]
        thresholds = self.classifier.thresholds
        reasons = []
        if best.confidence < thresholds.abstain:
            reasons.append(f"问题类型把握不足（{best.confidence:.0%}，低于{thresholds.abstain:.0%}）")
        if best.confidence - second.confidence < thresholds.margin:
            names = self.classifier.taxonomy.issue_by_code
            reasons.append(f"“{names[best.code].name}”与“{names[second.code].name}”难以区分")
        reasons += [ALWAYS_REVIEWED[label.code] for label in (best, *prediction.also) if label.code in ALWAYS_REVIEWED]
        return Review(needed=bool(reasons), reasons=reasons)

    def _replies(
        self,
        prediction: Prediction,
        stage: Stage,
        facts: dict[str, Scalar],
        context: Context,
        compensation: Compensation | None,
    ) -> list[Reply]:
        """Fitting templates, rendered, best first; there is always one, because the playbook is checked for it."""
        slots = fill_slots(context, compensation)
        remedy = compensation.remedy if compensation else None
        customer = prediction.customers[0].code
        replies = []
        for template in self.playbook.templates[prediction.issues[0].code]:
            if template.customers and customer not in template.customers:
                continue
            if template.remedies and remedy not in template.remedies:
                continue
            if any(slot not in slots for slot in template.slots) or not template.fits(facts):
                continue
            score, why = _score(template, stage, customer)
            text = template.text.format_map(slots)
            replies.append(Reply(template.id, text, str(template.stage), score, why))
        return sorted(replies, key=lambda reply: (-reply.score, reply.template_id))


def _score(template: Template, stage: Stage, customer: str) -> tuple[float, list[str]]:
    """Fit of a template in [0, 1], with the reasons in words."""
    distance = abs(STAGE_ORDER[template.stage] - STAGE_ORDER[stage])
    score = 0.6 * (1.0, 0.6, 0.35, 0.2, 0.1, 0.0)[distance]
    why = [f"当前阶段：{STAGE_NAMES[stage]}" if distance == 0 else f"阶段：{STAGE_NAMES[template.stage]}"]
    if customer in template.customers:
        score += 0.2
        why.append("专为此类客户写的说法")
    specific = len(template.when) + len(template.slots) + bool(template.remedies)
    if specific:
        score += min(0.05 * specific, 0.2)
        why.append("用到了本单的具体信息")
    return round(score, 4), why


def known_facts(context: Context) -> dict[str, Scalar]:
    """Facts of the context as conditions see them: enum members as their values, times left out."""
    facts: dict[str, Scalar] = {}
    for name in context.model_fields_set:
        value = getattr(context, name)
        if isinstance(value, Enum):
            facts[name] = value.value
        elif isinstance(value, bool | int | Decimal | str):
            facts[name] = value
    return facts


def _rounded(label: Scored) -> float:
    return round(label.confidence, 4)
