"""Real processes for tests: the service, PostgreSQL, nginx."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import httpx2 as httpx
import psycopg

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
    *arguments: str,
    data: Path,
    artifacts: Path | None = None,
    log: Path | None = None,
    port: int | None = None,
    **settings: str,
) -> Serving:
    """Start a server and wait until it answers /healthz."""
    port = port or free_port()
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
    server = start(*arguments, data=data, artifacts=artifacts, **settings)  # type: ignore[arg-type]
    try:
        yield server.url
    finally:
        if server.process.poll() is None:
            server.stop()


def find_postgresql() -> Path | None:
    """The folder of PostgreSQL's programs: Debian's place, else what is on the path."""
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"))
    found = debian[-1] if debian else shutil.which("pg_ctl")
    return Path(found).parent if found else None


@dataclass
class Postgresql:
    """A PostgreSQL of the tests' own. It refuses to run as root, so that root's tests run it as nobody."""

    programs: Path
    folder: Path
    port: int

    def init(self) -> None:
        self.folder.mkdir()
        if os.geteuid() == 0:
            shutil.chown(self.folder, "nobody", "nogroup")
        self._run("initdb", "--auth=trust", "--username=shouhou", "--no-sync", "-E", "UTF8", "--locale=C")

    def start(self) -> None:
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={self.folder}"
        self._run("pg_ctl", "start", "-w", "-l", str(self.folder / "log"), "-o", options)

    def stop(self) -> None:
        self._run("pg_ctl", "stop", "-m", "immediate")

    def new_database(self) -> str:
        """The address of an empty database."""
        name = f"t{uuid4().hex}"
        with psycopg.connect(self._url("postgres"), autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}"')
        return self._url(name)

    def _url(self, database: str) -> str:
        return f"postgresql://shouhou@127.0.0.1:{self.port}/{database}"

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self.programs / program), *arguments]
        as_nobody = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"] if os.geteuid() == 0 else []
        environment = {**os.environ, "PGDATA": str(self.folder)}
        subprocess.run([*as_nobody, *command], check=True, env=environment, stdout=subprocess.DEVNULL, cwd="/")


@contextmanager
def postgresql() -> Iterator[Postgresql]:
    """A running PostgreSQL with nothing in it."""
    programs = find_postgresql()
    assert programs is not None, "install PostgreSQL (Debian: apt-get install postgresql)"
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        server = Postgresql(programs, Path(name) / "pg", free_port())
        server.init()
        server.start()
        try:
            yield server
        finally:
            with suppress(subprocess.CalledProcessError):
                server.stop()
