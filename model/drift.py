"""Drift: whether what buyers write now is still like what the model was trained on.

The measure is the population stability index (PSI) of recent messages against held-out predictions of the training
messages: the sum over bins of (p - q) ln(p / q).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict
from scipy.special import chdtri

from model.inference import Classifier
from model.predictions import Predictions

Floats = NDArray[np.float64]
Measure = Literal["unknown_words", "confidence", "abstentions", "issues"]
MEASURE_NAMES: dict[Measure, str] = {
    "unknown_words": "生词占比",
    "confidence": "把握程度",
    "abstentions": "把握不足的占比",
    "issues": "问题类型构成",
}
# Below 0.1 no change, above 0.25 a change that asks for action: Siddiqi, Credit Risk Scorecards, Wiley 2006, ch. 8.
WATCH_PSI = 0.1
ACT_PSI = 0.25
# Two samples of the same population exceed (1/n + 1/m) times the quantile of chi-squared this often: few messages in
# many bins reach 0.25 by chance. Yurdakul and Naranjo, Statistical properties of the population stability index,
# Journal of Risk Model Validation 14 (4), 2020.
CHANCE = 0.05
MIN_MESSAGES = 100
UNKNOWN_WORD_EDGES = (0.0, 0.1, 0.25, 0.5)  # Most messages have no unknown word: a bin of their own, then the rest.
CONFIDENCE_BINS = 10
EMPTY_BIN = 0.5  # What an empty bin counts, in messages, so that the logarithm exists.
GROWN_SHOWN = 3
CHUNK = 200  # Messages scored at a time: a server's other threads get their turn between two.


@dataclass(frozen=True)
class Traffic:
    """What a model says of messages without labels.

    Attributes:
        issues: the likeliest issue of each, (n,).
        confidence: its probability, (n,).
        unknown_words: share of each message's words that the model's vocabulary lacks, (n,).
    """

    issues: Sequence[str]
    confidence: Floats
    unknown_words: Floats


class Reference(BaseModel):
    """How the training messages look to a model that has not seen their voice; kept in the manifest.

    Attributes:
        n: messages.
        issues: messages by predicted issue.
        confidence_edges: the deciles of the confidence (nine), which make ten bins; confidence: messages in each.
        unknown_words: messages by their share of unknown words, bins as in UNKNOWN_WORD_EDGES.
        abstain: the threshold on the confidence; abstentions: messages below it.
    """

    model_config = ConfigDict(frozen=True)

    n: int
    issues: dict[str, int]
    confidence_edges: list[float]
    confidence: list[int]
    unknown_words: list[int]
    abstain: float
    abstentions: int


class MeasureDrift(BaseModel):
    """One measure. `act_from` is ACT_PSI, or more where so few messages reach that by chance.

    `worse`: the change is to more unknown words, less confidence, more abstentions; any other mix of issues is.
    """

    model_config = ConfigDict(frozen=True)

    measure: Measure
    name: str
    psi: float
    act_from: float
    worse: bool

    @property
    def has_drifted(self) -> bool:
        """Whether the measure asks for action: traffic that is easier than the training messages does not."""
        return self.worse and self.psi >= self.act_from


class Drift(BaseModel):
    """Recent messages against the reference.

    Attributes:
        n: recent messages.
        measures: empty with fewer than MIN_MESSAGES messages.
        with_unknown_words: share of the messages that hold any word the vocabulary lacks, before and now;
            abstentions: likewise below the abstention threshold.
        grown: the issues whose share grew most, with the share before and now.
        time_to_label: whether new labels are due; advice: why and what, for people.
    """

    model_config = ConfigDict(frozen=True)

    n: int
    measures: list[MeasureDrift]
    with_unknown_words: tuple[float, float]
    abstentions: tuple[float, float]
    grown: dict[str, tuple[float, float]]
    time_to_label: bool
    advice: list[str]


def traffic(classifier: Classifier, texts: Sequence[str]) -> Traffic:
    """What the classifier says of messages."""
    best: list[str] = []
    confidence, unknown_words = [np.empty(0)], [np.empty(0)]
    for start in range(0, len(texts), CHUNK):
        chunk = texts[start : start + CHUNK]
        issues, _ = classifier.probabilities(chunk)
        best += [classifier.issue_codes[column] for column in issues.argmax(axis=1)]
        confidence.append(issues.max(axis=1))
        unknown_words.append(classifier.unknown_words(chunk))
    return Traffic(best, np.concatenate(confidence), np.concatenate(unknown_words))


def reference(predictions: Predictions, abstain: float) -> Reference:
    """The reference of a model, from its held-out predictions and its abstention threshold."""
    confidence = predictions.issues.max(axis=1)
    edges = np.quantile(confidence, np.linspace(0, 1, CONFIDENCE_BINS + 1)[1:-1])
    return Reference(
        n=len(predictions.messages),
        issues=dict(Counter(predictions.best_issues().tolist())),
        confidence_edges=edges.tolist(),
        confidence=_histogram(confidence, edges),
        unknown_words=_histogram(predictions.unknown_words, UNKNOWN_WORD_EDGES),
        abstain=abstain,
        abstentions=int((confidence < abstain).sum()),
    )


def drift(reference: Reference, recent: Traffic) -> Drift:
    """Compare recent messages with the reference."""
    n = len(recent.issues)
    unknown_words = _histogram(recent.unknown_words, UNKNOWN_WORD_EDGES)
    abstentions = int((recent.confidence < reference.abstain).sum())
    now = Counter(recent.issues)
    codes = sorted({*reference.issues, *now})
    bins: dict[Measure, tuple[list[int], list[int]]] = {
        "unknown_words": (reference.unknown_words, unknown_words),
        "confidence": (reference.confidence, _histogram(recent.confidence, reference.confidence_edges)),
        "abstentions": (
            [reference.n - reference.abstentions, reference.abstentions],
            [n - abstentions, abstentions],
        ),
        "issues": ([reference.issues.get(code, 0) for code in codes], [now[code] for code in codes]),
    }
    measures = [_measure(name, *counts) for name, counts in bins.items()] if n >= MIN_MESSAGES else []
    shares = {code: (reference.issues.get(code, 0) / reference.n, now[code] / max(n, 1)) for code in codes}
    grown = sorted(codes, key=lambda code: shares[code][0] - shares[code][1])[:GROWN_SHOWN]
    drifted = [measure for measure in measures if measure.has_drifted]
    return Drift(
        n=n,
        measures=measures,
        with_unknown_words=(1 - reference.unknown_words[0] / reference.n, 1 - unknown_words[0] / n if n else 0.0),
        abstentions=(reference.abstentions / reference.n, abstentions / max(n, 1)),
        grown={code: shares[code] for code in grown if shares[code][1] > shares[code][0]},
        time_to_label=bool(drifted),
        advice=_advice(n, measures, drifted),
    )


def stability_index(before: Sequence[int], now: Sequence[int]) -> float:
    """PSI of two histograms over the same bins; a bin that is empty on one side counts half a message there."""
    p, q = (np.maximum(np.asarray(counts, dtype=np.float64), EMPTY_BIN) for counts in (before, now))
    p, q = p / p.sum(), q / q.sum()
    return float(((p - q) * np.log(p / q)).sum())


def _measure(measure: Measure, before: list[int], now: list[int]) -> MeasureDrift:
    freedom = sum(max(pair) > 0 for pair in zip(before, now, strict=True)) - 1
    by_chance = (1 / sum(before) + 1 / sum(now)) * float(chdtri(max(freedom, 1), CHANCE))
    return MeasureDrift(
        measure=measure,
        name=MEASURE_NAMES[measure],
        psi=round(stability_index(before, now), 4),
        act_from=round(max(ACT_PSI, by_chance), 4),
        worse=measure == "issues" or (_mean_bin(now) > _mean_bin(before)) != (measure == "confidence"),
    )


def _mean_bin(counts: Sequence[int]) -> float:
    return float(np.average(np.arange(len(counts)), weights=counts))


def _histogram(values: Floats, edges: Sequence[float] | Floats) -> list[int]:
    """Messages in each bin; an edge belongs to the bin below it."""
    bins = np.searchsorted(np.asarray(edges), values, side="left")
    return [int(count) for count in np.bincount(bins, minlength=len(edges) + 1)]


def _advice(n: int, measures: list[MeasureDrift], drifted: list[MeasureDrift]) -> list[str]:
    if n < MIN_MESSAGES:
        return [f"只有 {n} 条消息，不足 {MIN_MESSAGES} 条，还看不出变化"]
    if drifted:
        why = "、".join(f"{measure.name}（PSI {measure.psi:.2f}）" for measure in drifted)
        return [f"该标注了：{why}与训练数据明显不同", "下一步：shouhou label 挑出最值得标的消息，标好后 shouhou train"]
    if watched := [measure.name for measure in measures if measure.worse and measure.psi >= WATCH_PSI]:
        return [f"有些变化，还不必标注：{'、'.join(watched)}（PSI 超过 {WATCH_PSI}）"]
    return ["与训练数据一致，不必标注"]
