"""Measures drift beside the requests, for the metrics."""

from __future__ import annotations

import asyncio

import structlog
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from api import metrics
from api.model_in_use import ModelInUse
from api.store.recent import recent_messages
from model.drift import drift, traffic

DAYS = 7
MESSAGES = 2_000  # Scored in some 0.2 s; enough for a PSI that is not chance.
INTERVAL_SECONDS = 600.0
_log = structlog.get_logger()


class DriftWatch:
    """Compares the newest messages with the reference of the model in use, from time to time."""

    def __init__(self, engine: Engine, model: ModelInUse) -> None:
        self._engine = engine
        self._model = model

    def measure(self) -> None:
        """Set the metrics; they stay as they are when the store does not answer or there are too few messages."""
        state = self._model.state
        try:
            texts = recent_messages(self._engine, DAYS, MESSAGES)
        except SQLAlchemyError as error:
            _log.warning("drift not measured", error=type(error).__name__)
            return
        found = drift(state.manifest.reference, traffic(state.recommender.classifier, texts))
        metrics.DRIFT_MESSAGES.set(found.n)
        for measure in found.measures:
            metrics.DRIFT.labels(measure.measure).set(measure.psi)
        if found.measures:
            metrics.TIME_TO_LABEL.set(found.time_to_label)
        if found.time_to_label:
            _log.warning("time to label", psi={measure.measure: measure.psi for measure in found.measures})

    async def keep_fresh(self) -> None:
        """Measure again and again, until cancelled."""
        while True:
            await asyncio.to_thread(self.measure)
            await asyncio.sleep(INTERVAL_SECONDS)
