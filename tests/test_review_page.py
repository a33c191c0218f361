"""The label queue in a real browser: what those who label see and do all morning."""

from __future__ import annotations

from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from playwright.sync_api import Browser, Page, ViewportSize, expect
from sqlalchemy import Engine, delete

from api.app import create_app
from api.label_names import issue_names
from api.label_suggestions import Voice, suggest
from api.model_in_use import ModelState
from api.settings import Settings
from api.store.database import open_store
from api.store.keys import Scope, create_key
from api.store.label_queue import (
    NewItem,
    Origin,
    Status,
    add,
    add_correction,
    decide,
    find,
    labelled,
    next_to_label,
    set_order,
    waiting,
)
from api.store.tables import chats_to_label
from model.label import Label
from model.recommender import Recommender
from model.taxonomy import CustomerType, Issue, Taxonomy
from tests.browser import SIDE_PANEL, WIDE, Watched, serious_findings
from tests.conftest import HOME
from tests.processes import Serving, start

MESSAGES = (
    "收到的饼干两袋涨袋了",
    "少发了一袋，还破了一袋",
    "怎么还没发货",
    "吃了拉肚子",
    "发票什么时候开",
    "快递停在路上三天不动了",
)
PAGE = "0123456789abcdef"


class House:
    """A running service without keys, and its label queue."""

    def __init__(self, folder: Path, artifacts: Path) -> None:
        self.engine = open_store(Settings(data=folder))
        self.server: Serving = start(data=folder, artifacts=artifacts)

    def fill(self, *texts: str) -> list[int]:
        """Empty the queue, then put messages in, in this order."""
        with self.engine.begin() as connection:
            connection.execute(delete(chats_to_label))
        add(self.engine, [NewItem(text, Origin.chat, f"a.csv:{row}") for row, text in enumerate(texts, 2)])
        ids = {item.redacted_text: item.id for part in waiting(self.engine) for item in part}
        set_order(self.engine, [(ids[text], "模型拿不准") for text in texts])
        return [ids[text] for text in texts]


