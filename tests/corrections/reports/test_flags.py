"""Raised flags as compliance sees them: counted once for each correction, within sight, exported on record."""

from __future__ import annotations

import datetime as dt
import json
import tempfile
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone, translation

from backoffice.staff.models import User
from corrections.choices import AuditKind
from corrections.engine import gate
from corrections.errors import InvalidInput, NotAllowed
from corrections.models import AuditEvent, CheckResult, Correction, FlagRule
from corrections.permissions import rights_of
from corrections.reports.flags import FlagPage, flag_page, parse_flags
from corrections.reports.history import ComplianceNeeded, Sight
from corrections.services.export import ExportTooLarge
from corrections.services.flag_export import export_flags
from tests.corrections.admin.test_reports import body, get, read, signed_in
from tests.corrections.reports.reading import csv_lines, xlsx_cells
from tests.corrections.services.desk import Desk
from tests.factories.staff import account

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def at_any_hour(desk: Desk) -> None:
    """What these tests count must not depend on the time of day."""
    with gate.opened(actor=desk.sam):
        FlagRule.objects.filter(code="out_of_hours").update(is_active=False)


@pytest.fixture
def raised(desk: Desk) -> list[Correction]:
    """Mara submitted one just under a threshold, Bo one in Beijing; each pays whom an earlier one of theirs paid."""
    first = desk.applied()
    second = desk.submitted(desk.payout(amount=Decimal("49000.00")))
    from corrections import services

    third = desk.draft(desk.payout(desk.beijing), actor=desk.bo)
    desk.attach(third, actor=desk.bo)
    services.submit(actor=desk.bo, correction=third)
    return [first, second, third]


def page_of(user: User, below: int | None = None, **texts: str) -> FlagPage:
    return flag_page(parse_flags(texts), Sight.of(rights_of(user)), below=below)


def counts(tallies: Any) -> dict[str, int]:
    return {tally.label: tally.count for tally in tallies}


def exported(user: User, format: str = "csv", **texts: str) -> tuple[Any, bytes]:  # noqa: A002
    with tempfile.TemporaryFile() as file:
        made = export_flags(actor=user, filters=parse_flags(texts), format=format, file=file)
        return made, file.read()


def test_each_flag_counts_once_for_each_correction(desk: Desk, raised: list[Correction]) -> None:
    page = page_of(desk.ana)
    assert counts(page.by_flag) == {"same beneficiary again": 2, "amount just under a threshold": 1}
    assert counts(page.by_maker) == {"Mara E-MARA": 2, "Bo E-BO": 1}
    assert [(t.label, t.count) for t in page.by_branch] == [("Shanghai", 2), ("Beijing", 1)]
    assert page.by_branch[0].month == timezone.localdate().replace(day=1)
    assert page.total == 3
    assert {one.correction for one in page.raised} == {raised[1].number, raised[2].number}


def test_machines_that_look_again_raise_nothing_twice(desk: Desk) -> None:
    desk.applied()
    desk.approve(desk.submitted())
    assert CheckResult.objects.filter(check_code="beneficiary_again").count() == 2
    assert counts(page_of(desk.ana).by_flag) == {"same beneficiary again": 1}


def test_a_warning_is_no_flag(desk: Desk) -> None:
    desk.applied()
    assert CheckResult.objects.filter(is_flag=False).exists()
    assert page_of(desk.ana).total == 0


@pytest.mark.parametrize(
    ("texts", "wanted"),
    [
        ({"flag": "just_under_threshold"}, 1),
        ({"flag": "beneficiary_again"}, 2),
        ({"flag": "dormant_account"}, 0),
        ({"maker": "Mara"}, 2),
        ({"maker": "E-BO"}, 1),
        ({"scope": "BJ"}, 1),
        ({"scope": "SH", "flag": "beneficiary_again"}, 1),
    ],
)
def test_the_page_is_narrowed(desk: Desk, raised: list[Correction], texts: dict[str, str], wanted: int) -> None:
    page = page_of(desk.ana, **texts)
    assert page.total == len(page.raised) == wanted


def test_both_days_of_a_period_are_in_it(desk: Desk, raised: list[Correction]) -> None:
    today = timezone.localdate()
    yesterday, tomorrow = str(today - dt.timedelta(days=1)), str(today + dt.timedelta(days=1))
    assert page_of(desk.ana, since=str(today), until=str(today)).total == 3
    assert page_of(desk.ana, until=yesterday).total == 0
    assert page_of(desk.ana, since=tomorrow).total == 0


@pytest.mark.parametrize(
    "texts",
    [{"flag": "no_such_flag"}, {"maker": "Nobody"}, {"scope": "XX"}, {"since": "yesterday"}, {"flag": "a\x00"}],
)
def test_a_filter_that_names_nothing_is_refused(desk: Desk, texts: dict[str, str]) -> None:
    with pytest.raises(InvalidInput):
        page_of(desk.ana, **texts)
    answer = get(desk.ana, "corrections_flag_report", **texts)
    assert answer.status_code == 400


