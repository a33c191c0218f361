"""The panel in the frames of help desks, which are other origins: <shouhou-panel>, and Chatwoot's Dashboard App."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import FrameLocator, Page, expect

from api.settings import Settings
from api.store.database import open_store
from api.store.keys import Scope, create_key
from tests.browser import Watched
from tests.processes import serving

COMPONENT = """<!doctype html><meta charset="utf-8"><title>desk</title><link rel="icon" href="data:,">
<script type="module" src="{service}/static/shouhou-panel.js"></script>
<shouhou-panel></shouhou-panel>
"""
# What Chatwoot's dashboard does: app/javascript/dashboard/components/widgets/DashboardApp/Frame.vue
CHATWOOT = """<!doctype html><meta charset="utf-8"><title>chatwoot</title><link rel="icon" href="data:,">
<iframe id="app" width="400" height="700" src="{service}/embed/chatwoot"></iframe>
<script>
const app = document.getElementById("app");
const post = () => app.contentWindow.postMessage(JSON.stringify({{event: "appContext", data: window.told}}), "*");
const currentAgent = {{id: 1, name: "小李", email: "a@b.c"}};
window.told = {{conversation: {{id: 0, messages: []}}, contact: {{}}, currentAgent}};
window.asked = 0;
app.onload = post;
window.onmessage = (e) => {{
  if (typeof e.data !== "string" || e.data !== "chatwoot-dashboard-app:fetch-info") return;
  window.asked += 1;
  post();
}};
</script>
"""
INCOMING, OUTGOING, ACTIVITY = 0, 1, 2


class _Desk(BaseHTTPRequestHandler):
    service = ""

    def do_GET(self) -> None:
        page = CHATWOOT if self.path == "/chatwoot" else COMPONENT
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(page.format(service=self.service).encode())

    def log_message(self, *_: Any) -> None:
        """Quiet."""


@pytest.fixture(scope="module")
def desks() -> Iterator[tuple[str, str]]:
    """Origins of two help desks; only the first one may embed the panel."""
    servers = [ThreadingHTTPServer(("127.0.0.1", 0), _Desk) for _ in range(2)]
    for server in servers:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    first, second = (f"http://127.0.0.1:{server.server_port}" for server in servers)
    yield first, second
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture(scope="module")
def token_of_house(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    folder = tmp_path_factory.mktemp("framed")
    _, token = create_key(open_store(Settings(data=folder)), "客服", [Scope.recommend, Scope.feedback])
    return folder, token


@pytest.fixture(scope="module")
def token(token_of_house: tuple[Path, str], desks: tuple[str, str], artifacts: Path) -> Iterator[str]:
    """A key of the service that the desks embed."""
    folder, token = token_of_house
    with serving(data=folder, artifacts=artifacts, SHOUHOU_FRAME_ANCESTORS=f"{desks[0]}, https://desk.example") as url:
        _Desk.service = url
        yield token


def signed_in(page: Page, token: str) -> FrameLocator:
    """The panel in the page's frame, after signing in inside the frame."""
    frame = page.frame_locator("iframe")
    frame.get_by_label("接口密钥").fill(token)
    frame.get_by_role("button", name="登录").click()
    expect(frame.locator("#message")).to_be_visible()
    return frame


def test_the_component_tells_the_case_and_hears_the_reply(watched: Watched, desks: tuple[str, str], token: str) -> None:
    page = watched.open(desks[0])
    page.evaluate(
        """() => {
          const panel = document.querySelector("shouhou-panel");
          panel.message = "收到的饼干涨袋了😀";
          panel.conversation = [{role: "buyer", text: "在吗"}, {role: "agent", text: "在的"}];
          panel.context = {product_line: "biscuit", package_count: 1, nonsense: 1};
          document.addEventListener("reply-chosen", (event) => { window.chosen = event.detail; });
        }"""
    )
    with page.expect_response("**/v1/recommendations") as answered:
        frame = signed_in(page, token)
    asked = json.loads(answered.value.request.post_data or "")
    assert asked["message"] == "收到的饼干涨袋了😀"
    assert [turn["text"] for turn in asked["history"]] == ["在吗", "在的"]
    assert asked["context"] == {"product_line": "biscuit", "package_count": 1}
    reply = frame.locator("#replies > li").first
    text = reply.locator("textarea").input_value()
    reply.get_by_role("button", name="用了这条").click()
    expect(reply.get_by_role("status")).to_have_text("已填入，已记下")
    answer = answered.value.json()
    assert page.evaluate("window.chosen") == {
        "text": text,
        "templateId": answer["replies"][0]["template_id"],
        "recommendationId": answer["id"],
    }
    with page.expect_response("**/v1/recommendations") as answered:
        page.evaluate("document.querySelector('shouhou-panel').message = '怎么还没发货'")
    expect(frame.locator("#issue strong")).to_have_text("未发货催发")


