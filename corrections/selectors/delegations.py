"""Delegations as a page shows them: one's own, or everybody's for those who watch over them."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.contrib.auth import get_user_model
from django.db.models import Model, Q
from django.utils import timezone

from corrections.conf import limits, person_model
from corrections.grants import scope_models
from corrections.models import Delegation
from corrections.permissions import Rights, scope_key
from corrections.roles import DECIDING_ROLES, Role

# Who sees what everybody lends.
WATCHING = frozenset({Role.COMPLIANCE, Role.USER_ADMIN})


@dataclass(frozen=True)
class Loan:
    """One delegation for one reader."""

    row: Delegation
    today: dt.date
    may_end: bool

    @property
    def state(self) -> str:
        """One of "ended", "over", "to_come" or "in_force"."""
        if self.row.ended_at is not None:
            return "ended"
        if self.row.ends_on < self.today:
            return "over"
        return "to_come" if self.row.starts_on > self.today else "in_force"

    @property
    def is_living(self) -> bool:
        return self.state in ("to_come", "in_force")


def sees_all(rights: Rights) -> bool:
    return rights.is_superuser or bool(rights.roles & WATCHING)


def loans(*, rights: Rights) -> list[Loan]:
    """The newest ones: of the reader's person, or of everybody for those who watch over them."""
    rows = Delegation.objects.select_related("giver", "receiver").order_by("-pk")
    if not sees_all(rights):
        rows = rows.filter(Q(giver_id=rights.person_id or 0) | Q(receiver_id=rights.person_id or 0))
    today = timezone.localdate()
    is_admin = Role.USER_ADMIN in rights.roles and rights.person_id is not None
    found = [
        Loan(row, today, is_admin or rights.person_id in (row.giver_id, row.receiver_id))
        for row in rows[: limits.DELEGATIONS_SHOWN_MAX]
    ]
    return sorted(found, key=lambda loan: not loan.is_living)


def lendable(rights: Rights) -> list[tuple[str, str]]:
    """Roles that this account could lend, with their labels."""
    if rights.is_superuser or rights.person_id is None:
        return []
    return [(role, str(Role(role).label)) for role in DECIDING_ROLES if role in rights.roles]


def places(rights: Rights) -> list[tuple[str, str]]:
    """Scopes on which it holds one of them, by key; everywhere is another choice."""
    roles = [role for role, _label in lendable(rights)]
    held = frozenset().union(*(rights.scopes.get(role, frozenset()) for role in roles))
    has_all = any(role in rights.everywhere for role in roles)
    return [(scope_key(row), str(row)) for row in _scopes(None if has_all else held)]


def _scopes(keys: frozenset[str] | None) -> list[Model]:
    found: list[Model] = []
    for model in scope_models():
        rows = model._default_manager.all()
        if keys is not None:
            prefix = f"{model._meta.label_lower}:"
            rows = rows.filter(pk__in=[key.removeprefix(prefix) for key in keys if key.startswith(prefix)])
        found += rows[: limits.SCOPES_SHOWN_MAX]
    return found


def scope_of(key: str) -> Model | None:
    """The scope of this key, if there is one."""
    label, _colon, pk = key.partition(":")
    for model in scope_models():
        if model._meta.label_lower == label and pk.isascii() and pk.isdigit() and len(pk) < 19:
            return model._default_manager.filter(pk=pk).first()
    return None


def receivers(rights: Rights) -> list[Any]:
    """Other people in force with an account that can sign."""
    accounts = get_user_model()._default_manager.filter(is_active=True, is_superuser=False, person__isnull=False)
    people = apps.get_model(person_model())._default_manager.filter(is_active=True, pk__in=accounts.values("person_id"))
    return list(people.exclude(pk=rights.person_id).order_by("name")[: limits.RECEIVERS_SHOWN_MAX])


def person_of(pk: int | None) -> Any:
    return apps.get_model(person_model())._default_manager.filter(pk=pk).first() if pk else None
