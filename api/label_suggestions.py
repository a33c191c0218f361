"""What a person who labels a message is offered first: what others say of it, and what the model in use thinks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from api.store.label_queue import Item, Origin
from model.inference import Classifier, Prediction
from model.taxonomy import Taxonomy

FROM_MODEL = 6  # With what others say, at most nine: one a number key.


class Voice(StrEnum):
    """Who says it; the value is what staff read."""

    agent = "客服改成"
    check = "查错认为"
    training = "现在的标注"
    model = "模型"


@dataclass(frozen=True, slots=True)
class Suggestion:
    """Issues to choose with one key. `confidence`: the model's probability; None for several issues together."""

    issue: str
    secondary: tuple[str, ...]
    voice: Voice
    confidence: float | None


def suggest(classifier: Classifier, item: Item, prediction: Prediction) -> list[Suggestion]:
    """At most nine, no two alike: what a person or the check for label errors said, then the model's."""
    found: dict[tuple[str, tuple[str, ...]], Suggestion] = {}
    for suggestion in _all(classifier, item, prediction):
        if {suggestion.issue, *suggestion.secondary} <= classifier.taxonomy.issue_by_code.keys():
            found.setdefault((suggestion.issue, suggestion.secondary), suggestion)
    return list(found.values())


def likely_customer(taxonomy: Taxonomy, item: Item, prediction: Prediction) -> str:
    """The customer type to begin with: what an agent said, what the training data say, else the model's."""
    said = item.suggested_customer or (item.current and item.current.customer)
    return said if said in taxonomy.customer_by_code else prediction.customers[0].code


def _all(classifier: Classifier, item: Item, prediction: Prediction) -> Iterator[Suggestion]:
    (probabilities,), _ = classifier.probabilities([item.redacted_text])
    confidences = dict(zip(classifier.issue_codes, probabilities.tolist(), strict=True))
    likeliest = sorted(confidences, key=confidences.__getitem__, reverse=True)[:FROM_MODEL]
    if item.suggested_issue is not None:
        voice = Voice.check if item.origin is Origin.training else Voice.agent
        yield Suggestion(item.suggested_issue, (), voice, confidences.get(item.suggested_issue))
    if item.current is not None:
        confidence = None if item.current.secondary else confidences.get(item.current.issue)
        yield Suggestion(item.current.issue, item.current.secondary, Voice.training, confidence)
    best, *others = likeliest
    yield Suggestion(best, (), Voice.model, confidences[best])
    if prediction.also:
        yield Suggestion(best, tuple(scored.code for scored in prediction.also), Voice.model, None)
    for code in others:
        yield Suggestion(code, (), Voice.model, confidences[code])
