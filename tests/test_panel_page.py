"""The agent's panel in a real browser: what an agent sees and does all day."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, Request, ViewportSize, expect

from tests.browser import SIDE_PANEL, WIDE, Watched, serious_findings

BULGING = "老板，收到的饼干有两袋涨袋了，还能吃吗"
# The page measures the time from a paste to the shown answer.
MEASURED = """() => new Promise(done => {
  new PerformanceObserver(found => found.getEntriesByName("shouhou-answer").length && done())
    .observe({type: "measure", buffered: true});
})"""
WIDTHS = pytest.mark.parametrize("viewport", [WIDE, SIDE_PANEL], ids=["wide", "side-panel"])


@pytest.fixture
def panel(watched: Watched, open_house: str) -> Page:
    """The panel, which may use the clipboard."""
    watched.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = watched.open(f"{open_house}/")
    expect(page.locator("#message")).to_be_focused()  # The script is there.
    return page


def paste(page: Page, text: str) -> None:
    page.evaluate("text => navigator.clipboard.writeText(text)", text)
    page.locator("#message").press("ControlOrMeta+V")


def clipboard(page: Page) -> str:
    text: str = page.evaluate("navigator.clipboard.readText()")
    return text


def ask(page: Page, text: str) -> dict[str, Any]:
    """Paste a message; the service's answer to it."""
    with page.expect_response("**/v1/recommendations") as answered:
        paste(page, text)
    expect(page.locator("#answer")).to_be_visible()
    answer: dict[str, Any] = answered.value.json()
    return answer


def body_of(request: Request) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(request.post_data or "")
    return body


def replies(page: Page) -> Locator:
    return page.locator("#replies > li")


@WIDTHS
def test_a_pasted_message_is_answered_at_once(panel: Page, viewport: ViewportSize) -> None:
    panel.set_viewport_size(viewport)
    before = panel.locator("#message").bounding_box(), panel.locator("#clear").bounding_box()
    answer = ask(panel, BULGING)
    expect(panel.locator("#issue strong")).to_have_text("涨袋漏气")
    expect(panel.locator("#customer strong")).to_have_text(answer["customer"]["name"])
    expect(panel.locator("#customer li")).to_have_text(answer["customer"]["handling"])
    for place, reply in enumerate(answer["replies"]):
        expect(replies(panel).nth(place).locator("textarea")).to_have_value(reply["text"])
    expect(panel.locator(".compensation strong")).to_have_text("现金补偿")
    amount = panel.locator(".amount")
    expect(amount).to_contain_text(answer["compensation"]["min"])
    expect(panel.locator(".compensation .basis")).to_contain_text(answer["compensation"]["basis"][0]["source"])
    expect(panel.locator("#freight")).to_contain_text("店铺承担")
    expect(panel.locator("#evidence-needed li")).to_have_text(answer["evidence_needed"])
    expect(panel.locator("#procedure li")).to_have_text(answer["procedure"])
    expect(panel.locator("#facts")).to_contain_text("两袋")
    expect(panel.locator("#review")).to_be_hidden()
    expect(panel.get_by_role("status").first).to_contain_text("涨袋漏气，把握")
    panel.evaluate(MEASURED)
    after = panel.locator("#message").bounding_box(), panel.locator("#clear").bounding_box()
    assert before == after, "what the agent looks at does not jump"
    assert panel.evaluate("document.documentElement.scrollWidth") == viewport["width"]


def test_evidence_stands_where_the_service_says(panel: Page) -> None:
    message = "😀👨‍👩‍👧𠮷的\n饼干😡涨袋了<b>😀"
    answer = ask(panel, message)
    assert panel.locator("#evidence").text_content() == message
    marked = panel.locator("#evidence mark").all_text_contents()
    assert "涨袋" in marked
    assert set(marked) <= {item["text"] for item in answer["issue"]["evidence"]}


def test_a_due_time_counts_down(panel: Page) -> None:
    ask(panel, BULGING)
    due = panel.locator("time.due").first
    due_at = datetime.fromisoformat(due.get_attribute("datetime") or "")
    panel.clock.set_fixed_time(due_at - timedelta(seconds=6))
    expect(due).to_have_text("剩 6 秒")
    panel.clock.set_fixed_time(due_at - timedelta(days=2, hours=3))
    expect(due).to_have_text("剩 2 天 3 小时")
    panel.clock.set_fixed_time(due_at + timedelta(seconds=64))
    expect(due).to_have_text("已超 1 分 4 秒")


