"""Message, history and context in, recommendation out. Pure: the same input gives the same answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from model.adviser import NO_RECORD, Adviser
from model.context import Context
from model.conversation import Turn
from model.inference import Classifier, Prediction
from model.playbook.book import Playbook
from model.ranking import Acceptance
from model.recommendation import Recommendation


@dataclass(frozen=True)
class Recommender:
    """Classifier and playbook together."""

    classifier: Classifier
    playbook: Playbook

    @cached_property
    def adviser(self) -> Adviser:
        """Everything after the classification."""
        return Adviser(self.playbook, self.classifier.taxonomy, self.classifier.thresholds)

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
        prediction = self.classifier.predict(message)
        topic = self._topic(prediction, history)
        return self.adviser.advise(prediction, message, history, context, top_k, topic=topic, record=record, now=now)

    def _topic(self, prediction: Prediction, history: Sequence[Turn]) -> Prediction | None:
        """What the conversation is about, when the message alone does not say it; None when it does."""
        carried_on = self.playbook.policy.carried_on
        if prediction.issues[0].code not in carried_on and self.adviser.is_sure(prediction):
            return None
        if not any(turn.role == "agent" for turn in history):
            return None
        for turn in reversed(history):
            if turn.role == "buyer":
                earlier = self.classifier.predict(turn.text)
                if earlier.issues[0].code not in carried_on and self.adviser.is_sure(earlier):
                    return earlier
        return None
