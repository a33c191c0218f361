"""Sessions of the pages: what the cookie allows, what forgeries are refused, who may frame what."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine, select, text, update

from api import sessions as sessions_in_memory
from api.app import create_app
from api.model_in_use import ModelState
from api.service import SIGN_INS
from api.sessions import COOKIE, SECURE_COOKIE
from api.settings import Settings
from api.store.clock import now_ms
from api.store.database import open_store
from api.store.keys import Scope, create_key
from api.store.sessions import begin_session, end_session, find_session
from api.store.tables import sessions
from tests.conftest import HOME, shouhou

ASK = {"message": "少了一包"}
SHOP = "https://shouhou.example"
OWN_PAGE = {"Sec-Fetch-Site": "same-origin"}
PERSON = {"Accept": "text/html"}


@pytest.fixture
def token(tmp_path: Path) -> str:
    return create_key(open_store(Settings(data=tmp_path)), "客服", [Scope.recommend, Scope.feedback])[1]


@pytest.fixture
def at(
    token: str, state: ModelState, artifacts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Any]:
    """Makes clients of a service with one key, at an address; settings go to the service."""
    assert token
    monkeypatch.setenv("SHOUHOU_ARTIFACTS", str(artifacts))
    opened: list[TestClient] = []

    def open_client(address: str = HOME, **settings: Any) -> TestClient:
        app = create_app(state, Settings(data=tmp_path, **settings))
        client = TestClient(app, address, raise_server_exceptions=False, follow_redirects=False)
        opened.append(client.__enter__())
        return client

    yield open_client
    for client in opened:
        client.__exit__(None, None, None)


def sign_in(client: TestClient, token: str, *, framed: bool = False) -> Any:
    answer = client.post("/sign-in", json={"key": token, "framed": framed}, headers=OWN_PAGE)
    assert answer.status_code == 204, answer.text
    return answer


def csrf_token(client: TestClient) -> str:
    page = client.get("/", headers=PERSON).text
    return page.partition('name="csrf-token" content="')[2].partition('"')[0]


def test_the_cookie_says_as_little_as_it_can(at: Any, token: str) -> None:
    home = sign_in(at(), token).headers["set-cookie"]
    assert home.startswith(f"{COOKIE}=")
    assert home.endswith("; Path=/; HttpOnly; SameSite=Strict")
    shop = at(SHOP, frame_ancestors="https://desk.example")
    assert sign_in(shop, token).headers["set-cookie"].endswith("; Path=/; HttpOnly; Secure; SameSite=Strict")
    framed = sign_in(shop, token, framed=True).headers["set-cookie"]
    assert framed.startswith(f"{SECURE_COOKIE}=")
    assert framed.endswith("; Path=/; HttpOnly; Secure; SameSite=None; Partitioned")
    unframed = sign_in(at(SHOP), token, framed=True).headers["set-cookie"]
    assert "SameSite=Strict" in unframed, "no help desk is configured"
    for cookie in (home, framed):
        assert token not in cookie


def test_a_session_acts_with_its_keys_scopes(at: Any, token: str) -> None:
    client = at()
    sign_in(client, token)
    change = {**OWN_PAGE, "X-CSRF-Token": csrf_token(client)}
    assert client.post("/v1/recommendations", json=ASK, headers=change).status_code == 200
    assert client.post("/v1/model/reload", headers=change).status_code == 403
    assert client.get("/v1/model").status_code == 200
    assert client.post("/sign-out", json={}, headers=change).status_code == 204
    assert client.post("/v1/recommendations", json=ASK, headers=change).status_code == 401


def test_forged_changes_are_refused(at: Any, token: str) -> None:
    client = at()
    sign_in(client, token)
    good = csrf_token(client)
    assert len(good) == 64
    own_origin, other_origin = {"Origin": HOME}, {"Origin": "https://evil.example"}
    for headers, status in (
        ({**OWN_PAGE, "X-CSRF-Token": good}, 200),
        ({**own_origin, "X-CSRF-Token": good}, 200),
        (OWN_PAGE, 403),
        ({**OWN_PAGE, "X-CSRF-Token": good[:-1] + "x"}, 403),
        ({"X-CSRF-Token": good}, 403),
        ({**other_origin, "X-CSRF-Token": good}, 403),
        ({"Origin": "null", "X-CSRF-Token": good}, 403),
        ({"Sec-Fetch-Site": "cross-site", **own_origin, "X-CSRF-Token": good}, 403),
        ({"Sec-Fetch-Site": "same-site", "X-CSRF-Token": good}, 403),
    ):
        assert client.post("/v1/recommendations", json=ASK, headers=headers).status_code == status, headers
    bearer = {"Authorization": f"Bearer {token}", "Origin": "https://evil.example"}
    client.cookies.clear()
    assert client.post("/v1/recommendations", json=ASK, headers=bearer).status_code == 200, "a key needs no page"


def test_nobody_is_signed_in_by_another_site(at: Any, token: str) -> None:
    client = at()
    for headers in ({}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}, {"Origin": "http://["}):
        answer = client.post("/sign-in", json={"key": token, "framed": False}, headers=headers)
        assert answer.status_code == 403
    assert client.post("/sign-in", data={"key": token}, headers=OWN_PAGE).status_code == 415


def test_sign_ins_are_counted(at: Any, token: str) -> None:
    client = at()
    wrong = {"key": "shk_x_y", "framed": False}
    statuses = [client.post("/sign-in", json=wrong, headers=OWN_PAGE).status_code for _ in range(SIGN_INS.amount + 1)]
    assert statuses == [401] * SIGN_INS.amount + [429]
    other = {**OWN_PAGE, "X-Forwarded-For": "192.0.2.7"}
    assert client.post("/sign-in", json={"key": token, "framed": False}, headers=other).status_code == 204


def test_of_a_long_address_the_beginning_counts(at: Any) -> None:
    client = at()
    for attempt in range(SIGN_INS.amount + 1):
        long = {**OWN_PAGE, "X-Forwarded-For": "x" * 10_000 + str(attempt)}
        answer = client.post("/sign-in", json={"key": "shk_x_y", "framed": False}, headers=long)
    assert answer.status_code == 429


def test_people_are_led_to_sign_in_and_programs_told(at: Any) -> None:
    client = at()
    led = client.get("/playbook?q=涨袋", headers=PERSON)
    assert (led.status_code, led.headers["location"]) == (
        303,
        "/sign-in?next=/playbook%3Fq%3D%25E6%25B6%25A8%25E8%25A2%258B",
    )
    strange = {**PERSON, "Sec-Fetch-Site": "cross-site"}
    again = client.get("/playbook", headers={**strange, "Sec-Fetch-Dest": "document"})
    assert (again.status_code, "refresh" in again.text) == (200, True)
    framed = client.get("/embed", headers={**strange, "Sec-Fetch-Dest": "iframe"})
    assert (framed.status_code, framed.headers["location"]) == (303, "/sign-in?next=/embed")
    assert client.get("/playbook").status_code == 401
    assert client.post("/v1/recommendations", json=ASK, headers=PERSON).status_code == 401


def test_people_get_pages_for_errors(client: TestClient) -> None:
    lost = client.get("/nothing", headers=PERSON)
    assert (lost.status_code, "没有这一页" in lost.text) == (404, True)
    assert client.get("/nothing").headers["content-type"] == "application/problem+json"


def test_a_key_without_the_scope_is_told_on_a_page(at: Any, tmp_path: Path) -> None:
    _, token = create_key(open_store(Settings(data=tmp_path)), "抓取指标", [Scope.admin])
    client = at()
    sign_in(client, token)
    refused = client.get("/", headers=PERSON)
    assert refused.status_code == 403
    assert "这把密钥打不开这一页" in refused.text
    assert 'href="/playbook"' in refused.text


def test_only_named_help_desks_may_frame_and_only_the_panel(at: Any, token: str) -> None:
    desk = "https://desk.example"
    client = at(frame_ancestors=f"{desk}, http://127.0.0.1:3000")

    def ancestors(path: str) -> str:
        policy = client.get(path, headers=PERSON).headers["content-security-policy"]
        assert "unsafe" not in policy
        return str(policy.partition("frame-ancestors ")[2].partition(";")[0])

    framed = f"'self' {desk} http://127.0.0.1:3000"
    assert ancestors("/sign-in?next=/embed") == framed
    assert ancestors("/sign-in") == "'none'"
    sign_in(client, token)
    assert ancestors("/embed") == framed
    assert ancestors("/embed/chatwoot") == f"{desk} http://127.0.0.1:3000"
    for path in ("/", "/playbook", "/examples/help-desk", "/nothing"):
        assert ancestors(path) == "'none'"
        assert client.get(path, headers=PERSON).headers["x-frame-options"] == "DENY"


def test_pages_cannot_be_framed_by_default(client: TestClient) -> None:
    assert "frame-ancestors 'none'" in client.get("/embed/chatwoot").headers["content-security-policy"]
    assert "frame-ancestors 'self'" in client.get("/embed").headers["content-security-policy"]


def test_static_files(client: TestClient) -> None:
    component = client.get("/static/shouhou-panel.js")
    assert component.headers["content-type"].startswith("text/javascript")
    assert component.headers["access-control-allow-origin"] == "*"
    assert component.headers["cache-control"] == "no-cache"
    again = client.get("/static/shouhou-panel.js", headers={"If-None-Match": component.headers["etag"]})
    assert again.status_code == 304
    assert "access-control-allow-origin" not in client.get("/static/panel.js").headers
    for path in ("/static/", "/static/../panel.html", "/static/%2e%2e/panel.html"):
        assert client.get(path).status_code == 404


@pytest.mark.parametrize(
    "origins",
    ["*", "desk.example", "https://desk.example/panel", "http://desk.example", "https://*.desk.example", "'self'"],
)
def test_a_wrong_help_desk_is_one_line(origins: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOUHOU_FRAME_ANCESTORS", origins)
    done = shouhou("keys", "list")
    assert done.returncode == 2
    assert "SHOUHOU_FRAME_ANCESTORS" in done.stderr
    assert "Traceback" not in done.stderr


def test_sessions_in_the_store(engine: Engine) -> None:
    first, second = begin_session(engine, "k1"), begin_session(engine, "k2")
    found = find_session(engine, first)
    assert found is not None
    assert found.key_id == "k1"
    with engine.connect() as connection:
        kept = connection.execute(select(sessions.c.token_sha256)).scalars().all()
    assert first not in kept
    end_session(engine, first)
    assert find_session(engine, first) is None
    with engine.begin() as connection:
        connection.execute(update(sessions).values(expires_at_ms=now_ms() - 1))
    assert find_session(engine, second) is None
    begin_session(engine, "k3")
    with engine.connect() as connection:
        assert connection.execute(select(sessions.c.key_id)).scalars().all() == ["k3"], "expired ones are forgotten"


def test_a_dead_store_signs_nobody_out(at: Any, token: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    client = at()
    sign_in(client, token)
    assert client.get("/v1/model").status_code == 200
    monkeypatch.setattr(sessions_in_memory, "REMEMBERED_SECONDS", 0.0)
    with open_store(Settings(data=tmp_path)).begin() as connection:
        connection.execute(text("DROP TABLE sessions"))
    assert client.get("/v1/model").status_code == 200
    client.cookies.clear()
    refused = client.post("/sign-in", json={"key": token, "framed": False}, headers=OWN_PAGE)
    assert refused.status_code == 503


def test_a_neighbours_cookie_is_not_taken(at: Any, token: str) -> None:
    """Another host of the same domain can set a cookie here, but none with the prefix __Host-."""
    shop = at(SHOP)
    sign_in(shop, token)
    session = shop.cookies[SECURE_COOKIE]
    shop.cookies.clear()
    for name, status in ((COOKIE, 401), (SECURE_COOKIE, 200)):
        assert shop.get("/v1/model", headers={"Cookie": f"{name}={session}"}).status_code == status


def test_made_up_sessions(at: Any) -> None:
    client = at()
    for cookie in ("x", "", "a" * 5000, '"\\"', "\xff"):
        headers = [(b"Cookie", f"{COOKIE}={cookie}".encode("latin-1"))]
        assert client.get("/v1/model", headers=headers).status_code == 401  # type: ignore[arg-type]


def test_an_expired_session_is_not_remembered(at: Any, token: str, tmp_path: Path) -> None:
    client = at()
    sign_in(client, token)
    assert client.get("/v1/model").status_code == 200
    with open_store(Settings(data=tmp_path)).begin() as connection:
        connection.execute(update(sessions).values(expires_at_ms=now_ms() - 1))
    while client.get("/v1/model").status_code == 200:
        time.sleep(0.1)
