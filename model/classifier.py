"""Fit both heads on labelled messages and compile them for serving."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray
from scipy.special import softmax
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold
from sklearn.pipeline import FeatureUnion, Pipeline

from model.dataset import Message
from model.evaluation import Report, evaluate
from model.features import VIEW_WEIGHTS, build_features
from model.head import CalibratedLinear, Floats, fit_temperature
from model.inference import MAX_ALSO, Classifier, Thresholds
from model.taxonomy import Head, Taxonomy
from model.text import Tokenizer, normalise

FOLDS = 5
JOBS = 2
TARGET_PRECISION = 0.90
# Real chats are stranger than a voice the model has not seen: probabilities that are right for held-out voices are too
# sure of them. Measured on one half of a real sample (training_data/README.md).
REAL_SHIFT = 1.25
# Customer types are rare: nine in ten messages are calm. Half-balanced weights find more of the others.
CLASS_WEIGHT_POWER = {"issue": 0.0, "customer": 0.5}
# Two leading issues whose probabilities differ by less cannot be told apart.
MARGIN = 0.1

Labels = NDArray[np.str_]
Fold = tuple[NDArray[np.intp], NDArray[np.intp]]
FittedFold = tuple[FeatureUnion, dict[Head, CalibratedLinear], dict[Head, Floats]]


@dataclass(frozen=True)
class Fitted:
    """Result of a training run.

    Attributes:
        classifier: compiled, ready to serve.
        pipelines: the two fitted scikit-learn pipelines it was compiled from (normalised texts in).
        held_out: metrics on messages whose voice the scoring model had never seen.
    """

    classifier: Classifier
    pipelines: dict[Head, Pipeline]
    held_out: Report


def fit(
    messages: Sequence[Message],
    taxonomy: Taxonomy,
    lexicon: list[str],
    progress: Callable[[], None] = lambda: None,
) -> Fitted:
    """Fit, calibrate and evaluate both heads.

    Args:
        messages: labelled messages; those of one voice always stay on one side of a split.
        taxonomy: the label sets.
        lexicon: shop words for the tokenizer.
        progress: called after each of FOLDS + 1 fits.
    """
    tokenizer = Tokenizer(lexicon)
    texts, labels = _texts_and_labels(messages)
    folds = split_by_voice(messages)
    everything = np.arange(len(texts)), np.arange(0)
    results = []
    for result in Parallel(n_jobs=JOBS, return_as="generator")(
        delayed(_fit_heads)(tokenizer, texts, labels, fold) for fold in [*folds, everything]
    ):
        results.append(result)
        progress()
    features, heads, _ = results.pop()
    scores = _held_out_scores(labels, folds, results)
    probabilities: dict[Head, Floats] = {}
    for name, head in heads.items():
        if len(head.classes_) > 1:
            head.temperature_ = REAL_SHIFT * fit_temperature(scores[name], np.searchsorted(head.classes_, labels[name]))
        probabilities[name] = softmax(scores[name] / head.temperature_, axis=1)
    issue_codes = heads["issue"].classes_
    correct = issue_codes[probabilities["issue"].argmax(axis=1)] == labels["issue"]
    thresholds = Thresholds(
        abstain=_abstention_threshold(probabilities["issue"], correct),
        margin=MARGIN,
        also=_also_threshold(probabilities["issue"], issue_codes, messages),
    )
    classifier = compile_heads(features, heads, taxonomy, tokenizer, thresholds)
    report = evaluate(
        messages,
        probabilities["issue"],
        classifier.issue_codes,
        probabilities["customer"],
        classifier.customer_codes,
        thresholds,
    )
    pipelines = {name: Pipeline([("features", features), ("head", head)]) for name, head in heads.items()}
    return Fitted(classifier, pipelines, report)


def held_out_probabilities(messages: Sequence[Message], lexicon: list[str], head: Head) -> Floats:
    """Uncalibrated probabilities (n_messages, n_labels), each from a model that has not seen the message's voice.

    Columns are the labels that occur, sorted.
    """
    tokenizer = Tokenizer(lexicon)
    texts, labels = _texts_and_labels(messages)
    labels = {head: labels[head]}
    folds = split_by_voice(messages)
    results = Parallel(n_jobs=JOBS)(delayed(_fit_heads)(tokenizer, texts, labels, fold) for fold in folds)
    return np.asarray(softmax(_held_out_scores(labels, folds, results)[head], axis=1))


def split_by_voice(messages: Sequence[Message]) -> list[Fold]:
    """FOLDS splits (train, test) stratified by issue that never part a voice; by message where voices are too few."""
    voices = [message.voice for message in messages]
    issues = [message.issue for message in messages]
    if len(set(voices)) >= FOLDS:
        by_voice = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=0)
        return list(by_voice.split(voices, issues, voices))
    return list(StratifiedKFold(FOLDS, shuffle=True, random_state=0).split(issues, issues))


def _texts_and_labels(messages: Sequence[Message]) -> tuple[list[str], dict[Head, Labels]]:
    return [normalise(message.text).text for message in messages], {
        "issue": np.array([message.issue for message in messages]),
        "customer": np.array([message.customer for message in messages]),
    }


def _fit_heads(tokenizer: Tokenizer, texts: list[str], labels: dict[Head, Labels], fold: Fold) -> FittedFold:
    """Features and heads fitted on the fold's first side, and the heads' scores of its second."""
    train, test = fold
    features = build_features(tokenizer)
    X = features.fit_transform([texts[i] for i in train])
    X_test = features.transform([texts[i] for i in test]) if len(test) else X[:0]
    heads, scores = {}, {}
    for name, y in labels.items():
        heads[name] = CalibratedLinear(class_weight_power=CLASS_WEIGHT_POWER[name]).fit(X, y[train])
        scores[name] = heads[name].decision_function(X_test)
    return features, heads, scores


def _held_out_scores(
    labels: dict[Head, Labels], folds: list[Fold], results: Sequence[FittedFold]
) -> dict[Head, Floats]:
    """Scores (n_messages, n_labels) of each head, each row from the fold that held it out."""
    # A label that a fold's training side lacks keeps a score that no softmax takes seriously.
    scores = {name: np.full((len(y), len(np.unique(y))), -1e3) for name, y in labels.items()}
    for (_, test), (_, heads, fold_scores) in zip(folds, results, strict=True):
        for name, head in heads.items():
            columns = np.searchsorted(np.unique(labels[name]), head.classes_)
            scores[name][np.ix_(test, columns)] = fold_scores[name]
    return scores


def _abstention_threshold(probabilities: Floats, correct: NDArray[np.bool_]) -> float:
    """The lowest confidence from which both the measured and the expected precision reach the target."""
    confidence = probabilities.max(axis=1)
    order = np.argsort(-confidence)
    counts = np.arange(1, len(order) + 1)
    measured = np.cumsum(correct[order]) / counts
    expected = np.cumsum(confidence[order]) / counts
    enough = np.flatnonzero(np.minimum(measured, expected) >= TARGET_PRECISION)
    return float(confidence[order][enough[-1]]) if len(enough) else 1.0


def _also_threshold(probabilities: Floats, codes: Labels, messages: Sequence[Message]) -> float:
    """The probability from which further issues are reported with the best F1 against the secondary labels."""
    ranked = np.argsort(-probabilities, axis=1)[:, : 1 + MAX_ALSO]
    further = np.take_along_axis(probabilities, ranked, axis=1)[:, 1:]
    best = codes[ranked[:, 0]]
    gold = [{message.issue, *message.secondary} - {code} for message, code in zip(messages, best, strict=True)]
    multiple = np.array([len(message.secondary) > 0 for message in messages])
    hits = (
        np.array([[codes[i] in wanted for i in row[1:]] for row, wanted in zip(ranked, gold, strict=True)], dtype=bool)
        & multiple[:, None]
    )
    wanted_total = sum(len(wanted) for wanted, is_multiple in zip(gold, multiple, strict=True) if is_multiple)
    order = np.argsort(-further, axis=None)
    found = np.cumsum(hits.ravel()[order])
    f1 = 2 * found / (np.arange(1, len(order) + 1) + max(wanted_total, 1))
    return float(further.ravel()[order][f1.argmax()])


def compile_heads(
    features: FeatureUnion,
    heads: dict[Head, CalibratedLinear],
    taxonomy: Taxonomy,
    tokenizer: Tokenizer,
    thresholds: Thresholds,
) -> Classifier:
    """Arrays of the fitted features and heads."""
    words, characters = features["words"], features["characters"]
    both = (heads["issue"], heads["customer"])
    return Classifier(
        taxonomy=taxonomy,
        tokenizer=tokenizer,
        words={term: int(column) for term, column in words.vocabulary_.items()},
        characters={term: len(words.idf_) + int(column) for term, column in characters.vocabulary_.items()},
        view_weights=(VIEW_WEIGHTS["words"], VIEW_WEIGHTS["characters"]),
        idf=np.concatenate([words.idf_, characters.idf_]),
        weights=np.ascontiguousarray(np.vstack([head.coef_ / head.temperature_ for head in both]).T),
        intercepts=np.concatenate([head.intercept_ / head.temperature_ for head in both]),
        issue_codes=tuple(str(code) for code in heads["issue"].classes_),
        customer_codes=tuple(str(code) for code in heads["customer"].classes_),
        thresholds=thresholds,
    )
