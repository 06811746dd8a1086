"""Chromium and a served desk. Without Chromium these tests are skipped; under CI they must run, so they fail."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.browser.visitor import Visitor
from tests.corrections.services.desk import Desk, make_desk

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
LAPTOP = {"width": 1366, "height": 768}


def _chromium_path() -> str:
    found = shutil.which("chromium")
    if found is None and os.environ.get("CI") == "true":
        pytest.fail("Chromium is not installed, and under CI=true the browser tests must run.")
    if found is None:
        pytest.skip("Chromium is not installed.")
    return found


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    path = _chromium_path()
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        # Playwright keeps an event loop in this thread. Django would take the test's own queries for async ones.
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def desk(transactional_db: None) -> Desk:
    return make_desk()


@pytest.fixture
def visit(chromium: Browser, desk: Desk, live_server: Any) -> Iterator[Callable[..., Visitor]]:
    """Opens the browser of one person. Whatever it complains about, in any of its pages, fails the test."""
    visitors: list[Visitor] = []

    def begin(*, locale: str = "en-GB", viewport: dict[str, int] | None = None, **options: Any) -> Visitor:
        context = chromium.new_context(
            base_url=live_server.url, locale=locale, viewport=viewport or LAPTOP, accept_downloads=True, **options
        )
        context.set_default_timeout(30_000)
        visitors.append(Visitor(context, live_server.url))
        return visitors[-1]

    yield begin
    complaints = [f"{visitor.name}: {text}" for visitor in visitors for text in visitor.complaints]
    for visitor in visitors:
        visitor.leave()
    assert not complaints, "\n".join(complaints)
