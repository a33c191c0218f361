"""What goes wrong on machines, done to real processes."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import httpx2 as httpx
import pytest
from sqlalchemy import func, select

from api.settings import Settings
from api.store.database import SQLITE_FILE, connect, open_store
from api.store.keys import Scope, create_key
from api.store.tables import feedback
from model import registry
from model.inference import Thresholds
from model.promotions import Decision, promote, rollback
from tests.processes import Postgresql, free_port, serving, start

ASK = {"message": "收到的饼干涨袋了"}
KILLS = 20
ENDED_BY_SIGTERM = (0, -15)  # uvicorn drains, then ends by the signal it was sent.
FAKETIME = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1")


def needs(present: bool, what: str) -> None:
    """Skip on a machine that lacks it; CI may not lack it."""
    if not present and os.environ.get("CI") != "true":
        pytest.skip(f"{what}; see README")
    assert present, what


@contextmanager
def running(work: Callable[[threading.Event], None], threads: int = 4) -> Iterator[None]:
    """Run the work in threads until the block ends; a failure in one fails the test."""
    done = threading.Event()
    failures: list[BaseException] = []

    def guarded() -> None:
        try:
            work(done)
        except BaseException as error:
            failures.append(error)

    started = [threading.Thread(target=guarded) for _ in range(threads)]
    for thread in started:
        thread.start()
    try:
        yield
    finally:
        done.set()
        for thread in started:
            thread.join(timeout=60)
    assert failures == []


def test_kill_9_in_a_storm_of_feedback(artifacts: Path, tmp_path: Path) -> None:
    """Nothing acknowledged is lost, nothing is doubled, over 20 kills."""
    port = free_port()
    acknowledged: list[str] = []

    def storm(done: threading.Event) -> None:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=10) as client:
            while not done.is_set():
                key = uuid4().hex
                while not done.is_set():  # The client's part of the contract: the same key until it is acknowledged.
                    try:
                        answer = client.post(
                            "/v1/feedback", json={"recommendation_id": key}, headers={"Idempotency-Key": key}
                        )
                    except httpx.TransportError:
                        time.sleep(0.02)
                        continue
                    assert answer.status_code in (200, 201, 503), answer.text
                    if answer.status_code != 503:
                        acknowledged.append(key)
                        break

    def answered_since(count: int) -> bool:
        give_up = time.monotonic() + 60
        while len(acknowledged) < count + 20 and time.monotonic() < give_up:
            time.sleep(0.005)
        return len(acknowledged) > count

    environment = {**os.environ, "SHOUHOU_DATA": str(tmp_path), "SHOUHOU_ARTIFACTS": str(artifacts)}
    command = [sys.executable, "-m", "tests.restarting_server", str(port)]
    supervisor = subprocess.Popen(command, env=environment, start_new_session=True, stdout=subprocess.PIPE)
    assert supervisor.stdout is not None
    try:
        with running(storm):
            for _ in range(KILLS):
                server = int(supervisor.stdout.readline())
                assert answered_since(len(acknowledged))
                os.kill(server, signal.SIGKILL)
            assert answered_since(len(acknowledged))
    finally:
        os.killpg(supervisor.pid, signal.SIGKILL)
        supervisor.wait()
        supervisor.stdout.close()
    with sqlite3.connect(tmp_path / SQLITE_FILE) as store:
        keys = [key for (key,) in store.execute("SELECT idempotency_key FROM feedback")]
        assert store.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert len(keys) == len(set(keys))
    told = {hashlib.sha256(key.encode()).hexdigest() for key in acknowledged}
    assert told <= set(keys)
    assert len(set(keys) - told) <= 4  # At most what each client was waiting for at the end.


def test_postgresql_stops_and_comes_back_under_load(artifacts: Path, tmp_path: Path, postgres: Postgresql) -> None:
    """Recommendations go on, unrecorded and marked; feedback is refused honestly; then all is as before."""
    url = postgres.new_database()
    phase = "up"
    acknowledged: list[str] = []
    seen: set[tuple[str, str, int, str]] = set()

    def load(done: threading.Event) -> None:
        with httpx.Client(base_url=server_url, timeout=30) as client:
            while not done.is_set():
                began = phase
                made = client.post("/v1/recommendations", json=ASK)
                assert made.status_code == 200, made.text
                seen.add((began, "recommend", made.status_code, made.headers["shouhou-recorded"]))
                key = uuid4().hex
                told = client.post("/v1/feedback", json={"recommendation_id": key}, headers={"Idempotency-Key": key})
                assert told.status_code in (201, 503), told.text
                seen.add((began, "feedback", told.status_code, ""))
                if told.status_code == 201:
                    acknowledged.append(key)

    with serving(data=tmp_path, artifacts=artifacts, SHOUHOU_DATABASE_URL=url) as server_url, running(load):
        time.sleep(2)
        phase = "stopping"
        postgres.stop()
        time.sleep(1.5)
        phase = "down"
        assert httpx.get(f"{server_url}/readyz", timeout=10).status_code == 503
        assert httpx.get(f"{server_url}/healthz").status_code == 200
        time.sleep(1.5)
        phase = "starting"
        postgres.start()
        time.sleep(3)
        phase = "back"
        assert httpx.get(f"{server_url}/readyz", timeout=10).status_code == 200
        time.sleep(2)
    assert {entry for entry in seen if entry[0] == "down"} == {
        ("down", "recommend", 200, "false"),
        ("down", "feedback", 503, ""),
    }
    for phase_up in ("up", "back"):
        assert (phase_up, "recommend", 200, "true") in seen
        assert (phase_up, "feedback", 201, "") in seen
    assert ("back", "recommend", 200, "false") not in seen
    engine = connect(Settings(database_url=url))
    with engine.connect() as connection:
        kept = set(connection.execute(select(feedback.c.idempotency_key)).scalars())
    engine.dispose()
    assert {hashlib.sha256(key.encode()).hexdigest() for key in acknowledged} <= kept


def test_a_full_disk(artifacts: Path, tmp_path: Path) -> None:
    """Recommendations are answered and marked, feedback is refused, and all heals when there is space again."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(disk)], capture_output=True)
    needs(mounted.returncode == 0, "a tmpfs can be mounted (root)")

    def feedback_status(client: httpx.Client) -> int:
        body = {"recommendation_id": "0" * 32, "edited_text": "亲" * 2000}
        return client.post("/v1/feedback", json=body, headers={"Idempotency-Key": uuid4().hex}).status_code

    def eventually(check: Callable[[], bool]) -> bool:
        give_up = time.monotonic() + 15
        while not check():
            if time.monotonic() > give_up:
                return False
            time.sleep(0.1)
        return True

    try:
        with serving(data=disk, artifacts=artifacts) as url, httpx.Client(base_url=url, timeout=30) as client:

            def recorded() -> str:
                answer = client.post("/v1/recommendations", json={"message": "涨袋了" + "啊" * 1500})
                assert answer.status_code == 200
                return str(answer.headers["shouhou-recorded"])

            assert recorded() == "true"
            assert feedback_status(client) == 201
            ballast = disk / "ballast"
            with ballast.open("wb", buffering=0) as file:
                try:
                    while True:
                        file.write(b"x" * 4096)
                except OSError:
                    pass
            assert eventually(lambda: feedback_status(client) == 503)
            assert eventually(lambda: recorded() == "false")
            metrics = client.get("/metrics").text
            assert float(metrics.split("\nshouhou_unrecorded_total ")[1].split()[0]) > 0
            ballast.unlink()
            assert eventually(lambda: feedback_status(client) == 201)
            assert eventually(lambda: recorded() == "true")
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=False)


