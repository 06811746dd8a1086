"""The page on which one user administrator asks for a role and another gives it."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Group
from django.test import Client
from django.urls import reverse

from backoffice.staff.models import User
from corrections.models import RoleRequest
from tests.factories.staff import account

pytestmark = pytest.mark.django_db


def as_user(user: User) -> Client:
    client = Client()
    client.force_login(user, "backoffice.staff.backends.ActivePersonBackend")
    return client


@pytest.fixture
def una(roles: None) -> User:
    return account("Una", "user_admin")


@pytest.fixture
def udo(roles: None) -> User:
    return account("Udo", "user_admin")


def asked(una: User, user: User, name: str = "checker") -> RoleRequest:
    form = {"account": user.pk, "group": Group.objects.get(name=name).pk, "reason": "New in the team."}
    assert as_user(una).post(reverse("admin:staff_roles"), form).status_code == 302
    return RoleRequest.objects.latest("pk")


def test_one_asks_and_another_gives(una: User, udo: User) -> None:
    nora = account("Nora", "maker")
    request = asked(una, nora)
    give = reverse("admin:staff_role_give", args=[request.pk])
    own, others = (as_user(user).get(reverse("admin:staff_roles")).content.decode() for user in (una, udo))
    assert give not in own
    assert give in others
    assert "would make and decide on the same scope: holds maker" in others
    assert as_user(una).post(give).status_code == 403
    assert set(nora.groups.values_list("name", flat=True)) == {"maker"}
    assert as_user(udo).post(give).status_code == 302
    assert set(nora.groups.values_list("name", flat=True)) == {"maker", "checker"}


def test_roles_of_an_account_say_who_gave_them_and_are_taken_away(una: User, udo: User) -> None:
    nora = account("Nora", "maker")
    as_user(udo).post(reverse("admin:staff_role_give", args=[asked(una, nora).pk]))
    html = as_user(una).get(reverse("admin:staff_roles"), {"account": nora.pk}).content.decode()
    assert "Udo E-UDO" in html
    assert "set up from the command line" in html  # what no request gave
    form = {"account": nora.pk, "group": Group.objects.get(name="maker").pk, "reason": ""}
    assert as_user(una).post(reverse("admin:staff_role_take"), form).status_code == 400
    assert as_user(una).post(reverse("admin:staff_role_take"), {**form, "reason": "Moved."}).status_code == 302
    assert set(nora.groups.values_list("name", flat=True)) == {"checker"}


def test_refused_form_says_why_and_keeps_what_was_typed(una: User) -> None:
    nora = account("Nora")
    form = {"account": nora.pk, "group": "999999", "reason": "Kept words."}
    answer = as_user(una).post(reverse("admin:staff_roles"), form)
    assert answer.status_code == 400
    html = answer.content.decode()
    assert "role_is_not_known" in html
    assert "Kept words." in html


def test_compliance_reads_and_superusers_too_but_neither_acts(una: User, ana: User, sam: User) -> None:
    nora = account("Nora")
    request = asked(una, nora)
    for user in (ana, sam):
        html = as_user(user).get(reverse("admin:staff_roles")).content.decode()
        assert "New in the team." in html
        assert "Ask for the role" not in html
        for verb in ("give", "refuse"):
            assert as_user(user).post(reverse(f"admin:staff_role_{verb}", args=[request.pk])).status_code == 403
    assert not nora.groups.exists()


@pytest.mark.parametrize("size", [2, 6])
def test_queries_do_not_grow_with_the_requests(size: int, una: User, django_assert_max_num_queries: object) -> None:
    for number in range(size):
        asked(una, account(f"N{number}", "maker"))
    client = as_user(una)
    with django_assert_max_num_queries(30):  # type: ignore[operator]
        client.get(reverse("admin:staff_roles"))
