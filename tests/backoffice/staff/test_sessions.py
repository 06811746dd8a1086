"""A sign-in ends when nobody uses it, and after a day; whoever is out is out at the next request."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import pytest
import time_machine
from django.conf import settings
from django.contrib.sessions.models import Session
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from backoffice.staff import sessions
from backoffice.staff.models import Person, User
from corrections.models import Incident
from tests.backoffice.conftest import signed_in
from tests.factories.staff import PASSWORD, account

pytestmark = pytest.mark.django_db
MORNING = dt.datetime(2026, 11, 23, 1, 0, tzinfo=dt.UTC)
PAGE = "/admin/token/"
IDLE, DAY = 30 * 60, 10 * 3600
WEEKEND = 62 * 3600
SENTENCES = [(IDLE, "nothing was done for a while"), (DAY, "one working day"), (WEEKEND, "one working day")]


@pytest.fixture(autouse=True)
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(MORNING, tick=False) as traveller:
        yield traveller


@pytest.fixture
def mara(roles: None) -> User:
    return account("Mara", "maker")


def enters(client: Client) -> bool:
    return client.get(PAGE).status_code == 200


def test_limits_are_as_documented() -> None:
    assert (settings.SESSION_IDLE_SECONDS_MAX, settings.SESSION_SECONDS_MAX) == (IDLE, DAY)


@pytest.mark.parametrize(("seconds", "goes_on"), [(0, True), (IDLE - 1, True), (IDLE, False), (IDLE * 9, False)])
def test_an_unused_sign_in_ends(mara: User, clock: time_machine.Traveller, seconds: int, goes_on: bool) -> None:
    client = signed_in(mara)
    clock.shift(seconds)
    assert enters(client) is goes_on


def test_each_use_starts_the_idle_time_anew(mara: User, clock: time_machine.Traveller) -> None:
    client = signed_in(mara)
    for _ in range(5):
        clock.shift(IDLE - 1)
        assert enters(client)


def test_a_used_sign_in_ends_after_a_day_all_the_same(mara: User, clock: time_machine.Traveller) -> None:
    client = signed_in(mara)
    for _ in range(DAY // 1200 - 1):
        clock.shift(1200)
        assert enters(client)
    clock.shift(1199)
    assert enters(client)
    clock.shift(1)
    assert not enters(client)


def test_a_new_sign_in_has_its_own_time(mara: User, clock: time_machine.Traveller) -> None:
    client = signed_in(mara)
    clock.shift(1000)
    client.force_login(mara, "backoffice.staff.backends.ActivePersonBackend")
    for _ in range(DAY // 1000 - 1):
        clock.shift(1000)
        assert enters(client)


def test_a_sign_in_from_the_future_is_over(mara: User, clock: time_machine.Traveller) -> None:
    client = signed_in(mara)
    clock.shift(-3600)
    assert not enters(client)


def test_an_ended_sign_in_is_gone_from_the_database(mara: User, clock: time_machine.Traveller) -> None:
    client = signed_in(mara)
    key = client.cookies[settings.SESSION_COOKIE_NAME].value
    assert Session.objects.filter(pk=key).exists()
    clock.shift(IDLE)
    client.get(PAGE)
    assert not Session.objects.filter(pk=key).exists()


@pytest.mark.parametrize(("seconds", "sentence"), SENTENCES)
def test_one_signs_in_again_with_a_reason_and_comes_back(
    mara: User, clock: time_machine.Traveller, seconds: int, sentence: str
) -> None:
    client = signed_in(mara)
    clock.shift(seconds)
    answer = client.get("/admin/token/?topic=a%26b")
    assert answer.status_code == 302
    page = client.get(answer["Location"])
    assert page.status_code == 200
    assert sentence in page.content.decode()
    form = {"username": "mara", "password": PASSWORD, "next": page.context["next"]}
    assert client.post(answer["Location"], form)["Location"] == "/admin/token/?topic=a%26b"
    assert enters(client)


def test_the_way_back_leads_to_no_other_site(mara: User, clock: time_machine.Traveller) -> None:
    client = signed_in(mara)
    clock.shift(IDLE)
    answer = client.get("//evil.example/admin/")
    assert answer.status_code == 302
    form = {"username": "mara", "password": PASSWORD, "next": "//evil.example/admin/"}
    assert client.post(answer["Location"], form)["Location"] == "/admin/"


@pytest.mark.parametrize("seconds", [IDLE, DAY, WEEKEND])
def test_what_is_sent_too_late_is_not_done_and_the_page_says_so(
    mara: User, clock: time_machine.Traveller, seconds: int
) -> None:
    client = signed_in(mara)
    clock.shift(seconds)
    answer = client.post("/admin/corrections/incident/add/", {"title": "Mapping <b>fault", "cause": "First\nsecond"})
    html = answer.content.decode()
    assert answer.status_code == 403
    assert "nothing was done" in html
    assert "Mapping &lt;b&gt;fault" in html
    assert "First<br>second" in html
    assert "no-store" in answer["Cache-Control"]
    assert "Sign in in another tab" in html
    assert not Incident.objects.exists()


def test_what_is_shown_once_more_holds_no_secret(mara: User, clock: time_machine.Traveller) -> None:
    client = signed_in(mara)
    clock.shift(IDLE)
    card = "6222021234567890128"
    sent = {"note": f"The card is {card}.", "password": "s3cret", "old_password": "s3cret", "code": "123456"}
    html = client.post("/admin/token/confirm/", {**sent, "csrfmiddlewaretoken": "t0ken"}).content.decode()
    assert "The card is ****0128." in html
    for secret in (card, "s3cret", "123456", "t0ken"):
        assert secret not in html


@pytest.mark.parametrize(
    ("referer", "way"),
    [
        ("http://testserver/admin/token/?a=1#x", "/admin/token/%3Fa%3D1"),
        ("http://evil.example/admin/", "/admin/"),
        ("http://testserver/elsewhere/", "/admin/"),
        ("javascript:alert(1)", "/admin/"),
        ("http://[", "/admin/"),
        ("", "/admin/"),
    ],
)
def test_the_page_leads_back_to_the_form_and_nowhere_else(
    mara: User, clock: time_machine.Traveller, referer: str, way: str
) -> None:
    client = signed_in(mara)
    clock.shift(IDLE)
    html = client.post("/admin/token/begin/", HTTP_REFERER=referer).content.decode()
    assert f'href="/admin/login/?next={way}"' in html


def test_signing_out_too_late_is_no_error(mara: User, clock: time_machine.Traveller) -> None:
    client = signed_in(mara)
    clock.shift(IDLE)
    assert client.post("/admin/logout/").status_code == 302


def test_signing_in_with_an_ended_sign_in_in_the_cookie_works(mara: User, clock: time_machine.Traveller) -> None:
    client = signed_in(mara)
    clock.shift(IDLE)
    assert client.post("/admin/login/", {"username": "mara", "password": PASSWORD}).status_code == 302
    assert enters(client)


def test_the_clock_costs_one_write_a_minute_at_most(mara: User, clock: time_machine.Traveller) -> None:
    client = signed_in(mara)
    assert writes(client) == 0
    clock.shift(59)
    assert writes(client) == 0
    clock.shift(1)
    assert writes(client) == 1
    assert writes(client) == 0


def writes(client: Client) -> int:
    with CaptureQueriesContext(connection) as asked:
        client.get(PAGE)
    return sum(one["sql"].startswith(("UPDATE", "INSERT", "DELETE")) for one in asked)


def test_a_sign_in_from_before_there_were_limits_begins_now(mara: User, clock: time_machine.Traveller) -> None:
    client = signed_in(mara)
    session = client.session
    del session[sessions.STARTED], session[sessions.SEEN]
    session.save()
    assert enters(client)
    clock.shift(IDLE)
    assert not enters(client)


# Out at the next request


def test_a_deactivated_person_or_account_is_out_at_the_next_request(mara: User) -> None:
    first, second = signed_in(mara), signed_in(account("Chidi"))
    assert enters(first)
    assert enters(second)
    Person.objects.filter(pk=mara.person_id).update(is_active=False)
    User.objects.filter(username="chidi").update(is_active=False)
    assert not enters(first)
    assert not enters(second)


def test_a_role_taken_away_is_gone_at_the_next_request(mara: User) -> None:
    client = signed_in(mara)
    assert client.get("/admin/corrections/incident/").status_code == 200
    mara.groups.clear()
    assert client.get("/admin/corrections/incident/").status_code == 403


def test_a_new_password_ends_the_other_sign_ins(mara: User, roles: None) -> None:
    here, there = signed_in(mara), signed_in(mara)
    new = "another long passphrase"
    here.post("/admin/password_change/", {"old_password": PASSWORD, "new_password1": new, "new_password2": new})
    assert enters(here)
    assert not enters(there)


def test_a_password_set_by_an_administrator_ends_every_sign_in(mara: User, roles: None) -> None:
    client = signed_in(mara)
    new = "another long passphrase"
    una = signed_in(account("Una", "user_admin"))
    una.post(f"/admin/staff/user/{mara.pk}/password/", {"password1": new, "password2": new, "usable_password": "true"})
    assert not enters(client)
