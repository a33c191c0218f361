"""Fit both heads on labelled messages and compile them for serving."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.model_selection import GroupKFold, StratifiedGroupKFold, StratifiedKFold
from sklearn.pipeline import Pipeline

from model.dataset import Message
from model.evaluation import Report, evaluate
from model.features import build_features
from model.head import CalibratedLinear, Floats, fit_temperature
from model.inference import Classifier, Thresholds
from model.taxonomy import Taxonomy
from model.text import Tokenizer, normalise

FOLDS = 5
TARGET_PRECISION = 0.90
MIN_MESSAGES_PER_ISSUE = 2


@dataclass(frozen=True)
class Fitted:
    """Result of a training run.

    Attributes:
        classifier: compiled, ready to serve.
        pipelines: the two fitted scikit-learn pipelines it was compiled from (normalised texts in).
        held_out: metrics on messages whose voice the scoring model had never seen.
    """

    classifier: Classifier
    pipelines: dict[str, Pipeline]
    held_out: Report


def build_pipeline(tokenizer: Tokenizer, head: str) -> Pipeline:
    """Unfitted pipeline of one head, from normalised texts to probabilities."""
    weight = "balanced" if head == "customer" else None
    return Pipeline([("features", build_features(tokenizer)), ("head", CalibratedLinear(class_weight=weight))])


def fit(
    messages: Sequence[Message],
    taxonomy: Taxonomy,
    lexicon: list[str],
    progress: Callable[[str], None] = lambda _stage: None,
) -> Fitted:
    """Fit, calibrate and evaluate both heads.

    Args:
        messages: labelled messages; those of one voice always stay on one side of a split.
        taxonomy: the label sets.
        lexicon: shop words for the tokenizer.
        progress: called with the name of each finished stage (2 heads x (FOLDS + 1) of them).
    """
    tokenizer = Tokenizer(lexicon)
    texts = [normalise(message.text).text for message in messages]
    labels = {
        "issue": np.array([message.issue for message in messages]),
        "customer": np.array([message.customer for message in messages]),
    }
    folds = split_by_voice(messages)
    jobs = [(head, fold) for head in labels for fold in range(FOLDS + 1)]  # The last is the fit on everything.
    done = Parallel(n_jobs=2, return_as="generator")(
        delayed(_fit_one)(build_pipeline(tokenizer, head), texts, labels[head], folds[fold] if fold < FOLDS else None)
        for head, fold in jobs
    )
    pipelines: dict[str, Pipeline] = {}
    held_out = {head: np.full((len(texts), len(np.unique(y))), -1e9) for head, y in labels.items()}
    for (head, fold), (pipeline, scores) in zip(jobs, done, strict=True):
        if fold == FOLDS:
            pipelines[head] = pipeline
        else:
            columns = np.searchsorted(np.unique(labels[head]), pipeline["head"].classes_)
            held_out[head][np.ix_(folds[fold][1], columns)] = scores
        progress(f"{head} {fold + 1}/{FOLDS + 1}")
    probabilities = {}
    for head, pipeline in pipelines.items():
        y = np.searchsorted(pipeline["head"].classes_, labels[head])
        if len(pipeline["head"].classes_) > 1:
            pipeline["head"].temperature_ = fit_temperature(held_out[head], y)
        scaled = held_out[head] / pipeline["head"].temperature_
        powers = np.exp(scaled - scaled.max(axis=1, keepdims=True))
        probabilities[head] = powers / powers.sum(axis=1, keepdims=True)
    thresholds = _thresholds(probabilities["issue"], labels["issue"], pipelines["issue"]["head"].classes_)
    classifier = compile_pipelines(pipelines, taxonomy, tokenizer, thresholds)
    report = evaluate(
        messages, probabilities["issue"], classifier.issue_codes, probabilities["customer"], classifier.customer_codes
    )
    return Fitted(classifier, pipelines, report)


def split_by_voice(messages: Sequence[Message]) -> list[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """FOLDS splits (train, test) stratified by issue that never part a voice; by message where voices are too few."""
    voices = [message.voice for message in messages]
    issues = [message.issue for message in messages]
    if len(set(voices)) >= FOLDS:
        splitter: StratifiedGroupKFold | StratifiedKFold | GroupKFold = StratifiedGroupKFold(
            FOLDS, shuffle=True, random_state=0
        )
        return list(splitter.split(voices, issues, voices))
    splitter = StratifiedKFold(FOLDS, shuffle=True, random_state=0)
    return list(splitter.split(issues, issues))


def _fit_one(
    pipeline: Pipeline, texts: list[str], y: NDArray[np.str_], fold: tuple[NDArray[np.intp], NDArray[np.intp]] | None
) -> tuple[Pipeline, Floats | None]:
    """Fit on one fold's training side and score its other side, or fit on everything."""
    fresh = clone(pipeline)
    if fold is None:
        return fresh.fit(texts, y), None
    train, test = fold
    fresh.fit([texts[i] for i in train], y[train])
    return Pipeline([("head", fresh["head"])]), fresh.decision_function([texts[i] for i in test])


def _thresholds(probabilities: Floats, y: NDArray[np.str_], classes: NDArray[np.str_]) -> Thresholds:
    best = probabilities.argmax(axis=1)
    confidence = probabilities[np.arange(len(y)), best]
    order = np.argsort(-confidence)
    precision = np.cumsum(classes[best][order] == y[order]) / np.arange(1, len(y) + 1)
    enough = np.flatnonzero(precision >= TARGET_PRECISION)
    abstain = float(confidence[order][enough[-1]]) if len(enough) else 1.0
    return Thresholds(abstain=abstain, margin=0.1, also=0.25)


def compile_pipelines(
    pipelines: dict[str, Pipeline], taxonomy: Taxonomy, tokenizer: Tokenizer, thresholds: Thresholds
) -> Classifier:
    """Arrays of the two fitted pipelines; they share their features, which were fitted on the same texts."""
    issue, customer = pipelines["issue"], pipelines["customer"]
    vocabularies: dict[str, dict[str, int]] = {}
    idf = []
    offset = 0
    for name, vectoriser in issue["features"].transformer_list:
        vocabularies[name] = {term: offset + int(column) for term, column in vectoriser.vocabulary_.items()}
        idf.append(vectoriser.idf_)
        offset += len(vectoriser.idf_)
    heads = (issue["head"], customer["head"])
    return Classifier(
        taxonomy=taxonomy,
        tokenizer=tokenizer,
        vocabularies=vocabularies,
        idf=np.concatenate(idf),
        weights=np.ascontiguousarray(np.vstack([head.coef_ / head.temperature_ for head in heads]).T),
        intercepts=np.concatenate([head.intercept_ / head.temperature_ for head in heads]),
        issue_codes=tuple(str(code) for code in issue["head"].classes_),
        customer_codes=tuple(str(code) for code in customer["head"].classes_),
        thresholds=thresholds,
    )
