"""What was noted of sign-ins that failed: who is locked out now, and the latest failures; read-only."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from axes.models import AccessAttempt, AccessFailureLog
from django.conf import settings
from django.db.models import Max, Sum
from django.utils import timezone

from corrections.conf import limits


@dataclass(frozen=True)
class LockedOut:
    name: str
    address: str | None
    until: dt.datetime


@dataclass(frozen=True)
class Failures:
    rows: tuple[AccessFailureLog, ...]
    older: int | None  # key to go on from


def locked_out() -> list[LockedOut]:
    """Names that may not sign in from an address now, the longest first."""
    since = timezone.now() - settings.AXES_COOLOFF_TIME
    groups = AccessAttempt.objects.filter(attempt_time__gte=since).order_by().values("username", "ip_address")
    full = groups.annotate(total=Sum("failures_since_start"), last=Max("attempt_time")).filter(
        total__gte=settings.AXES_FAILURE_LIMIT
    )
    return [
        LockedOut(row["username"] or "", row["ip_address"], row["last"] + settings.AXES_COOLOFF_TIME)
        for row in full.order_by("-last")[: limits.PAGE_ROWS]
    ]


def failures(*, below: int | None = None) -> Failures:
    """The latest failures, newest first."""
    rows = AccessFailureLog.objects.order_by("-pk")
    found = list((rows if below is None else rows.filter(pk__lt=below))[: limits.PAGE_ROWS + 1])
    shown = tuple(found[: limits.PAGE_ROWS])
    return Failures(shown, shown[-1].pk if len(found) > limits.PAGE_ROWS else None)
