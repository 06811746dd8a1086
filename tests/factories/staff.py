"""Persons and accounts: Mara makes, Chidi checks, Sena signs large sums, Ana audits, Sam is superuser."""

from __future__ import annotations

import time
from base64 import b32decode
from typing import Any

import factory
from django.contrib.auth.models import Group
from django.db.models import Model
from django_otp.oath import TOTP
from factory.django import DjangoModelFactory

from backoffice.staff import step_up, tokens
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


class Authenticator:
    """The app on somebody's telephone: it got the key when the token was set up."""

    def __init__(self, key: str) -> None:
        self.key = b32decode(key.replace(" ", ""))

    def code(self, *, steps: int = 0) -> str:
        """What it shows now, or so many times 30 seconds later."""
        totp = TOTP(self.key)
        totp.time = time.time() + steps * 30
        return f"{totp.token():06d}"

    def wrong(self) -> str:
        """Six digits that are right neither now nor about now."""
        right = {self.code(steps=steps) for steps in range(-3, 4)}
        return next(code for code in (f"{number:06d}" for number in range(10)) if code not in right)


def with_token(user: User, password: str = PASSWORD) -> Authenticator:
    """Sets a token up for this account. The code that confirmed it is used up: the next one is half a minute off."""
    device = tokens.begin(actor=user)
    authenticator = Authenticator(step_up.key_of(device))
    tokens.confirm(actor=user, password=password, code=authenticator.code(steps=-1))
    return authenticator
