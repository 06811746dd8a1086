"""Named parts of the register: what a number of the start page counts is exactly what its list shows."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from corrections.choices import OPEN, AuditKind, DecisionKind, State
from corrections.models import AuditEvent, Decision
from corrections.permissions import Rights
from corrections.roles import Role

# A correction of one's own that is still going somewhere.
TO_WORK_ON = (State.DRAFT, State.RETURNED, State.FAILED)
WAITING = (State.SUBMITTED, State.APPROVED)


class View(models.TextChoices):
    MINE = "mine", _("made by me")
    TO_WORK_ON = "work", _("mine, to work on")
    WAITING = "waiting", _("mine, waiting for others")
    TO_APPLY = "to_apply", _("approved, to be applied")
    UNDER_WAY = "under_way", _("being applied in chunks")
    HELD = "held", _("on hold")
    TROUBLED = "trouble", _("on hold or failed")
    TODAY = "today", _("applied today")
    UNSIGNED = "unsigned", _("break-glass, not countersigned")
    REFERRED = "referred", _("referred to anti-money-laundering")


# Nobody else is told that there are any.
FOR_COMPLIANCE = (View.REFERRED,)


def midnight() -> dt.datetime:
    """When the desk's day began."""
    return timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)


def mine(rights: Rights) -> Q:
    """Made by this person, from whichever account."""
    return Q(maker_person_id=rights.person_id or 0)


def held() -> Q:
    return Q(state__in=[*OPEN, State.FAILED], is_held=True)


def _with_event(kind: AuditKind) -> Q:
    """Corrections with such an event: found by it, since they are few and their columns have no index."""
    return Q(pk__in=AuditEvent.objects.filter(kind=kind).order_by().values("correction_id"))


def uncountersigned() -> Q:
    """Applied by break-glass, and nobody has signed since."""
    later = Decision.objects.filter(
        correction=OuterRef("pk"), kind=DecisionKind.APPROVE, decided_at__gt=OuterRef("broke_glass_at")
    )
    return _with_event(AuditKind.BROKEN_GLASS) & Q(broke_glass_at__isnull=False) & ~Q(Exists(later))


def referred(rights: Rights) -> Q:
    """Referred to anti-money-laundering; to whoever is not compliance, there are none."""
    if Role.COMPLIANCE not in rights.roles:
        return Q(pk__in=[])
    return _with_event(AuditKind.REFERRED) & Q(referred_at__isnull=False) & ~mine(rights)


def offered(rights: Rights) -> list[tuple[str, str]]:
    """The parts that an account may narrow the register to."""
    is_compliance = Role.COMPLIANCE in rights.roles
    return [(value, str(label)) for value, label in View.choices if is_compliance or value not in FOR_COMPLIANCE]


CONDITIONS: dict[str, Callable[[Rights], Q]] = {
    View.MINE: mine,
    View.TO_WORK_ON: lambda rights: mine(rights) & Q(state__in=TO_WORK_ON),
    View.WAITING: lambda rights: mine(rights) & Q(state__in=WAITING),
    View.TO_APPLY: lambda rights: Q(state=State.APPROVED, is_held=False),
    View.UNDER_WAY: lambda rights: Q(state=State.APPLYING),
    View.HELD: lambda rights: held(),
    View.TROUBLED: lambda rights: held() | Q(state=State.FAILED),
    View.TODAY: lambda rights: Q(applied_at__gte=midnight()),
    View.UNSIGNED: lambda rights: uncountersigned(),
    View.REFERRED: referred,
}


def condition(view: str, rights: Rights) -> Q:
    """What the view shows; no view, no condition."""
    return CONDITIONS[view](rights) if view else Q()
