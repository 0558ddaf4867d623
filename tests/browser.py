"""A real headless Chromium for tests of pages: what it is asked for, what goes wrong in it, how accessible a page is.

Tests that use it are slow tests, and are skipped where there is no Chromium.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PHONE = {"width": 390, "height": 844}


@contextmanager
def chromium() -> Iterator[Any]:
    """A running browser (Playwright's ``Browser``); skips the test where there is none."""
    api = pytest.importorskip(
        "playwright.sync_api",
        reason="Playwright is not installed; it comes with the extra dev: pip install -e '.[dev]'",
    )
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        pytest.skip("no Chromium on the PATH; on Debian and Ubuntu: sudo apt-get install chromium")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class Watch:
    """What a page did that a user does not see."""

    errors: list[str] = field(default_factory=list)
    """Errors on the console and uncaught ones; a blocked script is one."""
    requests: list[str] = field(default_factory=list)
    """Addresses that the page asked for."""
    dialogs: list[str] = field(default_factory=list)
    """Texts of ``alert`` and its like; they are dismissed."""

    def outside(self, origin: str) -> list[str]:
        """Requests that left the page's own server."""
        return [url for url in self.requests if not url.startswith((f"{origin}/", "data:"))]


def watch(page: Any) -> Watch:
    """Collect from now on what a page does."""
    seen = Watch()

    def console(message: Any) -> None:
        if message.type == "error":
            seen.errors.append(f"{message.text} ({message.location.get('url', '')})")

    def dialog(asked: Any) -> None:
        seen.dialogs.append(asked.message)
        asked.dismiss()

    page.on("console", console)
    page.on("pageerror", lambda error: seen.errors.append(str(error)))
    page.on("request", lambda request: seen.requests.append(request.url))
    page.on("dialog", dialog)
    return seen


def accessibility_problems(page: Any) -> list[str]:
    """What axe-core finds wrong with the page as it is shown: labels, contrast, roles, order; one line a problem."""
    axe = pytest.importorskip(
        "axe_playwright_python.sync_playwright",
        reason="axe-playwright-python is not installed; it comes with the extra dev: pip install -e '.[dev]'",
    )
    found = axe.Axe().run(page).response["violations"]
    return [f"{one['id']}: {one['help']}: {node['html'][:200]}" for one in found for node in one["nodes"]]


def overflow(page: Any) -> int:
    """Pixels by which the page is wider than the window; 0 where nothing has to be scrolled sideways."""
    return int(page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))
