"""The model that a worker serves, and how it is replaced while requests run."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass
from pathlib import Path

import structlog

from api import garbage, metrics
from model.errors import InputError
from model.playbook.loading import load_playbook
from model.recommender import Recommender
from model.registry import CURRENT, Manifest, load

WATCH_SECONDS = 0.5  # A promotion reaches every worker this soon, with or without POST /v1/model/reload.
_log = structlog.get_logger()


@dataclass(frozen=True)
class ModelState:
    """The model in use; replaced as a whole, so that no answer mixes two versions."""

    recommender: Recommender
    manifest: Manifest


def load_state(artifacts: Path) -> ModelState:
    """Load the current model version and the playbook.

    Raises:
        InputError: there is none, or it is broken.
    """
    classifier, manifest = load(artifacts)
    classifier.predict("在吗")  # The first one makes what the others use; no buyer should wait for that.
    return ModelState(Recommender(classifier, load_playbook(classifier.taxonomy)), manifest)


class ModelInUse:
    """Holds one `ModelState`. A handler reads `state` once and works with that.

    Attributes:
        state: what is served.
        problem: why the promoted version is not what is served, or None.
    """

    def __init__(self, artifacts: Path, state: ModelState | None = None) -> None:
        self._artifacts = artifacts
        self._seen = self._signature()
        self._one_at_a_time = threading.Lock()
        self.state = state or load_state(artifacts)
        self.problem: str | None = None
        metrics.MODEL.labels(self.state.manifest.version).set(1)

    def reload(self) -> None:
        """Load the promoted version and serve it; a broken one leaves the old one serving.

        Raises:
            InputError: why it cannot be loaded; kept in `problem` too.
        """
        with self._one_at_a_time:
            self._seen = self._signature()  # Taken first: a promotion during the load is seen by the next look.
            try:
                fresh = load_state(self._artifacts)
            except Exception as error:
                # Everybody may ask /readyz, so that the path stands in the log only.
                self.problem = error.problem if isinstance(error, InputError) else type(error).__name__
                metrics.RELOAD_FAILURES.inc()
                _log.error("promoted model not loaded", problem=str(error), serving=self.state.manifest.version)
                raise
            before = self.state.manifest.version
            self.state, self.problem = fresh, None
        metrics.MODEL.labels(before).set(0)
        metrics.MODEL.labels(fresh.manifest.version).set(1)
        _log.info("model loaded", version=fresh.manifest.version, before=before)
        garbage.set_loaded_aside()

    async def watch(self) -> None:
        """Follow promotions until cancelled."""
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            if self._signature() != self._seen:
                try:
                    await asyncio.to_thread(self.reload)
                except Exception:  # noqa: S112  # Told by reload; a broken version is tried again when it is changed.
                    continue

    def _signature(self) -> tuple[int, int] | None:
        try:
            status = (self._artifacts / CURRENT).stat()
        except OSError:
            return None
        return status.st_mtime_ns, status.st_ino
