"""Audit events as compliance reads them: a page at a time by key, within the reader's sight."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from corrections.choices import AuditKind
from corrections.conf import limits
from corrections.models import AuditEvent
from corrections.permissions import Rights
from corrections.reports.filters import LABELS, FilterUnusable, people_named
from corrections.reports.history import Sight


@dataclass(frozen=True)
class EventLine:
    pk: int
    at: dt.datetime
    kind: str
    actor: str
    correction_pk: int | None
    correction: str
    revision: int | None
    subject: str
    details: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class EventPage:
    lines: tuple[EventLine, ...]
    older: int | None = None  # key to go on from
    newer: int | None = None


@dataclass(frozen=True)
class EventFilters:
    """`actor` is an employee number, a name, or the account name of a machine; `correction` a number."""

    kind: str = ""
    actor: str = ""
    correction: str = ""


def events(*, rights: Rights, filters: EventFilters, below: int | None = None, above: int | None = None) -> EventPage:
    """Events, newest first. Raises ComplianceNeeded, FilterUnusable."""
    found = _matching(Sight.of(rights), rights, filters).select_related("correction")
    size = limits.PAGE_ROWS
    if above is not None:
        rows = list(found.filter(pk__gt=above).order_by("pk")[: size + 1])
        shown = list(reversed(rows[:size]))
        return _page(shown, has_older=True, has_newer=len(rows) > size)
    rows = list((found if below is None else found.filter(pk__lt=below)).order_by("-pk")[: size + 1])
    return _page(rows[:size], has_older=len(rows) > size, has_newer=below is not None)


def _page(rows: Iterable[AuditEvent], *, has_older: bool, has_newer: bool) -> EventPage:
    lines = tuple(_line(row) for row in rows)
    return EventPage(
        lines,
        older=lines[-1].pk if lines and has_older else None,
        newer=lines[0].pk if lines and has_newer else None,
    )


def _matching(sight: Sight, rights: Rights, filters: EventFilters) -> QuerySet[AuditEvent]:
    found = AuditEvent.objects.all()
    if sight.keys is not None:
        # Of acts on no correction (an export, an incident), a branch's reader sees his or her own.
        own = Q(correction__isnull=True, actor_person_id=rights.person_id)
        found = found.filter(Q(correction__in=sight.corrections().values("pk")) | own)
    if filters.kind:
        if filters.kind not in AuditKind.values:
            raise FilterUnusable(code="event_kind_unknown", field="kind")
        found = found.filter(kind=filters.kind)
    if filters.actor:
        found = found.filter(_by(filters.actor))
    if filters.correction:
        found = found.filter(correction__number=filters.correction.strip().upper())
    return found


def _by(text: str) -> Q:
    try:
        return Q(actor_person_id__in=people_named("actor", text))
    except FilterUnusable:
        return Q(actor__username=text)


def _line(row: AuditEvent) -> EventLine:
    return EventLine(
        pk=row.pk,
        at=row.at,
        kind=row.get_kind_display(),
        actor=row.actor_name,
        correction_pk=row.correction_id,
        correction="" if row.correction is None else str(row.correction),
        revision=row.revision,
        subject=_subject(row.subject),
        details=tuple(
            (_name(name), _name(value) if name == "form" else _text(value)) for name, value in _pairs(row.detail)
        ),
    )


# What events say about themselves, and the kinds of what they are about, in words.
WORDS = {
    **LABELS,
    "account": _("sign-in account"),
    "bytes": _("size in bytes"),
    "code": _("code of the refusal"),
    "comment": _("comment"),
    "digest": _("digest"),
    "evidence": _("evidence"),
    "filters": _("filters"),
    "flags": _("Risk flags"),
    "form": _("opened as"),
    "format": _("format"),
    "history": _("History report"),
    "incident": _("incident"),
    "name": _("file name"),
    "original": _("original"),
    "owner_name": _("token of"),
    "position": _("position"),
    "preview": _("preview"),
    "reverts": _("Takes back"),
    "rows": _("number of lines"),
    "sha256": _("SHA-256"),
    "snapshot_at": _("as of"),
    "step": _("step"),
    "to_name": _("handed to"),
}


def _name(name: str) -> str:
    return str(WORDS.get(name, name.replace("_", " ")))


def _subject(text: str) -> str:
    """``evidence:7`` in words; the label of a record as it is."""
    kind, colon, key = text.partition(":")
    return f"{WORDS[kind]} {key}".strip() if kind in WORDS and (not colon or key.isdigit()) else text


def _pairs(detail: Any) -> Iterable[tuple[str, Any]]:
    return detail.items() if isinstance(detail, dict) else [("", detail)]


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{_name(name)} {part}" for name, part in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
