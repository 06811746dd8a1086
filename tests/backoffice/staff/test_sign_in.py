"""Who may sign in, and who is out at the next request."""

from __future__ import annotations

import pytest
from django.test import Client

from backoffice.staff.models import Person, User
from tests.factories.staff import PASSWORD, MachineFactory, UserFactory, account

pytestmark = pytest.mark.django_db


def signs_in(username: str, password: str = PASSWORD) -> bool:
    answer = Client().post("/admin/login/", {"username": username, "password": password, "next": "/admin/"})
    return answer.status_code == 302


def enters(client: Client) -> bool:
    return client.get("/admin/").status_code == 200


def test_active_person_signs_in_and_enters(client: Client) -> None:
    mara = account("Mara")
    assert signs_in("mara")
    assert not signs_in("mara", "wrong")
    client.force_login(mara, "backoffice.staff.backends.ActivePersonBackend")
    assert enters(client)


def test_deactivated_person_is_out_at_the_next_request_with_every_account(client: Client) -> None:
    mara = account("Mara")
    second = UserFactory(username="mara.second", person=mara.person)
    client.force_login(second, "backoffice.staff.backends.ActivePersonBackend")
    assert enters(client)
    Person.objects.filter(pk=mara.person_id).update(is_active=False)
    assert not enters(client)
    assert not signs_in("mara")
    assert not signs_in("mara.second")


def test_deactivated_account_is_out_and_the_other_stays(client: Client) -> None:
    mara = account("Mara")
    UserFactory(username="mara.second", person=mara.person)
    client.force_login(mara, "backoffice.staff.backends.ActivePersonBackend")
    User.objects.filter(pk=mara.pk).update(is_active=False)
    assert not enters(client)
    assert signs_in("mara.second")


def test_machine_cannot_sign_in_even_with_a_session(client: Client) -> None:
    machine = MachineFactory()
    assert not signs_in(machine.username, "")
    client.force_login(machine, "backoffice.staff.backends.ActivePersonBackend")
    assert not enters(client)
