"""The fitted model as arrays, and how it scores a message: what the artifact holds and the service runs.

Equal to the scikit-learn pipelines it is made from within 1e-9 (tests/test_inference.py), without their overhead.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from model.taxonomy import Taxonomy
from model.text import Normalised, Tokenizer, normalise

Floats = NDArray[np.float64]
MAX_EVIDENCE = 5
MAX_ALSO = 2
# Never in a normal form: slices that run over the end of the text meet it and are in no vocabulary.
_END = "\0\0"


class Scored(NamedTuple):
    """A label with its calibrated probability."""

    code: str
    confidence: float


@dataclass(frozen=True, slots=True)
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
        words, characters: term -> row of `weights`, for each view. The characters are closed under prefixes (a
            prefix occurs wherever the run does), so that a lookup that fails ends the search for longer runs.
        view_weights: Euclidean length of the words' and the characters' part of a message.
        idf: (n_terms,).
        weights: (n_terms, n_issues + n_customers), divided by each head's temperature.
        intercepts: (n_issues + n_customers,), likewise.
        issue_codes, customer_codes: labels of the columns, issues first.
    """

    taxonomy: Taxonomy
    tokenizer: Tokenizer
    words: dict[str, int]
    characters: dict[str, int]
    view_weights: tuple[float, float]
    idf: Floats
    weights: Floats
    intercepts: Floats
    issue_codes: tuple[str, ...]
    customer_codes: tuple[str, ...]
    thresholds: Thresholds

    def predict(self, message: str) -> Prediction:
        """Both labels of one message, with evidence."""
        normal = normalise(message)
        words = self.tokenizer.words(normal.text)
        word_rows, character_rows = self._word_rows(words), self._character_rows(normal.text)
        rows, values = self._weigh(word_rows, character_rows)
        scores = values @ self.weights[rows] + self.intercepts
        n = len(self.issue_codes)
        issues = _ranked(self.issue_codes, _softmax(scores[:n]))
        customers = _ranked(self.customer_codes, _softmax(scores[n:]))
        also = tuple(label for label in issues[1 : 1 + MAX_ALSO] if label.confidence >= self.thresholds.also)
        evidence = self._evidence(message, normal, words, rows, values, issues[0].code)
        return Prediction(issues, customers, also, evidence)

    def probabilities(self, messages: Sequence[str]) -> tuple[Floats, Floats]:
        """Probabilities (n_messages, n_issues) and (n_messages, n_customers), columns as in the codes."""
        texts = [normalise(message).text for message in messages]
        scores = np.tile(self.intercepts, (len(texts), 1))
        views = (
            ([self._word_rows(self.tokenizer.words(text)) for text in texts], self.view_weights[0]),
            ([self._character_rows(text) for text in texts], self.view_weights[1]),
        )
        for rows_of_texts, weight in views:
            matrix = self._tfidf(rows_of_texts, weight)
            scores += matrix @ self.weights
        n = len(self.issue_codes)
        return _softmax(scores[:, :n]), _softmax(scores[:, n:])

    def _word_rows(self, words: list[str]) -> list[int]:
        lookup = self.words.get
        rows = [row for word in words if (row := lookup(word)) is not None]
        rows += [row for first, second in pairwise(words) if (row := lookup(f"{first}\t{second}")) is not None]
        return rows

    def _character_rows(self, text: str) -> list[int]:
        lookup = self.characters.get
        padded = text + _END
        rows: list[int] = []
        add = rows.append
        for i in range(len(text)):
            one = lookup(padded[i])
            if one is None:
                continue
            add(one)
            two = lookup(padded[i : i + 2])
            if two is None:
                continue
            add(two)
            three = lookup(padded[i : i + 3])
            if three is not None:
                add(three)
        return rows

    def _weigh(self, *rows_of_views: list[int]) -> tuple[list[int], Floats]:
        """Distinct rows of all views and their TF-IDF values, each view's of its weight's length."""
        all_rows: list[int] = []
        parts: list[Floats] = []
        for rows, weight in zip(rows_of_views, self.view_weights, strict=True):
            distinct = set(rows)
            if len(distinct) == len(rows):
                values = self.idf[rows]
            else:
                counts = dict.fromkeys(rows, 0)
                for row in rows:
                    counts[row] += 1
                rows = list(counts)
                values = self.idf[rows] * [1.0 + math.log(count) for count in counts.values()]
            norm = math.sqrt(values @ values)
            parts.append(values * (weight / norm) if norm else values)
            all_rows += rows
        return all_rows, np.concatenate(parts)

    def _tfidf(self, rows_of_texts: list[list[int]], weight: float) -> csr_array:
        """Sparse (n_messages, n_terms), one view's TF-IDF."""
        lengths = np.fromiter(map(len, rows_of_texts), dtype=np.int64, count=len(rows_of_texts))
        starts = np.concatenate([[0], np.cumsum(lengths)])
        indices = np.fromiter((row for rows in rows_of_texts for row in rows), dtype=np.int32, count=int(starts[-1]))
        shape = (len(rows_of_texts), len(self.idf))
        matrix = csr_array((np.ones(len(indices)), indices, starts), shape=shape)
        matrix.sum_duplicates()
        matrix.data = (1.0 + np.log(matrix.data)) * self.idf[matrix.indices]
        squares = np.concatenate([[0.0], np.cumsum(matrix.data**2)])
        norms = np.sqrt(squares[matrix.indptr[1:]] - squares[matrix.indptr[:-1]])
        norms[norms == 0] = 1.0
        matrix.data *= np.repeat(weight / norms, np.diff(matrix.indptr))
        return matrix

    def _evidence(
        self, message: str, normal: Normalised, words: list[str], rows: list[int], values: Floats, code: str
    ) -> tuple[Evidence, ...]:
        """The strongest words. A term's contribution is spread over the characters it covers, wherever it stands."""
        contributions = (values * self.weights[rows, self.issue_codes.index(code)]).tolist()
        of_row = dict(zip(rows, contributions, strict=True))
        text = normal.text
        of_char = [0.0] * len(text)
        lookup = self.characters.get
        for i in range(len(text)):
            for n in (1, 2, 3):
                row = lookup(text[i : i + n]) if i + n <= len(text) else None
                if row is None:
                    break
                share = of_row[row] / n
                for k in range(i, i + n):
                    of_char[k] += share
        found = []
        start = 0
        for word in words:
            end = start + len(word)
            row = self.words.get(word)
            weight = sum(of_char[start:end]) + (of_row[row] if row is not None else 0.0)
            if weight > 0 and word.isalnum():
                found.append((weight, start, end))
            start = end
        found.sort(reverse=True)
        evidence = []
        for weight, start, end in sorted(found[:MAX_EVIDENCE], key=lambda item: item[1]):
            first, last = normal.span(start, end)
            evidence.append(Evidence(message[first:last], first, last, round(weight, 3)))
        return tuple(evidence)


def _softmax(scores: Floats) -> Floats:
    powers = np.exp(scores - scores.max(axis=-1, keepdims=True))
    probabilities: Floats = powers / powers.sum(axis=-1, keepdims=True)
    return probabilities


def _ranked(codes: tuple[str, ...], probabilities: Floats) -> tuple[Scored, ...]:
    values = probabilities.tolist()
    order = sorted(range(len(values)), key=values.__getitem__, reverse=True)
    return tuple(Scored(codes[i], values[i]) for i in order)
