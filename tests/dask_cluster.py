"""A real Dask cluster of processes, for tests and measurements."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from model.cluster import connect

READY_SECONDS = 60


@dataclass
class DaskCluster:
    """`dask scheduler` and `dask worker`s without a nanny: who is killed stays dead."""

    folder: Path
    scheduler: subprocess.Popen[bytes] = field(init=False)
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.file = self.folder / "scheduler.json"
        self.scheduler = self._run(
            *("scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard"),
            *("--no-show", "--scheduler-file", str(self.file)),
        )
        give_up = time.monotonic() + READY_SECONDS
        while not self.file.exists() or not self.file.read_text().endswith("}"):
            assert self.scheduler.poll() is None, (self.folder / "log").read_text()
            assert time.monotonic() < give_up, "the scheduler did not start"
            time.sleep(0.05)
        self.address: str = json.loads(self.file.read_text())["address"]

    def add_workers(self, number: int) -> None:
        for _ in range(number):
            self.workers.append(
                self._run(
                    *("worker", self.address, "--nthreads", "1", "--no-nanny", "--no-dashboard"),
                    *("--host", "127.0.0.1", "--local-directory", str(self.folder)),
                )
            )
        with connect(self.address) as client:
            client.wait_for_workers(len(self.workers), timeout=READY_SECONDS)

    def kill_worker(self) -> None:
        worker = self.workers.pop()
        worker.kill()
        worker.wait()

    def stop(self) -> None:
        for process in (*self.workers, self.scheduler):
            process.kill()
            process.wait()

    def _run(self, *arguments: str) -> subprocess.Popen[bytes]:
        with (self.folder / "log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "dask", *arguments], stderr=log, env={**os.environ, "OMP_NUM_THREADS": "1"}
            )