@pytest.fixture(scope="module")
def house(artifacts: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    house = House(tmp_path_factory.mktemp("review"), artifacts)
    yield house
    house.server.kill()
    house.engine.dispose()


@pytest.fixture
def ids(house: House) -> list[int]:
    return house.fill(*MESSAGES)


@pytest.fixture
def page(watched: Watched, house: House, ids: list[int]) -> Page:
    assert ids
    return review(watched, house)


def review(watched: Watched, house: House) -> Page:
    page = watched.open(f"{house.server.url}/review")
    expect(page.locator("#notice")).not_to_contain_text("正在取")
    return page


def at(page: Page, text: str) -> None:
    """Wait until the page shows a message and takes keys again."""
    expect(page.locator("#text")).to_have_text(text)
    expect(page.locator("#labelling")).not_to_have_attribute("aria-busy", "true")


def test_one_key_labels_and_the_next_message_comes(page: Page, house: House, ids: list[int]) -> None:
    for place, text in enumerate(MESSAGES):
        at(page, text)
        expect(page.locator("#mine")).to_have_text(str(place))
        page.keyboard.press("1")
    expect(page.get_by_role("heading", name="队列里没有要标的了")).to_be_visible()
    expect(page.get_by_text("shouhou chats import")).to_be_visible()
    expect(page.locator("#how-to-write")).to_contain_text(f"标好的 {len(MESSAGES)} 条")
    assert serious_findings(page) == []
    found = find(house.engine, ids)
    assert [found[i].label and found[i].label.issue for i in ids[:3]] == ["bulging", "missing_item", "not_shipped"]
    house.fill("饼干碎了")
    page.keyboard.press("Enter")
    at(page, "饼干碎了")


def test_nothing_moves_from_one_message_to_the_next(page: Page, house: House) -> None:
    house.fill("短", "长" * 1500, *MESSAGES)
    places = []
    page.reload()
    for text in ("短", "长" * 1500, MESSAGES[0]):
        at(page, text)
        places.append([page.locator(name).bounding_box() for name in ("#text", "#suggestions", "#several")])
        page.keyboard.press("1")
    assert places[0] == places[1] == places[2]


def test_several_issues_and_a_customer_type(page: Page, house: House, ids: list[int]) -> None:
    page.keyboard.press("s")
    at(page, MESSAGES[1])
    page.keyboard.press("Shift+Digit5")
    page.keyboard.press("m")
    page.keyboard.press("Enter")
    expect(page.locator("#notice")).to_contain_text("先选问题类型")
    page.keyboard.press("1")
    page.keyboard.press("/")
    page.keyboard.type("posun")
    page.keyboard.press("Enter")
    expect(page.locator("#picked li")).to_have_text(["少件漏发 ×", "破损撒漏 ×"])
    for words in ("fp", "ts"):
        page.keyboard.press("/")
        page.keyboard.type(words)
        page.keyboard.press("Enter")
    expect(page.locator("#notice")).to_contain_text("最多 3 个")
    page.get_by_role("button", name="次要问题 发票，去掉").click()
    page.keyboard.press("Enter")
    at(page, MESSAGES[2])
    item = find(house.engine, ids)[ids[1]]
    assert (item.label, item.labelled_by) == (Label("missing_item", ("damaged",), "urgent"), "本机")
    assert find(house.engine, ids)[ids[0]].status is Status.skipped
    expect(page.locator("#several")).to_have_attribute("aria-pressed", "false")


@pytest.mark.parametrize(
    ("typed", "first"),
    [
        ("破损", "破损撒漏"),
        ("posunsalou", "破损撒漏"),
        ("pssl", "破损撒漏"),
        ("pos", "破损撒漏"),
        ("po'sun", "破损撒漏"),
        ("tkjd", "退款进度"),
        ("yunfei", "退换运费"),
        ("invoice", "发票"),
        ("发霉", "变质过期"),
        ("没有这种", None),
    ],
)
def test_search(page: Page, typed: str, first: str | None) -> None:
    page.keyboard.press("/")
    expect(page.get_by_role("option")).to_have_count(39)
    page.keyboard.insert_text(typed)
    if first is None:
        expect(page.get_by_role("option")).to_have_text("没有这样的问题类型")
        page.keyboard.press("Enter")
        at(page, MESSAGES[0])
        return
    expect(page.get_by_role("option", selected=True).locator("strong")).to_have_text(first)
    page.keyboard.press("Enter")
    expect(page.locator("#notice")).to_contain_text(f"已标：{first}")
    at(page, MESSAGES[1])


def test_undo(page: Page, house: House, ids: list[int]) -> None:
    page.keyboard.press("u")
    expect(page.locator("#notice")).to_contain_text("没有可以撤销的")
    page.keyboard.press("1")
    at(page, MESSAGES[1])
    page.reload()
    at(page, MESSAGES[1])
    page.keyboard.press("u")
    at(page, MESSAGES[0])
    expect(page.locator("#notice")).to_contain_text("撤销了：涨袋漏气")
    assert find(house.engine, ids)[ids[0]].status is Status.waiting
    expect(page.locator("#mine")).to_have_text("0")
    page.reload()
    at(page, MESSAGES[0])
    page.keyboard.press("2")
    at(page, MESSAGES[1])
    page.keyboard.press("s")
    at(page, MESSAGES[2])
    page.get_by_role("button", name="撤销：跳过").click()
    at(page, MESSAGES[1])
    (item,) = labelled(house.engine)
    page.keyboard.press("1")
    at(page, MESSAGES[2])
    decide(house.engine, item.id, Label("invoice", (), "calm"), "小李", item.version)
    page.locator("#done li").last.get_by_role("button").click()
    expect(page.locator("#notice")).to_contain_text("撤不回了。这条刚被小李标过：发票")
    at(page, MESSAGES[2])


def test_two_people_at_once(watched: Watched, browser: Browser, house: House, ids: list[int]) -> None:
    other = Watched(browser, viewport=WIDE)
    mine, theirs = review(watched, house), review(other, house)
    at(mine, MESSAGES[0])
    at(theirs, MESSAGES[1])
    theirs.keyboard.press("1")
    at(theirs, MESSAGES[2])
    mine.keyboard.press("1")
    at(mine, MESSAGES[3])
    (item,) = next_to_label(house.engine, 1, "小李")
    assert item.redacted_text == MESSAGES[4]
    decided = decide(house.engine, ids[3], Label("wrong_item", ("damaged",), "urgent"), "小李", 1)
    mine.keyboard.press("1")
    notice = mine.locator("#notice-words")
    expect(notice).to_have_text("这条刚被小李标过：错发＋破损撒漏 · 立竿见影型。保留了原来的。")
    at(mine, MESSAGES[5])
    assert find(house.engine, ids)[ids[3]] == decided
    expect(mine.locator("#others")).to_have_text("小李 1 条")
    mine.keyboard.press("1")
    expect(mine.get_by_role("heading", name="剩下的 2 条正在别的窗口里标")).to_be_visible()
    other.context.close()
    assert not other.complaints


def test_a_message_that_is_gone(page: Page, house: House, ids: list[int]) -> None:
    with house.engine.begin() as connection:
        connection.execute(delete(chats_to_label).where(chats_to_label.c.id == ids[0]))
    page.keyboard.press("1")
    expect(page.locator("#notice")).to_contain_text("这条已经不在队列里了")
    at(page, MESSAGES[1])


def test_a_lost_answer_counts_once(page: Page, watched: Watched, house: House, ids: list[int]) -> None:
    page.route("**/review/decide", lambda route: (route.fetch(), route.abort()))
    page.keyboard.press("1")
    expect(page.locator("#notice")).to_contain_text("连不上服务")
    expect(page.locator("#text")).to_have_text(MESSAGES[0])
    watched.forgive("net::ERR_FAILED")
    page.unroute("**/review/decide")
    page.keyboard.press("Enter")
    expect(page.locator("#notice")).to_contain_text("已标：涨袋漏气")
    at(page, MESSAGES[1])
    assert find(house.engine, ids)[ids[0]].version == 2


def test_a_dead_store_loses_nothing(page: Page, watched: Watched, house: House, ids: list[int]) -> None:
    page.keyboard.press("m")
    page.keyboard.press("2")
    with house.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE chats_to_label RENAME TO away")
    try:
        page.keyboard.press("Enter")
        expect(page.locator("#notice")).to_contain_text("数据库暂时没有响应，请稍后再试。这一步还没有存下来")
        expect(page.locator("#picked li")).to_have_count(1)
        assert serious_findings(page) == []
        page.reload()
        expect(page.locator("#notice")).to_contain_text("数据库暂时没有响应")
    finally:
        with house.engine.begin() as connection:
            connection.exec_driver_sql("ALTER TABLE away RENAME TO chats_to_label")
    watched.forgive("503")
    page.get_by_role("button", name="再试一次").click()
    at(page, MESSAGES[0])
    page.keyboard.press("1")
    at(page, MESSAGES[1])
    assert find(house.engine, ids)[ids[0]].status is Status.labelled


def test_an_expired_session_leads_to_sign_in(page: Page, watched: Watched) -> None:
    page.route("**/review/decide", lambda route: route.fulfill(status=401, json={"detail": "x"}))
    page.keyboard.press("1")
    expect(page.get_by_role("link", name="重新登录")).to_have_attribute("href", "/sign-in?next=%2Freview")
    watched.forgive("401")


def test_by_tabs_alone(page: Page, house: House, ids: list[int]) -> None:
    for _ in range(40):
        page.keyboard.press("Tab")
        shown = page.evaluate(
            "[document.activeElement, document.activeElement.nextElementSibling]"
            ".some(element => element && getComputedStyle(element).outlineStyle !== 'none')"
        )
        assert shown, f"focus is not visible on {page.evaluate('document.activeElement.outerHTML')}"
        if page.evaluate("document.activeElement.textContent").startswith("1涨袋漏气"):
            break
    page.keyboard.press("Enter")
    at(page, MESSAGES[1])
    page.keyboard.press("Enter")
    at(page, MESSAGES[2])
    assert all(find(house.engine, ids)[i].status is Status.labelled for i in ids[:2])


def test_help(page: Page) -> None:
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("1")
    assert serious_findings(page) == []
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_be_hidden()
    at(page, MESSAGES[0])


@pytest.mark.parametrize("viewport", [WIDE, SIDE_PANEL], ids=["wide", "side-panel"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_is_accessible(page: Page, viewport: ViewportSize, scheme: str) -> None:
    page.set_viewport_size(viewport)
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    page.keyboard.press("1")
    at(page, MESSAGES[1])
    page.keyboard.press("m")
    page.keyboard.press("1")
    page.keyboard.press("/")
    page.keyboard.type("p")
    assert serious_findings(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") == viewport["width"]


# Without a browser: who may, what is refused, what is suggested.


def test_labels_need_the_scope_admin_and_bear_the_keys_name(state: ModelState, tmp_path: Path) -> None:
    settings = Settings(data=tmp_path)
    engine = open_store(settings)
    _, clerk = create_key(engine, "小王", [Scope.admin])
    _, agent = create_key(engine, "客服", [Scope.recommend, Scope.feedback])
    add(engine, [NewItem("饼干碎了", Origin.chat, "a.csv:2")])
    with TestClient(create_app(state, settings), HOME, client=("127.0.0.1", 50000)) as client:

        def ask(token: str, path: str, **body: Any) -> tuple[int, dict[str, Any]]:
            headers = {"Authorization": f"Bearer {token}"}
            answer = client.post(f"/review/{path}", json={"page": PAGE, **body}, headers=headers)
            return answer.status_code, answer.json()

        html = {"Accept": "text/html", "Authorization": f"Bearer {agent}"}
        assert client.get("/review", headers=html).status_code == HTTPStatus.FORBIDDEN
        assert ask(agent, "next")[0] == HTTPStatus.FORBIDDEN
        _, turn = ask(clerk, "next")
        seen = {"id": turn["message"]["id"], "version": turn["message"]["version"]}
        status, answer = ask(clerk, "decide", **seen, issue="damagd", customer="calm")
        assert (status, answer["detail"]) == (HTTPStatus.UNPROCESSABLE_ENTITY, "没有“damagd”这个问题类型")
        assert ask(clerk, "decide", **seen, issue="damaged", customer="calm", secondary=["damaged"])[0] == 422
        assert ask(clerk, "decide", **{**seen, "id": 2**31}, issue="damaged", customer="calm")[0] == 422
        _, turn = ask(clerk, "decide", **seen, issue="damaged", customer="calm")
        assert (turn["done"]["by"], turn["message"], turn["today"]["people"]) == ("小王", None, {"小王": 1})
        _, turn = ask(clerk, "skip", **seen)
        assert (turn["done"], turn["conflict"]["label"]["issue"]) == (None, "damaged")
    engine.dispose()


def test_what_people_said_comes_before_the_model(engine: Engine, recommender: Recommender) -> None:
    classifier = recommender.classifier
    current = Label("other", ("greeting",), "calm")
    doubtful = NewItem(MESSAGES[2], Origin.training, "a.csv:2", suggested_issue="not_shipped", current=current)
    foreign = NewItem(MESSAGES[4], Origin.chat, "a.csv:3", suggested_issue="no_longer_a_label")
    add(engine, [doubtful, foreign])
    with engine.begin() as connection:
        add_correction(engine, connection, MESSAGES[0], "damaged", "urgent")
    items = {item.redacted_text: item for part in waiting(engine) for item in part}

    def suggested(text: str) -> list[tuple[str, tuple[str, ...], Voice]]:
        found = suggest(classifier, items[text], classifier.predict(text))
        assert 6 <= len(found) <= 9
        return [(each.issue, each.secondary, each.voice) for each in found]

    assert suggested(MESSAGES[2])[:2] == [("not_shipped", (), Voice.check), ("other", ("greeting",), Voice.training)]
    assert suggested(MESSAGES[0])[:2] == [("damaged", (), Voice.agent), ("bulging", (), Voice.model)]
    assert suggested(MESSAGES[4])[0] == ("invoice", (), Voice.model)


def test_pinyin_as_people_type_it() -> None:
    issues = (Issue(code="a", name="绿色VIP差价"), Issue(code="b", name="少件"))
    names = issue_names(Taxonomy(version="1", issues=issues, customers=(CustomerType(code="calm", name="平和型"),)))
    assert names[0].syllables == ("lv", "se", "vip", "cha", "jia")
