"""Fit both heads on labelled messages and compile them for serving."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha512

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.special import softmax
from sklearn.base import clone
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import FeatureUnion, Pipeline

from model.calibration import Floats, calibrated
from model.dataset import Message
from model.evaluation import Report
from model.features import VIEW_WEIGHTS, build_features
from model.head import CalibratedLinear, fit_temperature
from model.inference import NO_MATTER, Classifier, Thresholds
from model.predictions import Predictions
from model.scoring import clauses
from model.taxonomy import Head, Taxonomy
from model.text import Tokenizer, normalise, unknown_share

FOLDS = 5
JOBS = 2
TARGET_PRECISION = 0.90
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
class HeldOut:
    """What models fitted on a fold's first side say of its second. Not the models: they are large, and not needed.

    Attributes:
        classes: each head's labels, the columns of its scores.
        scores: each head's, (n_held_out, n_labels).
        clause_owners: for each clause of the held-out messages the message's place.
        clause_scores: the clauses' issue scores, (n_clauses, n_issues).
        unknown_words: share of each held-out message's words that the vocabulary lacks, (n_held_out,).
    """

    classes: dict[Head, Labels]
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
    background: Sequence[Message] = (),
) -> Fitted:
    """Fit, calibrate and evaluate both heads.

    Args:
        messages: labelled messages; those of one voice always stay on one side of a split.
        taxonomy: the label sets.
        lexicon: shop words for the tokenizer.
        progress: called after each of FOLDS + 1 fits.
        background: messages of another label set, from which the issue head learns what words mean
            (`CalibratedLinear`). Those whose voice or text is among `messages` are left out, so that none helps to
            judge itself; what is left must outnumber `messages` to have something to teach.
    """
    tokenizer = Tokenizer(lexicon)
    texts, labels = _texts_and_labels(messages)
    own_texts, own_voices = set(texts), {message.voice for message in messages}
    others = [
        message
        for message in background
        if message.voice not in own_voices and normalise(message.text).text not in own_texts
    ]
    known = None
    if len(others) > len(messages):
        other_texts, other_labels = _texts_and_labels(others)
        known = other_texts, other_labels["issue"]
    folds = split_by_voice(messages)
    held_out = (delayed(_score_held_out)(tokenizer, texts, labels, fold, known) for fold in folds)
    everything = delayed(_fit_heads)(tokenizer, texts, labels, known)
    results = []
    for result in Parallel(n_jobs=JOBS, return_as="generator")([*held_out, everything]):
        results.append(result)
        progress()
    features, heads = results.pop()
    scores = _held_out_scores(labels, folds, results)
    predicted: dict[Head, Floats] = {}
    for name, head in heads.items():
        if len(head.classes_) > 1:
            head.temperature_ = fit_temperature(scores[name], np.searchsorted(head.classes_, labels[name]))
        predicted[name] = calibrated(scores[name], head.temperature_)
    issue_codes = heads["issue"].classes_
    best = issue_codes[predicted["issue"].argmax(axis=1)]
    further = _further_issues(results, heads["issue"].temperature_, best)
    thresholds = Thresholds(
        abstain=_abstention_threshold(predicted["issue"], best == labels["issue"]),
        margin=MARGIN,
        also=_also_threshold(further, best, messages),
    )
    classifier = compile_heads(features, heads, taxonomy, tokenizer, thresholds)
    unknown_words = np.empty(len(texts))
    for (_, test), result in zip(folds, results, strict=True):
        unknown_words[test] = result.unknown_words
    predictions = Predictions(
        messages,
        predicted["issue"],
        classifier.issue_codes,
        predicted["customer"],
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
    results = Parallel(n_jobs=JOBS)(delayed(_score_held_out)(tokenizer, texts, labels, fold) for fold in folds)
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


def _fit_heads(
    tokenizer: Tokenizer,
    texts: list[str],
    labels: dict[Head, Labels],
    background: tuple[list[str], Labels] | None = None,
) -> tuple[FeatureUnion, dict[Head, CalibratedLinear]]:
    """Features and heads. The background's texts and issues help the issue head; it brings no terms of its own."""
    features = build_features(tokenizer, len(texts))
    X = features.fit_transform(texts)
    known: dict[Head, tuple[csr_matrix, Labels]] = {}
    if background is not None:
        known["issue"] = features.transform(background[0]), background[1]
    return features, {name: clone(HEADS[name]).fit(X, y, known.get(name)) for name, y in labels.items()}


