"""From a prediction to advice: one straight line, pure, without the classifier."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import NamedTuple

from model.case import Case, open_case
from model.compensation import suggest
from model.context import Context
from model.conversation import Turn
from model.deadlines import next_step
from model.freight import settle_freight
from model.inference import Prediction, Scored, Thresholds
from model.playbook.book import Playbook
from model.playbook.conditions import Scalar
from model.playbook.kinds import FreightRule, TermRule
from model.playbook.rules import Resolution, Rule
from model.playbook.templates import Stage
from model.ranking import Acceptance, Ranked, Shelf, Wanted
from model.recommendation import (
    Alternative,
    Compensation,
    CustomerAnswer,
    IssueAnswer,
    NextStep,
    Recommendation,
    Review,
    rounded,
)
from model.replies import render_replies
from model.slots import fill_slots
from model.stages import infer_stage
from model.taxonomy import Taxonomy

MORE_LIKELY_THAN_NOT = 0.5
NO_RECORD: Mapping[str, Acceptance] = {}
ALTERNATIVES = 3  # The classifier ranks one more.


class Advice(NamedTuple):
    """The answer, and the rules behind it."""

    recommendation: Recommendation
    applied: tuple[Rule, ...]

    @property
    def rules(self) -> tuple[str, ...]:
        """Ids of all rules behind the answer, to be looked up in the playbook."""
        money = self.recommendation.compensation
        named = [basis.rule for basis in money.basis] if money else []
        return tuple(dict.fromkeys([*named, *(rule.id for rule in self.applied)]))


@dataclass(frozen=True)
class Adviser:
    """What an experienced team leader would say, offer, check and promise, given what the message is about."""

    playbook: Playbook
    taxonomy: Taxonomy
    thresholds: Thresholds

    @cached_property
    def shelves(self) -> dict[str, Shelf]:
        """Templates by issue, ready to be ranked."""
        book = self.playbook
        promises = book.policy.same_day_promises
        return {
            code: Shelf(templates, book.incidental, promises, book.fact_names)
            for code, templates in book.templates.items()
        }

    def advise(
        self,
        prediction: Prediction,
        message: str,
        history: Sequence[Turn] = (),
        context: Context | None = None,
        top_k: int = 3,
        *,
        topic: Prediction | None = None,
        record: Mapping[str, Acceptance] = NO_RECORD,
        now: datetime | None = None,
    ) -> Advice:
        """The whole answer with the rules behind it.

        Args:
            prediction: what the classifier says of the message.
            topic: what the conversation is about, when the message only carries it on ("好的", "照片发了").
            record: what agents did with each template so far.
            now: the clock; the context's wins. Without one nothing is said of the time.
        """
        book = self.playbook
        handled = topic or prediction
        issue, customer = handled.issues[0].code, prediction.customers[0].code
        case = open_case(book, message, history, context or Context(), now)
        if case.as_told is not None:
            self._add_case_facts(case.as_told, issue, customer, handled)
        terms = self._add_case_facts(case.facts, issue, customer, handled)
        compensation = suggest(book, issue, case.facts, case.as_told, case.contradictions)
        if compensation is not None:
            case.facts["remedy"] = compensation.remedy
        stage = infer_stage(book, issue, case.facts)
        case.facts["stage"] = str(stage.stage)
        freight, freight_rules = settle_freight(book, issue, case.facts)
        evidence = book.evidence[issue].possible(case.facts)
        procedures = book.procedures[issue].possible(case.facts)
        handling = book.handling[issue].resolve(case.facts).winners
        deadlines = book.deadlines[issue].possible(case.facts)
        reviews = [
            rule
            for label in dict.fromkeys((issue, prediction.issues[0].code, *(also.code for also in prediction.also)))
            for rule in book.reviews[label].possible(case.facts)
        ]
        steps = [next_step(rule, case, book.policy) for rule in deadlines]
        steps += self._freight_steps(freight_rules, compensation)
        slots = fill_slots(book, case, compensation)
        recommendation = Recommendation(
            issue=self._issue_answer(prediction),
            customer=self._customer_answer(prediction, [step for rule in handling for step in rule.steps]),
            review=self._review(prediction, [rule.note for rule in reviews], case, compensation),
            stage=str(stage.stage),
            replies=render_replies(
                book,
                self._candidates(handled, customer, stage.stage, case, compensation, slots, record),
                slots,
                [turn.text for turn in history if turn.role == "agent"],
                handled.issues[0].confidence,
                top_k,
            ),
            facts=list(case.found),
            compensation=compensation,
            freight=freight,
            next_steps=steps,
            evidence_needed=[f"{'买家' if rule.of == 'buyer' else '店铺'}：{rule.item}" for rule in evidence],
            procedure=[step for rule in procedures for step in rule.steps],
        )
        law = book.statutory[issue].resolve(case.facts).winners if compensation else ()
        applied = (stage, *freight_rules.winners, *deadlines, *evidence, *procedures, *handling, *reviews, *law, *terms)
        return Advice(recommendation, applied)

    def _add_case_facts(
        self, facts: dict[str, Scalar], issue: str, customer: str, handled: Prediction
    ) -> tuple[TermRule, ...]:
        """Add what the classifier says; which guarantees apply."""
        facts["issue"] = issue
        facts["customer"] = customer
        facts["sure"] = self.is_sure(handled)
        terms = self.playbook.terms[issue].resolve(facts).winners
        months = facts.get("months_since_signed")
        if terms and isinstance(months, int):
            facts["in_guarantee"] = months <= terms[0].months
        return terms

    def is_sure(self, prediction: Prediction) -> bool:
        """Whether the issue is clear enough not to ask the buyer back; a person looks from a higher threshold on."""
        best, second = prediction.issues[:2]
        likely = best.confidence >= min(self.thresholds.abstain, MORE_LIKELY_THAN_NOT)
        return likely and best.confidence - second.confidence >= self.thresholds.margin

    def _candidates(
        self,
        handled: Prediction,
        customer: str,
        stage: Stage,
        case: Case,
        compensation: Compensation | None,
        slots: Mapping[str, str],
        record: Mapping[str, Acceptance],
    ) -> Iterable[Ranked]:
        """Templates of the issue; while it is not clear which of two it is, also those that ask about the second."""
        wanted = Wanted(customer, stage, compensation.remedy if compensation else None)
        best, second = handled.issues[:2]
        ranked = self.shelves[best.code].ranked(wanted, slots, case.facts, record)
        if best.confidence - second.confidence >= self.thresholds.margin:
            return ranked
        other = Wanted(customer, Stage.clarify, None)
        weight = (0.5 + 0.5 * second.confidence) / (0.5 + 0.5 * best.confidence)
        asking = [
            Ranked(entry.template, entry.score * weight, (*entry.why, f"也可能是：{self._name(second.code)}"))
            for entry in self.shelves[second.code].ranked(other, slots, case.facts, record)
            if entry.template.stage is Stage.clarify
        ]
        return sorted([*ranked, *asking], key=lambda entry: -entry.score)

    def _freight_steps(self, resolution: Resolution[FreightRule], compensation: Compensation | None) -> list[NextStep]:
        """What the freight table leaves to be asked, and what must be known besides."""
        asked = compensation.ask if compensation else []
        questions = dict.fromkeys(self.playbook.questions[name] for name in resolution.ask)
        steps = [
            NextStep(f"运费先问清：{question}", None, resolution.winners[0].id)
            for question in questions
            if question not in asked
        ]
        return steps + [NextStep(rule.note, None, rule.id) for rule in resolution.winners if rule.note]

    def _issue_answer(self, prediction: Prediction) -> IssueAnswer:
        best = prediction.issues[0]
        issue = self.taxonomy.issue_by_code[best.code]
        return IssueAnswer(
            code=issue.code,
            name=issue.name,
            group=issue.group,
            confidence=rounded(best.confidence),
            alternatives=[self._alternative(label) for label in prediction.issues[1 : 1 + ALTERNATIVES]],
            also=[self._alternative(label) for label in prediction.also],
            evidence=list(prediction.evidence),
        )

    def _alternative(self, label: Scored) -> Alternative:
        return Alternative(label.code, self._name(label.code), rounded(label.confidence))

    def _name(self, code: str) -> str:
        return self.taxonomy.issue_by_code[code].name

    def _customer_answer(self, prediction: Prediction, handling: list[str]) -> CustomerAnswer:
        best, *others = prediction.customers
        names = self.taxonomy.customer_by_code
        return CustomerAnswer(
            code=best.code,
            name=names[best.code].name,
            confidence=rounded(best.confidence),
            alternatives=[
                Alternative(o.code, names[o.code].name, rounded(o.confidence)) for o in others[:ALTERNATIVES]
            ],
            handling=handling,
        )

    def _review(
        self, prediction: Prediction, notes: Sequence[str], case: Case, compensation: Compensation | None
    ) -> Review:
        best, second = prediction.issues[:2]
        reasons = []
        if best.confidence < self.thresholds.abstain:
            reasons.append(f"问题类型把握不足（{best.confidence:.0%}，低于{self.thresholds.abstain:.0%}）")
        if best.confidence - second.confidence < self.thresholds.margin:
            reasons.append(f"“{self._name(best.code)}”与“{self._name(second.code)}”难以区分")
        reasons += dict.fromkeys(notes)
        if compensation is None:
            reasons += case.contradictions
        return Review(needed=bool(reasons), reasons=reasons)
