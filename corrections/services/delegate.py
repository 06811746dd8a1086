"""Lending one's own role for days of absence, and taking it back. What a loan is worth is asked anew at each signature.

A loan goes no further than its giver's right, in role, scope and days, and lends nothing that was itself lent. Whoever
stands in for somebody is excluded by what excludes either of them, and their signature is one.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.apps import apps
from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.db.models import Model
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from corrections.choices import AuditKind
from corrections.conf import limits, person_model
from corrections.errors import Conflict, InvalidInput, NotAllowed
from corrections.grants import scope_models
from corrections.models import Delegation
from corrections.permissions import EVERYWHERE, scope_key
from corrections.roles import DECIDING_ROLES, Role
from corrections.services import _door, _texts


class RoleNotYours(NotAllowed):
    code = "lent_role_is_not_yours"
    message = _("You can lend only a deciding role that you hold yourself, where you hold it. A lent one is not yours.")


class ReceiverUnusable(InvalidInput):
    code = "delegate_is_not_possible"
    message = _("Choose another person, who is active and has an account that signs.")


class ScopeUnknown(InvalidInput):
    code = "delegation_scope_unknown"
    message = _("There is no such scope. Choose one from the list.")


class DaysUnusable(InvalidInput):
    code = "delegation_days_not_usable"
    message = _("A role is lent from today or later, for at most %(max)s days, both days included.")


class TooManyDelegations(InvalidInput):
    code = "too_many_delegations"
    message = _("You have %(max)s delegations that are not over. Take one back first.")


class WhyMissing(InvalidInput):
    code = "why_is_required"
    message = _("Say why in a few words: it stays on record.")


class DelegationNotYours(NotAllowed):
    code = "delegation_is_not_yours"
    message = _("Only who gave it, who received it, or a user administrator takes a delegation back.")


class DelegationOver(Conflict):
    code = "delegation_is_over"
    message = _("This delegation was taken back already.")


def delegate(
    *, actor: Any, receiver: Any, role: str, scope: Model | None, starts_on: dt.date, ends_on: dt.date, reason: str
) -> Delegation:
    """Lends the actor's own role to another person, on one scope or (None) everywhere, both days included.

    `receiver` is a person. Raises RoleNotYours, ReceiverUnusable, ScopeUnknown, DaysUnusable, TooManyDelegations.
    """
    with _door.opened(actor=actor) as act:
        act.demand_person()
        key = _key(scope)
        _demand_held(act, role, key)
        person = _demand_receiver(act, receiver)
        _demand_days(starts_on, ends_on)
        why = demand_why(reason)
        _demand_room(act)
        loan = Delegation.objects.create(
            giver_id=act.actor.person_id,
            receiver=person,
            role=role,
            scope_key=key,
            scope_label="" if scope is None else str(scope)[:200],
            starts_on=starts_on,
            ends_on=ends_on,
            reason=why,
            created_at=act.now,
        )
        _record(act, AuditKind.DELEGATED, loan)
    return loan


def _key(scope: Any) -> str:
    if scope is None:
        return EVERYWHERE
    if type(scope) not in scope_models() or not type(scope)._default_manager.filter(pk=scope.pk).exists():
        raise ScopeUnknown(field="scope")
    return scope_key(scope)


def _demand_held(act: _door.Act, role: str, key: str) -> None:
    """By the account that asks, in its own right: rights that were lent to it don't count."""
    is_held = role in act.rights.everywhere if key == EVERYWHERE else act.rights.holds(role, {key})
    if act.actor.is_superuser or role not in DECIDING_ROLES or not is_held:
        raise RoleNotYours(field="role")


def _demand_receiver(act: _door.Act, receiver: Any) -> Any:
    """Another person in force, with an account that can sign."""
    model = apps.get_model(person_model())
    try:
        person = model._default_manager.filter(pk=receiver.pk).first() if isinstance(receiver, model) else None
    except (TypeError, ValueError, ValidationError):
        person = None
    if person is None or not person.is_active or person.pk == act.actor.person_id:
        raise ReceiverUnusable(field="receiver")
    accounts = get_user_model()._default_manager.filter(person_id=person.pk, is_active=True, is_superuser=False)
    if not accounts.exists():
        raise ReceiverUnusable(field="receiver")
    return person


def _demand_days(starts_on: Any, ends_on: Any) -> None:
    longest = limits.DELEGATION_DAYS_MAX
    are_days = all(isinstance(day, dt.date) and not isinstance(day, dt.datetime) for day in (starts_on, ends_on))
    if not are_days or not timezone.localdate() <= starts_on <= ends_on or (ends_on - starts_on).days >= longest:
        raise DaysUnusable(field="ends_on", max=longest)


def demand_why(reason: Any) -> str:
    text = _texts.clean(reason, field="reason", longest=limits.ROLE_REASON_CHARS_MAX)
    if not text:
        raise WhyMissing(field="reason")
    return text


def _demand_room(act: _door.Act) -> None:
    living = Delegation.objects.filter(
        giver_id=act.actor.person_id, ended_at__isnull=True, ends_on__gte=timezone.localdate()
    )
    if living.count() >= limits.DELEGATIONS_MAX:
        raise TooManyDelegations(max=limits.DELEGATIONS_MAX)


def end_delegation(*, actor: Any, delegation: Delegation) -> Delegation:
    """Takes a loan back at once: by its giver, its receiver or a user administrator. What was signed stays signed."""
    with _door.opened(actor=actor) as act:
        act.demand_person()
        pk = delegation.pk if isinstance(delegation, Delegation) and _door.is_key(delegation.pk) else 0
        loan = Delegation.objects.select_for_update(of=("self",)).filter(pk=pk).first()
        is_own = loan is not None and act.actor.person_id in (loan.giver_id, loan.receiver_id)
        if loan is None or not (is_own or Role.USER_ADMIN in act.rights.roles):
            raise DelegationNotYours
        if loan.ended_at is not None:
            raise DelegationOver
        loan.ended_at = act.now
        loan.save(update_fields=["ended_at"])
        _record(act, AuditKind.DELEGATION_ENDED, loan)
    return loan


def _record(act: _door.Act, kind: AuditKind, loan: Delegation) -> None:
    act.record(
        kind,
        subject=f"delegation:{loan.pk}",
        giver=str(loan.giver),
        receiver=str(loan.receiver),
        receiver_id=loan.receiver_id,
        role=loan.role,
        scope=loan.scope_key,
        starts_on=f"{loan.starts_on:%Y-%m-%d}",
        ends_on=f"{loan.ends_on:%Y-%m-%d}",
    )