def test_a_clock_that_jumps(artifacts: Path, tmp_path: Path) -> None:
    """A year ahead, a day back: keys and limits work on, and a full window does not lock a key out for a day."""
    needs(FAKETIME.exists(), "libfaketime (Debian: apt-get install libfaketime)")
    clock = tmp_path / "clock"
    clock.write_text("+0")
    _, token = create_key(open_store(Settings(data=tmp_path)), "clock", list(Scope))
    settings = {
        "LD_PRELOAD": str(FAKETIME),
        "FAKETIME_TIMESTAMP_FILE": str(clock),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "SHOUHOU_RATE_LIMIT": "5/hour",
    }
    header = {"Authorization": f"Bearer {token}"}
    with serving(data=tmp_path, artifacts=artifacts, **settings) as url:

        def statuses(count: int) -> list[int]:
            return [httpx.post(f"{url}/v1/recommendations", json=ASK, headers=header).status_code for _ in range(count)]

        assert statuses(6) == [200] * 5 + [429]
        for offset in ("+365d", "-1d", "+0"):
            clock.write_text(offset)
            time.sleep(0.1)
            assert statuses(6) == [200] * 5 + [429], offset
            key = {"Idempotency-Key": uuid4().hex}
            assert httpx.get(f"{url}/readyz").status_code == 200
            told = httpx.post(f"{url}/v1/feedback", json={"recommendation_id": "0" * 32}, headers={**header, **key})
            assert told.status_code == 429