def _score_held_out(
    tokenizer: Tokenizer,
    texts: list[str],
    labels: dict[Head, Labels],
    fold: Fold,
    background: tuple[list[str], Labels] | None = None,
) -> HeldOut:
    """Scores of the fold's second side by heads fitted on its first."""
    train, test = fold
    features, heads = _fit_heads(
        tokenizer, [texts[i] for i in train], {name: y[train] for name, y in labels.items()}, background
    )
    vocabulary = features["words"].vocabulary_
    held_out = [texts[i] for i in test]
    X = features.transform(held_out)
    words = {int(place): tokenizer.words(texts[place]) for place in test}
    parts = [(place, clause) for place, cut in words.items() for clause in clauses(cut)]
    X_clauses = features.transform([clause for _, clause in parts]) if parts else X[:0]
    return HeldOut(
        classes={name: head.classes_ for name, head in heads.items()},
        scores={name: head.decision_function(X) for name, head in heads.items()},
        clause_owners=[place for place, _ in parts],
        clause_scores=heads["issue"].decision_function(X_clauses) if "issue" in heads else np.empty((0, 0)),
        unknown_words=np.array([unknown_share(cut, vocabulary) for cut in words.values()]),
    )


def _held_out_scores(labels: dict[Head, Labels], folds: list[Fold], results: Sequence[HeldOut]) -> dict[Head, Floats]:
    """Scores (n_messages, n_labels) of each head, each row from the fold that held it out."""
    # A label that a fold's training side lacks keeps a score that no softmax takes seriously.
    scores = {name: np.full((len(y), len(np.unique(y))), -1e3) for name, y in labels.items()}
    for (_, test), result in zip(folds, results, strict=True):
        for name, classes in result.classes.items():
            columns = np.searchsorted(np.unique(labels[name]), classes)
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


def _further_issues(results: Sequence[HeldOut], temperature: float, best: Labels) -> list[dict[str, float]]:
    """For each message the issues its clauses raise beside the best one, with their highest probability."""
    found: list[dict[str, float]] = [{} for _ in best]
    for result in results:
        codes = result.classes["issue"]
        clause_probabilities = calibrated(result.clause_scores, temperature)
        for place, row in zip(result.clause_owners, clause_probabilities, strict=True):
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
    n_words = len(words.idf_)
    rows_of_words = {term: int(column) for term, column in words.vocabulary_.items()}
    rows_of_characters = {term: n_words + int(column) for term, column in characters.vocabulary_.items()}
    both = (heads["issue"], heads["customer"])
    return Classifier(
        taxonomy=taxonomy,
        tokenizer=tokenizer,
        words={term: row for term, row in rows_of_words.items() if "\t" not in term},
        n_words=n_words,
        steps=_steps(rows_of_words, rows_of_characters),
        view_weights=(VIEW_WEIGHTS["words"], VIEW_WEIGHTS["characters"]),
        idf=np.concatenate([words.idf_, characters.idf_]),
        weights=np.ascontiguousarray(np.vstack([head.coef_ for head in both]).T, dtype=np.float32),
        intercepts=np.concatenate([head.intercept_ for head in both]),
        temperatures=(heads["issue"].temperature_, heads["customer"].temperature_),
        issue_codes=tuple(str(code) for code in heads["issue"].classes_),
        customer_codes=tuple(str(code) for code in heads["customer"].classes_),
        thresholds=thresholds,
    )


def _steps(words: dict[str, int], characters: dict[str, int]) -> NDArray[np.int64]:
    """`Classifier.steps` of the two vocabularies."""
    n_terms = len(words) + len(characters)
    steps = np.empty(n_terms, dtype=np.int64)
    for term, row in words.items():
        first, paired, second = term.partition("\t")
        steps[row] = words[first] << 32 | words[second] if paired else (n_terms + 1) << 32 | row
    for term, row in characters.items():
        steps[row] = (characters[term[:-1]] if len(term) > 1 else n_terms) << 32 | ord(term[-1])
    return steps
