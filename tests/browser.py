"""Debian's Chromium, driven by Playwright, and an eye on what every page may not do."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize, sync_playwright

CHROMIUM = Path("/usr/bin/chromium")
WIDE: ViewportSize = {"width": 1280, "height": 800}
SIDE_PANEL: ViewportSize = {"width": 360, "height": 740}
SERIOUS = frozenset({"serious", "critical"})
HOME = "127.0.0.1"


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser without a window."""
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []  # Chromium's sandbox refuses root.
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield browser
        browser.close()


class Watched:
    """A browser profile whose pages are watched; `complaints` must be empty in the end."""

    def __init__(self, browser: Browser, **options: Any) -> None:
        self.context: BrowserContext = browser.new_context(locale="zh-CN", timezone_id="Asia/Shanghai", **options)
        self.context.set_default_timeout(15_000)
        self.complaints: list[str] = []
        self.context.on("request", lambda request: self._look_at(request.url))
        self.context.on("console", lambda message: self._hear(message.type, message.text))
        self.context.on("weberror", lambda error: self.complaints.append(f"error: {error.error}"))

    def open(self, url: str) -> Page:
        """A new page."""
        page = self.context.new_page()
        page.goto(url)
        return page

    def forgive(self, words: str) -> None:
        """Take back complaints that the test itself provoked, such as the browser's line on a 401."""
        self.complaints = [complaint for complaint in self.complaints if words not in complaint]

    def _look_at(self, url: str) -> None:
        where = urlsplit(url)
        if where.scheme not in {"data", "blob", "about"} and where.hostname != HOME:
            self.complaints.append(f"request to another host: {url}")

    def _hear(self, kind: str, text: str) -> None:
        if kind in {"error", "warning"}:
            self.complaints.append(f"console {kind}: {text}")


def serious_findings(page: Page) -> list[str]:
    """What axe finds wrong with the page as it stands now."""
    found = Axe().run(page).response["violations"]
    return [
        f"{finding['id']}: {node['html'][:200]}"
        for finding in found
        if finding["impact"] in SERIOUS
        for node in finding["nodes"]
    ]
