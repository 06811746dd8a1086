"""Who did what when on one correction, from its audit events, decisions and blind keyings."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from corrections.choices import AuditKind
from corrections.conf import limits
from corrections.models import AuditEvent, Correction, Decision
from corrections.roles import Role
from corrections.selectors.blind import Blind
from corrections.selectors.facts import Keying
from corrections.selectors.inbox import RowCounts
from corrections.selectors.way import Answer, Signed

DECIDING = (AuditKind.APPROVED, AuditKind.RETURNED, AuditKind.REJECTED)
# Several of these by one person in a row are one line.
IN_A_ROW = (AuditKind.EVIDENCE_OPENED, AuditKind.CHECKED)


@dataclass(frozen=True)
class Event:
    """One event, or several of one kind by one person in a row."""

    at: dt.datetime
    kind: str
    label: str
    who: str
    revision: int | None
    text: str = ""
    role: str = ""
    count: int = 1


@dataclass(frozen=True)
class Told:
    """What an event is told with: decisions and keyings by revision and person, and what is hidden from the reader."""

    signed: dict[tuple[int, int], Signed]
    keyed: dict[tuple[int, int], list[Keying]]
    hidden: Blind


def timeline(
    correction: Correction,
    decisions: Sequence[Decision],
    keyings: Sequence[Keying],
    hidden: Blind,
    *,
    kept_back: Sequence[str] = (),
) -> list[Event]:
    """Oldest first; of a very long story its latest part. Kinds that are `kept_back` are not for this reader."""
    rows = list(correction.audit_events.exclude(kind__in=kept_back).order_by("-id")[: limits.HISTORY_ROWS_MAX])[::-1]
    keyed: dict[tuple[int, int], list[Keying]] = {}
    for one in keyings:
        keyed.setdefault((one.revision, one.person_id), []).append(one)
    told = Told({(one.revision, one.person_id): Signed(one) for one in decisions}, keyed, hidden)
    events: list[Event] = []
    for row in rows:
        event = _event(row, told)
        if events and _is_more_of(events[-1], event):
            event = _merged(events.pop(), event)
        events.append(event)
    return events


def _event(row: AuditEvent, told: Told) -> Event:
    key = (row.revision or 0, row.actor_person_id or 0)
    signed = told.signed.get(key) if row.kind in DECIDING else None
    texts = [signed.decision.comment if signed else "", *(row.detail.get(name) for name in TEXTS), *_more(row)]
    if signed is not None and row.kind == AuditKind.APPROVED:
        texts += [*_keyed(told.keyed.get(key, [])), *(said(answer) for answer in signed.answers)]
        texts.append(_("token: %(which)s") % {"which": signed.token} if signed.token else "")
        lines = {"lines": signed.confirmed}
        texts.append(_("compared with the evidence, lines: %(lines)s") % lines if signed.confirmed else "")
    right = ", ".join(filter(None, [signed.decision.get_role_display(), signed.by_right])) if signed else ""
    return Event(
        at=row.at,
        kind=row.kind,
        label=row.get_kind_display(),
        who=row.actor_name,
        revision=row.revision,
        text=" · ".join(dict.fromkeys(told.hidden.clean(str(text)) for text in texts if text)),
        role=right,
    )


# What an event may say of itself, the most telling first. Digests stay in the audit log.
TEXTS = ("to_name", "comment", "name", "reason", "reverts")


def _more(row: AuditEvent) -> Iterator[str]:
    """What some kinds of event have to say beside that."""
    if row.detail.get("by") == "machine":
        is_stop = row.kind == AuditKind.STOP_ASKED
        yield _("by machine: a row can't be applied") if is_stop else _("by machine: a check that passed has failed")
    if row.kind in (AuditKind.APPLIED, AuditKind.STOPPED) and "failed" in row.detail:
        yield RowCounts.of_event(row.detail).words
    if row.kind == AuditKind.ROWS_STAGED:
        yield _("rows: %(rows)s, of them bad: %(bad)s") % {"rows": row.detail["rows"], "bad": row.detail["bad_rows"]}
    if row.kind == AuditKind.PACED:
        yield " → ".join(_pace(row.detail.get(name, {})) for name in ("before", "after"))
    if row.kind == AuditKind.TIER_RAISED:
        yield _("needs now: %(steps)s") % {"steps": " → ".join(map(_step, row.detail.get("steps", [])))}
    if row.kind == AuditKind.REKEY_MISSED:
        yield _("another checker must sign it")


def _pace(pace: Mapping[str, Any]) -> str:
    """How fast, and at which hours of the desk's clock."""
    rate = pace.get("rows_per_second")
    said = [_("%(rate)s rows per second") % {"rate": rate} if rate else "", pace.get("hours", "")]
    return ", ".join(filter(None, said)) or _("no limit")


def _step(text: str) -> str:
    """``2 × senior_checker`` in words."""
    people, _times, role = text.partition(" × ")
    return f"{people} × {Role(role).label}" if role in Role.values else text


def _keyed(keyings: Sequence[Keying]) -> Iterator[str]:
    """Whether what was keyed agreed; never what it was."""
    goes = {one.at: True for one in keyings}
    for one in keyings:
        goes[one.at] = goes[one.at] and one.agrees
    missed = sum(1 for agrees in goes.values() if not agrees)
    if True in goes.values():
        yield _("keyed blindly, agreed")
    if missed:
        yield _("keyed differently before: %(count)s") % {"count": missed}


def said(answer: Answer) -> str:
    """A warning that was passed, and why, in one line."""
    words = f" ({answer.words})" if answer.words else ""
    return _("passed “%(warning)s”: %(reason)s") % {"warning": answer.title, "reason": f"{answer.reason}{words}"}


def _is_more_of(before: Event, event: Event) -> bool:
    return event.kind == before.kind and event.kind in IN_A_ROW and event.who == before.who


def _merged(before: Event, event: Event) -> Event:
    return Event(
        at=before.at,
        kind=event.kind,
        label=event.label,
        who=event.who,
        revision=event.revision,
        count=before.count + event.count,
    )
