"""What hands do that a selector can't say: drop a file, paste a screenshot, choose one in the file dialogue."""

from __future__ import annotations

import base64

from playwright.sync_api import Page

DROP = """
([content, name, type]) => {
    const bytes = Uint8Array.from(atob(content), (one) => one.charCodeAt(0));
    const data = new DataTransfer();
    data.items.add(new File([bytes], name, {type}));
    const place = document.querySelector("[data-drop]");
    for (const kind of ["dragover", "drop"]) {
        place.dispatchEvent(new DragEvent(kind, {bubbles: true, cancelable: true, dataTransfer: data}));
    }
}
"""
COPY = """
async (content) => {
    const bytes = Uint8Array.from(atob(content), (one) => one.charCodeAt(0));
    await navigator.clipboard.write([new ClipboardItem({"image/png": new Blob([bytes], {type: "image/png"})})]);
}
"""


def arrived(page: Page, selector: str) -> None:
    """What is looked for stands there, and the page's scripts have run: keys that are pressed before are lost."""
    page.wait_for_selector(selector)
    page.wait_for_load_state()


def follow(page: Page, selector: str) -> None:
    """Presses what leads to another page, and waits until that page is there with its scripts."""
    with page.expect_navigation():
        page.click(selector)


def choose_file(page: Page, name: str, content: bytes, mime: str = "text/plain") -> None:
    with page.expect_file_chooser() as opened:
        page.click("[data-drop]")
    opened.value.set_files([{"name": name, "mimeType": mime, "buffer": content}])
    _wait_for_attached(page, name)


def drop_file(page: Page, name: str, content: bytes, mime: str = "text/plain") -> None:
    page.evaluate(DROP, [base64.b64encode(content).decode(), name, mime])
    _wait_for_attached(page, name)


def paste_screenshot(page: Page, content: bytes) -> None:
    """Puts the picture on the clipboard and presses Ctrl+V, as after a screenshot."""
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.evaluate(COPY, base64.b64encode(content).decode())
    page.keyboard.press("Control+V")
    _wait_for_attached(page, "screenshot-")


def _wait_for_attached(page: Page, name: str) -> None:
    page.wait_for_selector(f".draft-evidence a:has-text('{name}')")
