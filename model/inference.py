"""The fitted model as arrays, and how it scores a message: what the artifact holds and the service runs.

Equal to the scikit-learn pipelines it is made from within 1e-9 (tests/test_inference.py), without their overhead.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from model.features import views
from model.taxonomy import Taxonomy
from model.text import Normalised, Tokenizer, normalise

Floats = NDArray[np.float64]
MAX_EVIDENCE = 5
ALTERNATIVES = 3


class Scored(NamedTuple):
    """A label with its calibrated probability."""

    code: str
    confidence: float


@dataclass(frozen=True, slots=True)
class Evidence:
    """A word that spoke for the chosen issue; offsets are code points of the message as it was sent."""

    text: str
    start: int
    end: int
    weight: float


@dataclass(frozen=True, slots=True)
class Prediction:
    """What the classifier says of one message.

    Attributes:
        issues: issue codes by falling probability.
        customers: customer types by falling probability.
        also: secondary issues.
        evidence: words that weighed for the first issue, in the order of the message.
    """

    issues: tuple[Scored, ...]
    customers: tuple[Scored, ...]
    also: tuple[Scored, ...]
    evidence: tuple[Evidence, ...]


@dataclass(frozen=True)
class Thresholds:
    """Set on held-out messages at training.

    Attributes:
        abstain: below this issue probability a person must look.
        margin: two leading issues closer than this cannot be told apart.
        also: a further issue is reported from this probability.
    """

    abstain: float
    margin: float
    also: float


@dataclass(frozen=True)
class Classifier:
    """Both heads, compiled.

    Attributes:
        vocabularies: for each view term -> row of `weights`.
        idf: (n_terms,).
        weights: (n_terms, n_issues + n_customers), divided by each head's temperature.
        intercepts: (n_issues + n_customers,), likewise.
        issue_codes, customer_codes: labels of the columns, issues first.
    """

    taxonomy: Taxonomy
    tokenizer: Tokenizer
    vocabularies: dict[str, dict[str, int]]
    idf: Floats
    weights: Floats
    intercepts: Floats
    issue_codes: tuple[str, ...]
    customer_codes: tuple[str, ...]
    thresholds: Thresholds

    def __post_init__(self) -> None:
        available = views(self.tokenizer)
        # One list for the hot loop: (view, its vocabulary's lookup).
        object.__setattr__(
            self, "_lookups", [(available[name], vocabulary) for name, vocabulary in self.vocabularies.items()]
        )

    def __reduce__(self) -> tuple[type[Classifier], tuple[object, ...]]:
        return Classifier, tuple(getattr(self, name) for name in self.__dataclass_fields__)

    def _row(self, text: str) -> tuple[list[int], list[float]]:
        """Rows of `weights` and TF-IDF values of a normalised message, each view's values of length one."""
        columns: list[int] = []
        values: list[float] = []
        idf = self.idf
        for view, vocabulary in self._lookups:  # type: ignore[attr-defined]
            counts = Counter(row for term in view(text) if (row := vocabulary.get(term)) is not None)
            weighed = [(1.0 + math.log(count)) * idf[row] for row, count in counts.items()]
            norm = math.sqrt(sum(value * value for value in weighed)) or 1.0
            columns.extend(counts)
            values.extend(value / norm for value in weighed)
        return columns, values

    def probabilities(self, texts: Sequence[str]) -> tuple[Floats, Floats]:
        """Probabilities (n_messages, n_issues) and (n_messages, n_customers), columns as in the codes."""
        indices: list[int] = []
        values: list[float] = []
        starts = [0]
        for text in texts:
            columns, weighed = self._row(normalise(text).text)
            indices += columns
            values += weighed
            starts.append(len(indices))
        shape = (len(texts), len(self.idf))
        scores = csr_array((values, indices, starts), shape=shape) @ self.weights + self.intercepts
        n = len(self.issue_codes)
        return _softmax(scores[:, :n]), _softmax(scores[:, n:])

    def predict(self, message: str) -> Prediction:
        """Both labels of one message, with evidence."""
        normal = normalise(message)
        columns, values = self._row(normal.text)
        scores = np.asarray(values) @ self.weights[columns] + self.intercepts
        n = len(self.issue_codes)
        issues = _ranked(self.issue_codes, _softmax(scores[None, :n])[0])
        customers = _ranked(self.customer_codes, _softmax(scores[None, n:])[0])
        also = tuple(label for label in issues[1:3] if label.confidence >= self.thresholds.also)
        return Prediction(issues, customers, also, self._evidence(message, normal, issues[0].code))

    def _evidence(self, message: str, normal: Normalised, code: str) -> tuple[Evidence, ...]:
        """Each term's contribution is spread over its characters; words gather what falls on them."""
        text = normal.text
        label = self.issue_codes.index(code)
        weight_of_char = np.zeros(len(text))
        vocabulary = self.vocabularies["characters"]
        terms = [
            (start, end, row)
            for start in range(len(text))
            for end in range(start + 1, min(start + 5, len(text)) + 1)
            if (row := vocabulary.get(text[start:end])) is not None
        ]
        for start, end, row in terms:
            weight_of_char[start:end] += self.idf[row] * self.weights[row, label] / (end - start)
        found = []
        start = 0
        for word in self.tokenizer.words(text):
            end = start + len(word)
            weight = float(weight_of_char[start:end].sum())
            if weight > 0 and word.isalnum():
                first, last = normal.span(start, end)
                found.append(Evidence(message[first:last], first, last, round(weight, 3)))
            start = end
        strongest = sorted(found, key=lambda item: -item.weight)[:MAX_EVIDENCE]
        return tuple(sorted(strongest, key=lambda item: item.start))


def _softmax(scores: Floats) -> Floats:
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    probabilities: Floats = powers / powers.sum(axis=1, keepdims=True)
    return probabilities


def _ranked(codes: Iterable[str], probabilities: Floats) -> tuple[Scored, ...]:
    pairs = sorted(zip(codes, probabilities.tolist(), strict=True), key=lambda pair: -pair[1])
    return tuple(Scored(code, probability) for code, probability in pairs)
