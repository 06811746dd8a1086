"""Giving somebody a role takes two user administrators; taking one away takes one. Each is an audit event.

Nobody has a part in it for his or her own person: neither asks for it, nor gives it. The database holds that the
second person is another one. Which account belongs to whom, and who may sign in, is decided elsewhere.
"""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.utils.translation import gettext_lazy as _

from corrections.choices import AuditKind, RoleRequestState
from corrections.errors import Conflict, InvalidInput, NotAllowed
from corrections.models import RoleRequest
from corrections.permissions import is_usable, rights_of_holders
from corrections.roles import ROLES, Role
from corrections.services import _door
from corrections.services.delegate import demand_why

# Our own systems may ask for corrections and carry them out; they never decide or administer.
MACHINE_ROLES: frozenset[str] = frozenset({Role.MAKER, Role.EXECUTOR})
USER_ADMINS = 2  # one asks, another gives


class UserAdminOnly(NotAllowed):
    code = "user_admin_role_is_required"
    message = _("Only a user administrator gives roles and takes them away.")


class OwnRole(NotAllowed):
    code = "own_roles_are_not_yours_to_change"
    message = _(
        "Nobody gives or takes a role of an account of his or her own. Let the other user administrators do it."
    )


class SecondPersonMissing(NotAllowed):
    code = "role_takes_a_second_person"
    message = _("You asked for this role, so another user administrator must give it.")


class NoSuchRole(InvalidInput):
    code = "role_is_not_known"
    message = _("There is no such role. Choose one from the list.")


class RoleNotForAccount(InvalidInput):
    code = "account_cannot_hold_this_role"
    message = _(
        "This account can't hold that role: a superuser holds none, a machine only maker or executor, and an account "
        "or person out of use nothing new."
    )


class RoleHeldAlready(Conflict):
    code = "role_is_held_already"
    message = _("This account holds that role already.")


class RoleNotHeld(Conflict):
    code = "role_is_not_held"
    message = _("This account doesn't hold that role.")


class RoleAskedAlready(Conflict):
    code = "role_was_asked_for_already"
    message = _("This role was asked for already; another user administrator decides.")


class UserAdminsEnough(NotAllowed):
    code = "user_admins_are_enough"
    message = _("There are two user administrators in force: further ones are asked for and given by them.")


class RequestDecided(Conflict):
    code = "role_request_is_decided"
    message = _("This request was decided already.")


def role_of(group: Group) -> str:
    """The role that a group gives, everywhere or on one scope (`checker: Shanghai` gives `checker`)."""
    return str(group.name).split(":", 1)[0]


def ask_role(*, actor: Any, account: Any, group: Group, reason: str) -> RoleRequest:
    """Asks for one role for one account; another user administrator decides.

    Raises UserAdminOnly, OwnRole, NoSuchRole, RoleNotForAccount, RoleHeldAlready, RoleAskedAlready.
    """
    with _door.opened(actor=actor) as act:
        user, role = _demand_may(act, account), _known(group)
        _demand_suits(user, role)
        why = demand_why(reason)
        if user.groups.filter(pk=role.pk).exists():
            raise RoleHeldAlready(field="group")
        if RoleRequest.objects.filter(account=user, group=role, state=RoleRequestState.ASKED).exists():
            raise RoleAskedAlready(field="group")
        request = RoleRequest.objects.create(
            account=user,
            group=role,
            reason=why,
            asked_by=act.actor,
            asked_by_person_id=act.actor.person_id,
            asked_by_name=act.actor_name,
            asked_at=act.now,
        )
        _record(act, AuditKind.ROLE_ASKED, user, role, request=request.pk, reason=why)
    return request


def give_role(*, actor: Any, request: RoleRequest) -> RoleRequest:
    """Gives the role that another person asked for. Raises SecondPersonMissing and whatever `ask_role` does."""
    with _door.opened(actor=actor) as act:
        row = _locked(request)
        user, role = _demand_may(act, row.account), _known(row.group)
        _demand_open(row)
        if row.asked_by_person_id == act.actor.person_id:
            raise SecondPersonMissing
        _demand_suits(user, role)
        _decide(act, row, RoleRequestState.GIVEN)
        user.groups.add(role)
        _record(act, AuditKind.ROLE_GIVEN, user, role, request=row.pk, asked_by=row.asked_by_name)
    return row


