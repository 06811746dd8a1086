"""What earlier corrections add up to, so that splitting an amount or a file doesn't lower the tier."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any

from django.db.models import Q, QuerySet, Subquery
from django.utils import timezone

from corrections.checks.asking import changes_of_targets, count, total
from corrections.checks.base import Subject
from corrections.choices import Cumulate, State
from corrections.models import Change, Correction, Policy
from corrections.policies import Ruled

# Corrections that moved money or may still move it as they stand.
COUNTED = (State.SUBMITTED, State.APPROVED, State.APPLYING, State.APPLIED, State.REVERTED, State.STOPPED)
MONEY, ROWS = "earlier", "rows"
Window = tuple[str, int, str]  # dimension, days, and what is added up
# These look at the records and their beneficiaries; the others at the correction alone.
BY_ROW = frozenset({Cumulate.TARGET, Cumulate.BENEFICIARY})


def windows(policies: Iterable[Ruled]) -> set[Window]:
    """Every way in which some policy in force adds up."""
    return {
        (dimension, ruled.policy.cumulate_days, what)
        for ruled in policies
        for dimension in ruled.policy.cumulate
        for what in _added_up(ruled.policy)
        if ruled.policy.cumulate_days
    }


def _added_up(policy: Policy) -> tuple[str, ...]:
    """Rows are counted only where a policy asks how many they are."""
    return (MONEY, ROWS) if policy.rows_from else (MONEY,)


def questions(subject: Subject, wanted: Iterable[Window]) -> dict[str, Subquery]:
    """One question for each window; corrections that were submitted later don't count, so each pair counts once."""
    return {
        f"{what}:{dimension}:{days}": _BY[dimension](subject, days, what) for dimension, days, what in sorted(wanted)
    }


def sums(past: Mapping[str, Any], what: str) -> dict[tuple[str, int], Decimal]:
    """What the past answered to these questions, by dimension and days."""
    found = {}
    for label, value in past.items():
        kind, _, rest = label.partition(":")
        if kind == what:
            dimension, days = rest.split(":")
            found[dimension, int(days)] = Decimal(value or 0)
    return found


def _before(subject: Subject, days: int, prefix: str = "", *, since: dt.datetime | None = None) -> Q:
    since = since or subject.at - dt.timedelta(days=days)
    key = f"{prefix}submitted_at"
    pk = subject.correction.pk
    own = Q(**{f"{prefix}pk": pk})
    earlier = Q(**{f"{key}__lt": subject.at}) | Q(**{key: subject.at, f"{prefix}pk__lt": pk})
    return Q(**{f"{prefix}state__in": COUNTED, f"{key}__gte": since}) & earlier & ~own


# Of a correction both stand on its own row, so that nobody counts the million rows of a batch again.
_COLUMN = {MONEY: "stake", ROWS: "rows"}


def _of_changes(changes: QuerySet[Change], what: str) -> Subquery:
    return count(changes) if what == ROWS else total(changes, "stake")


def _by_maker(subject: Subject, days: int, what: str) -> Subquery:
    rows = Correction.objects.filter(_before(subject, days), maker_person=subject.correction.maker_person_id)
    return total(rows, _COLUMN[what])


def _by_day(subject: Subject, days: int, what: str) -> Subquery:
    """Of everybody, on this day of the desk's clock and the `days` − 1 before it."""
    today = timezone.localtime(subject.at).replace(hour=0, minute=0, second=0, microsecond=0)
    since = today - dt.timedelta(days=days - 1)
    return total(Correction.objects.filter(_before(subject, days, since=since)), _COLUMN[what])


def _by_target(subject: Subject, days: int, what: str) -> Subquery:
    return _of_changes(changes_of_targets(subject.changes).filter(_before(subject, days, "correction__")), what)


def _by_beneficiary(subject: Subject, days: int, what: str) -> Subquery:
    keys = sorted({change.beneficiary for change in subject.changes if change.beneficiary})
    rows = Change.objects.filter(_before(subject, days, "correction__"), beneficiary__among=frozenset(keys))
    return _of_changes(rows if keys else rows.none(), what)


_BY: dict[str, Callable[[Subject, int, str], Subquery]] = {
    Cumulate.MAKER: _by_maker,
    Cumulate.DAY: _by_day,
    Cumulate.TARGET: _by_target,
    Cumulate.BENEFICIARY: _by_beneficiary,
}
