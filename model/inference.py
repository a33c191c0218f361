"""The fitted model as arrays, and how it scores a message: what the artifact holds and the service runs.

Equal to the scikit-learn pipelines it is made from within 1e-9 (tests/test_inference.py), without their overhead.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise, repeat
from operator import add
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import csr_array

from model.calibration import calibrated
from model.taxonomy import Taxonomy
from model.text import Normalised, Tokenizer, clauses, normalise, unknown_share

Floats = NDArray[np.float64]
MAX_EVIDENCE = 5
RANKED = 4
MAX_ALSO = 2
NO_MATTER = frozenset({"other", "greeting"})  # Not worth telling beside another issue.
# Never in a normal form, and a word of its own for jieba: parts the messages of a file.
_SEPARATOR = "\n"


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
        words, characters: term -> row of `weights`, for each view; the words' rows come first. The characters are
            closed under prefixes (a prefix occurs wherever the run does), so that a lookup that fails ends the search
            for longer runs.
        steps: (n_terms,), the same terms as a trie for whole files: of each the row of the term it lengthens in the
            upper half, what it adds in the lower half: a code point, or the row of the second word. Single characters
            lengthen row n_terms; single words, which `words` finds, row n_terms + 1.
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
    characters: dict[str, int]
    steps: NDArray[np.int64]
    view_weights: tuple[float, float]
    idf: Floats
    weights: NDArray[np.float32]
    intercepts: Floats
    temperatures: tuple[float, float]
    issue_codes: tuple[str, ...]
    customer_codes: tuple[str, ...]
    thresholds: Thresholds

    def __post_init__(self) -> None:
        index = pd.Index(self.steps)
        index.get_indexer(index[:1])  # Its hash table is made now: two threads must not make it at once.
        object.__setattr__(self, "_index", index)

    def __getstate__(self) -> dict[str, object]:
        return {name: getattr(self, name) for name in self.__dataclass_fields__}

    def __setstate__(self, state: dict[str, object]) -> None:
        # A memory-mapped array is of a subclass that makes every operation slower; a plain view of it is not.
        for name, value in state.items():
            object.__setattr__(self, name, np.asarray(value) if isinstance(value, np.memmap) else value)
        self.__post_init__()

    def predict(self, message: str) -> Prediction:
        """Both labels of one message, with evidence."""
        normal = normalise(message)
        words = self.tokenizer.words(normal.text)
        runs = self._rows_of_runs(normal.text)
        rows, values = self._weigh(self._rows_of_words(words), runs)
        weights = self.weights.take(rows, axis=0)
        scores = values @ weights + self.intercepts
        n = len(self.issue_codes)
        issues = _ranked(self.issue_codes, calibrated(scores[:n], self.temperatures[0]))
        customers = _ranked(self.customer_codes, calibrated(scores[n:], self.temperatures[1]))
        best = self.issue_codes.index(issues[0].code)
        contributions = (values * weights[:, best] / self.temperatures[0]).tolist()
        evidence = self._evidence(message, normal, words, runs, dict(zip(rows.tolist(), contributions, strict=True)))
        return Prediction(issues, customers, self._also(normal.text, issues[0].code), evidence)

    def probabilities(self, messages: Sequence[str]) -> tuple[Floats, Floats]:
        """Probabilities (n_messages, n_issues) and (n_messages, n_customers), columns as in the codes."""
        scores = self._times_weights(self._tfidf([normalise(message).text for message in messages])) + self.intercepts
        n = len(self.issue_codes)
        return calibrated(scores[:, :n], self.temperatures[0]), calibrated(scores[:, n:], self.temperatures[1])

    def unknown_words(self, messages: Sequence[str]) -> Floats:
        """Share of each message's words that training never met (or only once), (n_messages,)."""
        words = (self.tokenizer.words(normalise(message).text) for message in messages)
        return np.array([unknown_share(some, self.words) for some in words])

    def _also(self, text: str, primary: str) -> tuple[Scored, ...]:
        """Issues that single clauses raise beside the primary one, likeliest first."""
        found: dict[str, float] = {}
        n = len(self.issue_codes)
        for clause in clauses(text):
            rows, values = self._weigh(self._rows_of_words(self.tokenizer.words(clause)), self._rows_of_runs(clause))
            scores = (values @ self.weights.take(rows, axis=0) + self.intercepts)[:n]
            best = int(scores.argmax())
            code = self.issue_codes[best]
            if code == primary or code in NO_MATTER:
                continue
            confidence = float(calibrated(scores, self.temperatures[0])[best])
            if confidence >= self.thresholds.also:
                found[code] = max(confidence, found.get(code, 0.0))
        ranked = sorted(found.items(), key=lambda item: -item[1])
        return tuple(Scored(code, confidence) for code, confidence in ranked[:MAX_ALSO])

    def _rows_of_words(self, words: list[str]) -> list[int | None]:
        """Rows of `weights`, None for those that are in no vocabulary, of words and pairs of words."""
        return list(map(self.words.get, _word_terms(words)))

    def _rows_of_runs(self, text: str) -> list[int | None]:
        """Likewise of the runs of characters, in `_character_terms`' order."""
        return list(map(self.characters.get, _character_terms(text)))

    def _weigh(self, *rows_of_views: list[int | None]) -> tuple[NDArray[np.intp], Floats]:
        """Distinct rows of all views and their TF-IDF values, each view's of its weight's length."""
        counts = [_counted(rows) for rows in rows_of_views]
        rows = np.array([row for count in counts for row in count], dtype=np.intp)
        values = self.idf.take(rows)
        occurrences = [n for count in counts for n in count.values()]
        if sum(occurrences) > len(occurrences):
            values *= 1.0 + np.log(occurrences)
        start = 0
        for count, weight in zip(counts, self.view_weights, strict=True):
            part = values[start : start + len(count)]
            start += len(count)
            if norm := math.sqrt(part @ part):
                part *= weight / norm
        return rows, values

    def _tfidf(self, texts: list[str]) -> csr_array:
        """Sparse (n_messages, n_terms) of both views, each view's part of a row of its weight's length."""
        joined = "".join(text + _SEPARATOR for text in texts)
        owners, rows = self._terms(joined)
        # One sort brings together what a message holds twice; its words come before its characters, as the rows do.
        keys = (owners * len(self.idf) + rows)[rows >= 0]
        keys.sort()
        starts = np.flatnonzero(np.diff(keys, prepend=-1))
        counts = np.diff(starts, append=len(keys))
        owners, rows = np.divmod(keys[starts], len(self.idf))
        values = (1.0 + np.log(counts)) * self.idf[rows]
        parts = 2 * owners + (rows >= len(self.words))
        norms = np.sqrt(np.bincount(parts, values**2, minlength=2 * len(texts)))
        values *= np.take(self.view_weights, parts % 2) / norms[parts]
        ends = np.cumsum(np.bincount(owners, minlength=len(texts)))
        return csr_array((values, rows, np.concatenate([[0], ends])), shape=(len(texts), len(self.idf)))

    def _terms(self, joined: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Of every run of one or two words and one to three characters the place of its message and its row, or -1."""
        codes = np.frombuffer(joined.encode("utf-32-le"), dtype="<i4")
        one = self._lengthened(np.full(len(codes), len(self.steps)), codes)
        two = self._lengthened(one[:-1], codes[1:])
        three = self._lengthened(two[:-1], codes[2:])
        words = self.tokenizer.words(joined)
        single = np.fromiter(map(self.words.get, words, repeat(-1)), dtype=np.int64, count=len(words))
        pairs = self._lengthened(single[:-1], single[1:])
        of_char = np.cumsum(codes == ord(_SEPARATOR))
        of_word = np.cumsum(np.fromiter(map(_SEPARATOR.__eq__, words), dtype=bool, count=len(words)))
        owners = (of_word, of_word[:-1], of_char, of_char[:-1], of_char[:-2])
        return np.concatenate(owners), np.concatenate([single, pairs, one, two, three])

    def _lengthened(self, rows: NDArray[np.int64], added: NDArray[np.signedinteger]) -> NDArray[np.int64]:
        """Rows of the terms that are longer by what is added; -1 for no term, and where either is -1."""
        index: pd.Index[int] = self._index  # type: ignore[attr-defined]
        return index.get_indexer(pd.Index((rows << 32) | added))

    def _times_weights(self, matrix: csr_array) -> Floats:
        """`matrix @ weights` in double precision, widening only the rows of `weights` that these messages use."""
        used = np.zeros(len(self.idf), dtype=bool)
        used[matrix.indices] = True
        place = np.cumsum(used, dtype=np.int32) - 1
        compact = csr_array((matrix.data, place[matrix.indices], matrix.indptr), shape=(matrix.shape[0], used.sum()))
        product: Floats = compact @ self.weights[used].astype(np.float64)
        return product

    def _evidence(
        self, message: str, normal: Normalised, words: list[str], runs: list[int | None], of_row: dict[int, float]
    ) -> tuple[Evidence, ...]:
        """The strongest words. A term's contribution is spread over the characters it covers, wherever it stands."""
        n = len(normal.text)
        of_char = [0.0] * n
        for i, row in enumerate(runs[:n]):
            if row is not None:
                of_char[i] += of_row[row]
        for i, row in enumerate(runs[n : 2 * n - 1]):
            if row is not None:
                share = of_row[row] / 2
                of_char[i] += share
                of_char[i + 1] += share
        for i, row in enumerate(runs[2 * n - 1 :]):
            if row is not None:
                share = of_row[row] / 3
                of_char[i] += share
                of_char[i + 1] += share
                of_char[i + 2] += share
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


def _counted(rows: list[int | None]) -> dict[int, int]:
    """How often each known row occurs; most messages repeat nothing."""
    known = [row for row in rows if row is not None]
    counts = dict.fromkeys(known, 1)
    if len(counts) < len(known):
        counts = dict.fromkeys(known, 0)
        for row in known:
            counts[row] += 1
    return counts


def _word_terms(words: list[str]) -> list[str]:
    """`model.features.WordView`'s terms, from words already cut."""
    return words + list(map("\t".join, pairwise(words)))


def _character_terms(text: str) -> list[str]:
    """`model.features.character_view`'s terms: all characters, then all pairs, then all threes, each in order."""
    pairs = list(map(add, text, text[1:]))
    return [*text, *pairs, *map(add, pairs, text[2:])]


def _ranked(codes: tuple[str, ...], probabilities: Floats) -> tuple[Scored, ...]:
    values = probabilities.tolist()
    order = sorted(range(len(values)), key=values.__getitem__, reverse=True)
    return tuple(Scored(codes[i], values[i]) for i in order[:RANKED])