def test_a_person_must_decide(panel: Page) -> None:
    answer = ask(panel, "吃了你家的坚果孩子过敏起疹子了")
    assert answer["review"]["needed"]
    expect(panel.locator("#review li")).to_have_text(answer["review"]["reasons"])
    ask(panel, "老板今天发货吗")


def test_by_keyboard_alone(panel: Page) -> None:
    expect(panel.locator("#message")).to_be_focused()
    panel.keyboard.insert_text(BULGING)
    with panel.expect_response("**/v1/recommendations"):
        panel.keyboard.press("Control+Enter")
    first = replies(panel).first
    expect(first).to_be_visible()
    panel.keyboard.press("Alt+1")
    expect(first.get_by_role("status")).to_have_text("已复制")
    assert clipboard(panel) == first.locator("textarea").input_value()
    visited = []
    for _ in range(60):
        panel.keyboard.press("Tab")
        outline = panel.evaluate(
            "[document.activeElement, document.activeElement.nextElementSibling]"
            ".some(element => element && getComputedStyle(element).outlineStyle !== 'none')"
        )
        assert outline, f"focus is not visible on {panel.evaluate('document.activeElement.outerHTML')}"
        visited.append(panel.evaluate("document.activeElement.className || document.activeElement.id"))
        if visited[-1] == "use":
            break
    with panel.expect_response("**/v1/feedback") as told:
        panel.keyboard.press("Enter")
    assert told.value.status == 201
    expect(first.get_by_role("status")).to_have_text("已复制，已记下")
    expect(first.get_by_role("button", name="买家又说")).to_be_focused()
    expect(panel.get_by_text("首次响应")).to_be_visible()
    expect(panel.locator("time.due")).to_have_count(0)
    panel.keyboard.press("Alt+R")
    expect(first.locator("textarea")).to_be_focused()
    panel.keyboard.press("Alt+M")
    panel.keyboard.press("Alt+Shift+Digit2")
    expect(replies(panel).nth(1).get_by_role("status")).to_have_text("已复制，已记下")
    expect(panel.locator("#message")).to_be_focused()
    panel.keyboard.press("Alt+N")
    expect(panel.locator("#message")).to_have_value("")
    expect(panel.locator("#answer")).to_be_hidden()


def test_the_context_narrows_the_answer(panel: Page) -> None:
    answer = ask(panel, "收到的饼干涨袋了")
    question = "一共买了几件（袋）？"
    assert question in answer["compensation"]["ask"]
    panel.get_by_role("button", name=question).click()
    expect(panel.get_by_label("买了几件")).to_be_focused()
    with panel.expect_request(lambda request: '"package_count":12' in (request.post_data or "")):
        panel.keyboard.type("12")
    panel.get_by_role("group", name="老客户").get_by_label("是").check()
    panel.get_by_text("更多情况").click()
    with panel.expect_response(lambda answer: '"signed_at"' in (answer.request.post_data or "")) as answered:
        panel.locator("#context-signed_at").fill("2026-11-20T10:00")
    assert body_of(answered.value.request)["context"] == {
        "package_count": 12,
        "returning_customer": True,
        "signed_at": "2026-11-20T02:00:00.000Z",
    }
    panel.get_by_label("平台").select_option("天猫")
    panel.reload()
    expect(panel.get_by_label("平台")).to_have_value("tmall")
    expect(panel.get_by_label("买了几件")).to_have_value("")


def test_an_edited_reply_is_checked_kept_and_told(panel: Page) -> None:
    ask(panel, BULGING)
    box = replies(panel).first.locator("textarea")
    original = box.input_value()
    box.fill(original + "给个五星好评返现")
    expect(replies(panel).first.locator(".violations")).to_contain_text("有偿评价")
    with panel.expect_response("**/v1/recommendations"):
        panel.get_by_label("平台").select_option("京东")
    box.fill(original + "麻烦您了")
    expect(replies(panel).first.locator(".violations li")).to_have_count(0)
    with panel.expect_response("**/v1/feedback") as told:
        replies(panel).first.get_by_role("button", name="用了这条").click()
    assert told.value.status == 201
    assert body_of(told.value.request)["edited_text"] == original + "麻烦您了"
    assert clipboard(panel) == original + "麻烦您了"
    replies(panel).first.get_by_role("button", name="还原").click()
    expect(box).to_have_value(original)


