"""The fitted model as arrays, and how it scores a message: what the artifact holds and the service runs.

Equal to the scikit-learn pipelines it is made from within 1e-9 (tests/test_inference.py), without their overhead.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, repeat
from operator import itemgetter
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from model.calibration import Floats, calibrated
from model.scoring import SEPARATOR, Integers, Terms, code_points, hash_table, read_one, score_all
from model.taxonomy import Taxonomy
from model.text import Normalised, Tokenizer, normalise, remembered_normal_form, unknown_share

MAX_EVIDENCE = 5
RANKED = 4
MAX_ALSO = 2
NO_MATTER = frozenset({"other", "greeting"})  # Not worth telling beside another issue.


class Scored(NamedTuple):
    """A label with its calibrated probability."""

    code: str
    confidence: float


@dataclass(slots=True)  # Not frozen: a message makes five, and frozen ones take twice as long to make.
class Evidence:
    """A word that spoke for the chosen issue; offsets are code points of the message as it was sent.

    `weight` is what the word adds to the issue's score (log-odds).
    """

    text: str
    start: int
    end: int
    weight: float


@dataclass(frozen=True, slots=True)
class Prediction:
    """What the classifier says of one message.

    Attributes:
        issues: the four likeliest issues by falling probability; likewise customers.
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
        also: an issue that a clause raises beside the message's is reported from this probability.
    """

    abstain: float
    margin: float
    also: float


@dataclass(frozen=True)
class Classifier:
    """Both heads, compiled.

    Attributes:
        words: word -> row of `weights`.
        n_words: the rows of words and pairs of words come first, then those of runs of characters.
        steps: (n_terms,), all terms as a trie: of each the row of the term it lengthens in the upper half, what it adds
            in the lower half: a code point, or the row of the second word. Single characters lengthen row n_terms;
            single words, which `words` finds, row n_terms + 1. Every beginning of a run is a term too.
        view_weights: Euclidean length of the words' and the characters' part of a message.
        idf: (n_terms,).
        weights: (n_terms, n_issues + n_customers), single precision.
        intercepts: (n_issues + n_customers,).
        temperatures: of the issue head and the customer head; see `model.calibration`.
        issue_codes, customer_codes: labels of the columns, issues first.
    """

    taxonomy: Taxonomy
    tokenizer: Tokenizer
    words: dict[str, int]
    n_words: int
    steps: NDArray[np.int64]
    view_weights: tuple[float, float]
    idf: Floats
    weights: NDArray[np.float32]
    intercepts: Floats
    temperatures: tuple[float, float]
    issue_codes: tuple[str, ...]
    customer_codes: tuple[str, ...]
    thresholds: Thresholds

    def __getstate__(self) -> dict[str, object]:
        return {name: getattr(self, name) for name in self.__dataclass_fields__}

    def __setstate__(self, state: dict[str, object]) -> None:
        # A memory-mapped array is of a subclass that makes every operation slower; a plain view of it is not.
        for name, value in state.items():
            object.__setattr__(self, name, np.asarray(value) if isinstance(value, np.memmap) else value)

    def predict(self, message: str) -> Prediction:
        """Both labels of one message, with evidence."""
        normal = remembered_normal_form(message)
        words = self.tokenizer.words(normal.text)
        n = len(self.issue_codes)
        probabilities, of_clauses, of_words = read_one(
            code_points(normal.text),
            self._rows(words),
            np.array([*map(len, words)], dtype=np.int64),
            n,
            self._temperatures,
            self._terms,
        )
        issues = _ranked(self.issue_codes, probabilities[:n])
        customers = _ranked(self.customer_codes, probabilities[n:])
        evidence = _evidence(message, normal, words, of_words.tolist())
        return Prediction(issues, customers, self._also(of_clauses, issues[0].code), evidence)

    def probabilities(self, messages: Sequence[str]) -> tuple[Floats, Floats]:
        """Probabilities (n_messages, n_issues) and (n_messages, n_customers), columns as in the codes."""
        joined = "".join(normalise(message).text + SEPARATOR for message in messages)
        words = self.tokenizer.words(joined)
        codes = code_points(joined)
        char_ends = np.flatnonzero(codes == ord(SEPARATOR))
        word_ends = np.flatnonzero(np.fromiter(map(SEPARATOR.__eq__, words), dtype=bool, count=len(words)))
        scores = score_all(codes, char_ends, self._rows(words), word_ends, self._terms)
        n = len(self.issue_codes)
        return calibrated(scores[:, :n], self.temperatures[0]), calibrated(scores[:, n:], self.temperatures[1])

    def unknown_words(self, messages: Sequence[str]) -> Floats:
        """Share of each message's words that training never met (or only once), (n_messages,)."""
        words = (self.tokenizer.words(normalise(message).text) for message in messages)
        return np.array([unknown_share(some, self.words) for some in words])

    @cached_property
    def _terms(self) -> Terms:
        keys, rows = hash_table(self.steps)
        view_weights = np.array(self.view_weights)
        return Terms(keys, rows, self.n_words, view_weights, self.idf, self.weights, self.intercepts)

    @cached_property
    def _temperatures(self) -> Floats:
        return np.array(self.temperatures)

    def _rows(self, words: list[str]) -> Integers:
        """Rows of single words, (n_words,); -1 for unknown ones."""
        return np.fromiter(map(self.words.get, words, repeat(-1)), dtype=np.int64, count=len(words))

    def _also(self, of_clauses: Floats, primary: str) -> tuple[Scored, ...]:
        """Issues that single clauses, by their probabilities, raise beside the primary one, likeliest first."""
        found: dict[str, float] = {}
        for probabilities in of_clauses:
            best = probabilities.argmax()
            code, confidence = self.issue_codes[best], float(probabilities[best])
            if confidence >= self.thresholds.also and code != primary and code not in NO_MATTER:
                found[code] = max(confidence, found.get(code, 0.0))
        ranked = sorted(found.items(), key=lambda item: -item[1])
        return tuple(Scored(code, confidence) for code, confidence in ranked[:MAX_ALSO])


def _evidence(message: str, normal: Normalised, words: list[str], weights: list[float]) -> tuple[Evidence, ...]:
    """The strongest words of the message, in its order."""
    ends = accumulate(map(len, words))
    found = [
        (weight, end - len(word), end)
        for word, weight, end in zip(words, weights, ends, strict=True)
        if weight > 0 and word.isalnum()
    ]
    strongest = sorted(found, reverse=True)[:MAX_EVIDENCE]
    evidence = []
    for weight, start, end in sorted(strongest, key=itemgetter(1)):
        first, last = normal.span(start, end)
        evidence.append(Evidence(message[first:last], first, last, round(weight, 3)))
    return tuple(evidence)


def _ranked(codes: tuple[str, ...], probabilities: Floats) -> tuple[Scored, ...]:
    order = (-probabilities).argsort(kind="stable")[:RANKED]
    return tuple(Scored(codes[i], p) for i, p in zip(order.tolist(), probabilities[order].tolist(), strict=True))
