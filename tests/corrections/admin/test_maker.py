"""The maker's side: propose, add records and evidence, submit; a refusal is a sentence that keeps what was typed."""

from __future__ import annotations

from typing import Any

import pytest
from django.core import signing
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import override_settings
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import JournalEntry, Payout, Posting, Repayment
from corrections import services
from corrections.admin import _seen
from corrections.choices import State
from corrections.gate import recorded_write
from corrections.models import Correction, Incident
from tests.corrections.admin.pages import WHY, browser, propose, seen, text_of, ticked, url, verb_url
from tests.corrections.services.desk import Desk
from tests.factories.accounts import (
    CustomerFactory,
    InternalAccountFactory,
    LoanApplicationFactory,
    LoanFactory,
    RepaymentFactory,
)

pytestmark = pytest.mark.django_db
PAYOUT = "accounts.payout"
DRAFT_QUERIES_MAX = 20


def upload(text: str = "The channel confirms.", name: str = "receipt.txt") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, text.encode())


def page(desk: Desk, correction: Correction, user: Any = None) -> Any:
    return browser(user or desk.mara).get(reverse("admin:corrections_correction_change", args=[correction.pk]))


def send(desk: Desk, correction: Correction, verb: str, data: dict[str, Any] | None = None, user: Any = None) -> Any:
    return browser(user or desk.mara).post(verb_url(verb, correction), data or {})


# Proposing


def test_what_the_maker_proposes_becomes_a_draft(desk: Desk) -> None:
    payout = desk.payout()
    answer = propose(desk.mara, payout, counterparty_bank="CMB")
    correction = Correction.objects.get()
    assert answer.status_code == 302
    assert answer.url == reverse("admin:corrections_correction_change", args=[correction.pk])
    change = correction.changes.get()
    assert (change.old, change.new) == ({"counterparty_bank": "ICBC"}, {"counterparty_bank": "CMB"})
    assert (correction.state, correction.reason, correction.ticket) == (State.DRAFT, "system_defect", "T-1")


def test_the_form_shows_present_values_masked_and_no_secret(desk: Desk) -> None:
    payout = desk.payout()
    form = browser(desk.mara).get(url(PAYOUT, "propose", payout.pk))
    text = text_of(form)
    assert "ICBC" in text
    assert "****1187" in text
    signed = signing.loads(seen(form), salt=_seen.SALT)
    for hidden in (payout.counterparty_account_cipher, payout.counterparty_account_index):  # type: ignore[attr-defined]
        assert hidden not in text
        assert hidden not in str(signed)


@pytest.mark.parametrize("user", ["chidi", "ana", "eve", "sam"])
def test_only_a_maker_proposes(desk: Desk, user: str) -> None:
    payout = desk.payout()
    token = _seen.token(_entry(payout), payout)
    client = browser(getattr(desk, user))
    address = url(PAYOUT, "propose", payout.pk)
    answer = client.post(address, {"seen": token, **WHY, **ticked(counterparty_bank="CMB")})
    # An executor of the whole company sees the record; whoever sees it is told why not.
    assert answer.status_code == 403
    assert not Correction.objects.exists()


def test_a_maker_of_another_branch_finds_no_form(desk: Desk) -> None:
    payout = desk.payout()
    token = _seen.token(_entry(payout), payout)
    answer = browser(desk.bo).post(url(PAYOUT, "propose", payout.pk), {"seen": token, **WHY, **ticked(amount="1")})
    assert answer.status_code == 404
    assert not Correction.objects.exists()


def test_a_value_that_moved_meanwhile_is_refused_and_the_form_shows_it(desk: Desk) -> None:
    payout = desk.payout()
    address = url(PAYOUT, "propose", payout.pk)
    client = browser(desk.mara)
    token = seen(client.get(address))
    with recorded_write(source="loan-core"):
        Payout.objects.filter(pk=payout.pk).update(counterparty_bank="ABC")
    data = {**WHY, **ticked(counterparty_bank="CMB")}
    answer = client.post(address, {"seen": token, **data})
    assert answer.status_code == 409
    text = text_of(answer)
    assert "value_changed_since_request" in text
    assert ">ABC<" in text
    assert 'value="CMB"' in text
    # The answer carries what is there now, so that sending it again is an informed request.
    assert client.post(address, {"seen": seen(answer), **data}).status_code == 302


def test_a_secret_that_moved_meanwhile_is_refused(desk: Desk, customer_fields_allowed: None) -> None:
    payout = desk.payout()
    token = _seen.token(_entry(payout), payout)
    with recorded_write(source="loan-core"):
        payout.counterparty_account = "6222020000009999"
        payout.save()
    data = {"seen": token, **WHY, **ticked(counterparty_account="6222020000001111")}
    answer = browser(desk.mara).post(url(PAYOUT, "propose", payout.pk), data)
    assert answer.status_code == 409
    assert not Correction.objects.exists()