def refuse_role(*, actor: Any, request: RoleRequest) -> RoleRequest:
    """Refuses a request, or takes one's own back: one person is enough for a no."""
    with _door.opened(actor=actor) as act:
        row = _locked(request)
        user = _demand_may(act, row.account)
        _demand_open(row)
        _decide(act, row, RoleRequestState.REFUSED)
        _record(act, AuditKind.ROLE_REFUSED, user, row.group, request=row.pk, asked_by=row.asked_by_name)
    return row


def take_role(*, actor: Any, account: Any, group: Group, reason: str) -> None:
    """Takes a role away at once: the next decision of the account is without it."""
    with _door.opened(actor=actor) as act:
        user, role = _demand_may(act, account), _known(group)
        why = demand_why(reason)
        if not user.groups.filter(pk=role.pk).exists():
            raise RoleNotHeld(field="group")
        user.groups.remove(role)
        _record(act, AuditKind.ROLE_TAKEN, user, role, reason=why)


def appoint_user_admin(*, actor: Any, account: Any) -> None:
    """Makes an account one of the first two user administrators, for a command of the company's own system.

    A desk without two of them, because it is new or because they left, could give no role at all. Safe to run twice.
    """
    with _door.opened(actor=actor) as act:
        if act.actor.person_id is not None:
            raise UserAdminOnly
        user, role = _fresh(account), Group.objects.get(name=Role.USER_ADMIN)
        if user.groups.filter(pk=role.pk).exists():
            return
        if user.person_id is None:
            raise RoleNotForAccount(field="account")
        _demand_suits(user, role)
        holders = rights_of_holders({Role.USER_ADMIN})
        if len({other.person_id for other, rights in holders if rights.roles}) >= USER_ADMINS:
            raise UserAdminsEnough
        user.groups.add(role)
        _record(act, AuditKind.ROLE_GIVEN, user, role, by="command line")


def _fresh(account: Any) -> Any:
    """The account as it is in the database now, locked."""
    model = get_user_model()
    user: Any = None
    if isinstance(account, model) and account.pk:
        rows = model._default_manager.select_related("person").select_for_update(of=("self",))
        user = rows.filter(pk=account.pk).first()
    if user is None:
        raise RoleNotForAccount(field="account")
    return user


def _demand_may(act: _door.Act, account: Any) -> Any:
    """A user administrator in person, and an account of somebody else, read afresh."""
    act.demand_person()
    if Role.USER_ADMIN not in act.rights.everywhere or act.actor.is_superuser:
        raise UserAdminOnly
    user = _fresh(account)
    if user.pk == act.actor.pk or user.person_id == act.actor.person_id:
        raise OwnRole(field="account")
    return user


def _known(group: Any) -> Group:
    """The role group itself, by its key: one that `bootstrap_roles` made."""
    found = Group.objects.filter(pk=group.pk).first() if isinstance(group, Group) and group.pk else None
    if found is None or role_of(found) not in ROLES:
        raise NoSuchRole(field="group")
    return found


def _demand_suits(user: Any, group: Group) -> None:
    is_machine = user.person_id is None
    if not is_usable(user) or user.is_superuser or (is_machine and role_of(group) not in MACHINE_ROLES):
        raise RoleNotForAccount(field="account")


def _locked(request: Any) -> RoleRequest:
    rows = RoleRequest.objects.select_related("account", "group").select_for_update(of=("self",))
    found = rows.filter(pk=request.pk).first() if isinstance(request, RoleRequest) and request.pk else None
    if found is None:
        raise RequestDecided
    return found


def _demand_open(row: RoleRequest) -> None:
    if row.state != RoleRequestState.ASKED:
        raise RequestDecided


def _decide(act: _door.Act, row: RoleRequest, state: RoleRequestState) -> None:
    row.state = state
    row.decided_by, row.decided_by_person_id = act.actor, act.actor.person_id
    row.decided_by_name, row.decided_at = act.actor_name, act.now
    row.save(update_fields=["state", "decided_by", "decided_by_person_id", "decided_by_name", "decided_at"])


def _record(act: _door.Act, kind: AuditKind, user: Any, group: Group, **detail: Any) -> None:
    act.record(kind, subject=f"account:{user.pk}", account=_door.name_of(user), role=group.name, **detail)
