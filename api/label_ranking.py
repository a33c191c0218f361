"""Puts the label queue in the order in which labels teach the model most."""

from __future__ import annotations

from sqlalchemy import Engine

from api.store.label_queue import set_order, waiting
from model import registry
from model.active_learning import Candidate, rank
from model.inference import Classifier
from model.paths import artifacts_dir


def rank_queue(engine: Engine, classifier: Classifier) -> None:
    """Order what waits by this model."""
    parts = (
        [Candidate(item.id, item.redacted_text, item.suggested_issue) for item in part] for part in waiting(engine)
    )
    set_order(engine, rank(classifier, parts))


def rank_by_current_model(engine: Engine) -> None:
    """Order what waits by the model in use; before the first was trained the order stays as it is."""
    artifacts = artifacts_dir()
    if registry.current_version(artifacts) is not None:
        classifier, _ = registry.load(artifacts)
        rank_queue(engine, classifier)
