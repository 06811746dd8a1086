"""The evidence of a correction as a page lists it, and which of it this person has opened."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from django.db.models import CharField, Exists, OuterRef, Value
from django.db.models.functions import Cast, Concat

from corrections.choices import AuditKind
from corrections.models import AuditEvent, Correction
from corrections.selectors.blind import Blind


@dataclass(frozen=True)
class EvidenceSheet:
    """A piece of evidence, and whether this person has opened it."""

    pk: int
    place: int
    name: str
    kind: str
    kind_code: str
    note: str
    mime: str
    size: int
    sha256: str
    brought_by: str
    brought_at: dt.datetime
    revision: int
    is_opened: bool


def papers(correction: Correction, person_id: int | None, hidden: Blind) -> list[EvidenceSheet]:
    """Standing evidence in order, in one query; names and notes without what is hidden from the reader."""
    rows = correction.evidence.filter(removed_at__isnull=True).annotate(is_opened=_is_opened(correction, person_id))
    found = rows.select_related("file").order_by("id")
    return [_paper(row, place, hidden) for place, row in enumerate(found, start=1)]


def _is_opened(correction: Correction, person_id: int | None) -> Exists:
    """Whether this person opened a piece of evidence here, by the subjects of audit events."""
    subject = Concat(Value("evidence:"), Cast(OuterRef("pk"), CharField()))
    opened = AuditEvent.objects.filter(correction=correction, kind=AuditKind.EVIDENCE_OPENED, subject=subject)
    return Exists(opened.filter(actor_person_id=person_id or 0))


def _paper(row: Any, place: int, hidden: Blind) -> EvidenceSheet:
    return EvidenceSheet(
        pk=row.pk,
        place=place,
        name=hidden.clean(row.filename),
        kind=row.get_kind_display(),
        kind_code=row.kind,
        note=hidden.clean(row.note),
        mime=row.file.mime,
        size=row.file.size,
        sha256=row.file.sha256,
        brought_by=row.brought_by_name,
        brought_at=row.brought_at,
        revision=row.revision,
        is_opened=row.is_opened,
    )
