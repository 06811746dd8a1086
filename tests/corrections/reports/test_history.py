"""What stands on the lines of the history report, and whose eyes they are for."""

from __future__ import annotations

import datetime as dt

import pytest
from django.db import connection
from django.utils import timezone

from accounts.choices import PayoutStatus
from backoffice.staff.models import User
from corrections import services
from corrections.engine.gate import drop, install
from corrections.errors import NotAllowed
from corrections.gate import recorded_write
from corrections.models import Correction
from corrections.reports.filters import FilterUnusable, parse
from corrections.reports.history import ComplianceNeeded
from tests.corrections.reports.reading import lines
from tests.corrections.services.desk import Desk
from tests.factories.staff import account
from tests.sandbox.models import Parcel, Reading

pytestmark = pytest.mark.django_db


def scoped(desk: Desk) -> User:
    return account("Yan", "compliance", scope=desk.beijing)


def test_a_corrected_field_is_one_line_with_all_that_stands_behind_it(desk: Desk) -> None:
    payout = desk.payout()
    correction = desk.draft(payout)
    item = desk.attach(correction)
    services.submit(actor=desk.mara, correction=correction)
    services.return_for_rework(
        actor=desk.carl, correction=correction, digest=correction.digest, comment="No channel receipt."
    )
    services.submit(actor=desk.mara, correction=correction)
    services.approve(actor=desk.chidi, correction=correction, digest=correction.digest, comment="Receipt seen.")
    [line] = lines(desk.ana, written_by="corrections")
    row = payout.history.first()
    assert line["when"] == timezone.localtime(row.history_date).isoformat()
    assert line["applied_at"] == timezone.localtime(correction.applied_at).isoformat()
    expected = {
        "record_kind": "accounts.payout",
        "record_key": str(payout.pk),
        "record": payout.number,
        "branch": f"accounts.branch:{desk.shanghai.pk}",
        "field": "counterparty_bank",
        "before": "ICBC",
        "after": "CMB",
        "action": "update",
        "source": "engine",
        "written_by": "Chidi E-CHIDI",
        "history_id": str(row.history_id),
        "correction": correction.number,
        "state": "applied",
        "revision": "2",
        "reason": "system_defect",
        "note": "The mapping wrote the wrong bank code.",
        "ticket": "T-1",
        "maker": "Mara E-MARA",
        "evidence": "receipt.txt",
        "evidence_sha256": item.file.sha256,
        "policy": "four eyes v1",
        "reverts": "",
        "reverted_by": "",
        "step_1_role": "checker",
        "step_1_person": "Chidi E-CHIDI",
        "step_1_decision": "approve",
        "step_1_comment": "Receipt seen.",
        "step_1_confirmed": "",
    }
    assert {name: line[name] for name in expected} == expected
    assert line["returns"].startswith("r1 ")
    assert line["returns"].endswith(" checker Carl E-CARL: No channel receipt.")


def test_people_read_words_and_the_desks_clock(desk: Desk) -> None:
    payout = desk.payout()
    desk.applied(payout, counterparty_bank="CMB", status="created", failure_code="")
    found = {line["field"]: line for line in lines(desk.ana, is_words=True, written_by="corrections")}
    assert set(found) == {"bank code", "status", "failure code"}
    status = found["status"]
    assert (status["before"], status["after"]) == (str(PayoutStatus.REFUSED.label), str(PayoutStatus.CREATED.label))
    assert status["branch"] == "Shanghai"
    assert status["state"] == "applied"
    assert status["reason"] == "system defect"
    assert status["when"] == f"{timezone.localtime(payout.history.first().history_date):%Y-%m-%d %H:%M:%S}"