def _forged(desk: Desk) -> dict[str, str]:
    mine, other = desk.payout(), desk.payout()
    honest = _seen.token(_entry(mine), mine)
    return {
        "nothing": "",
        "garbage": "x" * 50,
        "cut": honest[:-4],
        "another record's": _seen.token(_entry(other), other),
        "another form's": signing.dumps([PAYOUT, str(mine.pk), {"counterparty_bank": "ICBC"}], salt="other"),
        "huge": "x" * 300_000,
        "pk": str(mine.pk),
    }


@pytest.mark.parametrize("kind", ["nothing", "garbage", "cut", "another record's", "another form's", "huge"])
def test_old_values_cannot_be_forged(desk: Desk, kind: str) -> None:
    tokens = _forged(desk)
    data = {"seen": tokens[kind], **WHY, **ticked(counterparty_bank="CMB")}
    answer = browser(desk.mara).post(url(PAYOUT, "propose", tokens["pk"]), data)
    assert answer.status_code == 400
    assert "form_not_genuine" in text_of(answer)
    assert not Correction.objects.exists()


def test_what_the_customer_declared_is_closed_and_refused(desk: Desk) -> None:
    payout = desk.payout()
    form = text_of(browser(desk.mara).get(url(PAYOUT, "propose", payout.pk)))
    assert "the customer must enter it" in form
    assert 'name="new_counterparty_account"' not in form
    answer = propose(desk.mara, payout, counterparty_account="6222020000001111")
    assert answer.status_code == 403
    assert "customer_must_declare" in text_of(answer)
    assert not Correction.objects.exists()


def test_a_refused_secret_is_not_put_back_into_the_page(desk: Desk, customer_fields_allowed: None) -> None:
    answer = propose(desk.mara, desk.payout(), counterparty_account="6222020000004321", data={"note": ""})
    assert answer.status_code == 400
    assert "6222020000004321" not in text_of(answer)


@pytest.mark.parametrize(
    ("values", "more", "code"),
    [
        ({}, {}, "nothing_changes"),
        ({"counterparty_bank": "ICBC"}, {}, "nothing_changes"),
        ({"counterparty_bank": "CMB"}, {"reason": "because"}, "reason_is_required"),
        ({"counterparty_bank": "CMB"}, {"note": "  "}, "note_is_required"),
        ({"counterparty_bank": "CMB"}, {"note": "x" * 5000}, "text_too_long"),
        ({"counterparty_bank": "CMB"}, {"note": "a\x00b"}, "text_not_usable"),
        ({"counterparty_bank": "CMB"}, {"ticket": "\x00"}, "text_not_usable"),
        ({"counterparty_bank": "CMB"}, {"incident": "77"}, "incident_not_found"),
        ({"counterparty_bank": "CMB"}, {"incident": "٣"}, "incident_not_found"),
        ({"counterparty_bank": "CMB"}, {"action": "explode"}, "action_not_allowed"),
        ({"counterparty_bank": "CMB"}, {"action": "delete"}, "action_not_allowed"),
        ({"counterparty_bank": "a\x00b"}, {}, "value_has_invisible_character"),
        ({"counterparty_bank": "x" * 20_000}, {}, "value_too_long"),
        ({"amount": "1e3"}, {}, "value_not_plain_decimal"),
        ({"amount": "１２"}, {}, "value_not_plain_decimal"),
        ({"amount": "-5"}, {}, "row_would_be_invalid"),
        ({"amount": "9" * 40}, {}, "value_not_plain_decimal"),
        ({"status": "no such"}, {}, "value_not_usable"),
        ({"branch": "999999"}, {}, "reference_not_found"),
        ({"branch": "created:7"}, {}, "value_not_usable"),
        ({"branch": "9" * 60}, {}, "reference_not_found"),
    ],
)
def test_what_cannot_be_used_is_refused_beside_it_and_kept(
    desk: Desk, values: dict[str, str], more: dict[str, str], code: str
) -> None:
    answer = propose(desk.mara, desk.payout(), data=more, **values)
    text = text_of(answer)
    assert 400 <= answer.status_code < 500
    assert code in text
    if code not in {"action_not_allowed", "value_too_long"} and values.keys() <= {"counterparty_bank", "amount"}:
        assert all(f'value="{typed}"' in text for typed in values.values())
    assert not Correction.objects.exists()


def test_a_value_typed_without_its_tick_is_asked_about(desk: Desk) -> None:
    answer = propose(desk.mara, desk.payout(), data={"new_counterparty_bank": "CMB"})
    assert answer.status_code == 400
    assert "value_typed_but_not_ticked" in text_of(answer)


