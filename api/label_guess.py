"""What the model thinks of the messages that go to a person."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from api.store.label_queue import Item
from model.inference import Classifier, Prediction

SHOWN = 3


class Guess(NamedTuple):
    """A message of the queue with the model's prediction."""

    item: Item
    prediction: Prediction


def guess(classifier: Classifier, items: Sequence[Item]) -> list[Guess]:
    """The prediction for each."""
    return [Guess(item, classifier.predict(item.redacted_text)) for item in items]
