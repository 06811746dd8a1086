"""Every "may X do Y to Z" of the engine, answered from the permission tables at the moment of asking.

Never from `user.has_perm`: its cache is stale after a revoke, and it says yes to every superuser (I-01). Roles carry
the right to *use* a function; object permissions on scopes, or on single records, say on what (DESIGN §5).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.contenttypes.models import ContentType
from django.db.models import Model, Q, QuerySet

from corrections.choices import State, StepScope
from corrections.grants import DECIDE, LENT, Asked, grants, grants_of, holders, scope_model
from corrections.models import Correction
from corrections.registry import Entry
from corrections.roles import ROLES, Role, codename, codename_everywhere, record_permission_codename

COMPANY = ""  # scope key of what belongs to no scope
CONTROL = "control"  # scope key of the desk's own controls
EVERYWHERE = "*"  # scope key of a loan that goes as far as its giver's role


def scope_key(scope: Model | None) -> str:
    """Stable text for a scope: ``accounts.branch:3``; the company is ""."""
    return COMPANY if scope is None else f"{scope._meta.label_lower}:{scope.pk}"


def scope_key_of(entry: Entry, row: Model) -> str:
    """The key of the scope that a row belongs to, of the control data for the desk's own controls."""
    return CONTROL if entry.is_control else scope_key(entry.config.scope(row))


@dataclass(frozen=True)
class Lent:
    """A role that an absent person lent to this one (models.Delegation)."""

    pk: int
    giver_id: int
    role: str
    scope_key: str  # "*": everywhere


@dataclass(frozen=True)
class Borrowed:
    """A loan, with the giver's rights in that role as far as it goes."""

    loan: Lent
    rights: Rights


@dataclass(frozen=True)
class Rights:
    """What one account may do, read at one moment."""

    user_id: int
    person_id: int | None
    is_superuser: bool = False
    roles: frozenset[str] = frozenset()
    everywhere: frozenset[str] = frozenset()
    scopes: Mapping[str, frozenset[str]] = field(default_factory=dict)
    handed: frozenset[int] = frozenset()  # corrections that were handed to this very account
    lent: tuple[Lent, ...] = ()  # roles of absent people; each counts only while its giver holds it

    @property
    def signing_roles(self) -> frozenset[str]:
        """Roles in which this account may come to sign something."""
        return self.roles | {loan.role for loan in self.lent}

    @cached_property
    def borrowed(self) -> tuple[Borrowed, ...]:
        """What the loans to this person are worth now; nothing is read where there is none."""
        return _borrowed(self.lent) if self.lent else ()

    def holds(self, role: str, keys: Iterable[str]) -> bool:
        """Whether the role is held on every one of the scopes. What belongs to no scope yet is nobody's of a scope."""
        if role not in self.roles:
            return False
        wanted = set(keys)
        return role in self.everywhere or (bool(wanted) and wanted <= self.scopes.get(role, frozenset()))

    def scope_keys(self, roles: Iterable[str] = ROLES) -> frozenset[str] | None:
        """Scopes on which any of the roles is held; None means everywhere."""
        held = [role for role in roles if role in self.roles]
        if any(role in self.everywhere for role in held):
            return None
        control = {CONTROL} if Role.POLICY_ADMIN in self.everywhere else frozenset()
        return frozenset(control).union(*(self.scopes.get(role, frozenset()) for role in held))


def may_make(rights: Rights, keys: Iterable[str]) -> bool:
    """Whether the account holds the maker's function on all of these scopes; the desk's own controls have another's."""
    wanted = set(keys)
    own = wanted & {CONTROL}
    is_theirs = not own or rights.holds(Role.POLICY_ADMIN, own)
    return is_theirs and (wanted == own != set() or rights.holds(Role.MAKER, wanted - own))


# Roles that make corrections: of business records, and of the desk's own controls.
MAKING_ROLES = (Role.MAKER, Role.POLICY_ADMIN)


def is_maker(rights: Rights) -> bool:
    """Whether the account makes corrections of anything."""
    return any(role in rights.roles for role in MAKING_ROLES)


# Roles of the business; the two administrators see no business data.
BUSINESS_ROLES = tuple(role for role in ROLES if role not in {Role.POLICY_ADMIN, Role.USER_ADMIN})


def is_usable(user: Any) -> bool:
    """A person's account (or a machine's) that is in force. Anonymous visitors and deactivated people are not."""
    if user is None or not user.pk or not user.is_active:
        return False
    return user.person is None or bool(user.person.is_active)


def rights_of(user: Any) -> Rights:
    """Fresh rights of an account, in one query. An account or person out of force has none."""
    if not is_usable(user):
        return Rights(user_id=getattr(user, "pk", None) or 0, person_id=None)
    return _rights(user, grants_of(user.pk))