def test_writes_of_other_systems_are_lines_without_a_correction(desk: Desk) -> None:
    payout = desk.payout()
    with recorded_write(source="channel-callback"):
        type(payout).objects.filter(pk=payout.pk).update(status="paid", failure_code="")
    found = lines(desk.ana, model="accounts.payout", record=payout.number)
    created = [line for line in found if line["action"] == "create"]
    assert {line["source"] for line in created} == {"loan-core"}
    assert {line["before"] for line in created} == {""}
    changed = {line["field"]: (line["before"], line["after"]) for line in found if line["action"] == "update"}
    assert changed == {"status": ("refused", "paid"), "failure_code": ("14", "")}
    assert {line["source"] for line in found if line["action"] == "update"} == {"channel-callback"}
    assert {line["correction"] for line in found} == {""}


def test_a_removed_row_says_what_it_held_and_a_row_born_again_begins_anew(desk: Desk) -> None:
    with recorded_write(source="loader"):
        parcel = Parcel.objects.create(pk=901, code="P1", address="1 Old Road")
        parcel.delete()
        Parcel.objects.create(pk=901, code="P1", address="2 New Road")
    found = lines(desk.ana, model="sandbox.parcel", record="P1")
    by_action = [(line["action"], line["before"], line["after"]) for line in found if line["field"] == "address"]
    assert by_action == [("create", "", "1 Old Road"), ("delete", "1 Old Road", ""), ("create", "", "2 New Road")]


def test_a_secret_that_changed_behind_the_same_mask_is_a_line(desk: Desk) -> None:
    payout = desk.payout()
    payout.counterparty_account = "6222990000001187"
    with recorded_write(source="loan-core"):
        payout.save()
    [line] = [
        line for line in lines(desk.ana, model="accounts.payout", record=payout.number) if line["action"] == "update"
    ]
    assert (line["field"], line["before"], line["after"]) == ("counterparty_account", "****1187", "****1187")


def test_truth_and_one_are_different_values_of_a_document(desk: Desk) -> None:
    with recorded_write(source="loader"):
        parcel = Parcel.objects.create(code="P1", details={"fragile": True})
        parcel.details = {"fragile": 1}
        parcel.save()
    [line] = [line for line in lines(desk.ana, model="sandbox.parcel") if line["action"] == "update"]
    assert (line["before"], line["after"]) == ('{"fragile":true}', '{"fragile":1}')


def test_a_revert_and_what_it_takes_back_name_each_other(desk: Desk) -> None:
    correction = desk.applied()
    back = desk.reverted(correction)
    desk.approve(back)
    first, second = lines(desk.ana, written_by="corrections")
    assert (first["state"], first["reverted_by"], first["reverts"]) == ("reverted", back.number, "")
    assert (second["state"], second["reverted_by"], second["reverts"]) == ("applied", "", correction.number)


def test_lines_come_in_the_order_of_time_whatever_the_model(desk: Desk) -> None:
    desk.applied()
    with recorded_write(source="loader"):
        Parcel.objects.create(code="P1")
        Reading.objects.create(value=1)
    desk.payout()
    found = lines(desk.ana)
    assert [line["when"] for line in found] == sorted(line["when"] for line in found)
    assert lines(desk.ana) == found


def test_more_rows_than_a_chunk_come_each_once(desk: Desk) -> None:
    payouts = [desk.payout() for _ in range(7)]
    for payout in payouts:
        desk.applied(payout)
    found = lines(desk.ana, group_lines=3, written_by="corrections")
    assert [line["record"] for line in found] == [payout.number for payout in payouts]
    everything = lines(desk.ana, group_lines=4, model="accounts.payout")
    assert everything == lines(desk.ana, model="accounts.payout")
    assert len({(line["history_id"], line["field"]) for line in everything}) == len(everything)


# Filters