def test_corrections_and_results_are_told(panel: Page) -> None:
    answer = ask(panel, BULGING)
    panel.get_by_text("不对，改正").first.click()
    with panel.expect_response("**/v1/feedback") as told:
        panel.get_by_label("正确的问题类型").select_option("变质过期")
    expect(panel.locator("#issue .told")).to_have_text("已记下，谢谢")
    assert body_of(told.value.request) == {"recommendation_id": answer["id"], "issue": "spoilage"}
    result = panel.locator("#result")
    result.get_by_role("button").click()
    expect(result.get_by_role("status")).to_have_text("先填金额或结果")
    result.get_by_label("实际补了").fill("5")
    result.get_by_label("买家").select_option("接受了")
    with panel.expect_response("**/v1/feedback") as told:
        result.get_by_role("button").click()
    assert told.value.status == 201
    assert body_of(told.value.request) == {
        "recommendation_id": answer["id"],
        "amount_paid": "5.00",
        "outcome": "accepted",
    }


def test_the_conversation_goes_on(panel: Page) -> None:
    ask(panel, BULGING)
    used = replies(panel).first.locator("textarea").input_value()
    replies(panel).first.get_by_role("button", name="用了这条").click()
    replies(panel).first.get_by_role("button", name="买家又说").click()
    with panel.expect_response("**/v1/recommendations") as answered:
        paste(panel, "好的")
    assert body_of(answered.value.request)["history"] == [
        {"role": "buyer", "text": BULGING},
        {"role": "agent", "text": used},
    ]
    with panel.expect_response("**/v1/recommendations") as answered:
        panel.get_by_role("button", name="客服", exact=True).click()
    assert body_of(answered.value.request)["history"][1]["role"] == "buyer"
    with panel.expect_response("**/v1/recommendations") as answered:
        panel.get_by_role("button", name="删掉这句").last.click()
    assert len(body_of(answered.value.request)["history"]) == 1


def test_bad_input_is_told_and_nothing_is_lost(panel: Page, watched: Watched) -> None:
    paste(panel, "漏" * 2001)
    expect(panel.locator("#message-problem")).to_have_text("最多 2000 字，现在 2001 字，请删短。")
    panel.locator("#message").fill("")
    panel.get_by_role("button", name="出建议").click()
    expect(panel.locator("#message-problem")).to_have_text("先粘贴买家的消息。")
    expect(panel.locator("#message")).to_be_focused()
    ask(panel, "<img src=x onerror=alert(1)>饼干涨袋")
    expect(panel.locator("#evidence img")).to_have_count(0)
    panel.get_by_text("更多情况").click()
    panel.get_by_label("运单号").fill("!!")
    with panel.expect_request("**/v1/recommendations") as asked:
        panel.locator("#message").press("Control+Enter")
    assert "waybill" not in body_of(asked.value)["context"], "the browser marks it; the rest is asked"
    panel.get_by_label("签收几天").fill("3")
    panel.route("**/v1/feedback", lambda route: route.abort())
    replies(panel).first.get_by_role("button", name="用了这条").click()
    expect(replies(panel).first.get_by_role("status")).to_contain_text("已复制，没记下：连不上服务")
    panel.route("**/v1/recommendations", lambda route: route.abort())
    panel.locator("#message").press("Control+Enter")
    expect(panel.locator("#failure")).to_contain_text("连不上服务")
    watched.forgive("net::ERR_FAILED")
    panel.unroute("**/v1/recommendations")
    panel.get_by_role("button", name="再试一次").click()
    expect(panel.locator("#answer")).to_be_visible()
    expect(panel.locator("#message")).to_have_value("<img src=x onerror=alert(1)>饼干涨袋")


def test_a_late_answer_is_not_shown(panel: Page) -> None:
    held = []
    panel.route("**/v1/recommendations", lambda route: held.append(route) if not held else route.continue_())
    paste(panel, "饼干涨袋了")
    panel.locator("#message").fill("怎么还没发货")
    panel.locator("#message").press("Control+Enter")
    expect(panel.locator("#issue strong")).to_have_text("未发货催发")
    held[0].abort()
    expect(panel.locator("#failure")).to_be_hidden()


@WIDTHS
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_panel_is_accessible(panel: Page, viewport: ViewportSize, scheme: str) -> None:
    panel.set_viewport_size(viewport)
    panel.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    if viewport is SIDE_PANEL:
        panel.get_by_role("button", name="订单情况").click()
    panel.get_by_text("更多情况").click()
    ask(panel, "你们就是骗子！卖的假货吃了拉肚子，我要打12315！！")
    replies(panel).first.locator("textarea").fill("给个五星好评")
    expect(replies(panel).first.locator(".violations li")).to_have_count(1)
    replies(panel).nth(1).get_by_role("button", name="用了这条").click()
    expect(replies(panel).nth(1).get_by_role("status")).to_contain_text("已记下")
    assert serious_findings(panel) == []
    assert panel.evaluate("document.documentElement.scrollWidth") == viewport["width"]
