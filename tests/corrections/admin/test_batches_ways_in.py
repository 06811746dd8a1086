"""Ways into a batch through pages: a file, a template, one rule for chosen records; and on to its end."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from accounts.models import Payout
from backoffice.staff.models import User
from corrections import services
from corrections.choices import AuditKind, State
from corrections.files import open_table
from corrections.gate import recorded_write
from corrections.models import AuditEvent, Correction
from tests.corrections.admin.pages import WHY, browser, text_of, ticked, url, verb_url
from tests.corrections.made_batches import payouts
from tests.corrections.services.desk import Desk, put_policy_in_force
from tests.factories.staff import account

pytestmark = pytest.mark.django_db
ADD, RULE, TEMPLATE = (reverse(f"admin:corrections_batch_{name}") for name in ("add", "rule", "template"))
PAYOUT = "accounts.payout"


def table(*rows: tuple[str, ...], name: str = "payouts.csv") -> SimpleUploadedFile:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return SimpleUploadedFile(name, text.getvalue().encode(), "text/csv")


def upload(user: User, file: SimpleUploadedFile | None, **more: Any) -> Any:
    sent = {"model": PAYOUT, **WHY, **more} | ({"file": file} if file else {})
    return browser(user).post(ADD, sent)


def of_payouts(targets: list[Payout], bank: str = "CMB", *extra: tuple[str, str]) -> SimpleUploadedFile:
    return table(("number", "counterparty_bank"), *((one.number, bank) for one in targets), *extra)


def drafted(desk: Desk, count: int = 3, *extra: tuple[str, str]) -> Correction:
    answer = upload(desk.mara, of_payouts(payouts(desk, count), "CMB", *extra))
    assert answer.status_code == 302, text_of(answer)
    return Correction.objects.latest("pk")


def banks() -> set[str]:
    return set(Payout.objects.values_list("counterparty_bank", flat=True))


# A file


def test_a_file_becomes_a_draft_whose_page_tells_what_was_read(desk: Desk) -> None:
    correction = drafted(desk, 3, ("FK-NOWHERE", "CMB"))
    page = text_of(browser(desk.mara).get(verb_url("change", correction)))
    for text in ("New batch", "payouts.csv", "comma", "target_not_found", "bad rows", "What it does in sum", "CMB"):
        assert text in page, text
    assert correction.check_results.filter(moment="draft").exists()


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"file": None}, "file_is_required"),
        ({"model": ""}, "kind_of_record_is_required"),
        ({"model": "accounts.posting"}, "kind_of_record_is_required"),
        ({"expected": "three"}, "expected_rows_not_a_number"),
        ({"expected": "7"}, "expected_rows_differ"),
        ({"note": ""}, "note_is_required"),
        ({"file": table(("number", "unknown"), ("x", "y"))}, "unknown_column"),
        ({"file": SimpleUploadedFile("a.csv", b"number,number\n1,2\n")}, "column_twice"),
    ],
)
def test_what_can_t_be_used_is_refused_on_the_page_and_keeps_what_was_typed(
    desk: Desk, more: dict[str, Any], code: str
) -> None:
    sent = {"file": of_payouts(payouts(desk, 2)), **more}
    answer = upload(desk.mara, sent.pop("file"), **sent)
    assert answer.status_code == 400, text_of(answer)
    assert f"({code})" in text_of(answer)
    assert sent.get("note", WHY["note"]) in text_of(answer)
    assert not Correction.objects.exists()


def test_the_draft_says_how_much_evidence_and_who_signs_once_machines_looked(desk: Desk) -> None:
    put_policy_in_force(desk, [("checker", 1)], evidence_min=2)
    correction = drafted(desk, 2)
    page = text_of(browser(desk.mara).get(verb_url("change", correction)))
    assert "evidence 0 of 2" in page
    assert "Chidi" in page
    assert "Carl" in page


def test_who_makes_nothing_is_refused_and_who_makes_elsewhere_finds_nothing(desk: Desk) -> None:
    for user in (desk.chidi, desk.ana, desk.eve, desk.sam):
        assert upload(user, of_payouts(payouts(desk, 1))).status_code == 403
    answer = upload(desk.bo, of_payouts(payouts(desk, 2)))
    assert answer.status_code == 302
    correction = Correction.objects.get()
    assert not correction.changes.exists()
    assert {code for (code,) in correction.row_findings.values_list("code")} == {"target_not_found"}


def test_only_the_bad_rows_are_read_anew(desk: Desk) -> None:
    good, late = payouts(desk, 2), desk.payout()
    upload(desk.mara, of_payouts(good, "CMB", ("FK-NOWHERE", "CMB")))
    correction = Correction.objects.get()
    corrected = of_payouts(good, "CMB", (late.number, "CMB"))
    browser(desk.mara).post(verb_url("replace_rows", correction), {"file": corrected})
    assert set(correction.changes.values_list("target_pk", flat=True)) == {str(one.pk) for one in [*good, late]}
    assert not correction.row_findings.filter(stage="staging").exists()
    other = of_payouts(good, "BOC", (late.number, "CMB"))
    answer = browser(desk.mara).post(verb_url("replace_rows", correction), {"file": other})
    assert answer.status_code in {400, 409}
    assert "desk-note is-bad" in text_of(answer)


# A template


@pytest.mark.parametrize("chosen", ["csv", "xlsx"])
def test_a_template_comes_empty_or_filled_and_goes_back_as_it_is(desk: Desk, chosen: str) -> None:
    targets = payouts(desk, 3)
    empty = browser(desk.mara).get(TEMPLATE, {"model": PAYOUT, "format": chosen})
    assert empty.status_code == 200
    assert b"counterparty_bank" in b"".join(empty.streaming_content) or chosen == "xlsx"
    assert AuditEvent.objects.filter(kind=AuditKind.EXPORTED).count() == 0
    filled = browser(desk.mara).post(TEMPLATE, {"model": PAYOUT, "format": chosen, "pk": [one.pk for one in targets]})
    content = b"".join(filled.streaming_content)
    lines = list(open_table(content, f"t.{chosen}").lines())
    assert {line.cells[0] for line in lines} == {one.number for one in targets}
    assert b"6222020000001187" not in content
    event = AuditEvent.objects.get(kind=AuditKind.EXPORTED)
    assert (event.subject, event.detail["rows"]) == (f"template:{PAYOUT}", 3)
    header = list(open_table(content, f"t.{chosen}").reading.header)
    changed = [list(line.cells) for line in lines]
    for line in changed:
        line[header.index("counterparty_bank")] = "CMB"
    answer = upload(desk.mara, table(tuple(header), *map(tuple, changed)))
    assert answer.status_code == 302, text_of(answer)
    assert Correction.objects.get().changes.count() == 3


def test_a_template_holds_no_record_that_one_may_not_see(desk: Desk) -> None:
    here, there = desk.payout(), desk.payout(desk.beijing)
    filled = browser(desk.mara).post(TEMPLATE, {"model": PAYOUT, "format": "csv", "all": "1"})
    content = b"".join(filled.streaming_content).decode()
    assert here.number in content
    assert there.number not in content
    assert browser(desk.chidi).post(TEMPLATE, {"model": PAYOUT, "format": "csv", "all": "1"}).status_code == 404


# One rule


def test_ticked_records_get_the_same_value(desk: Desk) -> None:
    targets = payouts(desk, 4)
    chosen = [one.pk for one in targets[:3]]
    page = text_of(browser(desk.mara).get(RULE, {"model": PAYOUT, "pk": chosen}))
    assert "3 ticked in the list." in page
    sent = {"model": PAYOUT, "pk": chosen, "expected": "3", **WHY, **ticked(counterparty_bank="CMB")}
    assert browser(desk.mara).post(RULE, sent).status_code == 302
    correction = Correction.objects.get()
    assert set(correction.changes.values_list("target_pk", flat=True)) == {str(pk) for pk in chosen}
    assert correction.batch.source == "selection"


def test_all_that_a_list_shows_get_the_same_value(desk: Desk) -> None:
    refused = payouts(desk, 5)
    with recorded_write(source="loan-core"):
        Payout.objects.filter(pk=refused[0].pk).update(status="paid", failure_code="")
    desk.payout(desk.beijing)
    asked = {"model": PAYOUT, "all": "1", "status": "refused"}
    page = text_of(browser(desk.mara).get(RULE, asked))
    assert "4 records" in page
    sent = {**asked, "expected": "4", **WHY, **ticked(counterparty_bank="CMB")}
    # The list's filter and the form's new value have names of their own.
    assert browser(desk.mara).post(RULE, sent).status_code == 302
    correction = Correction.objects.get()
    assert set(correction.changes.values_list("target_pk", flat=True)) == {str(one.pk) for one in refused[1:]}


@pytest.mark.parametrize(
    ("more", "status", "code"),
    [
        ({"expected": "9"}, 400, "expected_rows_differ"),
        ({"tick_counterparty_bank": ""}, 302, ""),
        ({"new_amount": "1e5", "tick_amount": "on"}, 400, ""),
        ({"note": " "}, 400, "note_is_required"),
    ],
)
def test_a_rule_is_refused_beside_its_field(desk: Desk, more: dict[str, Any], status: int, code: str) -> None:
    targets = payouts(desk, 2)
    sent = {"model": PAYOUT, "pk": [one.pk for one in targets], **WHY, **ticked(counterparty_bank="CMB"), **more}
    answer = browser(desk.mara).post(RULE, sent)
    assert answer.status_code == status, text_of(answer)
    assert code in text_of(answer)


def test_nothing_chosen_and_no_value_are_refused(desk: Desk) -> None:
    assert "no_record_is_chosen" in text_of(browser(desk.mara).get(RULE, {"model": PAYOUT}))
    answer = browser(desk.mara).post(RULE, {"model": PAYOUT, "pk": desk.payout().pk, **WHY})
    assert "no_value_is_given" in text_of(answer)
    for asked in ({"model": PAYOUT, "pk": "x"}, {"model": PAYOUT, "all": "1", "status": "no-such"}):
        assert browser(desk.mara).get(RULE, asked).status_code == 400
    assert browser(desk.mara).get(RULE, {"model": "accounts.posting", "all": "1"}).status_code == 404


def test_the_list_offers_it_to_makers_only(desk: Desk) -> None:
    desk.payout()
    address = url(PAYOUT, "changelist")
    assert 'name="pk"' in text_of(browser(desk.mara).get(address))
    assert 'name="pk"' not in text_of(browser(desk.chidi).get(address))


def test_who_may_state_finds_the_way_from_the_upload(desk: Desk, settings: Any) -> None:
    statement, both = reverse("admin:corrections_statement_add"), account("Mabel", "maker", "executor")
    assert f'"{statement}"' not in text_of(browser(both).get(ADD))
    settings.CORRECTIONS_STATEMENTS = True
    assert f'"{statement}"' in text_of(browser(both).get(ADD))
    assert f'"{statement}"' not in text_of(browser(desk.mara).get(ADD))


# On to its end


def submitted(desk: Desk, correction: Correction, **more: Any) -> Any:
    desk.attach(correction)
    return browser(desk.mara).post(verb_url("submit", correction), more)


def test_bad_rows_keep_it_from_being_submitted_until_they_are_to_stay_out(desk: Desk) -> None:
    correction = drafted(desk, 2, ("FK-NOWHERE", "CMB"))
    answer = submitted(desk, correction, on_bad_row="fail_all")
    assert answer.status_code == 400
    assert "(rows_are_bad)" in text_of(answer)
    answer = browser(desk.mara).post(verb_url("submit", correction), {"on_bad_row": "skip"})
    assert answer.status_code == 302
    page = text_of(browser(desk.chidi).get(verb_url("change", correction)))
    for text in ("1 bad row of the file stays out", "the others are applied", "Rows drawn at random", "unchanged"):
        assert text in page, text


def test_the_checker_sees_what_moved_since_it_was_returned(desk: Desk) -> None:
    good, late = payouts(desk, 2), desk.payout()
    upload(desk.mara, of_payouts(good, "CMB", ("FK-NOWHERE", "CMB")))
    correction = Correction.objects.get()
    submitted(desk, correction, on_bad_row="skip")
    correction.refresh_from_db()
    sent = {"digest": correction.digest, "comment": "The third one belongs in it."}
    browser(desk.chidi).post(verb_url("return", correction), sent)
    browser(desk.mara).post(verb_url("replace_rows", correction), {"file": of_payouts([*good, late])})
    assert browser(desk.mara).post(verb_url("submit", correction)).status_code == 302
    answer = browser(desk.chidi).get(verb_url("change", correction))
    told = {(one.label, one.before, one.after) for one in answer.context["sheet"].moved.differences}
    assert {("bad rows", "1", "0"), ("a bad row", "the others are applied", "nothing is applied")} <= told
    assert "Since revision 1" in text_of(answer)


def test_a_batch_is_signed_applied_and_taken_back(desk: Desk) -> None:
    correction = drafted(desk, 3)
    submitted(desk, correction)
    correction.refresh_from_db()
    answer = browser(desk.chidi).post(verb_url("approve", correction), {"digest": correction.digest})
    assert answer.status_code == 302, text_of(answer)
    correction.refresh_from_db()
    assert (correction.state, banks()) == (State.APPLIED, {"CMB"})
    page = text_of(browser(desk.chidi).get(verb_url("change", correction)))
    assert "100 %" in page
    sent = {"reason": "operator_error", "note": "It was right before."}
    answer = browser(desk.mara).post(verb_url("revert", correction), sent)
    assert answer.status_code == 302, text_of(answer)
    back = Correction.objects.latest("pk")
    assert back.batch.source == "revert"
    assert "a batch that is taken back" in text_of(browser(desk.mara).get(answer["Location"]))


@pytest.fixture
def small_chunks(settings: Any) -> None:
    settings.CORRECTIONS_BATCH_WATCH_AFTER_SECONDS = 600  # however slow the machine is
    for name in ("AT_ONCE_ROWS_MAX", "CHUNK_ROWS_SQLITE", "CHUNK_ROWS_POSTGRESQL"):
        setattr(settings, f"CORRECTIONS_BATCH_{name}", 2)


def applying(desk: Desk, count: int = 6, **more: Any) -> Correction:
    correction = drafted(desk, count)
    services.check_draft(actor=desk.mara, correction=correction)
    answer = submitted(desk, correction, **more)
    assert answer.status_code == 302, text_of(answer)
    correction.refresh_from_db()
    browser(desk.chidi).post(verb_url("approve", correction), {"digest": correction.digest})
    correction.refresh_from_db()
    assert correction.state == State.APPLYING
    return correction


@pytest.mark.usefixtures("small_chunks")
def test_who_carries_out_pauses_resumes_and_stops_it(desk: Desk) -> None:
    from corrections.services import batch_run

    correction = applying(desk)
    batch_run.run_next(actor=desk.eve, worker="w-1")

    def post(user: User, verb: str, **sent: Any) -> int:
        return int(browser(user).post(verb_url(verb, correction), sent).status_code)

    page = text_of(browser(desk.eve).get(verb_url("change", correction)))
    for text in ("2 of 6 rows", "Pause", "Stop", "chunk 1 of 3"):
        assert text in page, text
    assert post(desk.mara, "pause", comment="Later.") == 403
    assert post(desk.eve, "pause", comment="") == 400
    assert post(desk.eve, "pause", comment="Month's end.") == 302
    page = text_of(browser(desk.eve).get(verb_url("change", correction)))
    assert "paused" in page
    assert "Resume" in page
    assert post(desk.ana, "resume") == 302
    assert post(desk.eve, "pace", rows_per_second="50", window_from="20:00", window_until="06:00") == 302
    assert "only between 20:00 and 06:00" in text_of(browser(desk.eve).get(verb_url("change", correction)))
    assert post(desk.eve, "pace", rows_per_second="many") == 400
    assert post(desk.eve, "stop", comment="The rest is not wanted.") == 302
    correction.refresh_from_db()
    assert correction.state == State.STOPPED
    page = text_of(browser(desk.mara).get(verb_url("change", correction)))
    assert "never tried" in page
    answer = browser(desk.mara).post(verb_url("retry", correction), {"reason": "process_gap", "note": "Wanted now."})
    assert answer.status_code == 302, text_of(answer)
    assert Correction.objects.latest("pk").batch.source == "retry"


# Results


@pytest.mark.parametrize("chosen", ["csv", "xlsx"])
def test_results_are_handed_out_with_a_verdict_and_that_is_recorded(desk: Desk, chosen: str) -> None:
    correction = drafted(desk, 2, ("FK-NOWHERE", "CMB"))
    answer = browser(desk.mara).post(verb_url("results", correction), {"format": chosen})
    assert answer.status_code == 200
    content = b"".join(answer.streaming_content)
    assert len(list(open_table(content, f"r.{chosen}").lines())) == 3
    event = AuditEvent.objects.get(kind=AuditKind.EXPORTED)
    assert (event.correction_id, event.subject, event.detail["rows"]) == (correction.pk, "batch", 3)
    assert browser(desk.mara).post(verb_url("results", correction), {"format": "pdf"}).status_code == 400
    assert browser(desk.bea).post(verb_url("results", correction), {"format": chosen}).status_code == 404


def test_results_are_not_handed_out_to_who_is_still_to_key_them(desk: Desk) -> None:
    put_policy_in_force(desk, [("checker", 1)], step={"is_rekeying": True}, rekey_fields=["counterparty_bank"])
    correction = drafted(desk, 2)
    submitted(desk, correction)
    answer = browser(desk.chidi).post(verb_url("results", correction), {"format": "csv"})
    assert answer.status_code == 403
    assert "values_are_keyed_blindly" in text_of(answer)
    own = browser(desk.mara).post(verb_url("results", correction), {"format": "csv"})
    assert own.status_code == 200
    assert b"".join(own.streaming_content)
