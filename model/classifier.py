"""Fit both heads on labelled messages and compile them for serving."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha512

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray
from scipy.special import softmax
from sklearn.base import clone
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import FeatureUnion, Pipeline

from model.dataset import Message
from model.evaluation import Report
from model.features import VIEW_WEIGHTS, build_features
from model.head import CalibratedLinear, Floats, fit_temperature
from model.inference import NO_MATTER, Classifier, Thresholds
from model.predictions import Predictions
from model.taxonomy import Head, Taxonomy
from model.text import Tokenizer, clauses, normalise, unknown_share

FOLDS = 5
JOBS = 2
TARGET_PRECISION = 0.90
# Real chats are stranger than a voice the model has not seen: probabilities that are right for held-out voices are too
# sure of them. Measured on one half of a real sample (training_data/README.md).
REAL_SHIFT = 1.3
# Customer types are rare: nine in ten messages are calm. Half-balanced weights find more of the others, the SVM fewer.
HEADS: dict[Head, CalibratedLinear] = {
    "issue": CalibratedLinear(),
    "customer": CalibratedLinear(svm_weight=0.0, class_weight_power=0.5),
}
# Two leading issues whose probabilities differ by less cannot be told apart.
MARGIN = 0.1

Labels = NDArray[np.str_]
Fold = tuple[NDArray[np.intp], NDArray[np.intp]]


@dataclass(frozen=True)
class FittedFold:
    """What one fold gives: fitted features and heads, and scores of what was held out.

    Attributes:
        scores: each head's, (n_held_out, n_labels).
        clause_owners: for each clause of the held-out messages the message's place.
        clause_scores: the clauses' issue scores, (n_clauses, n_issues).
        unknown_words: share of each held-out message's words that the vocabulary lacks, (n_held_out,).
    """

    features: FeatureUnion
    heads: dict[Head, CalibratedLinear]
    scores: dict[Head, Floats]
    clause_owners: list[int]
    clause_scores: Floats
    unknown_words: Floats


@dataclass(frozen=True)
class Fitted:
    """Result of a training run.

    Attributes:
        classifier: compiled, ready to serve.
        pipelines: the two fitted scikit-learn pipelines it was compiled from (normalised texts in).
        predictions: of every message, by a model that had never seen its voice.
        held_out: their metrics.
    """

    classifier: Classifier
    pipelines: dict[Head, Pipeline]
    predictions: Predictions
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
    last = results.pop()
    features, heads = last.features, last.heads
    scores = _held_out_scores(labels, folds, results)
    probabilities: dict[Head, Floats] = {}
    for name, head in heads.items():
        if len(head.classes_) > 1:
            head.temperature_ = REAL_SHIFT * fit_temperature(scores[name], np.searchsorted(head.classes_, labels[name]))
        probabilities[name] = softmax(scores[name] / head.temperature_, axis=1)
    issue_codes = heads["issue"].classes_
    best = issue_codes[probabilities["issue"].argmax(axis=1)]
    further = _further_issues(results, heads["issue"].temperature_, best)
    thresholds = Thresholds(
        abstain=_abstention_threshold(probabilities["issue"], best == labels["issue"]),
        margin=MARGIN,
        also=_also_threshold(further, best, messages),
    )
    classifier = compile_heads(features, heads, taxonomy, tokenizer, thresholds)
    unknown_words = np.empty(len(texts))
    for (_, test), result in zip(folds, results, strict=True):
        unknown_words[test] = result.unknown_words
    predictions = Predictions(
        messages,
        probabilities["issue"],
        classifier.issue_codes,
        probabilities["customer"],
        classifier.customer_codes,
        [[code for code, confidence in f.items() if confidence >= thresholds.also] for f in further],
        unknown_words,
    )
    pipelines = {name: Pipeline([("features", features), ("head", head)]) for name, head in heads.items()}
    return Fitted(classifier, pipelines, predictions, predictions.report(thresholds.abstain))


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
    """FOLDS splits (train, test) that never part a voice; by message, stratified by issue, where voices are too few.

    A voice's name alone decides its split: when messages are added, the others are judged as before but for what the
    new ones teach, so that two trainings can be compared message by message.
    """
    issues = [message.issue for message in messages]
    fold_of = {voice: int(sha512(voice.encode()).hexdigest(), 16) % FOLDS for voice in {m.voice for m in messages}}
    if len(set(fold_of.values())) < FOLDS:
        return list(StratifiedKFold(FOLDS, shuffle=True, random_state=0).split(issues, issues))
    fold = np.array([fold_of[message.voice] for message in messages])
    return [(np.flatnonzero(fold != k), np.flatnonzero(fold == k)) for k in range(FOLDS)]


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
    held_out = [texts[i] for i in test]
    parts = [(place, clause) for place, text in zip(test, held_out, strict=True) for clause in clauses(text)]
    X_test, X_clauses = (
        features.transform(some) if some else X[:0] for some in (held_out, [clause for _, clause in parts])
    )
    heads = {name: clone(HEADS[name]).fit(X, y[train]) for name, y in labels.items()}
    vocabulary = features["words"].vocabulary_
    return FittedFold(
        features=features,
        heads=heads,
        scores={name: head.decision_function(X_test) for name, head in heads.items()},
        clause_owners=[int(place) for place, _ in parts],
        clause_scores=heads["issue"].decision_function(X_clauses) if "issue" in heads else np.empty((0, 0)),
        unknown_words=np.array([unknown_share(tokenizer.words(text), vocabulary) for text in held_out]),
    )


def _held_out_scores(
    labels: dict[Head, Labels], folds: list[Fold], results: Sequence[FittedFold]
) -> dict[Head, Floats]:
    """Scores (n_messages, n_labels) of each head, each row from the fold that held it out."""
    # A label that a fold's training side lacks keeps a score that no softmax takes seriously.
    scores = {name: np.full((len(y), len(np.unique(y))), -1e3) for name, y in labels.items()}
    for (_, test), result in zip(folds, results, strict=True):
        for name, head in result.heads.items():
            columns = np.searchsorted(np.unique(labels[name]), head.classes_)
            scores[name][np.ix_(test, columns)] = result.scores[name]
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


def _further_issues(results: Sequence[FittedFold], temperature: float, best: Labels) -> list[dict[str, float]]:
    """For each message the issues its clauses raise beside the best one, with their highest probability."""
    found: list[dict[str, float]] = [{} for _ in best]
    for result in results:
        codes = result.heads["issue"].classes_
        probabilities = softmax(result.clause_scores / temperature, axis=1)
        for place, row in zip(result.clause_owners, probabilities, strict=True):
            code = str(codes[row.argmax()])
            if code != best[place] and code not in NO_MATTER:
                found[place][code] = max(float(row.max()), found[place].get(code, 0.0))
    return found


def _also_threshold(found: list[dict[str, float]], best: Labels, messages: Sequence[Message]) -> float:
    """The probability from which reporting further issues agrees best (F1) with the secondary labels."""
    candidates = []
    total = 0
    for further, code, message in zip(found, best, messages, strict=True):
        wanted = {message.issue, *message.secondary} - {code} if message.secondary else set()
        total += len(wanted)
        candidates += [(confidence, label in wanted) for label, confidence in further.items()]
    if not candidates:
        return 1.0
    candidates.sort(reverse=True)
    hits = np.cumsum([hit for _, hit in candidates])
    f1 = 2 * hits / (np.arange(1, len(candidates) + 1) + total)
    return candidates[int(f1.argmax())][0]


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
        weights=np.ascontiguousarray(np.vstack([head.coef_ for head in both]).T, dtype=np.float32),
        intercepts=np.concatenate([head.intercept_ for head in both]),
        temperatures=(heads["issue"].temperature_, heads["customer"].temperature_),
        issue_codes=tuple(str(code) for code in heads["issue"].classes_),
        customer_codes=tuple(str(code) for code in heads["customer"].classes_),
        thresholds=thresholds,
    )
