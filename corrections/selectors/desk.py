"""The start page's numbers and short lists, filtered by what the account may see; words and links are the page's.

Every number is one indexed query and stops counting at COUNT_MAX, so that the page costs the same on any day.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Count, Min, Q, QuerySet

from corrections.choices import State
from corrections.conf import limits
from corrections.models import Correction
from corrections.permissions import BUSINESS_ROLES, Rights, is_maker
from corrections.roles import DECIDING_ROLES, Role
from corrections.selectors import queue
from corrections.selectors.corrections import Listed, listed, visible, within
from corrections.selectors.views import TO_WORK_ON, WAITING, View, condition

LIST_ROWS = 6


@dataclass(frozen=True)
class Number:
    """A count, no further than the limit, and since when its oldest one waits."""

    count: int
    is_capped: bool = False
    oldest: dt.datetime | None = None


@dataclass(frozen=True)
class StartPage:
    """Numbers and lists by name; a name that an account has no use for is absent."""

    numbers: Mapping[str, Number] = field(default_factory=dict)
    lists: Mapping[str, list[Listed]] = field(default_factory=dict)


def start_page(*, actor: Any, rights: Rights) -> StartPage:
    """What the account finds waiting, by the roles that it holds."""
    numbers: dict[str, Number] = {}
    found: dict[str, list[Correction]] = {}
    if rights.signing_roles & set(DECIDING_ROLES):
        numbers["queue"], found["queue"] = _queue(actor, rights)
    if Role.EXECUTOR in rights.roles:
        numbers["to_apply"], found["to_apply"] = _oldest_first(_for_executor(View.TO_APPLY, rights))
        numbers["under_way"], found["under_way"] = _oldest_first(_for_executor(View.UNDER_WAY, rights))
    if is_maker(rights):
        numbers |= _mine(rights)
        found["to_work_on"] = list(_view(View.TO_WORK_ON, rights).order_by("-id")[:LIST_ROWS])
        found["waiting_for_others"] = list(_view(View.WAITING, rights).order_by("submitted_at", "id")[:LIST_ROWS])
    if rights.is_superuser or rights.roles & set(BUSINESS_ROLES):
        seen = visible(actor=actor, rights=rights)
        numbers["applied_today"] = _number(seen.filter(condition(View.TODAY, rights)))
        if rights.is_superuser or Role.COMPLIANCE in rights.roles:
            numbers |= _overseen(seen, rights)
            found["held_or_failed"] = list(seen.filter(condition(View.TROUBLED, rights)).order_by("-id")[:LIST_ROWS])
    return StartPage(numbers, _lines(found))


def _view(view: View, rights: Rights) -> QuerySet[Correction]:
    return Correction.objects.filter(condition(view, rights))


def _queue(actor: Any, rights: Rights) -> tuple[Number, list[Correction]]:
    walk = queue.walk(actor=actor, rights=rights)
    oldest = walk.keys[0][0] if walk.keys else None
    shown = [pk for _, pk in walk.keys[:LIST_ROWS]]
    rows = Correction.objects.in_bulk(shown) if shown else {}
    return Number(walk.count, walk.is_capped, oldest), [rows[pk] for pk in shown if pk in rows]


def _for_executor(view: View, rights: Rights) -> QuerySet[Correction]:
    keys = rights.scope_keys([Role.EXECUTOR])
    allowed = Q() if keys is None else within(keys)
    return _view(view, rights).filter(allowed)


def _mine(rights: Rights) -> dict[str, Number]:
    """All of one's own open work in one query: it is bounded by what one person can have under way."""
    states = _view(View.MINE, rights).filter(state__in=TO_WORK_ON + WAITING).values("state").order_by()
    found = {row["state"]: row for row in states.annotate(total=Count("pk"), oldest=Min("submitted_at"))}
    count = {state: found[state]["total"] if state in found else 0 for state in TO_WORK_ON + WAITING}
    waiting_since = [found[state]["oldest"] for state in WAITING if state in found]
    return {
        "drafts": Number(count[State.DRAFT]),
        "returned": Number(count[State.RETURNED]),
        "failed_mine": Number(count[State.FAILED]),
        "waiting_for_others": Number(sum(count[state] for state in WAITING), oldest=min(waiting_since, default=None)),
    }


def _overseen(seen: QuerySet[Correction], rights: Rights) -> dict[str, Number]:
    waiting = seen.filter(state=State.SUBMITTED)
    oldest = waiting.order_by("submitted_at", "id").values_list("submitted_at", flat=True).first()
    return {
        "waiting": _number(waiting, oldest),
        "unsigned": _number(seen.filter(condition(View.UNSIGNED, rights))),
        **_referred(seen, rights),
        "held": _number(seen.filter(condition(View.HELD, rights))),
        "failed": _number(seen.filter(state=State.FAILED)),
    }


def _referred(seen: QuerySet[Correction], rights: Rights) -> dict[str, Number]:
    """For compliance alone; whoever else oversees the desk is not told that there are any."""
    if Role.COMPLIANCE not in rights.roles:
        return {}
    return {"referred": _number(seen.filter(condition(View.REFERRED, rights)))}


def _oldest_first(found: QuerySet[Correction]) -> tuple[Number, list[Correction]]:
    rows = list(found.order_by("submitted_at", "id")[:LIST_ROWS])
    return _number(found, rows[0].submitted_at if rows else None), rows


def _number(found: QuerySet[Correction], oldest: dt.datetime | None = None) -> Number:
    count = found.order_by()[: limits.COUNT_MAX + 1].count()
    return Number(min(count, limits.COUNT_MAX), count > limits.COUNT_MAX, oldest)


def _lines(found: Mapping[str, list[Correction]]) -> dict[str, list[Listed]]:
    """The rows of all lists as lines; one query for the scopes of them all."""
    lines = iter(listed(row for rows in found.values() for row in rows))
    return {name: [next(lines) for _ in rows] for name, rows in found.items()}
