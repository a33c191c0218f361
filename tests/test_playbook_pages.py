"""The playbook over HTTP and as a page."""

from __future__ import annotations

from fastapi.testclient import TestClient

from model.playbook.book import Playbook


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
