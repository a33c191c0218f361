"""The insights: what the database counts, the files, and the page in a real browser."""

from __future__ import annotations

import csv
import io
import re
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Literal
from uuid import uuid4

import httpx2 as httpx
import pytest
from fastapi.testclient import TestClient
from playwright.sync_api import Browser, ViewportSize, expect
from sqlalchemy import Engine, insert

from api.insights.data_table import Column, DataTable, Kind
from api.insights.date_range import CHINA_OFFSET_MS, DateRange, DateRangeError, latest, parse_range, today
from api.model_in_use import ModelState
from api.settings import Settings
from api.store import activity
from api.store.database import open_store
from api.store.keys import Scope, create_key
from api.store.retention import DAY_MS
from api.store.tables import feedback, recommendations
from tests.browser import SIDE_PANEL, WIDE, Watched, serious_findings
from tests.processes import serving

RANGE = DateRange(date(2026, 10, 1), date(2026, 11, 30))
AFTERNOON_MS = 15 * 3_600_000


def at(day: date, offset_ms: int = AFTERNOON_MS) -> int:
    """A time of that day in China."""
    return DateRange(day, day).start_ms + offset_ms


def advise(engine: Engine, made_at_ms: int, **more: Any) -> str:
    """Write a recommendation; its id."""
    row = {
        "id": uuid4().hex,
        "made_at_ms": made_at_ms,
        "owner": "",
        "model_version": "v1",
        "redacted_message": "饼干涨袋了",
        "issue": "bulging",
        "issue_confidence": 0.9,
        "customer": "calm",
        "customer_confidence": 0.9,
        "review_needed": False,
        "stage": "resolve",
        "template_ids": ["bulging.resolve.1", "bulging.resolve.2"],
        "remedy": None,
        "compensation_min_fen": None,
        "compensation_max_fen": None,
    }
    with engine.begin() as connection:
        connection.execute(insert(recommendations).values({**row, **more}))
    return str(more.get("id", row["id"]))


def tell(engine: Engine, received_at_ms: int, recommendation_id: str, **more: Any) -> None:
    """Write a feedback."""
    row = {
        "id": uuid4().hex,
        "received_at_ms": received_at_ms,
        "owner": "",
        "idempotency_key": uuid4().hex,
        "request_sha256": "",
        "recommendation_id": recommendation_id,
    }
    with engine.begin() as connection:
        connection.execute(insert(feedback).values({**row, **more}))


def merged(rows: Iterator[Any]) -> list[tuple[Any, ...]]:
    return sorted((tuple(row) for row in rows), key=str)


def test_messages_are_counted_by_the_day_in_china(engine: Engine) -> None:
    day = date(2026, 11, 22)
    advise(engine, at(day, 0), issue_confidence=0.5)
    advise(engine, at(day, DAY_MS - 1), issue_confidence=0.6, review_needed=True)
    advise(engine, at(day, -1))
    advise(engine, at(day, DAY_MS), model_version="gone", issue_confidence=0.6)
    advise(engine, RANGE.start_ms - 1)
    advise(engine, RANGE.end_ms)
    found = activity.message_counts(engine, RANGE.start_ms, RANGE.end_ms, CHINA_OFFSET_MS, {"v1": 0.55}, 0.7)
    number = (day - date(1970, 1, 1)).days
    assert merged(found) == [
        (number - 1, "bulging", "calm", "v1", 1, 0, 0),
        (number, "bulging", "calm", "v1", 2, 1, 1),
        (number + 1, "bulging", "calm", "gone", 1, 1, 0),
    ]
    assert merged(activity.message_counts(engine, RANGE.start_ms, RANGE.start_ms, CHINA_OFFSET_MS, {}, 0.7)) == []


