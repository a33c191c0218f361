"""Work on a Dask cluster: the same results as on this machine, whatever becomes of single workers.

The workers need this program installed and nothing else: no shared disk, no configuration. Dask runs what it is sent,
so that scheduler and workers belong on a network that only trusted people reach (or behind Dask's TLS).
"""

from __future__ import annotations

import logging
from asyncio import CancelledError as AsyncCancelledError
from collections import deque
from collections.abc import Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import cast
from uuid import uuid4

import pyarrow as pa
from distributed import Client, Future, KilledWorker, WorkerPlugin, get_worker
from joblib import parallel_config

from model import registry
from model.bulk import ScoreAll, Scored, score
from model.errors import InputError
from model.inference import Classifier
from model.tables import Batch

CONNECT_SECONDS = 10
WORKER_SECONDS = 60  # A worker that was killed is back by then, if anything restarts it.
RETRIES = 3
BATCHES_A_THREAD = 2  # One at work, one on its way.
MAX_WINDOW = 32  # Batches read and not yet written, so that memory is bounded.


@contextmanager
def connect(address: str) -> Iterator[Client]:
    """A client of the scheduler at `address` (tcp://host:8786), which has workers with the same libraries as here.

    Raises:
        InputError: no scheduler or no worker there, workers with other libraries, or the cluster is lost on the way.
    """
    logging.getLogger("distributed").setLevel(logging.CRITICAL)  # What goes wrong is told by the errors below.
    try:
        client = Client(address, timeout=CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError) as error:
        raise InputError(
            f"{address!r} 没有 Dask 调度器", remedy="先运行 `dask scheduler`，写它的 tcp://主机:端口"
        ) from error
    with client, _cluster_errors():
        _check_workers(client)
        yield client


@contextmanager
def _cluster_errors() -> Iterator[None]:
    try:
        yield
    except KilledWorker as error:
        raise InputError("同一份工作接连让几个 worker 退出", remedy="给 worker 更多内存，看它们的日志") from error
    except (CancelledError, AsyncCancelledError, OSError) as error:
        raise InputError("调度器没了", remedy="重新启动它，再运行本命令") from error


def _check_workers(client: Client) -> None:
    """Other versions would do for most messages; the same results to the last bit need the same versions."""
    try:
        client.wait_for_workers(1, timeout=CONNECT_SECONDS)
        libraries = client.run(registry.installed_libraries, on_error="return")
    except TimeoutError as error:
        raise InputError("调度器下没有 worker", remedy="用它的地址运行 `dask worker`") from error
    here = registry.installed_libraries()
    for worker, there in libraries.items():
        if isinstance(there, OSError):  # It died since; the scheduler will notice.
            continue
        if isinstance(there, Exception):
            raise InputError(f"worker {worker} 没装本程序（{there}）", remedy="请在那台机器上安装")
        for name in here:
            if there[name] != here[name]:
                raise InputError(
                    f"worker {worker} 的 {name} 是 {there[name]}，应为 {here[name]}", remedy="请在那台机器上装这个版本"
                )


@contextmanager
def training_on(address: str) -> Iterator[None]:
    """What joblib runs in parallel runs on the cluster; Dask gives a dead worker's part to another."""
    with connect(address) as client, parallel_config("dask", client=client):
        yield


@contextmanager
def scoring_on(address: str, artifacts: Path, version: str) -> Iterator[ScoreAll]:
    """Batches scored by the cluster. The model goes to every worker, those that join later too."""
    model = ShippedModel(*registry.read_artifact(artifacts, version))
    with connect(address) as client:
        client.register_plugin(model, name=model.name)
        try:
            yield lambda batches: _score_in_order(client, model.name, batches)
        finally:
            with suppress(Exception):  # A courtesy to the workers; what is written is written.
                client.unregister_worker_plugin(model.name)


class ShippedModel(WorkerPlugin):
    """A model's file on a worker, verified and loaded at its first batch; removed when the run ends."""

    def __init__(self, raw: bytes, manifest: registry.Manifest) -> None:
        self.raw = raw
        self.manifest = manifest
        self.name = f"shouhou-{uuid4().hex}"  # Runs at the same time do not remove each other's.

    @cached_property
    def classifier(self) -> Classifier:
        return registry.unpack(self.raw, self.manifest)


def _score_in_order(client: Client, model: str, batches: Iterator[Batch]) -> Iterator[Scored]:
    waiting: deque[tuple[Batch, Future[pa.RecordBatch]]] = deque()
    with _cluster_errors():
        for batch in batches:
            # The scheduler keeps the texts until their scores are here, so that a worker's death loses nothing.
            waiting.append((batch, client.submit(_score, model, batch.texts, pure=False, retries=RETRIES)))
            window = min(BATCHES_A_THREAD * sum(client.nthreads().values()), MAX_WINDOW)
            while len(waiting) > window:
                yield _first(client, waiting)
        while waiting:
            yield _first(client, waiting)


def _first(client: Client, waiting: deque[tuple[Batch, Future[pa.RecordBatch]]]) -> Scored:
    batch, future = waiting.popleft()
    while True:
        try:
            return batch, future.result(timeout=WORKER_SECONDS)
        except TimeoutError as error:
            if not client.nthreads():
                raise InputError("一个 worker 也没有了", remedy="启动 `dask worker`，再运行本命令") from error


def _score(model: str, texts: list[str]) -> pa.RecordBatch:
    """On a worker."""
    shipped = cast(ShippedModel, get_worker().plugins[model])
    return score(shipped.classifier, texts)
