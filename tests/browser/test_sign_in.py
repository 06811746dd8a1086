"""In a real browser: a token is set up and entered, failures lock out, and a sign-in that has ended says so."""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import pytest
from django.conf import settings

from backoffice.staff import sessions, step_up
from tests.browser.hands import arrived, follow
from tests.browser.visitor import Visitor
from tests.corrections.services.desk import Desk
from tests.factories.staff import Authenticator, account

PICTURE_IS_SHOWN = "() => document.querySelector('.token-picture').naturalWidth > 100"


def look(visitor: Visitor, name: str) -> None:
    """A picture for whoever wants to see the pages: set BACKOFFICE_TESTING_PICTURES to a folder."""
    if folder := os.environ.get("BACKOFFICE_TESTING_PICTURES"):
        visitor.page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


@pytest.mark.parametrize("locale", ["en-GB", "zh-CN"])
def test_a_token_is_set_up_and_entered(desk: Desk, visit: Callable[..., Visitor], locale: str) -> None:
    sena = account("Sena", "senior_checker")
    visitor = visit(locale=locale).sign_in(sena)
    page = visitor.page
    follow(page, "#user-tools a[href='/admin/token/']")
    look(visitor, f"none-{locale}")
    follow(page, "form[action='/admin/token/begin/'] button")
    page.wait_for_function(PICTURE_IS_SHOWN)
    visitor.fits()
    look(visitor, f"new-{locale}")
    app = Authenticator(page.inner_text(".token-key"))
    page.fill("[name=password]", "a long enough passphrase")
    page.fill("[name=code]", app.code(steps=-1))
    page.keyboard.press("Enter")
    arrived(page, "form[action='/admin/token/remove/']")
    look(visitor, f"set-{locale}")
    visitor.go("/admin/token/prove/?next=/admin/corrections/queue/")
    visitor.allowed = {403}
    page.fill("[name=code]", app.wrong())
    page.keyboard.press("Enter")
    arrived(page, "#refusal")
    look(visitor, f"wrong-{locale}")
    page.wait_for_timeout(1100)  # the wait after one wrong code
    page.fill("[name=code]", app.code())
    page.keyboard.press("Enter")
    page.wait_for_url("**/admin/corrections/queue/")
    assert step_up.verified_at(sena) is not None


def test_failures_lock_out_and_the_administrator_sees_them(desk: Desk, visit: Callable[..., Visitor]) -> None:
    visitor = visit(locale="zh-CN")
    visitor.go("/admin/login/")
    visitor.allowed = {429}
    for _ in range(settings.AXES_FAILURE_LIMIT):
        visitor.page.fill("#id_username", "chidi")
        visitor.page.fill("#id_password", "guessed")
        with visitor.page.expect_navigation():
            visitor.page.keyboard.press("Enter")
    visitor.reads("登录失败次数过多", "15 分钟")
    look(visitor, "locked")
    administrator = visit().sign_in(account("Una", "user_admin")).go("/admin/sign-ins/")
    administrator.reads("Locked out now", "chidi", "locked out")
    administrator.fits()
    look(administrator, "sign-ins")


def test_what_was_typed_is_shown_once_more_when_the_sign_in_has_ended(
    desk: Desk, visit: Callable[..., Visitor]
) -> None:
    visitor = visit().sign_in(account("Una", "user_admin")).go("/admin/staff/person/add/")
    page = visitor.page
    page.fill("[name=employee_no]", "E-9")
    page.fill("[name=name]", "Typed with care")
    _end_sign_in(visitor)
    visitor.allowed = {403}
    follow(page, "[name=_save]")
    visitor.reads("nothing was done", "nothing was done for a while")
    look(visitor, "over")
    visitor.reads("E-9", "Typed with care")
    with visitor.context.expect_page() as opened:
        page.click("a.desk-button")
    other = opened.value
    other.fill("#id_username", "una")
    other.fill("#id_password", "a long enough passphrase")
    other.keyboard.press("Enter")
    other.wait_for_url("**/admin/staff/person/add/")


def test_signing_in_after_the_end_leads_back(desk: Desk, visit: Callable[..., Visitor]) -> None:
    visitor = visit().sign_in(desk.chidi)
    _end_sign_in(visitor)
    visitor.go("/admin/corrections/queue/")
    visitor.reads("You were signed out because nothing was done for a while.")
    look(visitor, "again")
    visitor.page.fill("#id_username", desk.chidi.username)
    visitor.page.fill("#id_password", "a long enough passphrase")
    visitor.page.keyboard.press("Enter")
    visitor.page.wait_for_url("**/admin/corrections/queue/")


def _end_sign_in(visitor: Visitor) -> None:
    """As if nobody had used it for long."""
    cookies = {cookie["name"]: cookie["value"] for cookie in visitor.context.cookies()}
    store = import_module(settings.SESSION_ENGINE).SessionStore(cookies[settings.SESSION_COOKIE_NAME])
    store[sessions.SEEN] -= settings.SESSION_IDLE_SECONDS_MAX
    store.save()
