"""A real browser for the page: Debian's Chromium under Playwright, with axe-core."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
).split()
SCREENS = {"desktop": {"width": 1280, "height": 900}, "phone": {"width": 360, "height": 780}}
SCHEMES = ("light", "dark")

STICKY = "* { position: static !important; }"
"""Elements with a fixed position hide from axe the color behind a text, so they are made static."""

OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


def chromium() -> str:
    """Returns the path of Chromium, or skips the test with the reason."""
    pytest.importorskip("playwright.sync_api", reason="playwright is not installed; `make setup` installs it")
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        pytest.skip("Chromium is not installed; `apt-get install chromium` installs it")
    return found


@contextmanager
def running() -> Iterator[Any]:
    """Gives a running browser."""
    path = chromium()
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


class Opened:
    """A page as somebody sees it.

    Attributes:
        page: Playwright's page.
        asked: addresses that the page requested, except itself and its data URIs.
        complaints: what the console said, errors and dialogs.
    """

    def __init__(self, browser: Any, file: Path, screen: str, scheme: str, script: bool = True) -> None:
        self.context = browser.new_context(
            viewport=SCREENS[screen], color_scheme=scheme, java_script_enabled=script, service_workers="block"
        )
        self.page = self.context.new_page()
        self.asked: list[str] = []
        self.complaints: list[str] = []
        address = file.resolve().as_uri()
        self.page.on("request", lambda r: self.asked.append(r.url) if r.url != address else None)
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("dialog", lambda dialog: (self.complaints.append(dialog.message), dialog.dismiss()))
        self.page.goto(address, wait_until="load")
        self.asked = [url for url in self.asked if not url.startswith("data:")]

    def violations(self) -> list[str]:
        """Returns what axe-core finds wrong, one line for each place."""
        import axe_playwright_python

        axe = Path(axe_playwright_python.__file__).with_name("axe.min.js").read_text(encoding="utf-8")
        self.page.evaluate(axe)
        self.page.add_style_tag(content=STICKY)
        result = self.page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        assert len(result["passes"]) > 10, "axe has hardly looked at anything"
        return [f"{v['id']}: {n['html'][:200]} {n['failureSummary']}" for v in result["violations"] for n in v["nodes"]]

    def overflow(self) -> int:
        """Returns how many pixels stick out to the right."""
        return int(self.page.evaluate(OVERFLOW))

    def load_milliseconds(self) -> float:
        """Returns how long the page took until it was there."""
        return float(self.page.evaluate("performance.getEntriesByType('navigation')[0].loadEventEnd"))

    def close(self) -> None:
        """Closes the page."""
        self.context.close()
