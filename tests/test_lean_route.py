"""The short way answers as FastAPI's own way does."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from api.app import create_app
from api.lean_route import LeanRoutes
from api.model_in_use import ModelState
from api.settings import Settings
from tests.conftest import HOME

ROUTE, BATCH = "/v1/recommendations", "/v1/recommendations/batch"
JSON = {"Content-Type": "application/json"}
CHANGING = re.compile(r'"(id|due_at)":"[^"]*"')
NAVIGATION = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document", "Accept": "text/html"}


@pytest.mark.parametrize(
    ("method", "path", "headers", "body"),
    [
        ("POST", ROUTE, JSON, '{"message": "漏了"}'),
        ("POST", ROUTE, JSON, '{"message": "\\ud83d 漏了"}'),
        ("POST", ROUTE, JSON, '{"message": ""}'),
        ("POST", ROUTE, JSON, '{"message": "漏了", "context": {"platform": "nowhere"}}'),
        ("POST", ROUTE, JSON, "{"),
        ("POST", ROUTE, JSON, "[" * 5000),
        ("POST", ROUTE, JSON, b"\xc2\xa9\xff"),
        ("POST", ROUTE, {"Content-Type": "text/plain"}, "漏了"),
        ("POST", ROUTE, {}, None),
        ("POST", ROUTE, JSON | NAVIGATION, "{"),
        ("POST", BATCH, JSON, '{"items": [{"message": "漏了"}, {"message": 1}]}'),
        ("POST", BATCH, JSON, '{"items": []}'),
        ("POST", f"{ROUTE}/", JSON, '{"message": "漏了"}'),
        ("POST", "/v1/%72ecommendations", JSON, '{"message": "漏了"}'),
        ("GET", ROUTE, {}, None),
        ("HEAD", ROUTE, {}, None),
        ("OPTIONS", ROUTE, {}, None),
        ("PUT", ROUTE, JSON, "{}"),
    ],
)
def test_both_ways_answer_alike(
    client: TestClient,
    monkeypatch: pytest.MonkeyPatch,
    method: str,
    path: str,
    headers: dict[str, str],
    body: str | bytes | None,
) -> None:
    def ask() -> tuple[int, dict[str, str], str]:
        answer = client.request(method, path, headers=headers, content=body)
        kept = {name: value for name, value in answer.headers.items() if name not in {"x-request-id", "content-length"}}
        return answer.status_code, kept, CHANGING.sub("", answer.text)

    lean = ask()

    async def straight_on(routes: LeanRoutes, *call: Any) -> None:
        await routes.app(*call)

    monkeypatch.setattr(LeanRoutes, "__call__", straight_on)
    assert lean == ask()


def test_the_short_way_is_taken(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    whole = LeanRoutes.__call__

    async def watched(routes: LeanRoutes, *call: Any) -> None:
        seen.append(sorted(routes._handlers))
        await whole(routes, *call)

    monkeypatch.setattr(LeanRoutes, "__call__", watched)
    assert client.post(ROUTE, json={"message": "漏了"}).status_code == 200
    assert seen == [[("POST", ROUTE), ("POST", BATCH)]]
    assert f'route="{ROUTE}",status="200"' in client.get("/metrics").text


def test_an_unforeseen_error_is_a_problem_with_all_headers(
    state: ModelState, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise StopIteration("电话13800138000")

    monkeypatch.setattr("api.micro_batch.recommend", broken)
    app = create_app(state, Settings(data=tmp_path))
    with TestClient(app, HOME, raise_server_exceptions=False, client=("127.0.0.1", 50000)) as client:
        answer = client.post(ROUTE, json={"message": "漏了"})
    assert answer.status_code == 500
    assert json.loads(answer.text)["type"] == "urn:shouhou:internal-error"
    assert {"content-security-policy", "x-request-id"} <= answer.headers.keys()
    assert "13800138000" not in answer.text