def rights_of_holders(roles: Iterable[str], *, handed: Correction | None = None) -> list[tuple[Any, Rights]]:
    """Every usable account of a person that holds one of these roles, or to whose person one is lent, with its rights.

    What `rights_of` says of each, as far as these roles go, asked the other way round: two statements, however many
    people there are. Superusers are left out, since they sign nothing. Of corrections handed over only `handed` counts.
    """
    asked = Asked(roles=frozenset(roles), handed=handed)
    found: dict[int, list[list[str]]] = defaultdict(list)
    for account, *grant in grants(asked):
        found[account].append(grant)
    users = get_user_model()._default_manager.select_related("person").filter(is_active=True, is_superuser=False)
    known = users.filter(holders(asked), person__is_active=True).order_by("pk")
    return [(user, _rights(user, found[user.pk])) for user in known if user.pk in found]


def _rights(user: Any, granted: Iterable[Sequence[str]]) -> Rights:
    functions: set[str] = set()
    lent: list[Lent] = []
    scopes: dict[str, set[str]] = defaultdict(set)
    for name, label, key in granted:
        if name == LENT:
            loan, giver, role = label.split(":")
            lent.append(Lent(int(loan), int(giver), role, key))
        elif label:
            scopes[name].add(f"{label}:{key}")
        else:
            functions.add(name)
    roles = frozenset(role for role in ROLES if codename(role) in functions)
    return Rights(
        user_id=user.pk,
        person_id=user.person_id,
        is_superuser=user.is_superuser,
        roles=roles,
        everywhere=frozenset(role for role in roles if codename_everywhere(role) in functions),
        scopes={role: frozenset(scopes[codename(role)]) for role in ROLES if codename(role) in scopes},
        handed=frozenset(int(key.rpartition(":")[2]) for key in scopes[DECIDE]),
        lent=tuple(sorted(lent, key=lambda loan: loan.pk)),
    )


def _borrowed(loans: Collection[Lent]) -> tuple[Borrowed, ...]:
    """The loans whose givers hold what they lent, by any account in force, in two statements."""
    users = get_user_model()._default_manager.select_related("person").filter(is_active=True, is_superuser=False)
    givers = list(users.filter(person_id__in={loan.giver_id for loan in loans}, person__is_active=True))
    found: dict[int, list[list[str]]] = defaultdict(list)
    for account, *grant in grants(Asked(accounts=tuple(giver.pk for giver in givers))):
        found[account].append(grant)
    own = {giver.pk: _rights(giver, found[giver.pk]) for giver in givers}
    pairs = [(loan, own[giver.pk]) for giver in givers for loan in loans if loan.giver_id == giver.person_id]
    lent = [(loan, as_lent(loan, rights)) for loan, rights in pairs]
    return tuple(Borrowed(loan, rights) for loan, rights in lent if rights.roles)


def holds_where(rights: Rights, role: str, scope: str, keys: Iterable[str]) -> bool:
    """Whether the role is held where a step asks for it: on the records' scopes, everywhere, or on another scope."""
    wanted = set(keys)
    if scope == StepScope.TARGET:
        return rights.holds(role, wanted)
    if role not in rights.roles:
        return False
    if role in rights.everywhere:
        return True
    return scope == StepScope.OTHER and bool(rights.scopes.get(role, frozenset()) - wanted)


def as_lent(loan: Lent, giver: Rights) -> Rights:
    """What a loan gives: the giver's role as far as it was lent, and no further than the giver holds it now."""
    held = giver.scopes.get(loan.role, frozenset())
    is_whole = loan.scope_key == EVERYWHERE
    has_all = loan.role in giver.everywhere
    lent = held if is_whole else held & {loan.scope_key} if not has_all else frozenset({loan.scope_key})
    return Rights(
        user_id=giver.user_id,
        person_id=giver.person_id,
        roles=giver.roles & {loan.role},
        everywhere=giver.everywhere & {loan.role} if is_whole else frozenset(),
        scopes={loan.role: lent},
    )


def granted_pks(user: Any, model: type[Model], name: str) -> list[str]:
    """Keys of single records on which the account, or a group of it, holds an object permission."""
    by_user, by_group = _record_grants(user, model, name)
    return [pk for (pk,) in by_user.values_list("object_pk").union(by_group.values_list("object_pk"))]


def _record_grants(user: Any, model: type[Model], name: str) -> tuple[QuerySet[Any], QuerySet[Any]]:
    from guardian.models import GroupObjectPermission, UserObjectPermission

    content_type = ContentType.objects.get_for_model(model)
    wanted = {"content_type": content_type, "permission__codename": name}
    by_user = UserObjectPermission.objects.filter(user=user, **wanted).order_by()
    return by_user, GroupObjectPermission.objects.filter(group__user=user, **wanted).order_by()


