"""Signing in to the pages, in a real browser."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from http import HTTPStatus
from pathlib import Path
from urllib.parse import quote

import httpx2 as httpx
import pytest
from playwright.sync_api import Page, ViewportSize, expect
from sqlalchemy import Engine, update

from api.settings import Settings
from api.store.clock import now_ms
from api.store.database import open_store
from api.store.keys import Scope, create_key, revoke_key
from api.store.tables import sessions
from tests.browser import SIDE_PANEL, WIDE, Watched, serious_findings
from tests.processes import serving

MakeKey = Callable[..., tuple[str, str]]


@pytest.fixture(scope="module")
def engine_of_house(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    return open_store(Settings(data=tmp_path_factory.mktemp("closed")))


@pytest.fixture(scope="module")
def house(engine_of_house: Engine, artifacts: Path) -> Iterator[str]:
    """Address of a service with keys."""
    create_key(engine_of_house, "店长", list(Scope))
    assert engine_of_house.url.database is not None
    with serving(data=Path(engine_of_house.url.database).parent, artifacts=artifacts) as url:
        yield url


@pytest.fixture
def make_key(engine_of_house: Engine, house: str) -> MakeKey:
    """Makes a key that the running service knows; its id and token."""

    def make(*scopes: Scope) -> tuple[str, str]:
        key, token = create_key(engine_of_house, "客服一组", scopes or (Scope.recommend, Scope.feedback))
        headers = {"Authorization": f"Bearer {token}"}
        while httpx.get(f"{house}/v1/model", headers=headers).status_code != HTTPStatus.OK:
            time.sleep(0.05)
        return key.id, token

    return make


def sign_in(page: Page, token: str) -> None:
    page.get_by_label("接口密钥").fill(token)
    page.get_by_role("button", name="登录").click()


def wait_until_away(page: Page) -> None:
    """Reload until the sign-in page comes: keys and sessions are looked up every second or two."""
    while "/sign-in" not in page.url:
        page.reload()


def test_sign_in_leads_on_and_sign_out_ends(watched: Watched, house: str, make_key: MakeKey) -> None:
    _, token = make_key()
    page = watched.open(f"{house}/playbook?q=x")
    expect(page).to_have_url(re.compile("/sign-in"))
    expect(page.get_by_label("接口密钥")).to_be_focused()
    page.keyboard.insert_text("shk_wrong")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("密钥不对")
    watched.forgive("401")
    sign_in(page, token)
    expect(page).to_have_url(f"{house}/playbook?q=x")
    expect(page.get_by_text("客服一组")).to_be_visible()
    (cookie,) = watched.context.cookies()
    assert (cookie["httpOnly"], cookie["sameSite"], cookie["secure"]) == (True, "Strict", False)
    assert token not in page.content()
    page.get_by_role("button", name="退出").click()
    expect(page).to_have_url(f"{house}/sign-in")
    watched.context.add_cookies([cookie])  # type: ignore[list-item]
    page.goto(f"{house}/playbook")
    expect(page).to_have_url(re.compile("/sign-in"))


def test_a_revoked_key_ends_its_sessions(
    watched: Watched, house: str, make_key: MakeKey, engine_of_house: Engine
) -> None:
    key_id, token = make_key()
    page = watched.open(f"{house}/sign-in?next=/playbook")
    sign_in(page, token)
    expect(page).to_have_url(f"{house}/playbook")
    revoke_key(engine_of_house, key_id)
    wait_until_away(page)
    sign_in(page, token)
    expect(page.get_by_role("alert")).to_contain_text("密钥不对")
    watched.forgive("401")


def test_an_expired_session_leads_to_sign_in(
    watched: Watched, house: str, make_key: MakeKey, engine_of_house: Engine
) -> None:
    _, token = make_key()
    page = watched.open(f"{house}/sign-in?next=/playbook")
    sign_in(page, token)
    expect(page).to_have_url(f"{house}/playbook")
    with engine_of_house.begin() as connection:
        connection.execute(update(sessions).values(expires_at_ms=now_ms() - 1))
    wait_until_away(page)


def test_what_was_typed_survives_signing_in_again(
    watched: Watched, house: str, make_key: MakeKey, engine_of_house: Engine
) -> None:
    key_id, token = make_key()
    page = watched.open(f"{house}/sign-in")
    sign_in(page, token)
    expect(page.locator("#message")).to_be_focused()
    page.get_by_label("买了几件").fill("2")
    revoke_key(engine_of_house, key_id)
    while not page.locator("#failure").is_visible():
        page.locator("#message").fill("两袋涨袋了")
        with page.expect_response("**/v1/recommendations"):
            page.locator("#message").press("Control+Enter")
    watched.forgive("401")
    expect(page.locator("#failure")).to_contain_text("登录已失效")
    page.get_by_role("link", name="重新登录").click()
    sign_in(page, make_key()[1])
    expect(page.locator("#issue strong")).to_have_text("涨袋漏气")
    expect(page.locator("#message")).to_have_value("两袋涨袋了")
    expect(page.get_by_label("买了几件")).to_have_value("2")


def test_a_page_of_an_older_session_leads_to_sign_in(watched: Watched, house: str, make_key: MakeKey) -> None:
    page = watched.open(f"{house}/sign-in")
    sign_in(page, make_key()[1])
    expect(page).to_have_url(f"{house}/")
    other = watched.open(f"{house}/")
    other.get_by_role("button", name="退出").click()
    sign_in(other, make_key()[1])
    expect(other).to_have_url(f"{house}/")
    page.locator("#message").fill("两袋涨袋了")
    page.locator("#message").press("Control+Enter")
    page.get_by_role("link", name="重新登录").click()
    watched.forgive("403")
    expect(page.locator("#issue strong")).to_have_text("涨袋漏气")


def test_a_browser_that_keeps_no_cookie_is_told(watched: Watched, house: str, make_key: MakeKey) -> None:
    page = watched.open(f"{house}/sign-in")
    page.route("**/sign-in", lambda route: route.fulfill(status=204))
    sign_in(page, make_key()[1])
    expect(page.get_by_role("alert")).to_contain_text("浏览器没有保留登录")
    watched.forgive("401")


def test_a_link_on_another_site_finds_the_session(watched: Watched, house: str, make_key: MakeKey) -> None:
    page = watched.open(f"{house}/sign-in")
    sign_in(page, make_key()[1])
    expect(page).to_have_url(f"{house}/")
    elsewhere = house.replace("127.0.0.1", "localhost")  # To a browser this is another site.
    page.goto(f"{elsewhere}/healthz")
    page.evaluate("address => { location.href = address }", f"{house}/playbook")
    expect(page.get_by_label("搜索话术与规则")).to_be_visible()
    watched.forgive("localhost")


@pytest.mark.parametrize(
    "elsewhere", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)"]
)
def test_sign_in_leads_nowhere_else(watched: Watched, house: str, make_key: MakeKey, elsewhere: str) -> None:
    _, token = make_key()
    page = watched.open(f"{house}/sign-in?next={quote(elsewhere)}")
    sign_in(page, token)
    expect(page).to_have_url(f"{house}/")


@pytest.mark.parametrize("viewport", [WIDE, SIDE_PANEL])
def test_sign_in_is_accessible(watched: Watched, house: str, viewport: ViewportSize) -> None:
    page = watched.open(f"{house}/sign-in")
    page.set_viewport_size(viewport)
    assert serious_findings(page) == []
