"""Takes the README's pictures of the pages: `make screenshots`."""

from __future__ import annotations

import tempfile
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from random import Random

from PIL import Image
from playwright.sync_api import Browser, Page, expect

from api.insights.date_range import today
from api.model_in_use import load_state
from api.settings import Settings
from api.store.database import open_store
from api.store.label_queue import NewItem, Origin, add, set_order, waiting
from model.active_learning import Reason
from model.paths import ROOT, artifacts_dir
from tests.browser import Watched, chromium
from tests.processes import serving
from tests.test_insights import advise, at, tell

FOLDER = ROOT / "api" / "pages" / "screenshots"
COLOURS = 128  # Enough for flat surfaces and letters, at a third of the size.


def main() -> None:
    """Take all pictures of a service with the current model."""
    FOLDER.mkdir(exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as data,
        serving(data=Path(data), artifacts=artifacts_dir()) as url,
        chromium() as browser,
    ):
        _panel(browser, url)
        _help_desk(browser, url)
        _playbook(browser, url)
        _review(browser, url, Path(data))
        _insights(browser, url, Path(data))


def _panel(browser: Browser, url: str) -> None:
    page = Watched(browser, viewport={"width": 1280, "height": 830}).open(url)
    page.get_by_label("品类").select_option("饼干")
    page.get_by_role("group", name="订单").get_by_label("签收").check()
    page.get_by_label("买了几件").fill("6")
    page.locator("#message").fill("老板😡收到的饼干有两袋涨袋了，还能吃吗？等了三天就收到这个，太失望了")
    page.locator("#message").press("Control+Enter")
    expect(page.locator("#answer")).to_be_visible()
    _take(page, "panel.png")


def _help_desk(browser: Browser, url: str) -> None:
    page = Watched(browser, viewport={"width": 1280, "height": 830}, color_scheme="dark").open(
        f"{url}/examples/help-desk"
    )
    page.get_by_role("button", name="买家乙").click()
    frame = page.frame_locator("iframe")
    expect(frame.locator("#issue strong")).to_have_text("物流慢催件")
    frame.get_by_role("button", name="用了这条").first.click()
    expect(frame.get_by_text("已填入，已记下")).to_be_visible()
    _take(page, "help_desk.png")


def _playbook(browser: Browser, url: str) -> None:
    page = Watched(browser, viewport={"width": 1280, "height": 700}).open(f"{url}/playbook")
    page.get_by_label("搜索话术与规则").fill("涨袋 首次")
    page.get_by_label("回复草稿").fill("亲，给个五星好评，返现5元哦")
    expect(page.locator("#violations li")).not_to_have_count(0)
    _take(page, "playbook.png")


def _review(browser: Browser, url: str, data: Path) -> None:
    engine = open_store(Settings(data=data))
    chats = ["饼干碎了一大半，能补吗", "在吗", "少发了一袋饼干，到的那袋还压碎了，今天必须给我处理"]
    add(engine, [NewItem(text, Origin.chat, f"week.csv:{row}") for row, text in enumerate(chats, 2)])
    set_order(engine, [(item.id, Reason.uncertain) for part in waiting(engine) for item in part])
    page = Watched(browser, viewport={"width": 1280, "height": 770}).open(f"{url}/review")
    for text in chats[:-1]:
        expect(page.locator("#text")).to_have_text(text)
        expect(page.locator("#labelling")).not_to_have_attribute("aria-busy", "true")
        page.keyboard.press("1")
    expect(page.locator("#text")).to_have_text(chats[-1])
    page.keyboard.press("m")
    page.keyboard.press("3")
    page.keyboard.press("/")
    page.keyboard.type("pos")
    _take(page, "review.png")


def _insights(browser: Browser, url: str, data: Path) -> None:
    engine = open_store(Settings(data=data))
    version = load_state(artifacts_dir()).manifest.version
    chance = Random(1)
    for day in range(30):
        for _ in range(chance.randint(15, 40)):
            issue = chance.choices(("in_transit_delay", "bulging", "missing_item", "product_inquiry"), (4, 3, 2, 2))[0]
            customer = chance.choices(("calm", "urgent", "venting"), (8, 2, 1))[0]
            is_unsure = chance.random() < 0.3
            cash = {"remedy": "cash", "compensation_min_fen": 300, "compensation_max_fen": 500}
            when = at(today() - timedelta(days=day), 0)
            made = advise(
                engine,
                when,
                model_version=version,
                issue=issue,
                customer=customer,
                issue_confidence=0.4 if is_unsure else 0.95,
                review_needed=is_unsure or customer == "venting",
                **(cash if issue == "bulging" else {}),
            )
            if issue == "bulging":
                tell(
                    engine, when, made, template_id="bulging.resolve.1", amount_paid_fen=chance.choice((300, 400, 500))
                )
    page = Watched(browser, viewport={"width": 1280, "height": 1180}).open(f"{url}/insights")
    page.wait_for_load_state("networkidle")
    _take(page, "insights.png")


def _take(page: Page, name: str) -> None:
    picture = Image.open(BytesIO(page.screenshot())).convert("RGB")
    picture.quantize(COLOURS, dither=Image.Dither.NONE).save(FOLDER / name, optimize=True)


if __name__ == "__main__":
    main()
