"""The fitted model as arrays, and how it scores a message: what the artifact holds and the service runs.

Equal to the scikit-learn pipelines it is made from within 1e-9 (tests/test_inference.py), without their overhead.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, repeat
from operator import itemgetter
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from model.calibration import Floats, calibrated
from model.scoring import RANKED, SEPARATOR, CodePoints, Integers, Terms, code_points, hash_table, read_all, score_all
from model.taxonomy import Taxonomy
from model.text import Normalised, Tokenizer, normalise, remembered_normal_form, unknown_share

MAX_EVIDENCE = 5
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


class Prediction(NamedTuple):
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


class _Cut(NamedTuple):
    """Messages as `model.scoring` takes them: one after another, each with a separator behind it."""

    codes: CodePoints
    words: list[str]
    rows: Integers
    lengths: Integers


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
        if state.keys() != self.__dataclass_fields__.keys():
            raise TypeError("fields of another version of this program")
        # A memory-mapped array is of a subclass that makes every operation slower; a plain view of it is not.
        for name, value in state.items():
            object.__setattr__(self, name, np.asarray(value) if isinstance(value, np.memmap) else value)

    def predict(self, message: str) -> Prediction:
        """Both labels of one message, with evidence."""
        return self.predict_all([message])[0]

    def predict_all(self, messages: Sequence[str]) -> list[Prediction]:
        """`predict` for each; cheaper than one by one."""
        normal = [remembered_normal_form(message) for message in messages]
        cut = self._cut(normal)
        read = read_all(cut.codes, cut.rows, cut.lengths, len(self.issue_codes), self._temperatures, self._terms)
        word_ends, labels, confidences, clause_ends, clause_issues, clause_confidences, of_words = (
            part.tolist() for part in read
        )
        word = clause = 0
        predictions = []
        for place, (message, word_end, clause_end) in enumerate(zip(messages, word_ends, clause_ends, strict=True)):
            issues = _scored(self.issue_codes, labels[place][:RANKED], confidences[place][:RANKED])
            customers = _scored(self.customer_codes, labels[place][RANKED:], confidences[place][RANKED:])
            of_clauses = zip(clause_issues[clause:clause_end], clause_confidences[clause:clause_end], strict=True)
            evidence = _evidence(message, normal[place], cut.words[word:word_end], of_words[word:word_end])
            predictions.append(Prediction(issues, customers, self._also(of_clauses, issues[0].code), evidence))
            word, clause = word_end + 1, clause_end
        return predictions

    def probabilities(self, messages: Sequence[str]) -> tuple[Floats, Floats]:
        """Probabilities (n_messages, n_issues) and (n_messages, n_customers), columns as in the codes."""
        cut = self._cut([normalise(message) for message in messages])
        scores = score_all(cut.codes, cut.rows, cut.lengths, self._terms)
        n = len(self.issue_codes)
        return calibrated(scores[:, :n], self.temperatures[0]), calibrated(scores[:, n:], self.temperatures[1])

    def _cut(self, messages: Iterable[Normalised]) -> _Cut:
        joined = "".join([message.text + SEPARATOR for message in messages])
        words = self.tokenizer.words(joined)
        rows = np.fromiter(map(self.words.get, words, repeat(-1)), dtype=np.int64, count=len(words))
        lengths = np.fromiter(map(len, words), dtype=np.int64, count=len(words))
        return _Cut(code_points(joined), words, rows, lengths)

    def unknown_words(self, messages: Sequence[str]) -> Floats:
        """Share of each message's words that training met too seldom to learn them, (n_messages,)."""
        words = (self.tokenizer.words(normalise(message).text) for message in messages)
        return np.array([unknown_share(some, self.words) for some in words])

    @cached_property
    def _terms(self) -> Terms:
        view_weights = np.array(self.view_weights)
        return Terms(hash_table(self.steps), self.n_words, view_weights, self.idf, self.weights, self.intercepts)

    @cached_property
    def _temperatures(self) -> Floats:
        return np.array(self.temperatures)

    def _also(self, of_clauses: Iterable[tuple[int, float]], primary: str) -> tuple[Scored, ...]:
        """Issues that single clauses, by their likeliest, raise beside the primary one, likeliest first."""
        found: dict[str, float] = {}
        for best, confidence in of_clauses:
            code = self.issue_codes[best]
            if confidence >= self.thresholds.also and code != primary and code not in NO_MATTER:
                found[code] = max(confidence, found.get(code, 0.0))
        ranked = sorted(found.items(), key=lambda item: -item[1])
        return tuple(Scored(code, confidence) for code, confidence in ranked[:MAX_ALSO])


def _scored(codes: tuple[str, ...], labels: list[int], confidences: list[float]) -> tuple[Scored, ...]:
    n = min(RANKED, len(codes))
    return tuple(map(Scored._make, zip(map(codes.__getitem__, labels[:n]), confidences[:n], strict=True)))


def _evidence(message: str, normal: Normalised, words: list[str], weights: list[float]) -> tuple[Evidence, ...]:
    """The strongest words of the message, in its order."""
    ends = accumulate(map(len, words))
    found = [
        (weight, end - len(word), end)
        for word, weight, end in zip(words, weights, ends, strict=True)
        if weight > 0 and word.isalnum()
    ]
    if len(found) > MAX_EVIDENCE:
        found = sorted(sorted(found, reverse=True)[:MAX_EVIDENCE], key=itemgetter(1))
    evidence = []
    for weight, start, end in found:
        first, last = normal.span(start, end)
        evidence.append(Evidence(message[first:last], first, last, round(weight, 3)))
    return tuple(evidence)
