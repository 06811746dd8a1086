"""Evidence leaves only through a door that asks, records, and tells the browser to run nothing of it."""

from __future__ import annotations

import io
from typing import Any

import pytest
from django.core.files.storage import storages
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from backoffice.staff.models import User
from corrections import services
from corrections.models import AuditEvent, Correction, Evidence
from tests.corrections.services.desk import Desk
from tests.factories.staff import account

pytestmark = pytest.mark.django_db
FORMS = ("original", "preview")
LETTER = "=cmd()\n<script>alert(1)</script>\nA letter of the customer."


@pytest.fixture
def correction(desk: Desk) -> Correction:
    correction = desk.draft()
    file = io.BytesIO(LETTER.encode())
    file.name = '来信 "4月".txt'
    services.attach_evidence(actor=desk.mara, correction=correction, file=file, kind="letter")
    return services.submit(actor=desk.mara, correction=correction)


@pytest.fixture
def letter(correction: Correction) -> Evidence:
    return correction.evidence.get()


def opened(
    client: Client, user: User, evidence: Evidence, form: str, method: str = "get", **query: Any
) -> HttpResponse:
    client.force_login(user)
    url = reverse(f"admin:corrections_evidence_{form}", args=[evidence.pk])
    answer: HttpResponse = getattr(client, method)(url, query)
    return answer


def openings() -> int:
    return AuditEvent.objects.filter(kind="evidence_opened").count()


def test_the_original_is_a_download_that_nothing_can_run(desk: Desk, client: Client, letter: Evidence) -> None:
    answer = opened(client, desk.chidi, letter, "original")
    assert answer.status_code == 200
    assert answer.content == LETTER.encode()
    assert answer["Content-Type"] == letter.file.mime
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert {"private", "no-store"} <= set(answer["Cache-Control"].replace(" ", "").split(","))
    disposition = answer["Content-Disposition"]
    assert disposition.startswith("attachment; filename*=utf-8''")
    assert "%E6%9D%A5" in disposition
    assert "\n" not in disposition


def test_the_preview_is_a_picture_and_says_how_many_pages(desk: Desk, client: Client, letter: Evidence) -> None:
    answer = opened(client, desk.chidi, letter, "preview")
    assert answer.status_code == 200
    assert answer.content.startswith(b"\x89PNG")
    assert answer["Content-Type"] == "image/png"
    assert answer["X-Evidence-Pages"] == "1"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert "no-store" in answer["Cache-Control"]


@pytest.mark.parametrize("form", FORMS)
def test_each_opening_is_recorded_and_asking_for_the_head_opens_nothing(
    desk: Desk, client: Client, letter: Evidence, form: str
) -> None:
    head = opened(client, desk.chidi, letter, form, "head")
    assert (head.status_code, head.content, openings()) == (200, b"", 0)
    opened(client, desk.chidi, letter, form)
    event = AuditEvent.objects.get(kind="evidence_opened")
    assert (event.actor, event.subject, event.detail["form"]) == (desk.chidi, f"evidence:{letter.pk}", form)


@pytest.mark.parametrize("form", FORMS)
def test_who_may_see_the_correction_may_open_its_evidence_and_nobody_else(
    desk: Desk, client: Client, letter: Evidence, form: str
) -> None:
    for user in (desk.mara, desk.max, desk.chidi, desk.ana, desk.sam):
        assert opened(client, user, letter, form).status_code == 200, user
    before = openings()
    for user in (desk.bo, desk.bea, account("Uma", "user_admin"), account("Nia")):
        assert opened(client, user, letter, form).status_code == 404, user
        assert opened(client, user, letter, form, "head").status_code == 404, user
    assert openings() == before


@pytest.mark.parametrize("form", FORMS)
def test_a_visitor_is_sent_to_sign_in_and_posting_is_refused(
    desk: Desk, client: Client, letter: Evidence, form: str
) -> None:
    url = reverse(f"admin:corrections_evidence_{form}", args=[letter.pk])
    assert client.get(url).status_code == 302
    assert opened(client, desk.chidi, letter, form, "post").status_code == 405
    assert client.get(reverse(f"admin:corrections_evidence_{form}", args=[10**17])).status_code == 404


@pytest.mark.parametrize("page", ["2", "0", "99999"])
def test_a_page_that_is_not_there_is_a_plain_refusal(desk: Desk, client: Client, letter: Evidence, page: str) -> None:
    answer = opened(client, desk.chidi, letter, "preview", page=page)
    assert answer.status_code == 404
    assert "preview_page_unknown" in answer.content.decode()


@pytest.mark.parametrize("page", ["x", "-1", "１", "9" * 40, ""])
def test_a_strange_page_number_shows_the_first(desk: Desk, client: Client, letter: Evidence, page: str) -> None:
    assert opened(client, desk.chidi, letter, "preview", page=page).status_code == 200


@pytest.mark.parametrize("form", FORMS)
def test_a_file_that_is_gone_from_the_store_is_a_refusal_with_its_code(
    desk: Desk, client: Client, letter: Evidence, form: str
) -> None:
    store = storages["evidence"]
    name = f"{letter.file.sha256[:2]}/{letter.file.sha256[2:4]}/{letter.file.sha256}.{letter.file.key_id.hex}"
    store.delete(name)
    answer = opened(client, desk.chidi, letter, form)
    assert answer.status_code == 409
    assert "evidence_file_missing" in answer.content.decode()
    assert openings() == 0
