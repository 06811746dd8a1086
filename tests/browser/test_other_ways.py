"""What holds beside the whole way: refusals that a person can read, a phone, no scripts, the other language."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Route, expect

from corrections.choices import State
from corrections.models import Correction
from tests.browser.hands import arrived, follow
from tests.browser.visitor import Visitor
from tests.corrections.services.desk import Desk
from tests.factories.staff import PASSWORD, account

pytestmark = pytest.mark.django_db(transaction=True)

PHONE = {"width": 390, "height": 844}


def test_each_role_is_refused_what_is_not_its_own(desk: Desk, visit: Callable[..., Visitor]) -> None:
    """One address each, typed into the address bar; the page says so in words, in the frame of the desk."""
    payout, correction = desk.payout(), desk.submitted()
    pola, una = account("Pola", "policy_admin"), account("Una", "user_admin")
    propose, page = (
        f"/admin/accounts/payout/{payout.pk}/propose/",
        f"/admin/corrections/correction/{correction.pk}/change/",
    )
    for user, path, status, words in (
        (desk.chidi, propose, 403, "(record_is_outside_your_scope)"),
        (desk.eve, propose, 403, "(record_is_outside_your_scope)"),
        (desk.sam, propose, 403, "(record_is_outside_your_scope)"),
        (desk.ana, "/admin/corrections/incident/add/", 403, "(maker_role_is_required)"),
        (desk.mara, "/admin/corrections/report/", 403, "compliance"),
        (desk.bo, page, 404, "not found"),
        (desk.bea, page, 404, "not found"),
        (pola, "/admin/accounts/payout/", 403, ""),
        (una, "/admin/accounts/payout/", 403, ""),
    ):
        visitor = visit().sign_in(user).go(path, expect=status)
        assert words.lower() in visitor.text().lower(), f"{visitor.name} at {path}:\n{visitor.text()}"
        assert "DZ-" not in visitor.page.inner_text("#content")
        arrived(visitor.page, "#logout-form")  # no dead end
        visitor.leave()


def test_nobody_is_asked_to_sign_in_and_then_gets_where_he_wanted(desk: Desk, visit: Callable[..., Visitor]) -> None:
    correction = desk.submitted()
    visitor = visit()
    visitor.page.goto(f"/admin/corrections/correction/{correction.pk}/change/")
    assert "/login/" in visitor.page.url
    visitor.page.fill("#id_username", "chidi")
    visitor.page.fill("#id_password", "wrong")
    visitor.page.keyboard.press("Enter")
    arrived(visitor.page, "[role=alert]")
    visitor.page.fill("#id_password", "a long enough passphrase")
    visitor.page.keyboard.press("Enter")
    arrived(visitor.page, f"#decide:has-text('{correction.number}')")


def test_the_maker_gets_through_without_scripts(desk: Desk, visit: Callable[..., Visitor]) -> None:
    payout = desk.payout()
    maker = visit(java_script_enabled=False).sign_in(desk.mara)
    page = maker.page
    maker.go(f"/admin/accounts/payout/{payout.pk}/change/")
    follow(page, "a:has-text('Propose a correction')")
    page.check("[name=tick_counterparty_bank]")
    page.fill("#new_counterparty_bank", "CMB")
    page.select_option("select[name=reason]", "system_defect")
    page.fill("textarea[name=note]", "The mapping wrote the wrong bank code.")
    page.click("button[data-shortcut=submit]")
    page.set_input_files(
        "input[name=files]", {"name": "receipt.txt", "mimeType": "text/plain", "buffer": b"Refused: E14."}
    )
    page.click(".draft-attach-button")
    arrived(page, ".draft-evidence a:has-text('receipt.txt')")
    page.click("button[data-shortcut=submit]")
    arrived(page, "#decide")
    assert Correction.objects.get().state == State.SUBMITTED


def test_the_checker_gets_through_without_scripts(desk: Desk, visit: Callable[..., Visitor]) -> None:
    correction = desk.submitted()
    checker = visit(java_script_enabled=False).sign_in(desk.chidi)
    checker.go("/admin/corrections/queue/")
    follow(checker.page, f"a:has-text('{correction.number}')")
    checker.page.click("#approve button")
    arrived(checker.page, ".messagelist .success")
    correction.refresh_from_db()
    assert correction.state == State.APPLIED


def test_sign_in_start_and_queue_fit_a_phone(desk: Desk, visit: Callable[..., Visitor]) -> None:
    correction = desk.submitted()
    checker = visit(viewport=PHONE)
    checker.page.goto("/admin/")
    checker.fits()
    checker.sign_in(desk.chidi)
    checker.fits()
    checker.go("/admin/corrections/queue/")
    checker.reads(str(correction.number))
    checker.fits()


def test_a_language_is_chosen_in_the_header_and_kept(desk: Desk, visit: Callable[..., Visitor]) -> None:
    checker = visit(locale="en-GB").sign_in(desk.chidi)
    checker.reads("Queue")
    checker.page.click("button[value=zh-hans]")
    arrived(checker.page, "text=待办队列")
    assert checker.page.get_attribute("html", "lang") == "zh-hans"
    again = visit(locale="en-GB").sign_in(desk.chidi)
    assert again.page.get_attribute("html", "lang") == "zh-hans"


def test_what_was_typed_survives_a_refusal(desk: Desk, visit: Callable[..., Visitor]) -> None:
    payout = desk.payout()
    maker = visit().sign_in(desk.mara)
    page = maker.page
    maker.go(f"/admin/accounts/payout/{payout.pk}/propose/")
    page.fill("#new_counterparty_bank", "CMB")
    page.fill("textarea[name=note]", "Typed with care.")
    maker.allowed = {400}
    page.click("button[data-shortcut=submit]")
    arrived(page, "#refusal")
    assert page.input_value("#new_counterparty_bank") == "CMB"
    assert page.input_value("textarea[name=note]") == "Typed with care."
    assert page.evaluate("document.activeElement.name") == "reason"  # the first red field
    assert not Correction.objects.exists()


def test_a_sign_in_that_ends_while_somebody_types_loses_nothing(desk: Desk, visit: Callable[..., Visitor]) -> None:
    payout = desk.payout()
    visitor = visit().sign_in(desk.mara).go(f"/admin/accounts/payout/{payout.pk}/propose/")
    page = visitor.page
    page.fill("#new_counterparty_bank", "CMB")
    page.select_option("[name=reason]", "system_defect")
    page.fill("[name=note]", "A long story, typed through lunch.")
    visitor.context.clear_cookies(name="sessionid")
    page.keyboard.press("Control+Enter")
    arrived(page, "#signed-out:visible")
    visitor.reads("You are signed out", "Nothing was sent")
    assert page.input_value("[name=note]") == "A long story, typed through lunch."
    with visitor.context.expect_page() as opened:
        page.click("#signed-out a")
    other = opened.value
    other.fill("#id_username", desk.mara.username)
    other.fill("#id_password", PASSWORD)
    other.keyboard.press("Enter")
    arrived(other, "#logout-form")
    page.dblclick("[data-shortcut=submit]")
    page.wait_for_url("**/correction/*/change/**")
    assert Correction.objects.get().note == "A long story, typed through lunch."
    # The same on the draft, where a file is sent without leaving the page.
    page.fill("#texts [name=note]", "A longer story.")
    visitor.context.clear_cookies(name="sessionid")
    page.set_input_files("[name=files]", {"name": "a.txt", "mimeType": "text/plain", "buffer": b"receipt 1"})
    arrived(page, "#signed-out:visible")
    assert page.input_value("#texts [name=note]") == "A longer story."


def test_what_is_typed_before_the_scripts_are_there_is_meant(desk: Desk, visit: Callable[..., Visitor]) -> None:
    payout = desk.payout()
    maker = visit().sign_in(desk.mara)
    page = maker.page
    held: list[Route] = []
    page.route("**/maker*.js", lambda route: held.append(route))  # the driver takes no method of a list
    page.goto(f"/admin/accounts/payout/{payout.pk}/propose/", wait_until="commit")
    page.fill("#new_counterparty_bank", "CMB")
    tick = page.locator("[name=tick_counterparty_bank]")
    assert not tick.is_checked()
    held[0].continue_()
    expect(tick).to_be_checked()
    assert page.locator("tr.is-ticked").count() == 1
