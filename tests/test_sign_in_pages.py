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
