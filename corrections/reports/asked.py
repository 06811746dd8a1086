"""What corrections ask or asked for and nobody wrote: the lines of a report by a state in which nothing is written yet.

Never mixed with history: a reader must not take a refused change for one that happened.
"""

from __future__ import annotations

from collections.abc import Iterator

from corrections.models import Change
from corrections.registry import Entry, registry
from corrections.reports.filters import Filters, number_column, record_keys
from corrections.reports.history import (
    CHUNK_ROWS,
    KEYED_BLINDLY,
    WRITTEN_STATES,
    FieldChange,
    Sight,
    matching_corrections,
)
from corrections.selectors.blind import hidden_from_all


def is_about_unwritten(filters: Filters) -> bool:
    return bool(filters.state) and filters.state not in WRITTEN_STATES


def asked_changes(filters: Filters, sight: Sight) -> Iterator[FieldChange]:
    """Field changes of corrections that were submitted and not applied, oldest first; drafts are nobody's business."""
    last = 0
    while True:
        chunk = list(_query(filters, sight).filter(pk__gt=last).order_by("pk")[:CHUNK_ROWS])
        for change in chunk:
            entry = registry.get(change.target_model)
            if entry is not None:
                yield from _fields(entry, change)
        if len(chunk) < CHUNK_ROWS:
            return
        last = chunk[-1].pk


def _query(filters: Filters, sight: Sight):  # type: ignore[no-untyped-def]
    matching = matching_corrections(filters, sight).filter(number__isnull=False)
    if (begins := filters.begins()) is not None:
        matching = matching.filter(submitted_at__gte=begins)
    if (ends := filters.ends()) is not None:
        matching = matching.filter(submitted_at__lt=ends)
    if filters.written_by == "systems":
        matching = matching.none()
    found = Change.objects.filter(correction__in=matching.values("pk")).select_related("correction")
    if filters.model:
        found = found.filter(target_model=filters.model)
    if filters.scope:
        found = found.filter(scope_before=filters.scope) | found.filter(scope_after=filters.scope)
    if filters.record and (entry := registry.get(filters.model)) is not None:
        found = found.filter(target_pk__in=[str(key) for key in record_keys(entry, filters.record)])
    return found


def _fields(entry: Entry, change: Change) -> Iterator[FieldChange]:
    correction = change.correction
    image = {**change.new, **(change.before_image or {})}
    record = str(image.get(number_column(entry)) or change.target_label)
    hidden = hidden_from_all(correction, change)
    for name in entry.display_fields():
        columns = [column for column in entry.columns(name) if column in change.new or column in change.old]
        if not columns or all(change.old.get(column) == change.new.get(column) for column in columns):
            continue
        shown = entry.columns(name)[-1]
        before, after = change.old.get(shown), change.new.get(shown)
        if before in (None, "") and after in (None, ""):
            continue
        if name in hidden:
            after = KEYED_BLINDLY
        assert correction.submitted_at is not None  # noqa: S101 - it has a number
        yield FieldChange(
            entry, change.target_pk, record, name, before, after, change.action,
            correction.submitted_at, "", "", "", correction.pk, change.scope_after, None,
        )  # fmt: skip
