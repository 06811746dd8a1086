"""A token is set up by its owner, removed by its owner or by another administrator, and its key is nobody else's."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator

import pytest
import time_machine
from django.contrib.admin.models import LogEntry
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from backoffice.staff import step_up, tokens
from backoffice.staff.models import Token, User
from corrections.choices import AuditKind
from corrections.errors import CorrectionError
from corrections.models import AuditEvent
from tests.backoffice.conftest import signed_in
from tests.factories.staff import PASSWORD, Authenticator, MachineFactory, UserFactory, account, with_token

pytestmark = pytest.mark.django_db
NOON = dt.datetime(2026, 11, 23, 12, 0, 5, tzinfo=dt.UTC)
TOKEN, BEGIN, PICTURE = "/admin/token/", "/admin/token/begin/", "/admin/token/picture/"
CONFIRM, REMOVE, PROVE = "/admin/token/confirm/", "/admin/token/remove/", "/admin/token/prove/"
PNG = b"\x89PNG\r\n"


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NOON, tick=False) as traveller:
        yield traveller


@pytest.fixture
def sena(clock: time_machine.Traveller) -> User:
    return account("Sena")


@pytest.fixture
def client(sena: User) -> Client:
    return signed_in(sena)


@pytest.fixture
def una(clock: time_machine.Traveller, roles: None) -> User:
    """Una administers users."""
    return account("Una", "user_admin")


def begun(client: Client) -> Authenticator:
    """Begins, and reads the key off the page as a person would."""
    client.post(BEGIN)
    found = re.search(r'token-key">([A-Z2-7 ]+)<', client.get(TOKEN).content.decode())
    assert found
    return Authenticator(found[1])


def refused(answer: HttpResponse, code: str) -> bool:
    return answer.status_code >= 400 and f"({code})" in answer.content.decode()


def events(kind: AuditKind) -> list[AuditEvent]:
    return list(AuditEvent.objects.filter(kind=kind))


# Setting up


def test_token_is_set_up_with_password_and_code_and_that_is_an_event(client: Client, sena: User) -> None:
    assert client.get(PICTURE).status_code == 404
    app = begun(client)
    assert not events(AuditKind.TOKEN_SET_UP)
    assert client.post(CONFIRM, {"password": PASSWORD, "code": app.code()}).status_code == 302
    assert step_up.has_token(sena)
    (event,) = events(AuditKind.TOKEN_SET_UP)
    assert (event.actor, event.subject, event.correction) == (sena, f"account:{sena.pk}", None)
    assert event.detail["owner_name"] == "Sena E-SENA"


def test_the_code_that_confirmed_does_not_prove_as_well(client: Client, sena: User) -> None:
    app = begun(client)
    code = app.code()
    client.post(CONFIRM, {"password": PASSWORD, "code": code})
    assert not step_up.verify(sena, code)
    assert step_up.verified_at(sena) is None


def test_a_wrong_password_or_code_sets_nothing_up_and_makes_one_wait(
    client: Client, sena: User, clock: time_machine.Traveller
) -> None:
    app = begun(client)
    assert refused(client.post(CONFIRM, {"password": "guessed", "code": app.code()}), "password_is_wrong")
    assert refused(client.post(CONFIRM, {"password": PASSWORD, "code": app.code()}), "token_must_wait")
    clock.shift(1)
    assert refused(client.post(CONFIRM, {"password": PASSWORD, "code": app.wrong()}), "token_is_wrong")
    assert refused(client.post(CONFIRM, {"password": PASSWORD, "code": app.code()}), "token_must_wait")
    clock.shift(2)
    assert not step_up.has_token(sena)
    assert client.post(CONFIRM, {"password": PASSWORD, "code": app.code()}).status_code == 302


def test_beginning_anew_takes_another_key_and_keeps_the_count_of_wrong_tries(client: Client, sena: User) -> None:
    first = begun(client)
    client.post(CONFIRM, {"password": "guessed", "code": "1"})
    second = begun(client)
    assert first.key != second.key
    assert refused(client.post(CONFIRM, {"password": PASSWORD, "code": second.code()}), "token_must_wait")
    assert Token.objects.filter(user=sena).count() == 1


def test_a_second_token_needs_the_first_removed(client: Client, sena: User) -> None:
    with_token(sena)
    assert refused(client.post(BEGIN), "token_is_set_up_already")


def test_confirming_without_beginning_is_refused(client: Client) -> None:
    assert refused(client.post(CONFIRM, {"password": PASSWORD, "code": "123456"}), "token_is_not_set_up")


def test_a_machine_gets_no_token() -> None:
    with pytest.raises(CorrectionError):
        tokens.begin(actor=MachineFactory())


# The key


def test_the_picture_is_served_from_its_own_address_and_fits_the_content_policy(client: Client) -> None:
    begun(client)
    page, picture = client.get(TOKEN), client.get(PICTURE)
    html = page.content.decode()
    assert f'src="{PICTURE}"' in html
    assert "data:" not in html
    assert not re.search(r"\bstyle=|<style|\bonclick=|<script(?![^>]*src=)", html)
    assert picture["Content-Type"] == "image/png"
    assert picture.content.startswith(PNG)
    assert "no-store" in picture["Cache-Control"]
    assert "img-src 'self';" in f"{page['Content-Security-Policy']};"


def test_the_key_is_shown_to_nobody_once_it_is_confirmed(client: Client, sena: User) -> None:
    app = begun(client)
    client.post(CONFIRM, {"password": PASSWORD, "code": app.code()})
    assert "token-key" not in client.get(TOKEN).content.decode()
    assert client.get(PICTURE).status_code == 404


def test_nobody_sees_another_ones_key(client: Client, sena: User, una: User, sam: User, ana: User) -> None:
    app = begun(client)
    key = step_up.key_of(Token.objects.get(user=sena))
    for other in (una, sam, ana, UserFactory(username="sena.second", person=sena.person)):
        reader = signed_in(other)
        assert reader.get(PICTURE).status_code == 404
        addresses = [TOKEN, reverse("admin:staff_user_change", args=[sena.pk]), "/admin/sign-ins/"]
        addresses.append(reverse("admin:staff_person_change", args=[sena.person_id]))
        for address in addresses:
            html = reader.get(address).content.decode()
            assert key not in html.replace(" ", "")
    client.post(CONFIRM, {"password": PASSWORD, "code": app.code()})
    texts = [str(event.detail) for event in AuditEvent.objects.all()] + [str(row) for row in LogEntry.objects.all()]
    assert key not in "".join(texts)


# Proving


def test_a_code_proves_and_leads_back(client: Client, sena: User) -> None:
    app = with_token(sena)
    answer = client.post(PROVE, {"code": app.code(), "next": "/admin/corrections/queue/?page=2"})
    assert (answer.status_code, answer["Location"]) == (302, "/admin/corrections/queue/?page=2")
    assert step_up.verified_at(sena) == NOON


@pytest.mark.parametrize(
    "unsafe",
    [
        *("https://evil.example/", "//evil.example/admin/", "https:///admin/", "/\\evil.example", "javascript:1"),
        *("/admin//evil", "/elsewhere/", "/admin/../x", "/admin/\\..\\x", "admin/", "", "/admin\n/"),
    ],
)
def test_it_leads_to_no_place_but_ours(client: Client, sena: User, unsafe: str) -> None:
    app = with_token(sena)
    answer = client.post(PROVE, {"code": app.code(), "next": unsafe})
    assert answer.status_code == 302
    assert answer["Location"] in {TOKEN, "/admin//evil"}


def test_a_wrong_code_proves_nothing_and_keeps_the_way_back(client: Client, sena: User) -> None:
    app = with_token(sena)
    answer = client.post(PROVE, {"code": app.wrong(), "next": "/admin/help/"})
    assert refused(answer, "token_is_wrong")
    assert 'value="/admin/help/"' in answer.content.decode()
    assert refused(client.post(PROVE, {"code": app.code()}), "token_must_wait")
    assert step_up.verified_at(sena) is None


def test_without_a_token_the_page_says_how_to_get_one(client: Client) -> None:
    assert "Set up a token" in client.get(PROVE).content.decode()
    assert refused(client.post(PROVE, {"code": "123456"}), "token_is_not_set_up")


# Removing


def test_the_owner_removes_a_token_with_a_code(client: Client, sena: User, clock: time_machine.Traveller) -> None:
    app = with_token(sena)
    assert refused(client.post(REMOVE, {"code": app.wrong()}), "token_is_wrong")
    clock.shift(30)
    assert step_up.has_token(sena)
    assert not events(AuditKind.TOKEN_REMOVED)
    assert client.post(REMOVE, {"code": app.code()}).status_code == 302
    assert not step_up.has_token(sena)
    (event,) = events(AuditKind.TOKEN_REMOVED)
    assert (event.actor, event.subject) == (sena, f"account:{sena.pk}")


def lost(user: User) -> str:
    return reverse("admin:staff_user_token_remove", args=[user.pk])


def test_an_administrator_removes_a_lost_token_with_a_reason(sena: User, una: User) -> None:
    with_token(sena)
    administrator = signed_in(una)
    assert lost(sena) in administrator.get(reverse("admin:staff_user_change", args=[sena.pk])).content.decode()
    for reason in ("", "   "):
        assert refused(administrator.post(lost(sena), {"reason": reason}), "token_removal_needs_a_reason")
    assert step_up.has_token(sena)
    assert administrator.post(lost(sena), {"reason": "Telephone stolen"}).status_code == 302
    assert not step_up.has_token(sena)
    (event,) = events(AuditKind.TOKEN_REMOVED)
    assert (event.actor, event.detail["reason"]) == (una, "Telephone stolen")
    assert event.detail["owner_name"] == "Sena E-SENA"
    assert refused(administrator.post(lost(sena), {"reason": "Again"}), "token_is_not_set_up")


def test_an_administrator_removes_no_token_of_his_own_person(una: User) -> None:
    second = UserFactory(username="una.second", person=una.person)
    for own in (una, second):
        with_token(own)
        assert signed_in(una).post(lost(own), {"reason": "Lost"}).status_code == 403
        with pytest.raises(CorrectionError):
            tokens.remove_lost(actor=una, owner=own, reason="Lost")
        assert step_up.has_token(own)


def test_a_superusers_token_is_out_of_reach_of_administrators(una: User, sam: User) -> None:
    with_token(sam)
    assert signed_in(una).post(lost(sam), {"reason": "Lost"}).status_code == 403
    assert step_up.has_token(sam)


@pytest.mark.parametrize("role", ["maker", "checker", "president", "compliance", "policy_admin"])
def test_other_roles_remove_no_token(sena: User, roles: None, role: str) -> None:
    with_token(sena)
    other = account("Nora", role)
    assert signed_in(other).post(lost(sena), {"reason": "Lost"}).status_code == 403
    with pytest.raises(CorrectionError):
        tokens.remove_lost(actor=other, owner=sena, reason="Lost")
    assert step_up.has_token(sena)


def test_a_role_taken_a_moment_ago_removes_no_token(sena: User, una: User) -> None:
    with_token(sena)
    stale = User.objects.get(pk=una.pk)
    assert stale.has_perm("corrections.as_user_admin")
    una.groups.clear()
    with pytest.raises(CorrectionError):
        tokens.remove_lost(actor=stale, owner=sena, reason="Lost")
    assert step_up.has_token(sena)


def test_compliance_reads_the_events_of_tokens(sena: User, ana: User) -> None:
    with_token(sena)
    html = signed_in(ana).get(reverse("admin:corrections_auditevent_changelist")).content.decode()
    assert "token set up" in html
    assert "Sena E-SENA" in html
