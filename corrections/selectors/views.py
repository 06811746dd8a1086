"""Named parts of the register: what a number of the start page counts is exactly what its list shows."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from corrections.choices import OPEN, State
from corrections.permissions import Rights

# A correction of one's own that is still going somewhere.
TO_WORK_ON = (State.DRAFT, State.RETURNED, State.FAILED)
WAITING = (State.SUBMITTED, State.APPROVED)


class View(models.TextChoices):
    MINE = "mine", _("made by me")
    TO_WORK_ON = "work", _("mine, to work on")
    WAITING = "waiting", _("mine, waiting for others")
    TO_APPLY = "to_apply", _("approved, to be applied")
    HELD = "held", _("on hold")
    TROUBLED = "trouble", _("on hold or failed")
    TODAY = "today", _("applied today")


def midnight() -> dt.datetime:
    """When the desk's day began."""
    return timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)


def mine(rights: Rights) -> Q:
    """Made by this person, from whichever account."""
    return Q(maker_person_id=rights.person_id or 0)


def held() -> Q:
    return Q(state__in=[*OPEN, State.FAILED], is_held=True)


CONDITIONS: dict[str, Callable[[Rights], Q]] = {
    View.MINE: mine,
    View.TO_WORK_ON: lambda rights: mine(rights) & Q(state__in=TO_WORK_ON),
    View.WAITING: lambda rights: mine(rights) & Q(state__in=WAITING),
    View.TO_APPLY: lambda rights: Q(state=State.APPROVED, is_held=False),
    View.HELD: lambda rights: held(),
    View.TROUBLED: lambda rights: held() | Q(state=State.FAILED),
    View.TODAY: lambda rights: Q(applied_at__gte=midnight()),
}


def condition(view: str, rights: Rights) -> Q:
    """What the view shows; no view, no condition."""
    return CONDITIONS[view](rights) if view else Q()
