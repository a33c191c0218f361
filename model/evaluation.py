"""Metrics of predictions against gold labels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict
from sklearn.metrics import precision_recall_fscore_support

from model.dataset import Message

Floats = NDArray[np.float64]
CALIBRATION_BINS = 10
MAX_CONFUSIONS = 10
RISK_POINTS = 51


class LabelReport(BaseModel):
    """Precision, recall and F1 of one label; support is the number of gold messages."""

    model_config = ConfigDict(frozen=True)

    precision: float
    recall: float
    f1: float
    support: int


class Confusion(BaseModel):
    """How often a gold label was taken for another."""

    model_config = ConfigDict(frozen=True)

    gold: str
    predicted: str
    count: int


class ReliabilityBin(BaseModel):
    """Messages of like confidence: how sure the model was and how often it was right."""

    model_config = ConfigDict(frozen=True)

    confidence: float
    accuracy: float
    count: int


class RiskPoint(BaseModel):
    """When only the most confident share of the messages is answered: the share of wrong answers among them."""

    model_config = ConfigDict(frozen=True)

    coverage: float
    risk: float


class Report(BaseModel):
    """Metrics of one evaluation. Macro-F1 averages over the labels that occur in the gold or the predicted labels.

    `issue_lenient_accuracy` counts a prediction right when it is the primary or a secondary label. `ece` is the
    expected calibration error of the issue over ten bins of equal width. The two `…_5` figures average F1 over the
    labels with at least five gold messages. `coverage` is the share of messages above the abstention threshold and
    `coverage_accuracy` the issue accuracy on them. `also_precision` and `also_recall` compare the secondary issues
    reported with those labelled, over all messages and over those that have one.
    """

    model_config = ConfigDict(frozen=True)

    n: int
    issue_accuracy: float
    issue_macro_f1: float
    issue_macro_f1_5: float
    issue_top3: float
    issue_lenient_accuracy: float
    customer_accuracy: float
    customer_macro_f1: float
    customer_macro_f1_5: float
    ece: float
    coverage: float
    coverage_accuracy: float
    also_precision: float
    also_recall: float
    reliability: list[ReliabilityBin]
    risk_coverage: list[RiskPoint]
    issues: dict[str, LabelReport]
    customers: dict[str, LabelReport]
    confusions: list[Confusion]


def evaluate(
    messages: Sequence[Message],
    issue_probabilities: Floats,
    issue_codes: Sequence[str],
    customer_probabilities: Floats,
    customer_codes: Sequence[str],
    also: Sequence[Sequence[str]],
    abstain: float,
) -> Report:
    """Compare predictions with the messages' labels.

    Args:
        messages: with gold labels.
        issue_probabilities: (n_messages, n_issues), columns as in `issue_codes`; likewise for customers.
        also: the secondary issues reported for each message.
        abstain: the abstention threshold on the issue's probability.
    """
    gold = [message.issue for message in messages]
    codes = np.asarray(issue_codes)
    order = np.argsort(-issue_probabilities, axis=1, kind="stable")
    predicted = codes[order[:, 0]].tolist()
    top3 = codes[order[:, :3]].tolist()
    correct = np.array([p == g for p, g in zip(predicted, gold, strict=True)])
    customers_gold = [message.customer for message in messages]
    customers = np.asarray(customer_codes)[customer_probabilities.argmax(axis=1)].tolist()
    by_issue = _by_label(gold, predicted)
    by_customer = _by_label(customers_gold, customers)
    confidence = issue_probabilities.max(axis=1)
    covered = confidence >= abstain
    also_precision, also_recall = _also_scores(messages, predicted, also)
    wrong = Counter((g, p) for g, p in zip(gold, predicted, strict=True) if g != p)
    return Report(
        n=len(messages),
        issue_accuracy=float(correct.mean()),
        issue_macro_f1=_mean_f1(by_issue),
        issue_macro_f1_5=_mean_f1(by_issue, min_support=5),
        issue_top3=float(np.mean([g in three for g, three in zip(gold, top3, strict=True)])),
        issue_lenient_accuracy=float(
            np.mean([p in (m.issue, *m.secondary) for p, m in zip(predicted, messages, strict=True)])
        ),
        customer_accuracy=float(np.mean([p == g for p, g in zip(customers, customers_gold, strict=True)])),
        customer_macro_f1=_mean_f1(by_customer),
        customer_macro_f1_5=_mean_f1(by_customer, min_support=5),
        ece=calibration_error(confidence, correct),
        coverage=float(covered.mean()),
        coverage_accuracy=float(correct[covered].mean()) if covered.any() else 0.0,
        also_precision=also_precision,
        also_recall=also_recall,
        reliability=reliability(confidence, correct),
        risk_coverage=_risk_coverage(confidence, correct),
        issues=by_issue,
        customers=by_customer,
        confusions=[Confusion(gold=g, predicted=p, count=count) for (g, p), count in wrong.most_common(MAX_CONFUSIONS)],
    )


def calibration_error(confidence: Floats, correct: NDArray[np.bool_]) -> float:
    """Expected calibration error: mean gap of confidence and accuracy over equal bins, weighted by their size."""
    bins = reliability(confidence, correct)
    return sum(abs(b.confidence - b.accuracy) * b.count for b in bins) / len(confidence)


def reliability(confidence: Floats, correct: NDArray[np.bool_]) -> list[ReliabilityBin]:
    """Confidence and accuracy over ten bins of equal width, empty ones left out."""
    bins = np.minimum((confidence * CALIBRATION_BINS).astype(int), CALIBRATION_BINS - 1)
    return [
        ReliabilityBin(
            confidence=float(confidence[bins == b].mean()),
            accuracy=float(correct[bins == b].mean()),
            count=int((bins == b).sum()),
        )
        for b in np.unique(bins)
    ]


def _risk_coverage(confidence: Floats, correct: NDArray[np.bool_]) -> list[RiskPoint]:
    order = np.argsort(-confidence, kind="stable")
    risk = 1 - np.cumsum(correct[order]) / np.arange(1, len(order) + 1)
    places = np.unique(np.linspace(0, len(order) - 1, RISK_POINTS).astype(int))
    return [RiskPoint(coverage=float((i + 1) / len(order)), risk=float(risk[i])) for i in places]


def _also_scores(
    messages: Sequence[Message], predicted: Sequence[str], also: Sequence[Sequence[str]]
) -> tuple[float, float]:
    """Precision of the secondary issues reported, and recall of those labelled (a swapped primary counts as found)."""
    reported = found = wanted_total = 0
    for message, best, further in zip(messages, predicted, also, strict=True):
        wanted = {message.issue, *message.secondary} - {best} if message.secondary else set()
        reported += len(further)
        found += len(wanted.intersection(further))
        wanted_total += len(wanted)
    return found / max(reported, 1), found / max(wanted_total, 1)


def _by_label(gold: list[str], predicted: list[str]) -> dict[str, LabelReport]:
    labels = sorted(set(gold) | set(predicted))
    rows = zip(labels, *precision_recall_fscore_support(gold, predicted, labels=labels, zero_division=0.0), strict=True)
    return {
        label: LabelReport(precision=float(p), recall=float(r), f1=float(f), support=int(n))
        for label, p, r, f, n in rows
    }


def _mean_f1(by_label: dict[str, LabelReport], min_support: int = 0) -> float:
    scores = [label.f1 for label in by_label.values() if label.support >= min_support]
    return float(np.mean(scores)) if scores else 0.0
