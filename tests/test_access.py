"""Who gets in, and how much they may ask."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from limits import parse

from api.app import create_app
from api.keyring import Caller
from api.model_in_use import ModelState
from api.problems import ProblemError
from api.rate_limit import MAX_COUNTED, RateLimit
from api.settings import Settings
from api.store.database import open_store
from api.store.keys import Scope, create_key, revoke_key
from tests.conftest import shouhou

ASK = {"message": "少了一包"}
Connect = Callable[..., TestClient]


@pytest.fixture
def connect(state: ModelState, artifacts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Connect]:
    """Makes clients of one application; arguments go to TestClient, settings to the application."""
    monkeypatch.setenv("SHOUHOU_ARTIFACTS", str(artifacts))
    opened: list[TestClient] = []

    def open_client(base_url: str = "http://127.0.0.1", address: str = "127.0.0.1", **settings: Any) -> TestClient:
        app = create_app(state, Settings(data=tmp_path, **settings))
        client = TestClient(app, base_url, raise_server_exceptions=False, client=(address, 5))
        client.__enter__()
        opened.append(client)
        return client

    yield open_client
    for client in opened:
        client.__exit__(None, None, None)


def make_key(folder: Path, *scopes: Scope) -> tuple[str, dict[str, str]]:
    key, token = create_key(open_store(Settings(data=folder)), "test", scopes or list(Scope))
    return key.id, {"Authorization": f"Bearer {token}"}


def test_open_at_home_only(connect: Connect) -> None:
    assert connect().post("/v1/recommendations", json=ASK).status_code == 200
    assert connect("http://localhost").post("/v1/recommendations", json=ASK).status_code == 200
    assert connect("http://evil.example").post("/v1/recommendations", json=ASK).status_code == 401
    origins = (("https://evil.example", 401), ("null", 401), ("http://[", 401), ("http://127.0.0.1:8000", 200))
    for origin, status in origins:
        assert connect().post("/v1/model/reload", headers={"Origin": origin}).status_code == status
    assert connect(address="192.0.2.1").post("/v1/recommendations", json=ASK).status_code == 401


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "X-Real-IP", "Via"])
def test_a_proxy_is_not_at_home(connect: Connect, header: str) -> None:
    assert connect().post("/v1/recommendations", json=ASK, headers={header: "127.0.0.1"}).status_code == 401


def test_a_key_closes_the_house(connect: Connect, tmp_path: Path) -> None:
    key_id, header = make_key(tmp_path)
    client = connect()
    for path in ("/v1/model", "/v1/taxonomy", "/metrics", "/v1/nothing"):
        answer = client.get(path)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == "Bearer"
        assert answer.headers["content-type"] == "application/problem+json"
    assert client.get("/healthz").status_code == client.get("/readyz").status_code == 200
    assert client.post("/v1/recommendations", json=ASK, headers=header).status_code == 200
    assert revoke_key(open_store(Settings(data=tmp_path)), key_id)
    time.sleep(1.5)
    assert client.post("/v1/recommendations", json=ASK, headers=header).status_code == 401
    assert client.post("/v1/recommendations", json=ASK).status_code == 401, "a revoked last key does not open the house"


def test_wrong_keys(connect: Connect, tmp_path: Path) -> None:
    _, header = make_key(tmp_path)
    client = connect()
    token = header["Authorization"].removeprefix("Bearer ")
    wrong = [token[:-1], token + "x", token.upper(), "", "shk", "shk_", "shk__", "x" * 5000, token.replace("_", "-")]
    for attempt in wrong:
        answer = client.get("/v1/model", headers={"Authorization": f"Bearer {attempt}"})
        assert answer.status_code == 401, attempt
    for value in (f"Basic {token}", token, "Bearer", "Bearer \xe9\xff"):
        assert client.get("/v1/model", headers={"Authorization": value.encode("latin-1")}).status_code == 401  # type: ignore[dict-item]
    assert client.get(f"/v1/model?key={token}").status_code == 401


def test_scopes(connect: Connect, tmp_path: Path) -> None:
    _, recommend = make_key(tmp_path, Scope.recommend)
    _, feedback = make_key(tmp_path, Scope.feedback)
    _, admin = make_key(tmp_path, Scope.admin)
    client = connect()

    def statuses(path: str, body: Any) -> list[int]:
        found = []
        for header in (recommend, feedback, admin):
            found.append(client.post(path, json=body, headers={**header, "Idempotency-Key": "k"}).status_code)
        return found

    assert statuses("/v1/recommendations", ASK) == [200, 403, 403]
    assert statuses("/v1/recommendations/batch", {"items": [ASK]}) == [200, 403, 403]
    assert statuses("/v1/feedback", {"recommendation_id": "0" * 32}) == [403, 201, 403]
    assert statuses("/v1/model/reload", {})[:2] == [403, 403]
    assert [client.get("/metrics", headers=header).status_code for header in (recommend, feedback, admin)] == [
        403,
        403,
        200,
    ]


def test_one_shop_cannot_touch_anothers(connect: Connect, tmp_path: Path) -> None:
    _, ours = make_key(tmp_path)
    _, theirs = make_key(tmp_path)
    client = connect()
    made = client.post("/v1/recommendations", json=ASK, headers=theirs).json()
    body = {"recommendation_id": made["id"], "issue": "spoilage"}
    assert client.post("/v1/feedback", json=body, headers={**theirs, "Idempotency-Key": "k"}).status_code == 201
    answer = client.post("/v1/feedback", json=body, headers={**ours, "Idempotency-Key": "k"})
    assert answer.status_code == 201, "the same idempotency key of another shop is another key"
    from api.store.feedback import find_judged

    engine = client.app.state.service.engine  # type: ignore[attr-defined]
    owners = {key.id for key in client.app.state.service.keys.keys.values()}  # type: ignore[attr-defined]
    seen = [find_judged(engine, owner, made["id"]) is not None for owner in owners]
    assert sorted(seen) == [False, True]


def test_rate_limit_per_key(connect: Connect, tmp_path: Path) -> None:
    _, ours = make_key(tmp_path)
    _, theirs = make_key(tmp_path)
    client = connect(rate_limit="5/minute")
    statuses = [client.post("/v1/recommendations", json=ASK, headers=ours).status_code for _ in range(6)]
    assert statuses == [200] * 5 + [429]
    refused = client.post("/v1/recommendations/batch", json={"items": [ASK] * 6}, headers=theirs)
    assert refused.status_code == 429
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    assert client.post("/v1/recommendations", json=ASK, headers=theirs).status_code == 200


def test_made_up_callers_do_not_fill_the_memory() -> None:
    async def call() -> None:
        limit = RateLimit(parse("1/minute"))
        await limit.take(Caller("first", frozenset()))
        with pytest.raises(ProblemError):
            await limit.take(Caller("first", frozenset()))
        for number in range(MAX_COUNTED):
            await limit.take(Caller(str(number), frozenset()))
        await limit.take(Caller("first", frozenset()))

    asyncio.run(call())


def test_no_way_is_shown_from_a_wrong_slash(client: TestClient) -> None:
    """It would name http, behind a proxy that ends TLS, and the key would follow in the clear."""
    assert client.get("/v1/model/", follow_redirects=False).status_code == 404


def test_every_answer_has_the_headers(client: TestClient) -> None:
    for answer in (client.get("/healthz"), client.get("/nothing"), client.post("/v1/recommendations", content=b"{")):
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["cache-control"] == "no-store"
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["x-request-id"]
    assert client.get("/healthz", headers={"X-Request-ID": "shop-7.42"}).headers["x-request-id"] == "shop-7.42"
    assert client.get("/healthz", headers={"X-Request-ID": "a b\tc"}).headers["x-request-id"] != "a b\tc"


def test_cors_allows_the_listed_only(connect: Connect) -> None:
    client = connect(cors_origins="https://desk.example, https://kefu.example")
    ask = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,content-type"}
    allowed = client.options("/v1/recommendations", headers={"Origin": "https://kefu.example", **ask})
    assert allowed.status_code == 200
    assert allowed.headers["access-control-allow-origin"] == "https://kefu.example"
    assert client.options("/v1/recommendations", headers={"Origin": "https://evil.example", **ask}).status_code == 400


def test_keys_by_command(tmp_path: Path) -> None:
    environment = {**os.environ, "SHOUHOU_DATA": str(tmp_path), "COLUMNS": "200"}

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "model.cli", *arguments]
        return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60)

    made = run("keys", "create", "--name", "插件[/b]", "--scope", "recommend", "--scope", "feedback")
    assert made.returncode == 0, made.stderr
    token = made.stdout.strip()
    assert token.startswith("shk_")
    listed = run("keys", "list")
    assert "插件[/b]" in listed.stdout, "a name is no markup"
    assert token not in listed.stdout
    key_id = token.split("_")[1]
    assert run("keys", "revoke", key_id).returncode == 0
    again = run("keys", "revoke", key_id)
    assert again.returncode == 2
    assert "错误：" in again.stderr
    assert run("keys", "create", "--name", "", "--scope", "admin").returncode == 2


def test_no_key_no_public_address(artifacts: Path, tmp_path: Path) -> None:
    environment = {**os.environ, "SHOUHOU_DATA": str(tmp_path), "SHOUHOU_ARTIFACTS": str(artifacts)}
    command = [sys.executable, "-m", "model.cli", "serve", "--host", "0.0.0.0"]  # noqa: S104
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60)
    assert done.returncode == 2
    assert "shouhou keys create" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SHOUHOU_RETENTION_DAYS", "zero"),
        ("SHOUHOU_RATE_LIMIT", "many"),
        ("SHOUHOU_DATABASE_URL", "mysql://x"),
        ("SHOUHOU_CORS_ORIGINS", "*"),
        ("SHOUHOU_RECORD", "maybe"),
    ],
)
def test_a_wrong_setting_is_one_line(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)
    done = shouhou("keys", "list")
    assert done.returncode == 2
    assert name in done.stderr
    assert "Traceback" not in done.stderr


def test_no_store_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOUHOU_DATABASE_URL", "postgresql://nobody:secret@127.0.0.1:1/none")
    done = shouhou("keys", "list")
    assert done.returncode == 2
    assert "secret" not in done.stderr
    assert "Traceback" not in done.stderr


def test_metrics_name_routes_not_paths(client: TestClient) -> None:
    client.post("/v1/recommendations", json=ASK)
    client.get("/v1/13800138000")
    told = client.get("/metrics").text
    assert 'shouhou_requests_total{method="POST",route="/v1/recommendations",status="200"}' in told
    assert "13800138000" not in told
    for name in ("issues_total", "reviews_total", "issue_confidence", "store_queue", "model_workers", "recorded_total"):
        assert f"shouhou_{name}" in told