def test_no_other_page_may_frame_it(watched: Watched, desks: tuple[str, str], token: str) -> None:
    assert token
    for path in ("", "/chatwoot"):
        page = watched.context.new_page()
        with page.expect_console_message(lambda message: "frame-ancestors" in message.text):
            page.goto(f"{desks[1]}{path}")
        expect(page.frame_locator("iframe").locator("#message")).to_have_count(0)
    watched.forgive("frame-ancestors")
    watched.forgive("Unsafe attempt to load URL")
    watched.forgive("does not match the recipient window's origin ('null')")


def line(content: str, kind: int = INCOMING, **more: Any) -> dict[str, Any]:
    return {"content": content, "message_type": kind, "private": False, **more}


def tell(page: Page, conversation: dict[str, Any]) -> None:
    page.evaluate("conversation => { window.told.conversation = conversation }", conversation)


def test_chatwoot_tells_the_conversation(watched: Watched, desks: tuple[str, str], token: str) -> None:
    page = watched.open(f"{desks[0]}/chatwoot")
    messages = [
        line("在吗"),
        line("在的亲", OUTGOING),
        line("转给仓库问一下", OUTGOING, private=True),
        line("小李接手了会话", ACTIVITY),
        line("饼干收到了"),
        line("两袋涨袋了", attachments=[{"file_type": "image"}]),
    ]
    tell(page, {"id": 7, "messages": messages, "custom_attributes": {"order_status": "signed", "vip": True}})
    with page.expect_response("**/v1/recommendations") as answered:
        frame = signed_in(page, token)
    asked = json.loads(answered.value.request.post_data or "")
    assert asked["message"] == "饼干收到了\n两袋涨袋了"
    assert asked["history"] == [{"role": "buyer", "text": "在吗"}, {"role": "agent", "text": "在的亲"}]
    assert asked["context"] == {"order_status": "signed", "photo": "provided"}
    expect(frame.locator("#issue strong")).to_have_text("涨袋漏气")

    frame.locator("#context-toggle").click()
    frame.get_by_label("买了几件").fill("3")
    tell(page, {"id": 7, "messages": [*messages, line("这就给您补", OUTGOING), line("好的谢谢")]})
    expect(frame.locator("#message")).to_have_value("好的谢谢")
    expect(frame.get_by_label("买了几件")).to_have_value("3")

    tell(page, {"id": 8, "messages": [line("怎么还没发货")]})
    expect(frame.locator("#issue strong")).to_have_text("未发货催发")
    expect(frame.get_by_label("买了几件")).to_have_value("")
    page.evaluate("window.told.theme = 'dark'")
    expect(frame.locator("html")).to_have_css("color-scheme", "dark")
    assert page.evaluate("window.asked") > 0


def test_strangers_are_not_listened_to(watched: Watched, desks: tuple[str, str], token: str) -> None:
    """Neither what is no event of Chatwoot, nor who is no configured host."""
    page = watched.open(f"{desks[0]}/chatwoot")
    frame = signed_in(page, token)
    good = json.dumps({"event": "appContext", "data": {"conversation": {"id": 1, "messages": [line("少发一袋")]}}})
    page.evaluate(
        """good => {
          const app = document.getElementById("app").contentWindow;
          for (const data of ["", "{", "null", "[]", '{"event":"appContext"}', '{"event":"x","data":{}}', 7, null,
            JSON.parse(good)]) app.postMessage(data, "*");
        }""",
        good,
    )
    address = page.frames[1].url
    top = watched.open(address)
    top.evaluate("good => window.postMessage(good, '*')", good)
    for box in (frame.locator("#message"), top.locator("#message")):
        expect(box).to_have_value("")
    page.evaluate("good => document.getElementById('app').contentWindow.postMessage(good, '*')", good)
    expect(frame.locator("#message")).to_have_value("少发一袋")
    expect(top.locator("#message")).to_have_value("")


def test_the_example_shows_it(watched: Watched, open_house: str) -> None:
    page = watched.open(f"{open_house}/examples/help-desk")
    frame = page.frame_locator("shouhou-panel iframe")
    expect(frame.locator("#issue strong")).to_have_text("涨袋漏气")
    page.get_by_role("button", name="买家乙").click()
    expect(frame.locator("#issue strong")).to_have_text("物流慢催件")
    frame.get_by_role("button", name="用了这条").first.click()
    expect(page.get_by_label("回复")).not_to_have_value("")
    page.get_by_role("button", name="发送").click()
    expect(page.locator("#said li")).to_have_count(4)
    page.get_by_label("回复").fill("算了不要了，退款")
    page.get_by_role("button", name="当作买家说").click()
    expect(frame.locator("#turns > li")).to_have_count(4)