def test_each_filter_lets_its_own_lines_through(desk: Desk) -> None:
    one, other = desk.payout(), desk.payout(desk.beijing)
    correction = desk.applied(one)
    found = lines(desk.ana, maker="E-MARA", checker="Chidi", reason="system_defect", state="applied")
    assert [line["correction"] for line in found] == [correction.number]
    assert lines(desk.ana, maker="Bo") == []
    assert lines(desk.ana, checker="Bea") == []
    assert lines(desk.ana, reason="operator_error") == []
    assert {line["record"] for line in lines(desk.ana, model="accounts.payout", scope="Beijing")} == {other.number}
    assert {line["record"] for line in lines(desk.ana, model="accounts.payout", scope="SH")} == {one.number}
    assert {line["record"] for line in lines(desk.ana, model="accounts.payout", record=str(one.pk))} == {one.number}
    written = {line["source"] for line in lines(desk.ana, model="accounts.payout", written_by="systems")}
    assert written == {"loan-core"}
    # The shipped policies were installed by the engine itself, under no correction.
    assert {line["source"] for line in lines(desk.ana, model="corrections.policy")} == {"engine"}


def test_the_period_counts_days_of_the_desk_and_includes_both_ends(desk: Desk) -> None:
    desk.applied()
    today = timezone.localdate()
    tomorrow, yesterday = (str(today + dt.timedelta(days=days)) for days in (1, -1))
    assert lines(desk.ana, since=str(today), until=str(today))
    assert lines(desk.ana, since=tomorrow) == []
    assert lines(desk.ana, until=yesterday) == []


def test_a_record_that_moves_to_another_branch_is_in_the_report_of_both(desk: Desk) -> None:
    payout = desk.payout()
    with recorded_write(source="loan-core"):
        type(payout).objects.filter(pk=payout.pk).update(branch=desk.beijing)
        type(payout).objects.filter(pk=payout.pk).update(purpose="later")
    [moved] = [
        line for line in lines(desk.ana, model="accounts.payout", scope="Shanghai") if line["action"] == "update"
    ]
    assert (moved["field"], moved["after"]) == ("branch", str(desk.beijing.pk))
    fields = [line["field"] for line in lines(desk.ana, model="accounts.payout", scope="Beijing")]
    assert fields == ["branch", "purpose"]


@pytest.mark.parametrize(
    ("texts", "field"),
    [
        ({"since": "31.01.2026"}, "since"),
        ({"since": "2026-02-01", "until": "2026-01-31"}, "until"),
        ({"model": "auth.user"}, "model"),
        ({"model": "nonsense"}, "model"),
        ({"record": "7"}, "model"),
        ({"scope": "Atlantis"}, "scope"),
        ({"scope": "accounts.branch:x"}, "scope"),
        ({"maker": "Nobody"}, "maker"),
        ({"checker": "a\x00b"}, "checker"),
        ({"reason": "because"}, "reason"),
        ({"state": "gone"}, "state"),
        ({"written_by": "ghosts"}, "written_by"),
    ],
)
def test_a_filter_that_names_nothing_is_refused_with_its_field(desk: Desk, texts: dict[str, str], field: str) -> None:
    with pytest.raises(FilterUnusable) as refusal:
        parse(texts)
    assert refusal.value.details["field"] == field


@pytest.mark.parametrize("record", ["4111111111111111", "nonsense", "99999999999999999999999", "-1", "' OR 1=1 --"])
def test_a_record_that_never_was_is_refused_and_not_repeated(desk: Desk, record: str) -> None:
    desk.payout()
    with pytest.raises(FilterUnusable) as refusal:
        lines(desk.ana, model="accounts.payout", record=record)
    assert record not in str(refusal.value)


def test_a_record_of_another_branch_is_refused_like_one_that_never_was(desk: Desk) -> None:
    payout = desk.payout()
    with pytest.raises(FilterUnusable, match="no such record"):
        lines(scoped(desk), model="accounts.payout", record=payout.number)


