"""Our own systems as named actors: accounts that sign nothing in and decide nothing."""

from __future__ import annotations

from django.contrib.auth.hashers import make_password

from backoffice.staff.models import Kind, User


def machine(username: str) -> User:
    """The machine account of this name, made when it is needed first; raises ValueError if a human has the name."""
    account, _ = User.objects.get_or_create(
        username=username, defaults={"kind": Kind.MACHINE, "password": make_password(None)}
    )
    if not account.is_machine:
        raise ValueError(f"{username} is the name of a human's account.")
    return account
