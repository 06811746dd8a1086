"""One person at a browser: signs in, looks, and remembers everything that the browser complained about."""

from __future__ import annotations

import io
import re
from typing import Any

from PIL import Image, ImageDraw
from playwright.sync_api import BrowserContext, Page, Response

from backoffice.staff.models import User
from tests.browser.hands import follow
from tests.factories.staff import PASSWORD

# Violations of the Content-Security-Policy are told on the console, where complaints are collected.
TELL_VIOLATIONS = """
document.addEventListener("securitypolicyviolation", (event) =>
    console.error(`CSP ${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}:${event.lineNumber}`));
"""

# The words by which a page speaks: headings, labels, buttons, columns, places; not what people have written.
LABELS = """
() => [...document.querySelectorAll(
    "h1, h2, h3, th[scope=col], label, legend, summary, dt, caption, button, nav a, " +
    ".desk-button, .desk-badge, .desk-empty p"
)].filter((one) => one.checkVisibility()).map((one) => one.innerText.trim()).filter(Boolean)
"""


class Visitor:
    def __init__(self, context: BrowserContext, url: str) -> None:
        self.context = context
        self.url = url
        self.name = "somebody"
        self.complaints: list[str] = []
        self.allowed: set[int] = set()  # status codes that the next step is meant to get
        context.add_init_script(TELL_VIOLATIONS)
        context.on("weberror", lambda error: self.complaints.append(f"script: {error.error}"))
        context.on("console", self._hear)
        context.on("response", self._receive)
        self.page: Page = context.new_page()

    def _hear(self, message: Any) -> None:
        is_status = "the server responded with a status of" in message.text  # told by _receive, with its address
        if message.type in {"error", "warning"} and not is_status:
            self.complaints.append(f"console: {message.text} ({message.location.get('url')})")

    def _receive(self, response: Response) -> None:
        if response.status >= 400 and response.status not in self.allowed:
            self.complaints.append(f"{response.status} {response.request.method} {response.url}")

    def leave(self) -> None:
        self.context.close()

    # Ways

    def sign_in(self, user: User) -> Visitor:
        self.name = user.username
        self.page.goto("/admin/")
        self.page.fill("#id_username", user.username)
        self.page.fill("#id_password", PASSWORD)
        follow(self.page, "#login-form input[type=submit]")
        self.page.wait_for_selector("#logout-form")
        return self

    def go(self, path: str, *, expect: int = 200) -> Visitor:
        """Opens an address, and demands its status."""
        self.allowed = {expect} - {200}
        answer = self.page.goto(path)
        assert answer is not None
        assert answer.status == expect, f"{self.name} got {answer.status} at {path}, not {expect}"
        self.allowed = set()
        return self

    # Looks

    def reads(self, *texts: str) -> None:
        """Every text stands on the page, where a person can read it."""
        shown = self.text()
        for text in texts:
            assert text in shown, f"“{text}” is not on {self.page.url}:\n{shown}"

    def text(self) -> str:
        return self.page.inner_text("body")

    def labels(self) -> list[str]:
        found: list[str] = self.page.evaluate(LABELS)
        return found

    def fits(self) -> None:
        """Nothing sticks out sideways."""
        wide, room = self.page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
        assert wide <= room, f"{self.page.url} is {wide} px wide in a window of {room}"


LATIN_WORD = re.compile(r"[A-Za-z]{3,}")
CHINESE = re.compile(r"[\u4e00-\u9fff]")


def english_leftovers(labels: list[str], known: frozenset[str]) -> set[str]:
    """Labels without a Chinese character but with a Latin word that is neither a name nor data of this test."""
    return {label for label in labels if not CHINESE.search(label) and set(LATIN_WORD.findall(label)) - known}


def picture(text: str) -> bytes:
    """A screenshot, as a person would attach it."""
    image = Image.new("RGB", (640, 360), "white")
    ImageDraw.Draw(image).text((40, 40), text, fill="black")
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()