def test_remedies_with_and_without_a_figure(engine: Engine) -> None:
    when = at(date(2026, 11, 22))
    advise(engine, when, remedy="cash", compensation_min_fen=300, compensation_max_fen=500)
    advise(engine, when, remedy="cash", compensation_min_fen=100, compensation_max_fen=200)
    advise(engine, when, remedy="cash")
    advise(engine, when)
    assert merged(activity.remedy_counts(engine, RANGE.start_ms, RANGE.end_ms)) == [("cash", 3, 2, 400, 700)]


def test_the_first_choice_counts_for_its_template(engine: Engine) -> None:
    when = at(date(2026, 11, 22))
    judged = advise(engine, when)
    tell(engine, when, judged, template_id="bulging.resolve.1", redacted_edited_text="改过")
    tell(engine, when + 1, judged, template_id="bulging.resolve.2")
    tell(engine, when + 1, judged, amount_paid_fen=300)
    tell(engine, when, advise(engine, when), template_id="greeting.reassure.1")
    tell(engine, when, "0" * 32, template_id="bulging.resolve.2")
    advise(engine, when)  # Nobody said what became of it.
    earlier = advise(engine, at(date(2026, 9, 1)))
    tell(engine, at(date(2026, 9, 1)), earlier, template_id="bulging.resolve.1")
    tell(engine, when, earlier, template_id="bulging.resolve.1")
    assert merged(activity.template_uses(engine, RANGE.start_ms, RANGE.end_ms)) == [
        ("bulging.resolve.1", 2, 1, 1),
        ("bulging.resolve.2", 3, 1, 0),
        ("greeting.reassure.1", 1, 1, 0),
    ]


def test_the_last_amount_counts_as_paid(engine: Engine) -> None:
    day = date(2026, 11, 22)
    when = at(day)
    cash: dict[str, Any] = {"remedy": "cash", "compensation_min_fen": 300, "compensation_max_fen": 500}
    judged = advise(engine, when, **cash)
    tell(engine, when, judged, amount_paid_fen=300)
    tell(engine, when + 1, judged, amount_paid_fen=800)
    tell(engine, when + 2, judged, outcome="accepted")
    tell(engine, when, advise(engine, when, **cash), amount_paid_fen=0)
    tell(engine, when, advise(engine, when, **cash), amount_paid_fen=500)
    tell(engine, when, "0" * 32, amount_paid_fen=900)
    other = advise(engine, when, owner="another", **cash)
    tell(engine, when, other, amount_paid_fen=100)  # Feedback on what someone else asked.
    number = (day - date(1970, 1, 1)).days
    assert merged(activity.payments(engine, RANGE.start_ms, RANGE.end_ms, CHINA_OFFSET_MS)) == [
        (number, "cash", 3, 1300, 3, 1300, 900, 1500, 1, 1),
        (number, None, 2, 1000, 0, 0, 0, 0, 0, 0),
    ]


@pytest.mark.parametrize(
    ("first", "last", "told"),
    [
        ("gestern", "", "日期要写成"),
        ("2026-02-30", "", "日期要写成"),
        ("", "0001-01-05", "日期要写成"),
        ("2026-01-02", "2026-01-01", "不能晚于结束"),
        ("2025-01-01", "2026-01-02", "366"),
        ("", "9999-12-31", "不能晚于今天"),
    ],
)
def test_ranges_that_are_none(first: str, last: str, told: str) -> None:
    with pytest.raises(DateRangeError, match=told):
        parse_range(first, last)


def test_ranges() -> None:
    assert parse_range("", "") == latest(30)
    assert parse_range("", "2026-03-31") == DateRange(date(2026, 3, 2), date(2026, 3, 31))
    assert parse_range("0001-01-01", "0001-01-02").days == 2
    assert (RANGE.days, RANGE.is_weekly, len(RANGE.points)) == (61, False, 61)
    year = DateRange(date(2025, 1, 1), date(2026, 1, 1))
    assert (year.days, year.points[0], year.points[-1]) == (366, date(2024, 12, 30), date(2025, 12, 29))
    assert datetime.fromtimestamp(year.start_ms / 1000, UTC) == datetime(2024, 12, 31, 16, tzinfo=UTC)


