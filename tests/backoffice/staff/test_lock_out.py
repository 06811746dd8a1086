"""Who fails too often is locked out for a while: the same for names that exist and for names that don't."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Iterator

import pytest
import time_machine
from axes.models import AccessAttempt, AccessFailureLog
from django.conf import settings
from django.core.checks import run_checks
from django.db import connection
from django.http import HttpResponse
from django.test import Client, RequestFactory

from backoffice.sign_in import client_address
from backoffice.staff.models import Person, User
from tests.backoffice.conftest import signed_in
from tests.factories.staff import PASSWORD, account

pytestmark = pytest.mark.django_db
NOON = dt.datetime(2026, 11, 23, 12, 0, tzinfo=dt.UTC)
LIMIT = 5
LOCKED = 429


@pytest.fixture(autouse=True)
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NOON, tick=False) as traveller:
        yield traveller


@pytest.fixture
def mara() -> User:
    return account("Mara")


def attempt(name: str, password: str, address: str = "10.0.0.1", agent: str = "one", **extra: str) -> HttpResponse:
    client = Client(REMOTE_ADDR=address, HTTP_USER_AGENT=agent, **extra)
    return client.post("/admin/login/", {"username": name, "password": password, "next": "/admin/"})


def fail(name: str, times: int, **extra: str) -> list[int]:
    return [attempt(name, "guessed", **extra).status_code for _ in range(times)]


def test_limits_are_as_documented() -> None:
    assert LIMIT == settings.AXES_FAILURE_LIMIT
    assert dt.timedelta(minutes=15) == settings.AXES_COOLOFF_TIME
    assert settings.AXES_ENABLED


def test_the_fifth_failure_locks_out_even_with_the_right_password(mara: User) -> None:
    assert fail("mara", LIMIT) == [200] * (LIMIT - 1) + [LOCKED]
    assert attempt("mara", PASSWORD).status_code == LOCKED


def test_four_failures_do_not_and_a_sign_in_starts_the_count_anew(mara: User) -> None:
    for _ in range(2):
        assert fail("mara", LIMIT - 1) == [200] * (LIMIT - 1)
        assert attempt("mara", PASSWORD).status_code == 302


def test_a_lock_out_ends_after_its_time_and_trying_makes_it_no_longer(
    mara: User, clock: time_machine.Traveller
) -> None:
    fail("mara", LIMIT)
    clock.shift(14 * 60)
    assert fail("mara", 3) == [LOCKED] * 3
    clock.shift(59)
    assert attempt("mara", PASSWORD).status_code == LOCKED
    clock.shift(2)
    assert attempt("mara", PASSWORD).status_code == 302


def test_another_address_and_another_name_stay_open(mara: User) -> None:
    account("Chidi")
    fail("mara", LIMIT)
    assert attempt("mara", PASSWORD, address="10.0.0.2").status_code == 302
    assert attempt("chidi", PASSWORD).status_code == 302


def test_another_browser_or_cookie_is_no_way_round(mara: User) -> None:
    for number in range(LIMIT):
        attempt("mara", "guessed", agent=f"browser {number}")
    assert attempt("mara", PASSWORD, agent="fresh").status_code == LOCKED


def test_a_header_that_anybody_can_write_is_no_way_round(mara: User) -> None:
    for number in range(LIMIT):
        attempt("mara", "guessed", HTTP_X_FORWARDED_FOR=f"10.9.9.{number}")
    assert attempt("mara", PASSWORD, HTTP_X_FORWARDED_FOR="10.9.9.99").status_code == LOCKED


def test_unknown_names_are_answered_and_locked_out_like_known_ones(mara: User) -> None:
    known = [attempt("mara", "guessed") for _ in range(LIMIT + 1)]
    unknown = [attempt("nobody", "guessed") for _ in range(LIMIT + 1)]
    assert [one.status_code for one in known] == [one.status_code for one in unknown]
    said = [one.content.decode().replace("nobody", "mara") for one in (known[-1], unknown[-1])]
    assert said[0] == said[1]


def test_the_page_says_what_now_in_both_languages(mara: User) -> None:
    fail("mara", LIMIT)
    answer = attempt("mara", PASSWORD)
    html = answer.content.decode()
    assert "closed here for 15 minutes" in html
    assert "ask a user administrator" in html
    assert answer["Retry-After"] == "900"
    assert "Content-Security-Policy" in answer
    assert "15 分钟" in attempt("mara", PASSWORD, HTTP_ACCEPT_LANGUAGE="zh-hans").content.decode()


def test_a_deactivated_person_learns_it_only_with_the_password_and_not_when_locked_out(mara: User) -> None:
    Person.objects.filter(pk=mara.person_id).update(is_active=False)
    assert "is deactivated" not in attempt("mara", "guessed").content.decode()
    assert "is deactivated" in attempt("mara", PASSWORD).content.decode()
    fail("mara", LIMIT)
    assert "is deactivated" not in attempt("mara", PASSWORD).content.decode()


def test_no_password_is_kept_or_logged(mara: User, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    attempt("mara", "mistyped-secret")
    attempt("typed-into-the-wrong-field", "x")
    attempt("mara", PASSWORD)
    with connection.cursor() as cursor:
        stored = ""
        for table in ("axes_accessattempt", "axes_accessfailurelog", "axes_accesslog"):
            cursor.execute(f"SELECT * FROM {table}")
            stored += repr(cursor.fetchall())
    for secret in ("mistyped-secret", "typed-into-the-wrong-field", PASSWORD):
        assert secret not in stored
        assert secret not in caplog.text


def test_rubbish_in_the_form_is_no_error(mara: User) -> None:
    for name in ("\0", "a" * 5000, "’; --", "名", " ", ""):
        assert attempt(name, "x").status_code in {200, 400}
        assert attempt("mara", name).status_code in {200, 400, LOCKED}


@pytest.mark.parametrize(
    ("proxies", "header", "address"),
    [
        (0, "1.1.1.1", "9.9.9.9"),
        (1, "1.1.1.1", "1.1.1.1"),
        (1, "6.6.6.6, 1.1.1.1", "1.1.1.1"),
        (2, "6.6.6.6, 1.1.1.1, 2.2.2.2", "1.1.1.1"),
        (2, "1.1.1.1", "9.9.9.9"),
        (1, "", None),
        (1, "rubbish", None),
        (1, "2001:db8::1", "2001:db8::1"),
    ],
)
def test_the_address_is_the_one_that_our_outermost_proxy_saw(
    settings: object, proxies: int, header: str, address: str | None
) -> None:
    settings.PROXIES_IN_FRONT = proxies  # type: ignore[attr-defined]
    request = RequestFactory().get("/", REMOTE_ADDR="9.9.9.9", HTTP_X_FORWARDED_FOR=header)
    assert client_address(request) == address


def test_a_server_behind_a_socket_has_no_address_and_still_locks(mara: User) -> None:
    assert fail("mara", LIMIT, address="")[-1] == LOCKED


def test_the_checks_of_the_lock_out_are_clean() -> None:
    assert [one for one in run_checks() if str(one.id).startswith("axes")] == []


# Who sees it


def test_administrators_and_compliance_see_who_is_locked_out(mara: User, roles: None) -> None:
    fail("mara", LIMIT, address="10.0.0.7")
    attempt("not-an-account", "x")
    for role in ("user_admin", "compliance"):
        html = signed_in(account(f"All-{role}", role)).get("/admin/sign-ins/").content.decode()
        assert "10.0.0.7" in html
        assert "mara" in html
        assert "locked out" in html
        assert "not-an-account" not in html


def test_others_do_not_and_nobody_changes_it(mara: User, roles: None, sam: User) -> None:
    for role in ("maker", "checker", "policy_admin", "executor"):
        assert signed_in(account(f"All-{role}", role)).get("/admin/sign-ins/").status_code == 403
    assert signed_in(sam).post("/admin/sign-ins/").status_code == 405
    for page in ("accessattempt", "accesslog", "accessfailurelog"):
        assert signed_in(sam).get(f"/admin/axes/{page}/").status_code == 404


def test_every_failure_stays_on_record_a_page_at_a_time(mara: User, roles: None) -> None:
    for number in range(60):
        attempt("mara", "guessed", address=f"10.1.0.{number}")
    assert AccessFailureLog.objects.count() == 60
    assert AccessAttempt.objects.count() == 60
    reader = signed_in(account("Una", "user_admin"))
    first = reader.get("/admin/sign-ins/").content.decode()
    assert "10.1.0.59" in first
    assert "10.1.0.9<" not in first
    below = AccessFailureLog.objects.order_by("-pk")[49].pk
    assert f"?below={below}" in first
    assert "10.1.0.9<" in reader.get(f"/admin/sign-ins/?below={below}").content.decode()
    for rubbish in ("x", "-1", "９", "9" * 40, ""):
        assert reader.get("/admin/sign-ins/", {"below": rubbish}).status_code == 200