def test_what_was_asked_for_and_never_written_is_reported_by_its_state(desk: Desk) -> None:
    payout = desk.payout()
    correction = desk.submitted(payout)
    services.reject(actor=desk.chidi, correction=correction, digest=correction.digest, comment="Not proven.")
    assert lines(desk.ana, written_by="corrections") == []
    [line] = lines(desk.ana, state="rejected")
    assert (line["field"], line["before"], line["after"]) == ("counterparty_bank", "ICBC", "CMB")
    assert (line["record"], line["history_id"], line["applied_at"]) == (payout.number, "", "")
    assert (line["step_1_decision"], line["step_1_comment"]) == ("reject", "Not proven.")


def test_a_draft_is_in_no_report(desk: Desk) -> None:
    desk.draft()
    assert lines(desk.ana, state="draft") == []


# Whose eyes


def test_only_compliance_reads_and_no_superuser(desk: Desk) -> None:
    for user in (desk.mara, desk.chidi, desk.eve, desk.sam):
        with pytest.raises(ComplianceNeeded) as refusal:
            lines(user)
        assert isinstance(refusal.value, NotAllowed)


def test_compliance_of_a_branch_sees_its_rows_and_no_other(desk: Desk) -> None:
    desk.applied(desk.payout())
    theirs = desk.payout(desk.beijing)
    with recorded_write(source="loader"):
        Parcel.objects.create(code="P1")  # of the company
    found = lines(scoped(desk))
    assert {line["branch"] for line in found} == {f"accounts.branch:{desk.beijing.pk}"}
    assert theirs.number in {line["record"] for line in found}
    assert lines(scoped_again(desk), scope="Shanghai") == []


def scoped_again(desk: Desk) -> User:
    return User.objects.get(username="yan")


def test_compliance_of_a_branch_sees_no_row_on_its_way_between_branches(desk: Desk) -> None:
    payout = desk.payout()
    with recorded_write(source="loan-core"):
        type(payout).objects.filter(pk=payout.pk).update(branch=desk.beijing, purpose="secret of Shanghai")
    assert payout.number not in {line["record"] for line in lines(scoped(desk))}


def test_a_correction_across_branches_shows_a_branch_its_rows_and_no_papers(desk: Desk) -> None:
    max_everywhere = account("Mei", "maker")
    payout, other = desk.payout(), desk.payout(desk.beijing)
    correction = desk.draft(payout, actor=max_everywhere)
    services.add_change(actor=max_everywhere, correction=correction, target=other, values={"counterparty_bank": "ABC"})
    desk.attach(correction, actor=max_everywhere)
    services.submit(actor=max_everywhere, correction=correction)
    services.approve(
        actor=account("Chen", "checker"), correction=correction, digest=correction.digest, comment="About Shanghai."
    )
    [line] = [line for line in lines(scoped(desk)) if line["source"] == "engine"]
    assert (line["record"], line["correction"], line["state"]) == (other.number, correction.number, "applied")
    assert (line["note"], line["evidence"], line["step_1_comment"], line["maker"]) == ("", "", "", "")
    assert lines(scoped_again(desk), reason="system_defect") == []


def test_a_row_that_was_there_before_its_history_says_so(desk: Desk) -> None:
    connection.check_constraints()  # PostgreSQL alters no table with checks still to do
    drop()
    try:
        parcel = Parcel.objects.create(code="P0", address="1 Old Road")
    finally:
        install()
    with recorded_write(source="loader"):
        Parcel.objects.filter(pk=parcel.pk).update(address="2 New Road")
    found = {line["field"]: line for line in lines(desk.ana, model="sandbox.parcel")}
    assert (found["address"]["before"], found["address"]["after"]) == ("(not recorded)", "2 New Road")


def test_the_report_needs_few_queries_however_many_corrections(
    desk: Desk, django_assert_max_num_queries: object
) -> None:
    for _ in range(5):
        desk.applied()
    assert Correction.objects.count() == 5
    with django_assert_max_num_queries(16):  # type: ignore[operator]
        lines(desk.ana, model="accounts.payout")
