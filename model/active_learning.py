"""Which messages are worth a person's time: those from whose labels the next model learns most.

A message scores by uncertainty (margin between the two likeliest issues; Settles, Active Learning Literature Survey,
2009, section 3.1), by novelty (how much of it is in words the training data do not have) and by dispute (somebody, or
the search for label errors, says another issue than the model). The best are then taken one by one, farthest first, so
that they do not all say the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import NamedTuple

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer

from model.calibration import Floats
from model.features import character_view
from model.inference import Classifier
from model.text import normalise

NOVELTY_WEIGHT = 0.5
DISPUTE_WEIGHT = 0.5
POOL = 5_000  # The best by score; only they are put in order, which bounds time and memory for any queue.
SPREAD = 1_000  # So many are taken farthest first: more than people label in a day.
NEAR_COPY = 0.6  # Cosine of character TF-IDF; one of two such messages teaches what the other does.
# From these on a message's reason is told as such.
SAID_UNCERTAIN = 0.5
SAID_NOVEL = 0.25


class Reason(StrEnum):
    """Why a message comes early; the value is what staff read."""

    disputed = "标注有分歧"
    novel = "有没见过的词"
    uncertain = "模型拿不准"
    spread = "补充不同的说法"


class Candidate(NamedTuple):
    """A message that waits, with the issue that somebody says it is, if anybody does."""

    id: int
    text: str
    suggested_issue: str | None = None


class _Scored(NamedTuple):
    candidate: Candidate
    score: float
    reason: Reason


def uncertainty(probabilities: Floats) -> Floats:
    """One less the margin between the two likeliest labels: (n_messages, n_labels) -> (n_messages,), from 0 to 1."""
    if probabilities.shape[1] < 2:
        return np.zeros(len(probabilities))
    best = np.partition(probabilities, -2, axis=1)[:, -2:]
    return 1.0 - (best[:, 1] - best[:, 0])


def novelty(classifier: Classifier, text: str) -> float:
    """Share of a message's letters that stand in words the classifier has no weight for, from 0 to 1."""
    words = [word for word in classifier.tokenizer.words(normalise(text).text) if word.isalpha()]
    letters = sum(map(len, words))
    unseen = sum(len(word) for word in words if word not in classifier.words)
    return unseen / letters if letters else 0.0


def rank(classifier: Classifier, parts: Iterable[Sequence[Candidate]]) -> list[tuple[int, Reason]]:
    """The POOL best candidates, best first: their ids, each with the reason.

    Args:
        classifier: the model in use.
        parts: all candidates, in parts of any size; only one part and the pool are held in memory.
    """
    pool: list[_Scored] = []
    for part in parts:
        pool += _score(classifier, part)
        if len(pool) > 2 * POOL:
            pool = _best(pool)
    pool = _best(pool)
    return [(pool[i].candidate.id, pool[i].reason) for i in _spread(pool)]


def _best(pool: list[_Scored]) -> list[_Scored]:
    return sorted(pool, key=lambda scored: (-scored.score, scored.candidate.id))[:POOL]


def _score(classifier: Classifier, candidates: Sequence[Candidate]) -> list[_Scored]:
    probabilities, _ = classifier.probabilities([candidate.text for candidate in candidates])
    margins = uncertainty(probabilities)
    scored = []
    for candidate, row, unsure in zip(candidates, probabilities, margins, strict=True):
        unseen = novelty(classifier, candidate.text)
        predicted = classifier.issue_codes[int(row.argmax())]
        disputed = candidate.suggested_issue not in {None, predicted}
        if disputed:
            reason = Reason.disputed
        elif unseen >= SAID_NOVEL:
            reason = Reason.novel
        else:
            reason = Reason.uncertain if unsure >= SAID_UNCERTAIN else Reason.spread
        score = float(unsure) + NOVELTY_WEIGHT * unseen + DISPUTE_WEIGHT * disputed
        scored.append(_Scored(candidate, score, reason))
    return scored


def _spread(pool: list[_Scored]) -> list[int]:
    """Places in the pool in the order of labelling; near copies of one that was taken come last."""
    if len(pool) < 2:
        return list(range(len(pool)))
    scores = np.array([scored.score for scored in pool])
    vectorizer = TfidfVectorizer(analyzer=character_view, sublinear_tf=True)
    vectors = vectorizer.fit_transform([normalise(scored.candidate.text).text or " " for scored in pool])
    likeness = np.zeros(len(pool))  # To the likest one taken.
    waits = np.ones(len(pool), dtype=bool)
    order: list[int] = []
    while len(order) < min(SPREAD, len(pool)):
        gain = np.where(waits & (likeness < NEAR_COPY), scores * (1.0 - likeness), -1.0)
        chosen = int(gain.argmax())
        if gain[chosen] < 0:
            break
        order.append(chosen)
        waits[chosen] = False
        likeness = np.maximum(likeness, (vectors @ vectors[chosen].T).toarray().ravel())
    rest = np.flatnonzero(waits)
    copies = likeness[rest] >= NEAR_COPY
    return [*order, *rest[~copies], *rest[copies]]
