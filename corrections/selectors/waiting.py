"""Which open corrections ask for a role where somebody holds it, as conditions in SQL; who signs, services decide.

The same as permissions.may_sign says of each.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from django.db.models import Count, Exists, IntegerField, OuterRef, Q, Subquery
from django.db.models.functions import Coalesce
from django.db.models.lookups import LessThan

from corrections.choices import State, StepScope
from corrections.models import Correction, CorrectionScope, CorrectionStep
from corrections.permissions import Rights
from corrections.roles import DECIDING_ROLES

# Where a step may ask for its role beside the records' scopes.
ELSEWHERE = (StepScope.COMPANY, StepScope.OTHER)


def within(keys: Iterable[str]) -> Q:
    """Corrections that touch only these scopes, and at least one, asked of each by two seeks: for rows that are few
    for another reason."""
    keys = sorted(keys)
    scopes = CorrectionScope.objects.filter(correction=OuterRef("pk"))
    return Q(Exists(scopes.filter(key__in=keys))) & ~Q(Exists(scopes.exclude(key__in=keys)))


def asks(roles: Iterable[str]) -> Q:
    """The open step waits for one of these roles, or escalated to one."""
    wanted = list(roles)
    return Q(step_role__in=wanted) | Q(escalated_role__in=wanted)


def step_held(*scopes: str) -> Q:
    """The open step asks for its role in one of these places."""
    steps = CorrectionStep.objects.filter(
        correction=OuterRef("pk"), revision=OuterRef("revision"), position=OuterRef("step")
    )
    return Q(Exists(steps.filter(scope__in=scopes)))


def by_scope(rights: Rights, roles: Iterable[str]) -> list[Q]:
    """Conditions for the roles held everywhere, and for those held on the same scopes: there, or elsewhere."""
    roles = [role for role in roles if role in rights.roles]
    everywhere = [role for role in roles if role in rights.everywhere]
    ways = [asks(everywhere)] if everywhere else []
    for keys, held in _on_scopes(rights, roles).items():
        there = within(keys) & ~step_held(*ELSEWHERE)
        ways.append(asks(held) & (there | _beyond(keys)))
    return ways


def _on_scopes(rights: Rights, roles: Iterable[str]) -> dict[frozenset[str], list[str]]:
    found: dict[frozenset[str], list[str]] = defaultdict(list)
    for role in roles:
        keys = rights.scopes.get(role)
        if role not in rights.everywhere and keys:
            found[keys].append(role)
    return found


def _beyond(keys: frozenset[str]) -> Q:
    """The step asks for another scope than the records', and at least one of these is one."""
    touched = CorrectionScope.objects.filter(correction=OuterRef("pk"), key__in=sorted(keys)).order_by()
    count = touched.values("correction").annotate(total=Count("pk")).values("total")
    return step_held(StepScope.OTHER) & Q(
        LessThan(Coalesce(Subquery(count, output_field=IntegerField()), 0), len(keys))
    )


def elsewhere(rights: Rights, *, are_few: bool) -> Q | None:
    """Open corrections that an account could sign though they are of no scope of its own: it sees them, too."""
    roles = [role for role in DECIDING_ROLES if role in rights.roles]
    ways = [asks(held) & _beyond(keys) for keys, held in _on_scopes(rights, roles).items()]
    ways += [way for one in rights.borrowed for way in by_scope(one.rights, [one.loan.role])]
    if not ways:
        return None
    found = Q()
    for way in ways:
        found |= way
    found &= Q(state=State.SUBMITTED)
    return found if are_few else Q(pk__in=Correction.objects.filter(found).order_by().values("pk"))
