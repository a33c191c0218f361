"""Records recommendations behind the answers: a queue, one thread, one commit for many."""

from __future__ import annotations

import threading
import time
from queue import Empty, SimpleQueue

import structlog
from sqlalchemy import Engine
from sqlalchemy.exc import InterfaceError, OperationalError

from api import metrics
from api.store.recommendations import Record, write_recommendations

QUEUE_LIMIT = (
    20_000  # Some seconds of full load, some 50 MB; a store that is slower than that loses records, not answers.
)
BATCH = 500
LINGER_SECONDS = 0.05  # Waiting this long lets many records share one commit.
RETRY_SECONDS = 0.5
_log = structlog.get_logger()


class Recorder:
    """Takes records at once and writes them soon. While the store fails it takes none: they count as unrecorded."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._queue: SimpleQueue[Record] = SimpleQueue()
        self._failing = False
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)

    def start(self) -> None:
        """Begin writing."""
        self._thread.start()

    def stop(self) -> None:
        """Write what is queued, and end; a store that fails is tried once more."""
        self._stopping.set()
        self._thread.join()

    def offer(self, record: Record) -> bool:
        """Queue a record; False, and counted, when it cannot be kept."""
        if self._failing or self._queue.qsize() >= QUEUE_LIMIT:
            metrics.UNRECORDED.inc()
            return False
        self._queue.put(record)
        return True

    @property
    def waiting(self) -> int:
        """Records not yet written."""
        return self._queue.qsize()

    def _run(self) -> None:
        while not (self._stopping.is_set() and self._queue.empty()):
            batch = self._next_batch()
            if batch:
                self._write(batch)

    def _next_batch(self) -> list[Record]:
        try:
            batch = [self._queue.get(timeout=LINGER_SECONDS)]
        except Empty:
            return []
        self._stopping.wait(LINGER_SECONDS)
        while len(batch) < BATCH:
            try:
                batch.append(self._queue.get_nowait())
            except Empty:
                break
        return batch

    def _write(self, batch: list[Record]) -> None:
        """Write a batch, again and again while the store is away."""
        while True:
            began = time.perf_counter()
            try:
                write_recommendations(self._engine, batch)
            except (OperationalError, InterfaceError) as error:
                if not self._failing:
                    _log.error("store fails, recommendations go unrecorded", error=type(error.orig).__name__)
                self._failing = True
                if self._stopping.wait(RETRY_SECONDS):
                    metrics.UNRECORDED.inc(len(batch))
                    return
            except Exception as error:
                _log.error("records dropped", error=type(error).__name__, records=len(batch))
                metrics.UNRECORDED.inc(len(batch))
                return
            else:
                if self._failing:
                    _log.info("store is back")
                self._failing = False
                metrics.RECORDED.inc(len(batch))
                metrics.STORE_COMMIT_SECONDS.observe(time.perf_counter() - began)
                return
