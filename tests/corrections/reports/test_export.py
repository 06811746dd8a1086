"""An export is handed out whole, masked, recorded, of one moment, and only to compliance."""

from __future__ import annotations

import hashlib
import tempfile
import threading
import tracemalloc
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import DatabaseError, connection
from django.test import override_settings

from corrections.choices import AuditKind
from corrections.errors import InvalidInput, NotAllowed
from corrections.gate import recorded_write
from corrections.models import AuditEvent
from corrections.reports import lines as report_lines
from corrections.reports.filters import parse
from corrections.reports.history import ComplianceNeeded
from corrections.reports.lines import Line
from corrections.services import export as service
from corrections.services.export import ExportTooLarge, RightsMoved, export_history
from tests.corrections.reports.reading import csv_lines, exported, lines, xlsx_cells
from tests.corrections.services.desk import Desk, make_desk
from tests.factories.accounts import BankCardFactory, CustomerFactory
from tests.factories.staff import account
from tests.sandbox.models import Reading

FORMULA = '=HYPERLINK("http://example.test","x")\u2028\u202e'


@pytest.mark.django_db
def test_an_export_is_an_event_with_who_what_and_its_own_digest(desk: Desk) -> None:
    desk.applied()
    export, content = exported(desk.ana, model="accounts.payout", since="2026-01-01")
    event = AuditEvent.objects.filter(kind=AuditKind.EXPORTED).get()
    assert (event.actor, event.actor_name, event.subject) == (desk.ana, "Ana E-ANA", "history")
    assert event.detail == {
        "filters": {"model": "accounts.payout", "since": "2026-01-01"},
        "format": "csv",
        "rows": len(csv_lines(content)),
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "snapshot_at": export.made_at.isoformat(),
    }


@pytest.mark.django_db
@pytest.mark.parametrize("format", ["csv", "xlsx"])
def test_a_file_says_what_the_report_says(desk: Desk, format: str) -> None:  # noqa: A002
    desk.applied(desk.payout(purpose=FORMULA, beneficiary_name="-Zhang"), counterparty_bank="0042")
    _export, content = exported(desk.ana, format=format, model="accounts.payout")
    if format == "csv":
        assert csv_lines(content) == lines(desk.ana, model="accounts.payout")
        return
    headings, *cells = xlsx_cells(content)
    wanted = lines(desk.ana, is_words=True, model="accounts.payout")
    assert headings == list(wanted[0])
    assert len(cells) == len(wanted)
    found = {(line[5], line[6], line[7]) for line in cells}
    assert ("beneficiary's name", "", "'-Zhang") in found
    assert ("purpose", "", "'" + FORMULA.replace("\u2028", "\\u2028").replace("\u202e", "\\u202e")) in found
    assert ("bank code", "ICBC", "0042") in found
    about = dict(line[:2] for line in xlsx_cells(content, 1))
    assert (about["made by"], about["kind of record"]) == ("Ana E-ANA", "accounts.payout")


@pytest.mark.django_db
def test_the_headings_of_a_csv_file_never_depend_on_language(desk: Desk) -> None:
    from django.utils import translation

    desk.applied()
    _export, english = exported(desk.ana)
    with translation.override("zh-hans"):
        _export, chinese = exported(desk.ana)
    assert english == chinese


@pytest.mark.django_db
def test_policies_that_ask_for_more_signatures_make_more_columns(desk: Desk, two_step_policy: None) -> None:
    correction = desk.submitted()
    desk.approve(correction)
    desk.approve(correction, actor=desk.carl)
    [line] = lines(desk.ana, written_by="corrections")
    assert (line["step_1_person"], line["step_2_person"]) == ("Chidi E-CHIDI", "Carl E-CARL")


# Never in clear


@pytest.mark.django_db
def test_no_secret_stands_in_any_file_in_clear_or_sealed(desk: Desk) -> None:
    canaries = {"card": "4111111111111111", "identity": "990101199003078515", "mobile": "12000000001"}
    customer = CustomerFactory(branch=desk.shanghai, identity_number=canaries["identity"], mobile=canaries["mobile"])
    card = BankCardFactory(customer=customer, number=canaries["card"])
    payout = desk.payout(counterparty_account="6222020000009999", card=card)
    desk.applied(payout, counterparty_bank="CMB")
    with recorded_write(source="loan-core"):
        payout.refresh_from_db()
        payout.counterparty_account = "6222020000008888"
        payout.save()
    sealed = {payout.counterparty_account_cipher, payout.counterparty_account_index, card.number_index}
    wanted = [*canaries.values(), "6222020000009999", "6222020000008888", *sealed]
    for format in ("csv", "xlsx"):  # noqa: A001
        _export, content = exported(desk.ana, format=format)
        text = content if format == "csv" else repr([xlsx_cells(content, sheet) for sheet in (0, 1)]).encode()
        assert b"****9999" in text
        assert b"****8888" in text
        assert [one for one in wanted if one.encode() in text] == []


# Refused


@pytest.mark.django_db
def test_nobody_but_compliance_exports_and_nothing_is_recorded_or_written(desk: Desk) -> None:
    others = [account("Una", "user_admin"), account("Pol", "policy_admin")]
    for user in (desk.mara, desk.chidi, desk.eve, desk.sam, *others):
        with tempfile.TemporaryFile() as file, pytest.raises(NotAllowed):
            export_history(actor=user, filters=parse({}), format="csv", file=file)
        assert file.closed
    assert not AuditEvent.objects.filter(kind=AuditKind.EXPORTED).exists()