def record_grants(user: Any, entry: Entry) -> list[str]:
    """Keys of the records that this account may see and propose to correct, beside those of its scopes."""
    return granted_pks(user, entry.model, record_permission_codename(entry.model._meta.model_name or ""))


def may_propose(user: Any, rights: Rights, entry: Entry, keys: Iterable[str], pk: Any) -> bool:
    """Whether the account may propose a correction of this record (scopes before and after in `keys`)."""
    if entry.is_control:
        return rights.holds(entry.config.maker_role, keys)
    if rights.holds(Role.MAKER, keys):
        return True
    return Role.MAKER in rights.roles and pk is not None and str(pk) in record_grants(user, entry)


def may_see_record(user: Any, rights: Rights, entry: Entry, row: Model) -> bool:
    return visible_records(user, rights, entry).filter(pk=row.pk).exists()


def visible_records(user: Any, rights: Rights, entry: Entry) -> QuerySet[Model]:
    """The rows of a registered model that an account may see; a superuser sees all, masked like everybody."""
    rows: QuerySet[Model] = entry.model._default_manager.all()
    if entry.is_control:
        return rows if rights.is_superuser or sees_controls(rights) else rows.none()
    keys = None if rights.is_superuser else rights.scope_keys(BUSINESS_ROLES)
    if keys is None:
        return rows
    in_scope = _in_scopes(entry, keys)
    granted = record_grants(user, entry) if Role.MAKER in rights.roles else []
    if granted:
        in_scope = Q(pk__in=granted) if in_scope is None else in_scope | Q(pk__in=granted)
    return rows.none() if in_scope is None else rows.filter(in_scope)


# Who may look at the desk's own controls, company-wide: those who set them, sign them, carry them out or audit them.
CONTROL_ROLES = (Role.POLICY_ADMIN, Role.COMPLIANCE, Role.PRESIDENT, Role.CONTROLLER, Role.EXECUTOR)


def sees_controls(rights: Rights) -> bool:
    return any(role in rights.everywhere for role in CONTROL_ROLES)


def _in_scopes(entry: Entry, keys: frozenset[str]) -> Q | None:
    """Condition for rows in these scopes; None where no row can be."""
    model = scope_model(entry)
    if model is None:
        return None
    prefix = f"{model._meta.label_lower}:"
    pks = [key.removeprefix(prefix) for key in sorted(keys) if key.startswith(prefix)]
    if not pks:
        return None
    path = "pk" if entry.config.scope_path == "self" else f"{entry.config.scope_path}_id"
    return Q(**{f"{path.removesuffix('_id')}__in" if path != "pk" else "pk__in": pks})


def step_scope(correction: Correction) -> str:
    """Where the signer of the open step must hold its role."""
    steps = correction.demand.get("steps", [])
    place = (correction.step or 0) - 1
    return str(steps[place].get("scope", StepScope.TARGET)) if 0 <= place < len(steps) else StepScope.TARGET


def may_sign(rights: Rights, correction: Correction, keys: Iterable[str], *, without: Collection[int] = ()) -> bool:
    """Whether the account holds, or borrowed, what the open step asks for; nobody stands in for people in `without`."""
    wanted = frozenset(keys)
    roles = {correction.step_role, correction.escalated_role} - {""}
    if not roles or rights.person_id is None:
        return False
    scope = step_scope(correction)
    was_handed = scope == StepScope.TARGET and correction.pk in rights.handed
    if any(holds_where(rights, role, scope, wanted) or (was_handed and role in rights.roles) for role in roles):
        return True
    return any(
        one.loan.role in roles
        and one.loan.giver_id not in without
        and holds_where(one.rights, one.loan.role, scope, wanted)
        for one in rights.borrowed
    )


def may_see_correction(user: Any, rights: Rights, correction: Correction, keys: Iterable[str]) -> bool:
    """Its maker, whoever holds a business role on all its scopes, whom it was handed to, and a superuser.

    And whoever could sign its open step by a role on another scope, or by one that was lent.
    """
    if rights.is_superuser or (rights.person_id is not None and rights.person_id == correction.maker_person_id):
        return True
    wanted = list(keys)
    if correction.pk in rights.handed:
        return True
    held = rights.scope_keys(BUSINESS_ROLES)
    is_within = held is None or (bool(wanted) and set(wanted) <= held)
    if is_within and (CONTROL not in wanted or sees_controls(rights)):
        return True
    return correction.state == State.SUBMITTED and may_sign(rights, correction, wanted)
