"""Chromium and a served desk. Without Chromium these tests are skipped; under CI they must run, so they fail."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.core.signals import request_finished, request_started
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


class Traffic:
    """How many requests the server is working on."""

    def __init__(self) -> None:
        self.under_way, self.changed = 0, threading.Condition()

    def begins(self, **kwargs: Any) -> None:
        with self.changed:
            self.under_way += 1

    def ends(self, **kwargs: Any) -> None:
        with self.changed:
            self.under_way -= 1
            self.changed.notify_all()

    def wait_until_quiet(self) -> None:
        with self.changed:
            self.changed.wait_for(lambda: self.under_way <= 0, timeout=10)


@pytest.fixture
def traffic() -> Iterator[Traffic]:
    """A browser that leaves may have asked for more; served while tables are emptied, it would spoil the next test."""
    counted = Traffic()
    request_started.connect(counted.begins)
    request_finished.connect(counted.ends)
    yield counted
    request_started.disconnect(counted.begins)
    request_finished.disconnect(counted.ends)


@pytest.fixture
def visit(chromium: Browser, desk: Desk, live_server: Any, traffic: Traffic) -> Iterator[Callable[..., Visitor]]:
    """Opens the browser of one person. Whatever it complains about, in any of its pages, fails the test."""
    visitors: list[Visitor] = []

    def begin(*, locale: str = "en-GB", viewport: dict[str, int] | None = None, **options: Any) -> Visitor:
        context = chromium.new_context(
            base_url=live_server.url, locale=locale, viewport=viewport or LAPTOP, accept_downloads=True, **options
        )
        context.set_default_timeout(60_000)
        visitors.append(Visitor(context, live_server.url))
        return visitors[-1]

    yield begin
    complaints = [f"{visitor.name}: {text}" for visitor in visitors for text in visitor.complaints]
    for visitor in visitors:
        visitor.leave()
    traffic.wait_until_quiet()
    assert not complaints, "\n".join(complaints)
