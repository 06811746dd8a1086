"""Incidents: opened by makers, read by whoever may see their corrections, with evidence that these share."""

from __future__ import annotations

import pytest
from django.urls import reverse

from corrections import services
from corrections.models import Correction, Incident
from tests.corrections.admin.pages import (
    browser,
    propose,
    send,
    text_of,
    upload,
)
from tests.corrections.services.desk import Desk

pytestmark = pytest.mark.django_db
PAYOUT = "accounts.payout"
DRAFT_QUERIES_MAX = 20


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