def test_a_file_runs_nothing_in_a_spreadsheet() -> None:
    columns = [Column("理由"), Column("占比", Kind.share), Column("元", Kind.yuan), Column("变化", Kind.figure)]
    rows = [('=HYPERLINK("http://evil")', 0.125, 1250, -0.5), ("@SUM(1)", None, 0, 0.0), ('说"好"，\n行', 1.0, 5, 1.0)]
    raw = DataTable("x", "表", columns, rows).as_csv()
    assert raw.startswith(b"\xef\xbb\xbf")
    assert list(csv.reader(io.StringIO(raw.decode("utf-8-sig"), newline=""))) == [
        ["理由", "占比", "元", "变化"],
        ['\'=HYPERLINK("http://evil")', "0.1250", "12.50", "-0.5000"],
        ["'@SUM(1)", "", "0.00", "0.0000"],
        ['说"好"，\n行', "1.0000", "0.05", "1.0000"],
    ]


def fill(engine: Engine, state: ModelState) -> None:
    """Two hundred messages of the last twenty days with feedback."""
    version = state.manifest.version
    cash = {"remedy": "cash", "compensation_min_fen": 300, "compensation_max_fen": 500}
    for n in range(200):
        when = at(today() - timedelta(days=n % 20), 0)
        issue, customer = ("bulging", "calm") if n % 3 else ("escalation", "venting")
        made = advise(
            engine,
            when,
            model_version=version,
            issue=issue,
            customer=customer,
            issue_confidence=0.3 if n % 4 == 0 else 0.95,
            **(cash if n % 3 else {}),
        )
        if n % 5 == 1:
            tell(engine, when, made, template_id="bulging.resolve.1", amount_paid_fen=400)