def test_slow_clients_and_idle_connections(artifacts: Path, tmp_path: Path) -> None:
    """One byte a second, in the headers and in the body, and 500 connections that say nothing: others are served."""
    head = b"POST /v1/recommendations HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"

    def dribble(connection: socket.socket, raw: bytes) -> None:
        try:
            for byte in raw:
                connection.sendall(bytes([byte]))
                time.sleep(1)
        except OSError:
            pass  # The server has had enough.

    with serving(data=tmp_path, artifacts=artifacts) as url, ExitStack() as stack:
        address = ("127.0.0.1", int(url.rsplit(":", 1)[1]))

        def connected() -> socket.socket:
            return stack.enter_context(socket.create_connection(address, timeout=30))

        idle = [connected() for _ in range(500)]
        slow_head, slow_body, slow_again = connected(), connected(), connected()
        slow_body.sendall(head + b"Content-Length: 100\r\n\r\n")
        slow_again.sendall(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert slow_again.recv(4096).startswith(b"HTTP/1.1 200 ")
        began = time.monotonic()
        for connection, raw in ((slow_head, head), (slow_again, head), (slow_body, b'{"message": "' + b"x" * 80)):
            threading.Thread(target=dribble, args=(connection, raw), daemon=True).start()
        with httpx.Client(base_url=url) as client:
            for _ in range(50):
                assert client.post("/v1/recommendations", json=ASK).status_code == 200
        assert time.monotonic() - began < 5
        assert slow_body.recv(4096).startswith(b"HTTP/1.1 408 ")
        assert slow_head.recv(4096) == slow_again.recv(4096) == b""
        assert all(connection.recv(1) == b"" for connection in idle)
        assert time.monotonic() - began < 25


@pytest.fixture
def two_versions(artifacts: Path, tmp_path: Path) -> tuple[Path, str, str]:
    """A folder with the trained version, and one that differs from it in every answer: it always abstains."""
    folder = tmp_path / "artifacts"
    shutil.copytree(artifacts, folder)
    classifier, manifest = registry.load(folder)
    certain = Thresholds(**{**vars(classifier.thresholds), "abstain": 1.1})
    held_out = registry.load_held_out(folder, manifest.version)
    other = registry.save(replace(classifier, thresholds=certain), held_out, folder)
    return folder, manifest.version, other.version


def test_promotions_at_once_under_load(two_versions: tuple[Path, str, str], tmp_path: Path) -> None:
    """Two promotions at once, again and again: no failed and no mixed answer, and all workers end on the same one."""
    folder, first, second = two_versions
    decision = Decision(by="test")
    seen: set[str] = set()

    def load(done: threading.Event) -> None:
        with httpx.Client(base_url=url, timeout=30) as client:
            while not done.is_set():
                answer = client.post("/v1/recommendations", json=ASK)
                assert answer.status_code == 200, answer.text
                body = answer.json()
                abstains = any("把握不足" in reason for reason in body["review"]["reasons"])
                assert abstains == (body["model_version"] == second), "an answer of two versions"
                seen.add(body["model_version"])

    def all_workers_serve(version: str) -> bool:
        return f'shouhou_model_workers{{version="{version}"}} 2.0' in httpx.get(f"{url}/metrics").text

    with serving("--workers", "2", data=tmp_path / "data", artifacts=folder) as url, running(load, threads=3):
        for _ in range(2):
            both = [threading.Thread(target=promote, args=(folder, version, decision)) for version in (first, second)]
            for thread in both:
                thread.start()
            for thread in both:
                thread.join()
            assert httpx.post(f"{url}/v1/model/reload", json={}, timeout=30).status_code == 200
            current = registry.current_version(folder)
            assert current in (first, second)
            give_up = time.monotonic() + 20
            while not all_workers_serve(current) and time.monotonic() < give_up:
                time.sleep(0.2)
            assert all_workers_serve(current)
        promote(folder, first, decision)
        time.sleep(3)
        promote(folder, second, decision)
        time.sleep(3)
        assert rollback(folder, decision) == first
    assert seen == {first, second}


def test_a_broken_promotion_leaves_the_old_one_serving(two_versions: tuple[Path, str, str], tmp_path: Path) -> None:
    folder, first, second = two_versions
    with serving(data=tmp_path / "data", artifacts=folder) as url:
        path = folder / second / registry.ARTIFACT
        path.write_bytes(path.read_bytes()[:-1])
        registry.set_current(folder, second)  # As a script without `shouhou models promote` might.
        told = httpx.post(f"{url}/v1/model/reload", json={}, timeout=30)
        assert told.status_code == 409
        assert f"{first} goes on serving" in told.json()["detail"]
        ready = httpx.get(f"{url}/readyz").json()
        assert ready["model_version"] == first
        assert "SHA-256" in ready["model_problem"]
        assert httpx.post(f"{url}/v1/recommendations", json=ASK).json()["model_version"] == first
        assert "shouhou_model_reload_failures_total 1.0" in httpx.get(f"{url}/metrics").text
        promote(folder, first, Decision(by="test"))
        assert httpx.post(f"{url}/v1/model/reload", json={}, timeout=30).status_code == 200
        assert httpx.get(f"{url}/readyz").json()["model_problem"] is None


def test_sigterm_drains(artifacts: Path, tmp_path: Path) -> None:
    """What was asked is answered, what was queued is written."""
    server = start(data=tmp_path, artifacts=artifacts)
    statuses: list[int] = []
    batch = {"items": [ASK] * 300}

    def ask() -> None:
        statuses.append(httpx.post(f"{server.url}/v1/recommendations/batch", json=batch, timeout=60).status_code)

    thread = threading.Thread(target=ask)
    thread.start()
    time.sleep(0.1)
    assert server.stop() in ENDED_BY_SIGTERM
    thread.join()
    assert statuses == [200]
    with sqlite3.connect(tmp_path / SQLITE_FILE) as store:
        assert store.execute("SELECT count(*) FROM recommendations").fetchone() == (300,)


def test_no_message_text_in_the_logs(artifacts: Path, tmp_path: Path) -> None:
    """Not on good requests, bad ones, or when the store fails."""
    log = tmp_path / "log"
    secret = "13800138000"
    server = start(data=tmp_path / "data", artifacts=artifacts, log=log, SHOUHOU_LOG_LEVEL="debug")
    with httpx.Client(base_url=server.url) as client:
        for body in ({"message": f"打{secret}"}, {"message": "x", secret: secret}, {"message": {secret: 1}}):
            client.post("/v1/recommendations", json=body)
        client.get(f"/v1/{secret}?q={secret}")
        json_type = {"content-type": "application/json"}
        client.post("/v1/recommendations", content=f'{{"message": "{secret}', headers=json_type)
        told = {"recommendation_id": "0" * 32, "edited_text": f"打{secret}"}
        client.post("/v1/feedback", json=told, headers={"Idempotency-Key": secret + "!"})
        with sqlite3.connect(tmp_path / "data" / SQLITE_FILE) as store:
            store.execute("DROP TABLE feedback")
        assert client.post("/v1/feedback", json=told, headers={"Idempotency-Key": "k"}).status_code == 503
    server.stop()
    lines = log.read_text(encoding="utf-8")
    assert "feedback not kept" in lines
    assert secret not in lines


def test_two_servers_on_one_postgresql_behind_nginx(artifacts: Path, tmp_path: Path, postgres: Postgresql) -> None:
    """A server that is stopped and started again takes no request with it."""
    nginx = shutil.which("nginx") or "/usr/sbin/nginx"
    needs(Path(nginx).exists(), "nginx (Debian: apt-get install nginx-light)")
    url = postgres.new_database()
    settings = Settings(database_url=url)
    engine = open_store(settings)
    _, token = create_key(engine, "nginx", list(Scope))
    header = {"Authorization": f"Bearer {token}"}
    ports = [free_port(), free_port()]
    public = free_port()
    example = (Path(__file__).parent.parent / "deploy" / "nginx.conf").read_text(encoding="utf-8")
    for name, port in zip(("shouhou-1", "shouhou-2"), ports, strict=True):
        assert f"server {name}:8000" in example
        example = example.replace(f"server {name}:8000", f"server 127.0.0.1:{port}")
    config = tmp_path / "nginx.conf"
    main = f"daemon off; pid {tmp_path}/pid; error_log {tmp_path}/error.log;\nevents {{}}\n"
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    paths = "".join(f"{kind}_temp_path {tmp_path}/{kind};\n" for kind in kinds)
    site = example.replace("listen 80;", f"listen 127.0.0.1:{public};")
    config.write_text(f"{main}http {{ access_log off;\n{paths}{site}}}\n", encoding="utf-8")
    count = 0

    def load(done: threading.Event) -> None:
        nonlocal count
        with httpx.Client(base_url=f"http://127.0.0.1:{public}", timeout=30, headers=header) as client:
            while not done.is_set():
                answer = client.post("/v1/recommendations", json=ASK)
                assert answer.status_code == 200, answer.text
                key = uuid4().hex
                told = client.post("/v1/feedback", json={"recommendation_id": key}, headers={"Idempotency-Key": key})
                assert told.status_code == 201, told.text
                count += 1

    servers = [start(data=tmp_path, artifacts=artifacts, port=port, SHOUHOU_DATABASE_URL=url) for port in ports]
    proxy = subprocess.Popen([nginx, "-c", str(config), "-p", str(tmp_path)])
    try:
        time.sleep(0.5)
        without = httpx.post(f"http://127.0.0.1:{public}/v1/recommendations", json=ASK)
        assert without.status_code == 401
        assert httpx.get(f"http://127.0.0.1:{public}/metrics", headers=header).status_code == 403
        with running(load):
            time.sleep(2)
            servers[0].stop()
            time.sleep(1)
            servers[0] = start(data=tmp_path, artifacts=artifacts, port=ports[0], SHOUHOU_DATABASE_URL=url)
            time.sleep(4)  # nginx asks a server that failed again after a second.
            servers[1].stop()
            time.sleep(1)
        assert count > 20
    finally:
        proxy.terminate()
        proxy.wait()
        for server in servers:
            if server.process.poll() is None:
                server.stop()
    with engine.connect() as connection:
        assert connection.execute(select(func.count()).select_from(feedback)).scalar_one() == count
    engine.dispose()
