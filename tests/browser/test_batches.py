"""A file of corrections by hand, in a browser: brought, read, chosen, signed, carried out and watched to its end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from accounts.models import Payout
from corrections.choices import State
from corrections.models import Correction, Decision
from corrections.services import batch_run
from tests.browser.hands import arrived, choose_file, follow
from tests.browser.visitor import LATIN_WORD, Visitor, english_leftovers
from tests.corrections.made_batches import payouts
from tests.corrections.services.batches import submitted_rows
from tests.corrections.services.desk import Desk, put_policy_in_force

pytestmark = pytest.mark.django_db(transaction=True)
WHY = "The mapping wrote the wrong bank codes."


def csv_of(targets: list[Payout], *more: str) -> dict[str, Any]:
    lines = ["number,counterparty_bank", *(f"{one.number},CMB" for one in targets), *more]
    return {"name": "payouts.csv", "mimeType": "text/csv", "buffer": "\n".join(lines).encode()}


def brought(maker: Visitor, file: dict[str, Any], *, link: str = "Correct many by a file") -> None:
    """From the list of payouts to the draft of a batch."""
    page = maker.page
    maker.go("/admin/accounts/payout/")
    follow(page, f"a:has-text('{link}')")
    page.set_input_files("#upload input[name=file]", file)
    page.select_option("select[name=reason]", "system_defect")
    page.fill("textarea[name=note]", WHY)
    maker.fits()
    page.keyboard.press("Control+Enter")
    arrived(page, "#records")


def submitted(maker: Visitor) -> Correction:
    choose_file(maker.page, "receipt.txt", b"The channel confirms the new codes.")
    maker.page.click("button[data-shortcut=submit]")
    arrived(maker.page, "#decide")
    return Correction.objects.get()


def test_a_file_is_brought_decided_and_applied(desk: Desk, visit: Callable[..., Visitor]) -> None:
    targets = payouts(desk, 30)
    maker = visit().sign_in(desk.mara)
    brought(maker, csv_of(targets, "FK-NOWHERE,CMB"))
    maker.reads("30 rows that change something", "1 bad rows", "FK-NOWHERE", "ICBC")
    maker.fits()
    maker.page.check("input[name=on_bad_row][value=skip]")
    maker.page.wait_for_selector("[data-part=saved]:has-text('saved')")
    maker.page.reload()
    assert maker.page.is_checked("input[name=on_bad_row][value=skip]")
    maker.allowed = {400}
    maker.page.click("button[data-shortcut=submit]")
    arrived(maker.page, "#refusal")  # no evidence yet; what was refused can be submitted from the same page
    correction = submitted(maker)

    checker = visit().sign_in(desk.chidi).go(f"/admin/corrections/correction/{correction.pk}/change/")
    checker.reads("30 records", "1 bad row of the file stays out", "Rows drawn at random", "unchanged")
    checker.fits()
    follow(checker.page, "a:has-text('look through all 30 rows')")
    checker.page.fill("input[name=find]", targets[6].number)
    checker.page.keyboard.press("Enter")
    arrived(checker.page, "#line-8")
    assert checker.page.locator("tr[id^=line-]").count() == 1
    follow(checker.page, "a:has-text('Back to the correction')")
    checker.page.wait_for_selector("#approve button:not([disabled])")
    checker.page.keyboard.press("Control+Enter")
    arrived(checker.page, ".messagelist .success")
    correction.refresh_from_db()
    assert correction.state == State.APPLIED
    assert set(Payout.objects.values_list("counterparty_bank", flat=True)) == {"CMB"}


def test_rows_drawn_at_random_are_ticked_by_keyboard_before_anybody_approves(
    desk: Desk, visit: Callable[..., Visitor]
) -> None:
    put_policy_in_force(desk, [("checker", 1)], sample_rows=2)
    correction = submitted_rows(desk, payouts(desk, 4))
    checker = visit().sign_in(desk.chidi).go(f"/admin/corrections/correction/{correction.pk}/change/")
    page = checker.page
    page.wait_for_selector("#why-not:has-text('Rows to be compared with the evidence: 2')")
    ticks = page.locator("[data-confirm]")
    ticks.first.focus()
    page.keyboard.press("Space")
    page.wait_for_selector("#why-not:has-text('Rows to be compared with the evidence: 1')")
    page.keyboard.press("Control+Enter")  # still too early
    assert page.locator("#approve button").is_disabled()
    for _ in range(10):
        page.keyboard.press("Tab")
        if ticks.nth(2).evaluate("tick => tick === document.activeElement"):
            break
    page.keyboard.press("Space")
    checker.fits()
    page.wait_for_selector("#approve button:not([disabled])")
    page.keyboard.press("Control+Enter")
    arrived(page, ".messagelist .success")
    positions = correction.batch.sample["positions"]
    assert Decision.objects.get().confirmed == [positions[0], positions[2]]


def test_its_progress_is_watched_and_it_is_paused(desk: Desk, visit: Callable[..., Visitor], settings: Any) -> None:
    settings.CORRECTIONS_BATCH_WATCH_AFTER_SECONDS = 600  # however slow the machine is
    for name in ("AT_ONCE_ROWS_MAX", "CHUNK_ROWS_SQLITE", "CHUNK_ROWS_POSTGRESQL"):
        setattr(settings, f"CORRECTIONS_BATCH_{name}", 2)
    maker = visit().sign_in(desk.mara)
    brought(maker, csv_of(payouts(desk, 6)))
    with maker.page.expect_navigation():
        maker.page.click("button:has-text('Have machines look at all rows')")
    maker.reads("What it does in sum", "all rows looked at by machine")
    correction = submitted(maker)
    desk.approve(correction)

    runner = visit().sign_in(desk.eve).go(f"/admin/corrections/correction/{correction.pk}/change/")
    runner.reads("0 of 6 rows", "waits for a worker")
    batch_run.run_next(actor=desk.eve, worker="w-1")
    runner.page.wait_for_selector("text=2 of 6 rows")  # by itself
    runner.page.click("summary:has-text('Pause')")
    runner.page.fill("[data-verb=pause] textarea", "Month's end.")
    runner.page.click("[data-verb=pause] button")
    runner.page.wait_for_selector(".ba-progress .desk-badge:has-text('paused')")
    runner.reads("Paused by", "Month's end.")
    runner.page.click("summary:has-text('Resume')")
    runner.page.click("[data-verb=resume] button")
    runner.page.wait_for_selector("summary:has-text('Pause')")
    while batch_run.run_next(actor=desk.eve, worker="w-1") is not None:
        pass
    runner.page.wait_for_selector("text=100 %")  # the page as it is at the end
    runner.page.wait_for_selector(".desk-badge.state-applied")


def test_one_value_for_ticked_records_without_scripts(desk: Desk, visit: Callable[..., Visitor]) -> None:
    targets = payouts(desk, 3)
    maker = visit(java_script_enabled=False).sign_in(desk.mara)
    page = maker.page
    maker.go("/admin/accounts/payout/")
    for one in targets[:2]:
        page.check(f"input[name=pk][value='{one.pk}']")
    follow(page, "#many button")
    maker.reads("2 ticked in the list.")
    page.check("[name=tick_counterparty_bank]")
    page.fill("#new_counterparty_bank", "CMB")
    page.select_option("select[name=reason]", "system_defect")
    page.fill("textarea[name=note]", WHY)
    follow(page, "button[data-shortcut=submit]")
    maker.reads("New batch", "2 rows that change something")
    assert Correction.objects.get().changes.count() == 2


# Names, values, codes and file kinds that are the same in both languages.
SAME_EVERYWHERE = frozenset(
    LATIN_WORD.findall(
        "Mara Chidi MARA CHIDI Shanghai Zhang ICBC CMB English Ctrl Enter CSV XLSX SHA UTF payouts csv number "
        "counterparty_bank target_not_found receipt txt NOWHERE Labels Parcels Readings Tags"
    )
)


def test_a_way_with_bad_rows_outlives_an_answer_written_before_it_was_saved(
    desk: Desk, visit: Callable[..., Visitor]
) -> None:
    maker = visit().sign_in(desk.mara)
    brought(maker, csv_of(payouts(desk, 3), "FK-NOWHERE,CMB"))
    maker.page.route("**/amend/", lambda route: None)  # it never gets there
    maker.page.check("input[name=on_bad_row][value=skip]")
    assert submitted(maker).batch.on_bad_row == "skip"


def test_its_pages_speak_chinese(desk: Desk, visit: Callable[..., Visitor]) -> None:
    maker = visit(locale="zh-CN").sign_in(desk.mara)
    maker.go("/admin/corrections/batch/?model=accounts.payout")
    labels = [maker.labels()]
    brought(maker, csv_of(payouts(desk, 3), "FK-NOWHERE,CMB"), link="通过文件批量订正")
    labels.append(maker.labels())
    maker.page.check("input[name=on_bad_row][value=skip]")
    correction = submitted(maker)
    base = f"/admin/corrections/correction/{correction.pk}"
    for page in ("change/", "rows/", "findings/", "change/?print=1"):
        labels.append(maker.go(f"{base}/{page}").labels())
    payout = Payout.objects.first()
    assert payout is not None
    labels.append(maker.go(f"/admin/corrections/batch/rule/?model=accounts.payout&pk={payout.pk}").labels())
    assert [found for one in labels if (found := english_leftovers(one, SAME_EVERYWHERE))] == []
    assert any("批量订正" in label for one in labels for label in one)
