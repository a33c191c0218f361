"""Message, history and context in, recommendation out. Pure: the same input gives the same answer."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from model.adviser import NO_RECORD, Adviser
from model.context import Context
from model.conversation import Turn
from model.inference import Classifier, Prediction
from model.playbook.book import Playbook
from model.playbook.catalogue import Catalogue, catalogue
from model.ranking import Acceptance
from model.recommendation import Recommendation

REMEMBERED_BUYER_TURNS = 8
REMEMBERED_MESSAGES = 4096


@dataclass(frozen=True)
class Recommender:
    """Classifier and playbook together."""

    classifier: Classifier
    playbook: Playbook

    @cached_property
    def adviser(self) -> Adviser:
        """Everything after the classification."""
        return Adviser(self.playbook, self.classifier.taxonomy, self.classifier.thresholds)

    @cached_property
    def catalogue(self) -> Catalogue:
        """The playbook in use, for people."""
        return catalogue(self.playbook, self.classifier.taxonomy)

    def recommend(
        self,
        message: str,
        history: Sequence[Turn] = (),
        context: Context | None = None,
        top_k: int = 3,
        *,
        record: Mapping[str, Acceptance] = NO_RECORD,
        now: datetime | None = None,
    ) -> Recommendation:
        """Answer one message.

        Args:
            message: the buyer's, 1 to 2,000 characters.
            history: earlier turns, oldest first.
            context: facts the caller knows.
            top_k: at most this many replies, at least one.
            record: what agents did with each template so far.
            now: the clock, where the context brings none; without one nothing is said of the time.
        """
        prediction = self._predict(message)
        topic = self._topic(prediction, history)
        advice = self.adviser.advise(prediction, message, history, context, top_k, topic=topic, record=record, now=now)
        return advice.recommendation

    def _topic(self, prediction: Prediction, history: Sequence[Turn]) -> Prediction | None:
        """What the conversation is about, where the message carries it on; None where the message speaks for itself."""
        if not any(turn.role == "agent" for turn in history):
            return None
        topic: Prediction | None = None
        for turn in [turn for turn in history if turn.role == "buyer"][-REMEMBERED_BUYER_TURNS:]:
            said = self._predict(turn.text)
            if self._opens_topic(said, topic):
                topic = said
        return None if topic is None or self._opens_topic(prediction, topic) else topic

    def _opens_topic(self, prediction: Prediction, topic: Prediction | None) -> bool:
        policy, issue = self.playbook.policy, prediction.issues[0]
        if issue.code in policy.carried_on:
            return False
        if topic is None:
            return self.adviser.is_sure(prediction)
        group = self.classifier.taxonomy.issue_by_code[topic.issues[0].code].group
        if issue.code in policy.requests_after_a_fault and group in policy.fault_groups:
            return False
        return issue.confidence >= policy.new_topic_from

    def classify(self, messages: Sequence[str]) -> dict[str, Prediction]:
        """The predictions by message, and remembered: together they are cheaper than one by one.

        A conversation comes back with every message, one turn longer: today's message is the next one's history.
        """
        known = self._predictions
        found = {message: prediction for message in messages if (prediction := known.get(message))}
        new = [message for message in dict.fromkeys(messages) if message not in found]
        if new:
            fresh = dict(zip(new, self.classifier.predict_all(new), strict=True))
            known.update(fresh)
            while len(known) > REMEMBERED_MESSAGES:
                known.popitem(last=False)
            found |= fresh
        return found

    def _predict(self, message: str) -> Prediction:
        return self._predictions.get(message) or self.classify([message])[message]

    @cached_property
    def _predictions(self) -> OrderedDict[str, Prediction]:
        return OrderedDict()