@pytest.fixture(scope="module")
def engine_of_house(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    return open_store(Settings(data=tmp_path_factory.mktemp("insights")))


@pytest.fixture(scope="module")
def house(engine_of_house: Engine, state: ModelState, artifacts: Path) -> Iterator[tuple[str, str]]:
    """Address of a service with data, and a key for all."""
    fill(engine_of_house, state)
    _, token = create_key(engine_of_house, "店长", list(Scope))
    assert engine_of_house.url.database is not None
    with serving(data=Path(engine_of_house.url.database).parent, artifacts=artifacts) as url:
        yield url, token


def test_page_plots_and_files_on_either_store(stored_client: TestClient, engine: Engine, state: ModelState) -> None:
    fill(engine, state)
    page = stored_client.get("/insights")
    assert page.status_code == 200
    assert "unsafe" not in page.headers["content-security-policy"]
    table = stored_client.get("/insights/issues.csv")
    assert re.fullmatch(r'attachment; filename="shouhou-issues-[0-9-]+\.csv"', table.headers["content-disposition"])
    rows = list(csv.DictReader(io.StringIO(table.content.decode("utf-8-sig"))))
    assert [(row["问题类型"], row["消息"], row["把握不足"]) for row in rows] == [
        ("涨袋漏气", "133", "0.2481"),
        ("投诉维权", "67", "0.2537"),
    ]
    pictures = sorted(set(re.findall(r'(?:src|srcset)="(/insights/[^"]+)"', page.text)))
    assert len(pictures) == 6 * 4
    for address in pictures[::5]:
        picture = stored_client.get(address.replace("&amp;", "&"))
        assert picture.headers["content-type"] == "image/svg+xml"
        assert "script" not in picture.headers["content-security-policy"]
        assert b"<svg" in picture.content
    names = set(re.findall(r'href="(/insights/[a-z-]+\.csv[^"]*)"', page.text))
    assert len(names) >= 10  # One more where versions were promoted.
    for address in names:
        assert stored_client.get(address.replace("&amp;", "&")).content.startswith(b"\xef\xbb\xbf")


def test_wrong_addresses(client: TestClient) -> None:
    page = client.get("/insights?from=2026-11-02&to=2026-11-01", headers={"Accept": "text/html"})
    assert page.status_code == 422
    assert "开始日期不能晚于结束日期" in page.text
    assert client.get("/insights/issues.csv?from=x").status_code == 422
    assert client.get("/insights/nothing.csv").status_code == 404
    assert client.get("/insights/versions.svg").status_code == 404


def test_only_for_admins(house: tuple[str, str], engine_of_house: Engine) -> None:
    url, _ = house
    _, token = create_key(engine_of_house, "客服", [Scope.recommend, Scope.feedback])
    headers = {"Authorization": f"Bearer {token}"}
    while httpx.get(f"{url}/v1/model", headers=headers).status_code != 200:
        time.sleep(0.05)
    for path in ("/insights", "/insights/issues.csv", "/insights/issues.svg"):
        assert httpx.get(url + path).status_code == 401
        assert httpx.get(url + path, headers=headers).status_code == 403
    assert "数据看板" not in httpx.get(f"{url}/", headers=headers).text


@pytest.mark.parametrize("viewport", [WIDE, SIDE_PANEL], ids=["wide", "side-panel"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_in_the_browser(
    browser: Browser, house: tuple[str, str], viewport: ViewportSize, scheme: Literal["light", "dark"]
) -> None:
    url, token = house
    watched = Watched(browser, viewport=viewport, color_scheme=scheme)
    page = watched.open(f"{url}/insights")
    page.get_by_label("接口密钥").fill(token)
    page.get_by_role("button", name="登录").click()
    expect(page.get_by_role("link", name="数据看板")).to_have_attribute("aria-current", "page")
    pictures = page.locator("img[src*='/insights/']")
    expect(pictures).to_have_count(6)
    for picture in pictures.all():
        picture.scroll_into_view_if_needed()
        expect(picture).to_have_js_property("complete", True, timeout=60_000)  # The first one starts the drawer.
        shown = picture.evaluate(
            "i => [i.naturalWidth > 0, /narrow=1/.test(i.currentSrc), /dark=1/.test(i.currentSrc)]"
        )
        assert shown == [True, viewport is SIDE_PANEL, scheme == "dark"]
    assert page.evaluate("document.documentElement.scrollWidth") == viewport["width"]
    assert serious_findings(page) == []
    watched.context.close()
    assert not watched.complaints


def test_by_keyboard(watched: Watched, house: tuple[str, str]) -> None:
    url, token = house
    page = watched.open(f"{url}/insights")
    page.get_by_label("接口密钥").fill(token)
    page.keyboard.press("Enter")
    since = page.get_by_label("从")
    since.fill(str(today()))
    page.get_by_label("到").fill(str(today() - timedelta(days=1)))
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("开始日期不能晚于结束日期")
    watched.forgive("422")
    expect(since).to_have_value(str(today()))
    page.get_by_label("到").fill(str(today()))
    page.keyboard.press("Enter")
    expect(page.locator(".totals dd").first).to_have_text("10")
    page.get_by_role("link", name="近 7 天").press("Enter")
    expect(page.locator(".totals dd").first).to_have_text("70")
    page.get_by_role("region", name="表：问题类型").focus()
    with page.expect_download() as download:
        page.get_by_role("link", name="下载 CSV：问题类型").press("Enter")
    assert download.value.path().read_bytes().startswith(b"\xef\xbb\xbf")


def test_an_empty_store(watched: Watched, open_house: str) -> None:
    page = watched.open(f"{open_house}/insights?from=2020-01-01&to=2020-01-02")
    expect(page.get_by_text("这段时间还没有消息")).to_be_visible()
    expect(page.locator("picture")).to_have_count(0)
    expect(page.get_by_role("region", name="表：模型版本")).to_be_visible()
    assert serious_findings(page) == []
