"""Persons and accounts: Mara makes, Chidi checks, Sena signs large sums, Ana audits, Sam is superuser."""

from __future__ import annotations

from typing import Any

import factory
from django.contrib.auth.models import Group
from django.db.models import Model
from factory.django import DjangoModelFactory

from backoffice.staff.models import Kind, Person, User

PASSWORD = "a long enough passphrase"


class PersonFactory(DjangoModelFactory[Person]):
    class Meta:
        model = Person
        django_get_or_create = ("employee_no",)

    employee_no = factory.Sequence(lambda n: f"E{n:04d}")
    name = factory.Sequence(lambda n: f"Person {n}")


class UserFactory(DjangoModelFactory[User]):
    """A human's account that may enter the admin and has no role yet."""

    class Meta:
        model = User

    username = factory.Sequence(lambda n: f"user{n}")
    person = factory.SubFactory(PersonFactory)
    is_staff = True
    password = factory.django.Password(PASSWORD)


class MachineFactory(DjangoModelFactory[User]):
    """The name under which one of our own systems acts."""

    class Meta:
        model = User

    username = factory.Sequence(lambda n: f"machine{n}")
    kind = Kind.MACHINE
    password = factory.django.Password(None)


def account(name: str, *roles: str, scope: Model | None = None, **fields: Any) -> User:
    """An account `name` in lower case, of the person `name` unless one is given, with roles (see `give_roles`)."""
    fields.setdefault("username", name.lower())
    if "person" not in fields:
        fields["person"] = PersonFactory(name=name, employee_no=f"E-{name.upper()}")
    user: User = UserFactory(**fields)
    give_roles(user, *roles, scope=scope)
    return user


def give_roles(user: User, *roles: str, scope: Model | None = None) -> None:
    """Put the account into the groups of these roles, on the scope or everywhere; `bootstrap` must have run."""
    suffix = f": {scope}" if scope else ""
    user.groups.add(*(Group.objects.get(name=f"{role}{suffix}") for role in roles))


def superuser(name: str = "Sam") -> User:
    return account(name, is_superuser=True)
