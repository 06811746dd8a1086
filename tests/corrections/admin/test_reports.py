"""Compliance's pages: who may open them, what they show, and that an export is a recorded POST."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from backoffice.staff.models import User
from corrections import services
from corrections.choices import AuditKind
from corrections.models import AuditEvent
from tests.corrections.reports.reading import csv_lines, lines, xlsx_cells
from tests.corrections.services.desk import Desk
from tests.factories.staff import account

pytestmark = pytest.mark.django_db

PAGES = ("corrections_history_report", "corrections_auditevent_changelist", "corrections_policies")


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user, backend="backoffice.staff.backends.ActivePersonBackend")
    return client


def read(response: Any) -> bytes:
    return b"".join(response.streaming_content)  # whoever reads to the end closes it


def get(user: User, name: str, **query: Any) -> Any:
    return signed_in(user).get(reverse(f"admin:{name}"), query)


def body(response: Any) -> str:
    return response.content.decode()


@pytest.mark.parametrize("name", PAGES)
def test_compliance_opens_the_page_and_others_are_refused(desk: Desk, name: str) -> None:
    desk.applied()
    assert get(desk.ana, name).status_code == 200
    for user in (desk.mara, desk.chidi, desk.eve, desk.sam, account("Una", "user_admin")):
        refused = get(user, name)
        assert refused.status_code == 403
        assert "DZ-" not in body(refused)


def test_those_who_keep_the_policies_see_them_and_no_history(desk: Desk) -> None:
    pol = account("Pol", "policy_admin")
    assert "four eyes v1" in body(get(pol, "corrections_policies"))
    assert get(pol, "corrections_history_report").status_code == 403


@pytest.mark.parametrize("name", [*PAGES, "corrections_history_export"])
def test_nobody_gets_in_without_signing_in(desk: Desk, name: str) -> None:
    response = Client().get(reverse(f"admin:{name}"))
    assert response.status_code == 302
    assert "/login/" in response["Location"]


# The report


def test_the_page_shows_the_first_lines_of_the_last_days(desk: Desk) -> None:
    payout = desk.payout()
    correction = desk.applied(payout)
    page = body(get(desk.ana, "corrections_history_report", model="accounts.payout", written_by="corrections"))
    assert correction.number in page
    assert reverse("admin:corrections_correction_change", args=[correction.pk]) in page
    assert ">ICBC</bdi>" in page
    assert ">CMB</bdi>" in page
    assert "6222020000001187" not in page
    assert correction.number in body(get(desk.ana, "corrections_history_report"))


def test_a_long_report_is_shown_as_far_as_a_page_goes(desk: Desk, settings: Any) -> None:
    settings.CORRECTIONS_REPORT_PREVIEW_ROWS = 5
    desk.payout()
    page = body(get(desk.ana, "corrections_history_report", model="accounts.payout"))
    assert "The first 5 lines" in page


def test_a_filter_that_cannot_be_used_is_said_and_keeps_what_was_typed(desk: Desk) -> None:
    response = get(desk.ana, "corrections_history_report", maker="No<b>body", model="accounts.payout")
    assert response.status_code == 400
    page = body(response)
    assert "filter_cannot_be_used" in page
    assert 'value="No&lt;b&gt;body"' in page
    assert "No<b>body" not in page


def test_an_empty_report_says_what_to_do(desk: Desk) -> None:
    page = body(get(desk.ana, "corrections_history_report", since="2001-01-01", until="2001-01-02"))
    assert "Take a longer period" in page


def test_compliance_of_a_branch_is_offered_its_branches_and_sees_their_rows(desk: Desk) -> None:
    theirs, ours = desk.payout(desk.beijing), desk.payout()
    yan = account("Yan", "compliance", scope=desk.beijing)
    page = body(get(yan, "corrections_history_report", model="accounts.payout"))
    assert theirs.number in page
    assert ours.number not in page
    assert f'value="accounts.branch:{desk.shanghai.pk}"' not in page
    page = body(get(yan, "corrections_history_report", model="accounts.payout", scope="Shanghai"))
    assert ours.number not in page


# Exports


@pytest.mark.parametrize("format", ["csv", "xlsx"])
def test_an_export_is_the_whole_report_as_an_attachment_and_an_event(desk: Desk, format: str) -> None:  # noqa: A002
    desk.applied()
    response = signed_in(desk.ana).post(
        reverse("admin:corrections_history_export"), {"format": format, "model": "accounts.payout"}
    )
    content = read(response)
    assert response.status_code == 200
    assert response["Content-Disposition"].startswith('attachment; filename="history-')
    assert "no-store" in response["Cache-Control"]
    assert response["X-Content-SHA256"] == hashlib.sha256(content).hexdigest()
    event = AuditEvent.objects.get(kind=AuditKind.EXPORTED)
    assert (event.actor, event.detail["sha256"]) == (desk.ana, response["X-Content-SHA256"])
    wanted = lines(desk.ana, model="accounts.payout")
    if format == "csv":
        assert csv_lines(content) == wanted
    else:
        assert len(xlsx_cells(content)) == len(wanted) + 1


def test_an_export_by_link_is_none(desk: Desk) -> None:
    response = signed_in(desk.ana).get(reverse("admin:corrections_history_export"), {"format": "csv"})
    assert response.status_code == 405
    assert not AuditEvent.objects.filter(kind=AuditKind.EXPORTED).exists()


def test_an_export_needs_the_token_of_our_own_page(desk: Desk) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(desk.ana, backend="backoffice.staff.backends.ActivePersonBackend")
    assert client.post(reverse("admin:corrections_history_export"), {"format": "csv"}).status_code == 403


def test_others_export_nothing_by_post_either(desk: Desk) -> None:
    desk.applied()
    for user in (desk.mara, desk.chidi, desk.sam):
        response = signed_in(user).post(reverse("admin:corrections_history_export"), {"format": "csv"})
        assert response.status_code == 403
        assert "DZ-" not in body(response)


def test_an_export_that_is_refused_is_the_page_with_the_reason(desk: Desk, settings: Any) -> None:
    desk.applied()
    settings.CORRECTIONS_EXPORT_PAGE_ROWS_MAX = 2
    address = reverse("admin:corrections_history_export")
    for data, code in (
        ({"format": "csv"}, "export_is_too_large"),
        ({"format": "pdf"}, "export_format_unknown"),
        ({"format": "csv", "since": "soon"}, "filter_cannot_be_used"),
    ):
        response = signed_in(desk.ana).post(address, data)
        assert response.status_code == 400
        assert code in body(response)
    assert not AuditEvent.objects.filter(kind=AuditKind.EXPORTED).exists()


# Events and policies


def test_events_can_be_narrowed_and_walked_by_key(desk: Desk, settings: Any) -> None:
    correction = desk.applied()
    services.hold(actor=desk.ana, correction=desk.submitted(), comment="Looks odd.")
    page = body(get(desk.ana, "corrections_auditevent_changelist"))
    assert "Looks odd." in page
    page = body(get(desk.ana, "corrections_auditevent_changelist", kind="approved", actor="E-CHIDI"))
    assert page.count("<tr>") == 2
    page = body(get(desk.ana, "corrections_auditevent_changelist", correction=str(correction.number).lower()))
    assert "Looks odd." not in page
    assert page.count("<tr>") == 1 + correction.audit_events.count()
    assert "No event fits" in body(get(desk.ana, "corrections_auditevent_changelist", actor="Nobody\x00"))

    settings.CORRECTIONS_PAGE_ROWS = 3
    everything = list(AuditEvent.objects.order_by("-pk"))
    response = get(desk.ana, "corrections_auditevent_changelist")
    older = response.context["page"].older
    assert older == everything[2].pk
    response = get(desk.ana, "corrections_auditevent_changelist", below=older)
    assert [line.pk for line in response.context["page"].lines] == [event.pk for event in everything[3:6]]
    response = get(desk.ana, "corrections_auditevent_changelist", above=response.context["page"].newer)
    assert [line.pk for line in response.context["page"].lines] == [event.pk for event in everything[:3]]


def test_an_unknown_kind_of_event_is_refused(desk: Desk) -> None:
    assert get(desk.ana, "corrections_auditevent_changelist", kind="gossip").status_code == 400


def test_compliance_of_a_branch_sees_the_events_of_its_corrections_and_its_own(desk: Desk) -> None:
    desk.applied()
    yan = account("Yan", "compliance", scope=desk.beijing)
    theirs = services.draft(
        actor=desk.bo,
        target=desk.payout(desk.beijing),
        action="update",
        values={"counterparty_bank": "CMB"},
        reason="system_defect",
        note="Wrong.",
    )
    address = reverse("admin:corrections_history_export")
    for user in (desk.ana, yan):
        assert read(signed_in(user).post(address, {"format": "csv"}))
    found = get(yan, "corrections_auditevent_changelist").context["page"].lines
    assert {(line.kind, line.actor, line.correction_pk) for line in found} == {
        ("drafted", "Bo E-BO", theirs.pk),
        ("history exported", "Yan E-YAN", None),
    }


@pytest.mark.parametrize("name", PAGES)
def test_a_page_answers_no_post(desk: Desk, name: str) -> None:
    assert signed_in(desk.ana).post(reverse(f"admin:{name}")).status_code == 405


def test_events_need_few_queries_however_many(desk: Desk, django_assert_max_num_queries: Any) -> None:
    for _ in range(6):
        desk.applied()
    client = signed_in(desk.ana)
    with django_assert_max_num_queries(15):
        client.get(reverse("admin:corrections_auditevent_changelist"))
