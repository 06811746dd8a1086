"""Persons and accounts: what the tables refuse, whoever writes."""

from __future__ import annotations

import pytest
from django.contrib.auth.hashers import make_password
from django.db import IntegrityError, transaction
from django.db.models import ProtectedError

from backoffice.staff.machines import machine
from backoffice.staff.models import Kind, Person, User
from tests.factories.staff import MachineFactory, PersonFactory, UserFactory, account

pytestmark = pytest.mark.django_db


def refused(**fields: object) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        User.objects.create(username="new", **fields)


def test_human_account_belongs_to_a_person() -> None:
    refused(kind=Kind.HUMAN)
    assert User.objects.create(username="new", person=PersonFactory()).person


def test_only_a_superuser_may_have_no_person() -> None:
    assert User.objects.create_superuser("root", password="x").person is None


def test_machine_has_no_person_no_password_and_no_entry() -> None:
    unusable = make_password(None)
    refused(kind=Kind.MACHINE, password=make_password("x"))
    refused(kind=Kind.MACHINE, password=unusable, person=PersonFactory())
    refused(kind=Kind.MACHINE, password=unusable, is_staff=True)
    refused(kind=Kind.MACHINE, password=unusable, is_superuser=True)
    assert MachineFactory().is_machine


def test_our_own_systems_act_under_names() -> None:
    account("Mara")
    assert machine("loan-core") == machine("loan-core")
    assert not machine("loan-core").has_usable_password()
    with pytest.raises(ValueError, match="human"):
        machine("mara")


def test_one_person_may_have_several_accounts() -> None:
    mara = account("Mara")
    second = UserFactory(username="mara.second", person=mara.person)
    assert mara.person is not None
    assert set(mara.person.accounts.all()) == {mara, second}


def test_account_names_differ_in_more_than_case() -> None:
    account("Mara")
    with pytest.raises(IntegrityError), transaction.atomic():
        UserFactory(username="MARA")


def test_employee_number_is_unique_and_present() -> None:
    PersonFactory(employee_no="0231")
    for number in ("0231", ""):
        with pytest.raises(IntegrityError), transaction.atomic():
            Person.objects.create(employee_no=number, name="Wang Li")


def test_i14_people_and_accounts_are_never_deleted() -> None:
    mara = account("Mara")
    for attempt in (
        mara.delete,
        mara.person.delete,
        User.objects.all().delete,
        Person.objects.filter(pk=1).delete,
    ):
        with pytest.raises(ProtectedError, match="deactivate"):
            attempt()


def test_a_person_is_named_with_the_employee_number() -> None:
    person = PersonFactory(name="Wang Li", employee_no="0231")
    assert str(person) == "Wang Li 0231"
    assert str(UserFactory(username="wangli", person=person)) == "Wang Li 0231 (wangli)"
