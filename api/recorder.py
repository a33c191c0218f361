"""Records recommendations behind the answers: a queue, one thread, one commit for many."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable

import structlog
from sqlalchemy import Engine
from sqlalchemy.exc import InterfaceError, OperationalError

from api import metrics
from api.store.recommendations import write_recommendations

QUEUE_LIMIT = 20_000  # Some seconds of full load; a store that is slower than that loses records, not answers.
BATCH = 500
LINGER_SECONDS = 0.05  # Waiting this long lets many records share one commit.
RETRY_SECONDS = 0.5
_log = structlog.get_logger()


class Recorder:
    """Takes records at once and writes them soon. While the store fails it takes none: they count as unrecorded."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._queue: deque[bytes] = deque()
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

    def offer(self, make_record: Callable[[], bytes]) -> bool:
        """Queue a record; False, and counted, when it cannot be kept.

        It is made here, and of one piece, not in the recorder's thread: every object that one core makes and another
        throws away costs both dear. A store that is away has it not made at all.
        """
        if self._failing or len(self._queue) >= QUEUE_LIMIT:
            metrics.UNRECORDED.inc()
            return False
        try:
            self._queue.append(make_record())
        except Exception as error:
            _log.error("record dropped", error=type(error).__name__)
            metrics.UNRECORDED.inc()
            return False
        return True

    @property
    def waiting(self) -> int:
        """Records not yet written."""
        return len(self._queue)

    def _run(self) -> None:
        while not self._stopping.wait(LINGER_SECONDS) or self._queue:
            while self._queue:
                # Only this thread takes from the queue, so that it holds at least what was counted.
                self._write([self._queue.popleft() for _ in range(min(len(self._queue), BATCH))])
                if len(self._queue) < BATCH:
                    break

    def _write(self, batch: list[bytes]) -> None:
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
