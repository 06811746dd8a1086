"""What waits for one account's signature, oldest first; who may really sign is decided by services, freshly."""

from __future__ import annotations

import bisect
import datetime as dt
import heapq
from dataclasses import dataclass
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet

from corrections.choices import State
from corrections.conf import limits
from corrections.models import Contribution, Correction, Decision
from corrections.permissions import Rights, rights_of
from corrections.roles import DECIDING_ROLES
from corrections.selectors.corrections import Listed, listed
from corrections.selectors.waiting import ELSEWHERE, asks, by_scope, step_held

Key = tuple[dt.datetime, int]  # submitted at, primary key


@dataclass(frozen=True)
class Walk:
    """The keys of a queue in order, up to a limit."""

    keys: list[Key]
    is_capped: bool

    @property
    def count(self) -> int:
        return len(self.keys)

    def after(self, key: Key) -> int | None:
        """What comes next in the queue, whether or not `key` still stands in it; from the start at the end."""
        place = bisect.bisect_right(self.keys, key)
        if place < len(self.keys):
            return self.keys[place][1]
        return self.keys[0][1] if self.keys and self.keys[0] != key else None


@dataclass(frozen=True)
class Place:
    """Where one correction stands in the queue. Position 0 means that it does not wait for this account."""

    position: int
    count: int
    is_capped: bool
    previous: int | None
    next: int | None


@dataclass(frozen=True)
class QueuePage:
    rows: list[Listed]
    count: int
    is_capped: bool
    handed: frozenset[int]
    next: int | None
    previous: int | None


def walk(*, actor: Any, rights: Rights | None = None) -> Walk:
    """The whole queue as keys: one statement per way of holding a role, mostly one."""
    rights = rights or rights_of(actor)
    most = limits.COUNT_MAX
    ways: list[list[Any]] = [
        list(rows.order_by("submitted_at", "pk").values_list("submitted_at", "pk")[: most + 1])
        for rows in _waiting(rights)
    ]
    keys = list(dict.fromkeys(heapq.merge(*ways)))
    return Walk(keys[:most], len(keys) > most)


def page(*, actor: Any, after: int | None = None, rights: Rights | None = None) -> QueuePage:
    """One page of the queue: what stands after the correction of this key."""
    rights = rights or rights_of(actor)
    queue = walk(actor=actor, rights=rights)
    start = 0 if after is None else bisect.bisect_right(queue.keys, _key_of(after))
    shown = [pk for _, pk in queue.keys[start : start + limits.PAGE_ROWS]]
    rows = Correction.objects.in_bulk(shown)
    before = queue.keys[max(0, start - limits.PAGE_ROWS - 1)][1] if start > limits.PAGE_ROWS else None
    has_more = start + limits.PAGE_ROWS < queue.count
    return QueuePage(
        rows=listed(rows[pk] for pk in shown if pk in rows),
        count=queue.count,
        is_capped=queue.is_capped,
        handed=rights.handed & set(shown),
        next=shown[-1] if has_more else None,
        previous=(before or 0) if start else None,
    )


def place(correction: Correction, queue: Walk) -> Place:
    """The place of a correction in a queue, with its neighbours."""
    key = key_of(correction)
    index = bisect.bisect_left(queue.keys, key) if key else len(queue.keys)
    is_in = index < queue.count and queue.keys[index] == key
    return Place(
        position=index + 1 if is_in else 0,
        count=queue.count,
        is_capped=queue.is_capped,
        previous=queue.keys[index - 1][1] if is_in and index else None,
        next=queue.keys[index + 1][1] if is_in and index + 1 < queue.count else None,
    )


def key_of(correction: Correction) -> Key | None:
    return None if correction.submitted_at is None else (correction.submitted_at, correction.pk)


def _key_of(pk: int) -> Key:
    found = Correction.objects.filter(pk=pk).values_list("submitted_at", "pk").first()
    return found if found and found[0] else (dt.datetime.min.replace(tzinfo=dt.UTC), 0)


def _waiting(rights: Rights) -> list[QuerySet[Correction]]:
    """Corrections whose open step this account may sign, one set per way of holding the step's role."""
    if rights.is_superuser or rights.person_id is None:
        return []
    rows = _undecided(rights.person_id)
    roles = [role for role in DECIDING_ROLES if role in rights.roles]
    ways = [rows.filter(condition) for condition in by_scope(rights, roles)]
    if roles and rights.handed:
        ways.append(rows.filter(asks(roles), ~step_held(*ELSEWHERE), pk__in=rights.handed))
    for one in rights.borrowed:
        of_both = rows.filter(pk__in=_undecided(one.loan.giver_id).values("pk"))
        ways += [of_both.filter(condition) for condition in by_scope(one.rights, [one.loan.role])]
    return ways


def _undecided(person_id: int) -> QuerySet[Correction]:
    """Open for decision, and this person neither contributed (I-01) nor decided this revision or was stood in for."""
    mine = Contribution.objects.filter(correction=OuterRef("pk"), person_id=person_id)
    decided = Decision.objects.filter(correction=OuterRef("pk"), revision=OuterRef("revision"))
    decided = decided.filter(Q(person_id=person_id) | Q(delegation__giver_id=person_id))
    return Correction.objects.filter(~Exists(mine), ~Exists(decided), state=State.SUBMITTED, is_held=False)
