"""The history of a record as a masked timeline: who, why, on which correction, and what changed from what to what."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from django.core.exceptions import ObjectDoesNotExist, ValidationError
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from corrections.conf import limits
from corrections.engine import rows
from corrections.errors import InvalidInput
from corrections.permissions import BUSINESS_ROLES, Rights, scope_key, sees_controls
from corrections.registry import Entry
from corrections.selectors import display, mentions

KINDS = {"+": _("created"), "~": _("changed"), "-": _("deleted")}
KEY_DIGITS_MAX = 18


@dataclass(frozen=True)
class Difference:
    """A field whose value moved. Two secrets can differ behind one mask."""

    label: str
    before: str
    after: str

    @property
    def is_hidden(self) -> bool:
        return self.before == self.after


@dataclass(frozen=True)
class Moment:
    """One row of history."""

    history_id: int
    kind: str
    kind_label: str
    at: dt.datetime
    who: str
    why: str
    source: str
    correction: mentions.Mention | None
    differences: tuple[Difference, ...]
    evidence: tuple[str, ...] = ()
    approvers: tuple[str, ...] = ()

    @property
    def is_whole(self) -> bool:
        """Whether the differences are the whole row, which came or went."""
        return self.kind != "~"


@dataclass(frozen=True)
class Timeline:
    moments: tuple[Moment, ...]
    next_id: int | None  # older ones come before this one


@dataclass(frozen=True)
class AsOf:
    """A record as it was at the end of a day; no fields when there was none."""

    day: dt.date
    kind: str
    at: dt.datetime | None
    who: str
    fields: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Known:
    """What a page that shows a piece of the timeline has read already."""

    mentions: Mapping[int, mentions.Mention] = field(default_factory=dict)
    labels: display.Labels = field(default_factory=dict)


def ghost(rights: Rights, entry: Entry, pk: str) -> models.Model | None:
    """What its last history row says of a deleted record, for those who could see it when it was there."""
    try:
        last = _rows(entry, entry.model._meta.pk.to_python(pk)).first()
    except (ValidationError, ValueError, OverflowError):
        return None
    if last is None or last.history_type != "-":
        return None
    found = rows.unsaved(entry, rows.image(entry, last))
    return found if _may_see(rights, entry, found) else None


def _may_see(rights: Rights, entry: Entry, gone: models.Model) -> bool:
    if entry.is_control:
        return rights.is_superuser or sees_controls(rights)
    held = rights.scope_keys(BUSINESS_ROLES)
    if rights.is_superuser or held is None:
        return True
    try:
        return scope_key(entry.config.scope(gone)) in held
    except (ObjectDoesNotExist, AttributeError):  # its scope is gone as well, or was never filled in
        return False


def _rows(entry: Entry, pk: Any) -> models.QuerySet[Any]:
    key = entry.model._meta.pk.attname
    return entry.history_model._default_manager.filter(**{key: pk}).order_by("-history_id")


def timeline(user: Any, rights: Rights, entry: Entry, pk: Any, *, before: str = "") -> Timeline:
    """History rows of a record, newest first, a page at a time. Raises InvalidInput for an unusable `before`."""
    size = limits.HISTORY_ROWS_MAX
    found = _rows(entry, pk)
    if before:
        if not (before.isascii() and before.isdigit()) or len(before) > KEY_DIGITS_MAX:
            raise InvalidInput(_("There is no such page of this history."), code="page_not_known")
        found = found.filter(history_id__lt=int(before))
    # One more than is shown: the oldest shown row is compared with it.
    records = list(found[: size + 1])
    moments = _moments(user, rights, entry, records, size, Known())
    return Timeline(_named(moments), records[size - 1].history_id if len(records) > size else None)


def _named(moments: Sequence[Moment]) -> tuple[Moment, ...]:
    """With the evidence and the approvers of the corrections that the reader may see."""
    visible = {m.correction.pk for m in moments if m.correction and m.correction.is_visible}
    files, signers = mentions.evidence_names(visible), mentions.approver_names(visible)
    return tuple(
        replace(m, evidence=tuple(files.get(m.correction.pk, ())), approvers=tuple(signers.get(m.correction.pk, ())))
        if m.correction
        else m
        for m in moments
    )


def latest(user: Any, rights: Rights, entry: Entry, pk: Any, *, most: int, known: Known) -> Timeline:
    """The newest few history rows, without the names of evidence."""
    records = list(_rows(entry, pk)[: most + 1])
    moments = _moments(user, rights, entry, records, most, known)
    return Timeline(moments, records[most - 1].history_id if len(records) > most else None)


def _moments(
    user: Any, rights: Rights, entry: Entry, records: Sequence[Any], size: int, known: Known
) -> tuple[Moment, ...]:
    images = [rows.image(entry, record) for record in records]
    labels = display.labels_of([(entry, image) for image in images], known=known.labels)
    wanted = {record.history_correction for record in records[:size] if record.history_correction}
    on = {**known.mentions, **mentions.by_id(user, rights, wanted - set(known.mentions))}
    earlier = [*images[1:], None]
    return tuple(
        Moment(
            history_id=record.history_id,
            kind=record.history_type,
            kind_label=str(KINDS.get(record.history_type, record.history_type)),
            at=record.history_date,
            who=record.history_actor,
            why=record.history_change_reason or "",
            source=record.history_source,
            correction=on.get(record.history_correction),
            differences=_differences(entry, record.history_type, before, image, labels),
        )
        for record, image, before in list(zip(records, images, earlier, strict=True))[:size]
    )


def _differences(
    entry: Entry, kind: str, before: rows.Image | None, image: rows.Image, labels: display.Labels
) -> tuple[Difference, ...]:
    """What a history row changed; all of the row where it came or went."""
    old, new = {"+": ({}, image), "-": (image, {})}.get(kind, (before or {}, image))
    columns = [column for column in entry.all_columns() if old.get(column) != new.get(column)]
    pairs = [
        Difference(
            entry.verbose_name(name),
            display.shown(entry, name, old, labels),
            display.shown(entry, name, new, labels),
        )
        for name in rows.fields_of(entry, columns)
    ]
    return tuple(pair for pair in pairs if kind == "~" or pair.before or pair.after)


def as_of(entry: Entry, pk: Any, text: str) -> AsOf:
    """The record as it stood when a day of the desk ended. Raises InvalidInput."""
    try:
        day = dt.date.fromisoformat(text)
        end = timezone.make_aware(dt.datetime.combine(day + dt.timedelta(days=1), dt.time.min))
        end = end.astimezone(dt.UTC)
    except (ValueError, OverflowError):
        raise InvalidInput(_("Give the day as year-month-day, such as 2026-11-23."), code="day_not_usable") from None
    record = _rows(entry, pk).filter(history_date__lt=end).first()
    if record is None:
        return AsOf(day, "", None, "", ())
    image = rows.image(entry, record)
    labels = display.labels_of([(entry, image)])
    fields = tuple((entry.verbose_name(n), display.shown(entry, n, image, labels)) for n in entry.display_fields())
    return AsOf(day, record.history_type, record.history_date, record.history_actor, fields)