def test_compliance_of_a_branch_counts_what_is_the_branchs(desk: Desk, raised: list[Correction]) -> None:
    yan = account("Yan", "compliance", scope=desk.beijing)
    page = page_of(yan)
    assert counts(page.by_maker) == {"Bo E-BO": 1}
    assert [one.correction for one in page.raised] == [raised[2].number]
    _made, content = exported(yan)
    assert [line["correction"] for line in csv_lines(content)] == [raised[2].number]


def test_nobody_but_compliance_counts_flags(desk: Desk, raised: list[Correction]) -> None:
    people = (desk.mara, desk.chidi, desk.eve, desk.sam, account("Una", "user_admin"), account("Pol", "policy_admin"))
    for user in people:
        with pytest.raises(ComplianceNeeded):
            page_of(user)
        refused = get(user, "corrections_flag_report")
        assert refused.status_code == 403
        assert "DZ-" not in body(refused)
        assert signed_in(user).post(reverse("admin:corrections_flag_export"), {"format": "csv"}).status_code == 403
        with pytest.raises(NotAllowed):
            exported(user)
    assert not AuditEvent.objects.filter(kind=AuditKind.EXPORTED).exists()


def test_the_page_costs_the_same_whatever_there_is_to_count(desk: Desk, raised: list[Correction]) -> None:
    numbers = []
    for _ in range(2):
        with CaptureQueriesContext(connection) as captured:
            page_of(desk.ana)
        numbers.append(len(captured))
        for _more in range(3):
            desk.submitted(desk.payout(amount=Decimal("49500.00")))
    assert numbers[0] == numbers[1] <= 8


def test_the_list_goes_on_by_key_and_its_link_keeps_the_period(desk: Desk, raised: list[Correction]) -> None:
    with override_settings(CORRECTIONS_PAGE_ROWS=2):
        first = page_of(desk.ana)
        assert len(first.raised) == 2
        rest = page_of(desk.ana, below=first.older)
        assert [len(rest.raised), rest.older] == [1, None]
        assert not {one.pk for one in rest.raised} & {one.pk for one in first.raised}
        text = body(get(desk.ana, "corrections_flag_report"))
        assert f"since={timezone.localdate() - dt.timedelta(days=90)}" in text
        assert f"below={first.older}" in text


# The page and the file


def test_the_page_shows_counts_with_links_and_which_are_hidden(desk: Desk, raised: list[Correction]) -> None:
    text = body(get(desk.ana, "corrections_flag_report"))
    for correction in raised[1:]:
        assert reverse("admin:corrections_correction_change", args=[correction.pk]) in text
    assert "Amount just under a threshold" in text
    assert "hidden from the maker" in text
    assert "flag=just_under_threshold" in text
    with translation.override("zh-hans"):
        client = Client(headers={"accept-language": "zh-hans"})
        client.force_login(desk.ana, backend="backoffice.staff.backends.ActivePersonBackend")
        chinese = body(client.get(reverse("admin:corrections_flag_report")))
    assert "金额略低于审批限额" in chinese
    assert "对经办隐藏" in chinese


def test_the_file_has_a_line_for_each_flag_and_is_an_event(desk: Desk, raised: list[Correction]) -> None:
    made, content = exported(desk.ana, flag="just_under_threshold")
    [line] = csv_lines(content)
    assert (line["flag"], line["correction"], line["is_hidden_from_maker"], line["maker"], line["branch"]) == (
        "just_under_threshold",
        raised[1].number,
        "1",
        "Mara E-MARA",
        f"accounts.branch:{desk.shanghai.pk}",
    )
    assert json.loads(line["looked_at"]) == {"amount": "49000.00", "threshold": "50000.00"}
    event = AuditEvent.objects.get(kind=AuditKind.EXPORTED)
    assert (event.actor, event.subject, event.detail["rows"]) == (desk.ana, "flags", 1)
    assert event.detail["filters"] == {"flag": "just_under_threshold"}
    assert event.detail["sha256"] == made.sha256
    assert made.filename.startswith("flags-")


def test_a_workbook_speaks_to_people(desk: Desk, raised: list[Correction]) -> None:
    _made, content = exported(desk.ana, "xlsx", flag="just_under_threshold")
    headings, line = xlsx_cells(content)
    assert headings[:2] == ["raised at", "risk flag"]
    assert line[1:3] == ["amount just under a threshold", "yes"]
    assert "Shanghai" in line


def test_a_file_is_asked_for_by_post_and_comes_from_the_page(desk: Desk, raised: list[Correction]) -> None:
    client, address = signed_in(desk.ana), reverse("admin:corrections_flag_export")
    assert client.get(address).status_code == 405
    assert client.post(address, {"format": "pdf"}).status_code == 400
    response = client.post(address, {"format": "csv", "maker": "Bo"})
    assert len(csv_lines(read(response))) == 1
    assert AuditEvent.objects.filter(kind=AuditKind.EXPORTED).count() == 1


def test_a_file_past_its_limit_is_refused(desk: Desk, raised: list[Correction]) -> None:
    with override_settings(CORRECTIONS_EXPORT_PAGE_ROWS_MAX=2), pytest.raises(ExportTooLarge):
        exported(desk.ana)
    assert not AuditEvent.objects.filter(kind=AuditKind.EXPORTED).exists()
