"""The maker's side: propose, add records and evidence, submit; a refusal is a sentence that keeps what was typed."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import override_settings
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import JournalEntry, Payout, Posting
from corrections import services
from corrections.choices import State
from corrections.gate import recorded_write
from tests.corrections.admin.pages import (
    WHY,
    browser,
    draft_page,
    seen,
    send,
    text_of,
    ticked,
    upload,
    verb_url,
)
from tests.corrections.services.desk import Desk
from tests.factories.accounts import (
    InternalAccountFactory,
)

pytestmark = pytest.mark.django_db
PAYOUT = "accounts.payout"
DRAFT_QUERIES_MAX = 20


# The draft


def test_the_draft_page_shows_old_and_new_and_what_is_missing(desk: Desk) -> None:
    correction = desk.draft()
    text = text_of(draft_page(desk, correction))
    for words in ("ICBC", "CMB", "evidence 0 of 1", "machine checks passed", "Submit", "Withdraw"):
        assert words in text
    desk.attach(correction)
    assert "evidence: 1" in text_of(draft_page(desk, correction))


def test_somebody_who_may_not_edit_gets_the_page_for_reading(desk: Desk) -> None:
    correction = desk.draft()
    assert "corrections/maker.js" in text_of(
        draft_page(desk, correction, desk.max)
    )  # a maker of the same branch may help
    assert "corrections/maker.js" not in text_of(draft_page(desk, correction, desk.chidi))
    assert draft_page(desk, correction, desk.bo).status_code == 404


def test_texts_are_saved_and_a_refusal_keeps_them(desk: Desk) -> None:
    correction = desk.draft()
    assert send(desk, correction, "amend", {**WHY, "ticket": "T-99"}).status_code == 302
    correction.refresh_from_db()
    assert correction.ticket == "T-99"
    answer = send(desk, correction, "amend", {**WHY, "note": "", "ticket": "T-100"})
    assert answer.status_code == 400
    assert 'value="T-100"' in text_of(answer)
    assert 'aria-invalid="true"' in text_of(answer)


def test_submitting_saves_what_was_typed_last(desk: Desk) -> None:
    correction = desk.draft()
    desk.attach(correction)
    assert send(desk, correction, "submit", {**WHY, "note": "Typed last."}).status_code == 302
    correction.refresh_from_db()
    assert (correction.state, correction.note) == (State.SUBMITTED, "Typed last.")
    assert correction.number is not None


def test_submitting_without_evidence_is_refused_on_the_page(desk: Desk) -> None:
    correction = desk.draft()
    answer = send(desk, correction, "submit", {**WHY, "note": "Kept."})
    assert answer.status_code == 400
    assert "evidence_is_required" in text_of(answer)
    assert "Kept." in text_of(answer)
    correction.refresh_from_db()
    assert correction.state == State.DRAFT


def test_several_files_are_attached_at_once_and_a_bad_one_is_named(desk: Desk) -> None:
    correction = desk.draft()
    files = [upload("one"), upload("two", "two.txt"), SimpleUploadedFile("x.exe", b"MZ\x90\x00\x03")]
    answer = send(desk, correction, "attach", {"kind": "channel_receipt", "files": files})
    assert answer.status_code == 400
    assert "x.exe" in text_of(answer)
    assert correction.evidence.count() == 2


@pytest.mark.parametrize(
    ("data", "code"),
    [
        ({"kind": "channel_receipt"}, "file_is_required"),
        ({"kind": "nonsense", "files": "FILE"}, "evidence_kind_is_required"),
        ({"files": "FILE"}, "evidence_kind_is_required"),
    ],
)
def test_evidence_that_cannot_be_used_is_refused_there(desk: Desk, data: dict[str, Any], code: str) -> None:
    correction = desk.draft()
    sent = {key: upload() if value == "FILE" else value for key, value in data.items()}
    answer = send(desk, correction, "attach", sent)
    assert (answer.status_code, code in text_of(answer)) == (400, True)


def test_an_invisible_character_in_a_remark_is_no_server_error(desk: Desk) -> None:
    correction = desk.draft()
    answer = send(desk, correction, "attach", {"kind": "other", "note": "a\x00b", "files": upload()})
    assert answer.status_code < 500


def test_too_large_a_file_is_refused_with_its_limit(desk: Desk) -> None:
    correction = desk.draft()
    with override_settings(CORRECTIONS_EVIDENCE_BYTES_MAX=1024):
        answer = send(desk, correction, "attach", {"kind": "other", "files": upload("x" * 5000)})
    assert (answer.status_code, "evidence_too_large" in text_of(answer)) == (400, True)


def test_evidence_is_removed_again(desk: Desk) -> None:
    correction = desk.draft()
    item = desk.attach(correction)
    assert send(desk, correction, "remove_evidence", {"evidence": str(item.pk)}).status_code == 302
    assert not correction.evidence.filter(removed_at__isnull=True).exists()
    for wrong in ("", "x", "999999", "9" * 40):
        assert send(desk, correction, "remove_evidence", {"evidence": wrong}).status_code == 404


def test_evidence_of_another_correction_cannot_be_removed_through_ones_own(desk: Desk) -> None:
    mine, other = desk.draft(), desk.draft()
    item = desk.attach(other)
    assert send(desk, mine, "remove_evidence", {"evidence": str(item.pk)}).status_code == 404
    item.refresh_from_db()
    assert item.removed_at is None


@pytest.mark.parametrize("verb", ["amend", "submit", "attach", "remove_change", "remove_evidence"])
def test_a_link_changes_nothing(desk: Desk, verb: str) -> None:
    correction = desk.draft()
    assert browser(desk.mara).get(verb_url(verb, correction)).status_code == 405


@pytest.mark.parametrize("verb", ["amend", "submit", "attach", "remove_change", "add_change", "remove_evidence"])
def test_a_correction_of_another_branch_is_not_there(desk: Desk, verb: str) -> None:
    correction = desk.draft()
    assert send(desk, correction, verb, WHY, user=desk.bo).status_code == 404


@pytest.mark.parametrize("verb", ["amend", "submit", "attach"])
def test_a_checker_who_sees_the_draft_cannot_write_it(desk: Desk, verb: str) -> None:
    correction = desk.draft()
    desk.attach(correction)
    data = {**WHY, "kind": "other", "files": upload("another")}
    answer = send(desk, correction, verb, data, user=desk.chidi)
    assert answer.status_code == 403
    correction.refresh_from_db()
    assert (correction.state, correction.evidence.count()) == (State.DRAFT, 1)


@pytest.mark.parametrize("verb", ["amend", "submit", "attach"])
def test_after_submission_nothing_is_edited(desk: Desk, verb: str) -> None:
    correction = desk.submitted()
    answer = send(desk, correction, verb, {**WHY, "note": "Swapped.", "kind": "other", "files": upload("swapped")})
    assert answer.status_code == 409
    assert "correction_is_not_editable" in text_of(answer)
    correction.refresh_from_db()
    assert (correction.note, correction.evidence.count()) == ("The mapping wrote the wrong bank code.", 1)


# Several records as one unit


def test_another_record_is_found_by_its_number_and_added(desk: Desk) -> None:
    correction, other = desk.draft(), desk.payout()
    found = send(desk, correction, "amend", {**WHY, "then": "find", "model": PAYOUT, "find": other.number})
    assert found.status_code == 302
    text = text_of(browser(desk.mara).get(found.url))
    assert "Correct it here too" in text
    address = verb_url("add_change", correction)
    asked = {"model": PAYOUT, "pk": str(other.pk), "action": "update"}
    form = browser(desk.mara).get(address, asked)
    answer = browser(desk.mara).post(address, {**asked, "seen": seen(form), **ticked(counterparty_bank="BOC")})
    assert answer.status_code == 302
    assert [change.target_pk for change in correction.changes.all()][1] == str(other.pk)


@pytest.mark.parametrize("text", ["nothing like this", "x" * 500, "a\x00b", "%"])
def test_a_search_that_finds_nothing_says_so(desk: Desk, text: str) -> None:
    correction = desk.draft()
    address = reverse("admin:corrections_correction_change", args=[correction.pk])
    answer = browser(desk.mara).get(address, {"model": PAYOUT, "find": text})
    assert answer.status_code == 200
    assert "No record that you may see" in text_of(answer)


def test_a_record_of_another_branch_is_neither_found_nor_added(desk: Desk) -> None:
    correction, other = desk.draft(), desk.payout(desk.beijing)
    address = verb_url("add_change", correction)
    for asked in (
        {"model": PAYOUT, "pk": str(other.pk)},
        {"model": "staff.user", "pk": "1"},
        {"model": "nonsense", "pk": "1"},
        {"pk": "1"},
        {"model": PAYOUT, "pk": "x"},
    ):
        assert browser(desk.mara).get(address, asked).status_code == 404


def test_an_entry_and_its_postings_are_created_as_one_unit(desk: Desk) -> None:
    debit, credit = (InternalAccountFactory(branch=desk.shanghai) for _ in range(2))
    correction = desk.draft()
    client, address = browser(desk.mara), verb_url("add_change", correction)
    entry = {"new_reference": "JE-NEW", "new_branch": str(desk.shanghai.pk), "new_booked_on": "2026-11-20"}
    entry |= {"new_kind": "deposit", "new_currency": "CNY"}
    asked = {"action": "create", "model": "accounts.journalentry"}
    assert client.post(address, {**asked, **entry}).status_code == 302
    position = correction.changes.get(action="create").position
    asked = {"action": "create", "model": "accounts.posting"}
    assert f"created here, row {position}" in text_of(client.get(address, asked))
    for account, side, amount in ((debit, "debit", "5.00"), (credit, "credit", "-5.00")):
        posting = {"new_entry": f"created:{position}", "new_account": str(account.pk), "new_side": side}
        posting |= {"new_amount": amount, "new_currency": "CNY"}
        assert client.post(address, {**asked, **posting}).status_code == 302
    desk.attach(correction)
    services.submit(actor=desk.mara, correction=correction)
    desk.approve(correction)
    assert Posting.objects.filter(entry=JournalEntry.objects.get(reference="JE-NEW")).count() == 2


def test_a_record_takes_other_values_in_one_act(desk: Desk) -> None:
    correction = desk.draft()
    client, address = browser(desk.mara), verb_url("add_change", correction)
    form = client.get(address, {"replaces": "1"})
    assert 'value="CMB"' in text_of(form)
    data = {"replaces": "1", "seen": seen(form)}
    assert client.post(address, {**data, **ticked(amount="bad")}).status_code == 400
    assert correction.changes.get().new == {"counterparty_bank": "CMB"}
    assert client.post(address, {**data, **ticked(counterparty_bank="BOC")}).status_code == 302
    assert correction.changes.get().new == {"counterparty_bank": "BOC"}


def test_a_record_is_taken_out(desk: Desk) -> None:
    correction = desk.draft()
    assert send(desk, correction, "remove_change", {"position": "1"}).status_code == 302
    assert not correction.changes.exists()
    assert "Nothing is in it yet" in text_of(draft_page(desk, correction))
    for wrong in ("1", "", "x", "9" * 40):
        assert send(desk, correction, "remove_change", {"position": wrong}).status_code == 404
    answer = send(desk, correction, "submit", WHY)
    assert (answer.status_code, "correction_is_empty" in text_of(answer)) == (400, True)


def test_a_row_that_others_refer_to_is_not_taken_out(desk: Desk) -> None:
    correction = desk.draft()
    entry = services.add_change(
        actor=desk.mara,
        correction=correction,
        model=JournalEntry,
        action="create",
        values={
            "reference": "JE-1",
            "branch": desk.shanghai,
            "booked_on": "2026-11-20",
            "kind": "deposit",
            "currency": "CNY",
        },
    )
    account = InternalAccountFactory(branch=desk.shanghai)
    values = {"entry": entry, "account": account, "side": "debit", "amount": "5.00", "currency": "CNY"}
    services.add_change(actor=desk.mara, correction=correction, model=Posting, action="create", values=values)
    answer = send(desk, correction, "remove_change", {"position": str(entry.position)})
    assert (answer.status_code, "change_is_referred_to" in text_of(answer)) == (400, True)


# After a return


def test_a_returned_correction_opens_with_the_comment_on_top(desk: Desk) -> None:
    payout = desk.payout()
    correction = desk.submitted(payout)
    services.return_for_rework(
        actor=desk.chidi, correction=correction, digest=correction.digest, comment="No channel receipt."
    )
    with recorded_write(source="loan-core"):
        Payout.objects.filter(pk=payout.pk).update(counterparty_bank="ABC")
    text = text_of(draft_page(desk, correction))
    assert "No channel receipt." in text
    assert "Chidi" in text
    assert "moved since: now ABC" in text
    assert "Submit again" in text


def test_a_revert_takes_no_further_records(desk: Desk) -> None:
    correction = desk.applied()
    back = services.revert(actor=desk.mara, correction=correction, reason="operator_error", note="It was right.")
    text = text_of(draft_page(desk, back))
    assert str(correction.number) in text
    assert "Add another record" not in text


def test_typed_customer_fields_ask_for_consent(desk: Desk, customer_fields_allowed: None) -> None:
    correction = desk.draft(desk.payout(), beneficiary_name="Zhang Min")
    assert "the customer's consent as evidence" in text_of(draft_page(desk, correction))
    desk.attach(correction)
    answer = send(desk, correction, "submit", WHY)
    assert (answer.status_code, "customer_consent_is_required" in text_of(answer)) == (400, True)
    desk.attach(correction, kind="customer_consent")
    assert send(desk, correction, "submit", WHY).status_code == 302


def test_a_record_without_a_policy_says_that_nobody_could_approve(desk: Desk) -> None:
    from corrections.engine import gate
    from corrections.models import Policy

    correction = desk.draft()
    with gate.opened(actor=desk.sam):
        Policy.objects.update(is_active=False)
    assert "No approval policy matches" in text_of(draft_page(desk, correction))


def test_the_draft_page_takes_the_same_queries_for_one_record_and_for_many(desk: Desk) -> None:
    one, many = desk.draft(), desk.draft()
    for _ in range(6):
        services.add_change(actor=desk.mara, correction=many, target=desk.payout(), values={"counterparty_bank": "BOC"})
    counts = []
    for correction in (one, many, one, many):
        client = browser(desk.mara)
        with CaptureQueriesContext(connection) as queries:
            assert client.get(reverse("admin:corrections_correction_change", args=[correction.pk])).status_code == 200
        counts.append(len(queries))
    assert counts[2] == counts[3] <= DRAFT_QUERIES_MAX
