"""Who did what when on one correction, from its audit events and decisions."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from corrections.choices import AuditKind
from corrections.conf import limits
from corrections.models import AuditEvent, Correction, Decision

DECIDING = (AuditKind.APPROVED, AuditKind.RETURNED, AuditKind.REJECTED)


@dataclass(frozen=True)
class Event:
    """One event, or several openings of evidence by one person in a row."""

    at: dt.datetime
    kind: str
    label: str
    who: str
    revision: int | None
    text: str = ""
    role: str = ""
    count: int = 1


def timeline(correction: Correction, decisions: Sequence[Decision]) -> list[Event]:
    """Oldest first; of a very long story its latest part."""
    rows = list(correction.audit_events.order_by("-id")[: limits.HISTORY_ROWS_MAX])[::-1]
    signed = {(decision.revision, decision.person_id): decision for decision in decisions}
    events: list[Event] = []
    for row in rows:
        event = _event(row, signed)
        if events and _is_same_opening(events[-1], event):
            event = _merged(events.pop(), event)
        events.append(event)
    return events


def _event(row: AuditEvent, signed: dict[tuple[int, int], Decision]) -> Event:
    decision = None
    if row.kind in DECIDING and row.revision is not None and row.actor_person_id is not None:
        decision = signed.get((row.revision, row.actor_person_id))
    texts = [decision.comment if decision else "", *(row.detail.get(name) for name in TEXTS)]
    said = dict.fromkeys(str(text) for text in texts if text)
    return Event(
        at=row.at,
        kind=row.kind,
        label=row.get_kind_display(),
        who=row.actor_name,
        revision=row.revision,
        text=" · ".join(said),
        role=decision.get_role_display() if decision else "",
    )


# What an event may say of itself, the most telling first. Digests stay in the audit log.
TEXTS = ("to_name", "comment", "name", "reason", "reverts")


def _is_same_opening(before: Event, event: Event) -> bool:
    return event.kind == before.kind == AuditKind.EVIDENCE_OPENED and event.who == before.who


def _merged(before: Event, event: Event) -> Event:
    return Event(
        at=before.at,
        kind=event.kind,
        label=event.label,
        who=event.who,
        revision=event.revision,
        count=before.count + event.count,
    )