@pytest.mark.django_db
def test_an_actor_is_required_and_in_force(desk: Desk) -> None:
    desk.ana.person.is_active = False
    desk.ana.person.save()
    for user in (None, desk.ana):
        with pytest.raises(NotAllowed):
            exported(user)


@pytest.mark.django_db
def test_a_right_that_goes_while_the_report_is_written_stops_it(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    write = service._write

    def revoking(*args: Any) -> int:
        rows = write(*args)
        desk.ana.groups.clear()
        return rows

    monkeypatch.setattr(service, "_write", revoking)
    with pytest.raises(ComplianceNeeded):
        exported(desk.ana)


@pytest.mark.django_db
def test_a_scope_that_goes_while_the_report_is_written_stops_it(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    yan = account("Yan", "compliance", scope=desk.beijing)
    yan.groups.add(*account("Tmp", "compliance", scope=desk.shanghai).groups.all())
    write = service._write

    def revoking(*args: Any) -> int:
        rows = write(*args)
        yan.groups.remove(yan.groups.get(name="compliance: Shanghai"))
        return rows

    monkeypatch.setattr(service, "_write", revoking)
    with pytest.raises(RightsMoved):
        exported(yan)
    assert not AuditEvent.objects.filter(kind=AuditKind.EXPORTED).exists()


@pytest.mark.django_db
def test_without_its_event_an_export_is_not_handed_out(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*args: Any, **kwargs: Any) -> None:
        raise DatabaseError("disk full")

    monkeypatch.setattr(AuditEvent.objects, "bulk_create", broken)
    with pytest.raises(DatabaseError):
        exported(desk.ana)


@pytest.mark.django_db
@pytest.mark.parametrize(("format", "limit"), [("csv", "EXPORT_ROWS_MAX"), ("xlsx", "XLSX_ROWS_MAX")])
def test_a_report_past_its_limit_is_refused_before_a_line_is_written(
    desk: Desk,
    format: str,  # noqa: A002
    limit: str,
) -> None:
    for _ in range(4):
        desk.payout()
    with override_settings(**{f"CORRECTIONS_{limit}": 3}), tempfile.TemporaryFile() as file:
        with pytest.raises(ExportTooLarge) as refusal:
            export_history(actor=desk.ana, filters=parse({}), format=format, file=file)
        assert file.tell() == 0
    assert "more than 3 lines" in str(refusal.value)


@pytest.mark.django_db
def test_a_report_that_passes_its_limit_on_the_way_is_refused_too(desk: Desk) -> None:
    desk.payout()
    for format in ("csv", "xlsx"):  # noqa: A001
        with override_settings(CORRECTIONS_EXPORT_ROWS_MAX=9), pytest.raises(ExportTooLarge):
            exported(desk.ana, format=format, model="accounts.payout")
    assert not AuditEvent.objects.filter(kind=AuditKind.EXPORTED).exists()


@pytest.mark.django_db
def test_an_unknown_format_is_refused(desk: Desk) -> None:
    with pytest.raises(InvalidInput):
        exported(desk.ana, format="pdf")


# While others write


@pytest.mark.django_db(transaction=True)
def test_a_report_is_of_one_moment_while_others_write(monkeypatch: pytest.MonkeyPatch) -> None:
    desk = make_desk()
    with recorded_write(source="meter"):
        Reading.objects.bulk_create(Reading(value=value) for value in range(1_200))  # more than a chunk
    lines_of, wrote = report_lines.Report.lines, []

    def interrupted(report: Any) -> Iterator[Line]:
        for number, line in enumerate(lines_of(report)):
            if number == 7:
                _elsewhere(lambda: wrote.append(_write_meanwhile()))
            yield line

    monkeypatch.setattr(report_lines.Report, "lines", interrupted)
    export, content = exported(desk.ana, model="sandbox.reading")
    assert wrote == [1_200]  # a writer neither waits for the report nor is refused
    assert export.rows == 1_200
    assert {line["action"] for line in csv_lines(content)} == {"create"}
    later, _content = exported(desk.ana, model="sandbox.reading")
    assert later.rows == 2_420


def _write_meanwhile() -> int:
    first = Reading.objects.bulk_create(Reading(value=value) for value in range(20))[0].pk
    return Reading.objects.filter(pk__lt=first).update(value=-1)


def _elsewhere(act: Any) -> None:
    def run() -> None:
        try:
            act()
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(30)
    assert not thread.is_alive()


@pytest.mark.django_db(transaction=True)
def test_the_report_itself_cannot_write() -> None:
    from corrections.reports.snapshot import snapshot

    make_desk()
    with pytest.raises(DatabaseError), snapshot(), connection.cursor() as cursor:
        cursor.execute("INSERT INTO sandbox_region (name) VALUES ('x')")
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO sandbox_region (name) VALUES ('x')")
    assert not connection.in_atomic_block


# However long


@pytest.mark.django_db
def test_memory_does_not_grow_with_the_report(desk: Desk) -> None:
    peaks = []
    for count in (2_000, 20_000):  # tests/benchmarks/export.py goes on to a million
        with recorded_write(source="meter"):
            Reading.objects.bulk_create((Reading(value=value) for value in range(count)), batch_size=5_000)
        with tempfile.TemporaryFile() as file:
            tracemalloc.start()
            export = export_history(
                actor=desk.ana, filters=parse({"model": "sandbox.reading"}), format="csv", file=file
            )
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
        assert export.rows >= count
    assert peaks[1] < peaks[0] + 4 * 1024 * 1024
    assert peaks[1] < 32 * 1024 * 1024