def test_a_ticked_field_left_empty_is_emptied(desk: Desk) -> None:
    payout = desk.payout(channel_reference="BG1")
    assert propose(desk.mara, payout, channel_reference="").status_code == 302
    assert Correction.objects.get().changes.get().new == {"channel_reference": ""}


def test_a_moment_is_read_by_the_desks_clock(desk: Desk) -> None:
    application = LoanApplicationFactory(customer__branch=desk.shanghai)
    assert propose(desk.mara, application, decided_at="2026-11-05T10:30").status_code == 302
    assert Correction.objects.get().changes.get().new == {"decided_at": "2026-11-05T02:30:00.000000+00:00"}
    bad = propose(desk.mara, LoanApplicationFactory(customer__branch=desk.shanghai), decided_at="2026-13-45T99:99")
    assert bad.status_code == 400


def test_an_open_correction_is_announced_on_the_form(desk: Desk) -> None:
    payout = desk.payout()
    number = desk.submitted(payout).number
    assert str(number) in text_of(browser(desk.mara).get(url(PAYOUT, "propose", payout.pk)))


def test_a_draft_can_belong_to_an_incident(desk: Desk) -> None:
    incident = services.open_incident(actor=desk.mara, title="Mapping fault")
    assert propose(desk.mara, desk.payout(), data={"incident": str(incident.pk)}, amount="5.00").status_code == 302
    assert Correction.objects.get().incident == incident


