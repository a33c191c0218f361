"""Real processes for tests: the service, PostgreSQL, nginx."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2 as httpx

READY_SECONDS = 60


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Serving:
    """A running `shouhou serve`."""

    url: str
    process: subprocess.Popen[bytes]

    def kill(self) -> None:
        """kill -9, the workers too."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def stop(self) -> int:
        """SIGTERM; the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=60)


def start(
    *arguments: str, data: Path, artifacts: Path | None = None, log: Path | None = None, **settings: str
) -> Serving:
    """Start a server and wait until it answers /healthz."""
    port = free_port()
    environment = {**os.environ, "SHOUHOU_DATA": str(data), "SHOUHOU_PORT": str(port), **settings}
    if artifacts is not None:
        environment["SHOUHOU_ARTIFACTS"] = str(artifacts)
    errors = None if log is None else log.open("ab")
    command = [sys.executable, "-m", "model.cli", "serve", *arguments]
    process = subprocess.Popen(command, env=environment, start_new_session=True, stderr=errors)
    serving = Serving(f"http://127.0.0.1:{port}", process)
    give_up = time.monotonic() + READY_SECONDS
    while time.monotonic() < give_up:
        assert process.poll() is None, "the server ended"
        try:
            if httpx.get(f"{serving.url}/healthz").status_code == 200:
                return serving
        except httpx.TransportError:
            time.sleep(0.05)
    serving.kill()
    raise AssertionError("the server did not become ready")


@contextmanager
def serving(*arguments: str, data: Path, artifacts: Path | None = None, **settings: str) -> Iterator[str]:
    """A running server's address."""
    server = start(*arguments, data=data, artifacts=artifacts, **settings)
    try:
        yield server.url
    finally:
        if server.process.poll() is None:
            server.stop()
