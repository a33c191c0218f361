"""The playbook over HTTP and as a page, and the check of a draft."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient
from playwright.sync_api import ViewportSize, expect

from api.context_form import SECTIONS, context_form
from model.context import Context
from model.playbook.book import Playbook
from tests.browser import SIDE_PANEL, WIDE, Watched, serious_findings


def test_all_rules_and_templates_with_their_sources(client: TestClient, playbook: Playbook) -> None:
    body = client.get("/v1/playbook").json()
    assert len(body["templates"]) == len(playbook.sources.templates)
    assert all(entry["source"] for entries in body["rules"].values() for entry in entries)
    bulging = next(rule for rule in body["rules"]["remedies"] if rule["id"] == "bulging-keep")
    assert bulging["when"] == {"biscuit_like": True}


def test_the_page_names_every_rule(client: TestClient, playbook: Playbook) -> None:
    page = client.get("/playbook")
    assert page.headers["content-type"].startswith("text/html")
    assert "unsafe" not in page.headers["content-security-policy"]
    for placed in playbook.sources.rules.values():
        assert all(f'id="{item.entry.id}"' in page.text for item in placed)
    assert "天猫零食店售后手册" in page.text


def test_a_draft_is_checked(client: TestClient) -> None:
    wrong = client.post("/v1/playbook/check", json={"text": "亲😀给个五星好评返现5元"}).json()["violations"]
    assert {(item["name"], item["words"]) for item in wrong} == {("有偿评价", "给个五星"), ("有偿评价", "好评返现")}
    for item in wrong:
        assert "亲😀给个五星好评返现5元"[item["start"] : item["end"]] == item["words"]
    honest = client.post("/v1/playbook/check", json={"text": "我们不做好评返现，第一时间给您处理"})
    assert honest.json() == {"violations": []}
    assert client.post("/v1/playbook/check", json={"text": " "}).status_code == 422


def test_every_fact_of_the_context_has_a_control(playbook: Playbook) -> None:
    shown = [code for section in SECTIONS.values() for code in section]
    assert sorted([*shown, "now"]) == sorted(Context.model_fields)
    for section in context_form(playbook.value_names):
        for field in section.fields:
            assert all(name != value or name == "MT" for value, name in field.choices.items()), field.code


@pytest.mark.parametrize("viewport", [WIDE, SIDE_PANEL], ids=["wide", "side-panel"])
def test_search_and_check_in_the_browser(watched: Watched, open_house: str, viewport: ViewportSize) -> None:
    page = watched.open(f"{open_house}/playbook")
    page.set_viewport_size(viewport)
    rows = page.locator(".entries tbody tr:visible")
    page.get_by_label("搜索话术与规则").fill("涨袋 首次")
    expect(page.locator("#found")).to_have_text("找到 1 条")
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text("首次买一件约 3 元，老客户或多件约 5 元")
    page.reload()
    expect(rows).to_have_count(1)
    draft = page.get_by_label("回复草稿")
    draft.fill("😀亲，照片太模糊了，给个五星好评返现")
    expect(page.locator("#marked mark")).to_have_text(["照片太模糊", "给个五星", "好评返现"])
    assert serious_findings(page) == []
    page.get_by_label("搜索话术与规则").fill("没有这种话")
    expect(page.get_by_text("没有找到")).to_be_visible()
    draft.fill("亲，马上给您补发")
    expect(page.locator("#verdict-words")).to_have_text("没有发现不能说的话。")
    draft.fill("漏" * 2001)
    expect(page.locator("#verdict-words")).to_have_text("太长了，最多 2000 字。")
    watched.forgive("422")
    assert page.evaluate("document.documentElement.scrollWidth") == viewport["width"]


def test_a_rule_that_the_panel_names_is_found(watched: Watched, open_house: str) -> None:
    page = watched.open(f"{open_house}/playbook#bulging-keep")
    expect(page.locator("#bulging-keep")).to_be_in_viewport()