def test_many_referable_records_are_looked_up_by_their_number(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("corrections.selectors.lists.CHOICES_MAX", 2)
    loans = [LoanFactory(application__customer__branch=desk.shanghai) for _ in range(3)]
    repayment = RepaymentFactory(loan=loans[0])
    elsewhere = LoanFactory(application__customer__branch=desk.beijing)
    assert "exact loan number" in text_of(browser(desk.mara).get(url("accounts.repayment", "propose", repayment.pk)))
    refused = propose(desk.mara, repayment, loan=elsewhere.number)
    assert (refused.status_code, "reference_not_found" in text_of(refused)) == (400, True)
    assert propose(desk.mara, repayment, loan=loans[1].number).status_code == 302
    assert Correction.objects.get().changes.get().new == {"loan_id": loans[1].pk}


# Missing and doubled records


def test_a_missing_repayment_is_entered(desk: Desk) -> None:
    loan = LoanFactory(application__customer__branch=desk.shanghai)
    data = {
        "new_reference": "RP-MISSING",
        "new_loan": str(loan.pk),
        "new_due_on": "2026-11-04",
        "new_paid_on": "2026-11-04",
        "new_amount": "6860.00",
        "new_currency": "CNY",
        "new_status": "posted",
    }
    client = browser(desk.mara)
    address = url("accounts.repayment", "propose_create")
    assert client.get(address).status_code == 200
    assert client.post(address, {**WHY, **data}).status_code == 302
    correction = Correction.objects.get()
    desk.attach(correction)
    services.submit(actor=desk.mara, correction=correction)
    desk.approve(correction)
    assert Repayment.objects.get(reference="RP-MISSING").loan == loan


def test_a_missing_record_of_another_branch_is_refused(desk: Desk) -> None:
    loan = LoanFactory(application__customer__branch=desk.beijing)
    data = {"new_reference": "RP-X", "new_loan": str(loan.pk), "new_due_on": "2026-11-04", "new_paid_on": "2026-11-04"}
    data |= {"new_amount": "1.00", "new_currency": "CNY"}
    answer = browser(desk.mara).post(url("accounts.repayment", "propose_create"), {**WHY, **data})
    assert answer.status_code in (400, 403)
    assert not Correction.objects.exists()


def test_a_kind_that_takes_no_new_records_says_so(desk: Desk) -> None:
    answer = browser(desk.mara).get(url(PAYOUT, "propose_create"))
    assert (answer.status_code, "action_not_allowed" in text_of(answer)) == (400, True)


def test_a_doubled_repayment_is_removed(desk: Desk) -> None:
    repayment = RepaymentFactory(loan=LoanFactory(application__customer__branch=desk.shanghai))
    form = browser(desk.mara).get(url("accounts.repayment", "propose", repayment.pk), {"action": "delete"})
    assert repayment.reference in text_of(form)
    assert propose(desk.mara, repayment, data={"action": "delete"}).status_code == 302
    correction = Correction.objects.get()
    assert correction.changes.get().action == "delete"
    assert "the row that is deleted" in text_of(page(desk, correction))


# The draft


def test_the_draft_page_shows_old_and_new_and_what_is_missing(desk: Desk) -> None:
    correction = desk.draft()
    text = text_of(page(desk, correction))
    for words in ("ICBC", "CMB", "evidence 0 of 1", "machine checks passed", "Submit", "Withdraw"):
        assert words in text
    desk.attach(correction)
    assert "evidence: 1" in text_of(page(desk, correction))


def test_somebody_who_may_not_edit_gets_the_page_for_reading(desk: Desk) -> None:
    correction = desk.draft()
    assert "corrections/maker.js" in text_of(page(desk, correction, desk.max))  # a maker of the same branch may help
    assert "corrections/maker.js" not in text_of(page(desk, correction, desk.chidi))
    assert page(desk, correction, desk.bo).status_code == 404


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
    assert "Nothing is in it yet" in text_of(page(desk, correction))
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
    text = text_of(page(desk, correction))
    assert "No channel receipt." in text
    assert "Chidi" in text
    assert "moved since: now ABC" in text
    assert "Submit again" in text


def test_a_revert_takes_no_further_records(desk: Desk) -> None:
    correction = desk.applied()
    back = services.revert(actor=desk.mara, correction=correction, reason="operator_error", note="It was right.")
    text = text_of(page(desk, back))
    assert str(correction.number) in text
    assert "Add another record" not in text


def test_typed_customer_fields_ask_for_consent(desk: Desk, customer_fields_allowed: None) -> None:
    correction = desk.draft(desk.payout(), beneficiary_name="Zhang Min")
    assert "the customer's consent as evidence" in text_of(page(desk, correction))
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
    assert "No approval policy matches" in text_of(page(desk, correction))


# Incidents


def test_a_maker_opens_an_incident_and_others_read_it(desk: Desk) -> None:
    address = reverse("admin:corrections_incident_add")
    data = {"title": "Mapping fault", "cause": "Wrong table.", "defect_number": "BUG-7"}
    answer = browser(desk.mara).post(address, data)
    incident = Incident.objects.get()
    assert answer.url == reverse("admin:corrections_incident_change", args=[incident.pk])
    for user in (desk.mara, desk.chidi, desk.ana, desk.sam):
        assert "BUG-7" in text_of(browser(user).get(answer.url))
        assert "BUG-7" in text_of(browser(user).get(reverse("admin:corrections_incident_changelist")))


def test_an_incident_shows_only_corrections_that_one_may_see(desk: Desk) -> None:
    incident = services.open_incident(actor=desk.mara, title="Mapping fault")
    correction = services.draft(
        actor=desk.mara,
        target=desk.payout(),
        values={"counterparty_bank": "CMB"},
        reason="system_defect",
        note="n",
        incident=incident,
    )
    address = reverse("admin:corrections_incident_change", args=[incident.pk])
    link = reverse("admin:corrections_correction_change", args=[correction.pk])
    assert link in text_of(browser(desk.mara).get(address))
    assert link not in text_of(browser(desk.bo).get(address))


@pytest.mark.parametrize("user", ["chidi", "ana", "sam"])
def test_only_a_maker_opens_an_incident(desk: Desk, user: str) -> None:
    address = reverse("admin:corrections_incident_add")
    assert browser(getattr(desk, user)).post(address, {"title": "x"}).status_code == 403
    assert not Incident.objects.exists()


@pytest.mark.parametrize(
    "data",
    [
        {"title": ""},
        {"title": "x" * 201},
        {"title": "a\x00b"},
        {"title": "ok", "cause": "a\x00b"},
        {"title": "ok", "cause": "x" * 100_000},
        {"title": "ok", "defect_number": "x" * 65},
    ],
)
def test_an_incident_that_cannot_be_used_is_refused_and_kept(desk: Desk, data: dict[str, str]) -> None:
    answer = browser(desk.mara).post(reverse("admin:corrections_incident_add"), data)
    assert answer.status_code == 400
    assert not Incident.objects.exists()


def test_an_incident_that_is_none_is_not_there(desk: Desk) -> None:
    assert browser(desk.mara).get(reverse("admin:corrections_incident_change", args=[99])).status_code == 404


def test_shared_evidence_of_an_incident_is_accepted(desk: Desk) -> None:
    incident = services.open_incident(actor=desk.mara, title="Mapping fault")
    for _ in range(2):
        propose(desk.mara, desk.payout(), data={"incident": str(incident.pk)}, counterparty_bank="CMB")
    for correction in Correction.objects.all():
        answer = send(desk, correction, "attach", {"kind": "incident_notice", "files": upload("the same notice")})
        assert answer.status_code == 302


def test_choices_name_customers_by_their_labels(desk: Desk) -> None:
    CustomerFactory(branch=desk.shanghai, name="Zhang Xiaoming")
    text = text_of(browser(desk.mara).get(url("accounts.accountholder", "propose_create")))
    assert "Zhang Xiaoming" not in text


def _entry(row: Any) -> Any:
    from corrections.registry import registry

    return registry.get(row)


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
