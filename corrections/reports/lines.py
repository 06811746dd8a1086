"""The history report's lines: field changes joined, in groups, with what is known of their corrections and records."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

from corrections.grants import scope_models
from corrections.registry import Entry
from corrections.reports import columns
from corrections.reports.asked import asked_changes, is_about_unwritten
from corrections.reports.details import Details, DetailsStore, signatures_max
from corrections.reports.filters import Filters
from corrections.reports.history import (
    KEYED_BLINDLY,
    NOT_RECORDED,
    FieldChange,
    Sight,
    demand_known_record,
    written_changes,
)
from corrections.selectors import display

GROUP_LINES = 500

# The cells of one line: its own, and those that it shares with all lines of its correction (the same list object).
Line = tuple[list[str], list[str]]
LABELS_MAX = 20_000


class Report:
    """One report: its headings, and its lines as texts. Reads as it is iterated, and keeps no more than a group."""

    def __init__(self, filters: Filters, sight: Sight, *, is_words: bool, group_lines: int = GROUP_LINES) -> None:
        demand_known_record(filters, sight)
        self.filters, self.sight, self.group_lines = filters, sight, group_lines
        self.style = columns.Style(is_words)
        self.signatures = signatures_max()
        self._store = DetailsStore(sight)
        self._scopes = _scope_labels() if is_words else {}

    def headings(self) -> list[str]:
        return columns.headings(self.style, self.signatures)

    def changes(self) -> Iterator[FieldChange]:
        if is_about_unwritten(self.filters):
            return asked_changes(self.filters, self.sight)
        return written_changes(self.filters, self.sight, chunk_rows=self.group_lines)

    def keys(self) -> list[str]:
        """Stable names of the columns, whatever their headings."""
        return columns.headings(columns.Style(is_words=False), self.signatures)

    def shows(self, correction: int | None) -> bool:
        """Whether the reader may open this correction (of a line that was given already)."""
        found = self._store.of([correction]).get(correction or 0)
        return found is not None and found.is_visible

    def lines(self) -> Iterator[Line]:
        """Cells of each line, as plain text: whoever writes them to a file makes them safe for it."""
        for _change, line in self.lines_of_changes():
            yield line

    def lines_of_changes(self) -> Iterator[tuple[FieldChange, Line]]:
        changes = self.changes()
        while group := list(islice(changes, self.group_lines)):
            details = self._store.of(change.correction for change in group)
            self._learn_labels(group, details)
            shared: dict[int | None, list[str]] = {}
            for change in group:
                if change.correction not in shared:
                    found = details.get(change.correction) if change.correction is not None else None
                    shared[change.correction] = columns.correction_cells(self.style, found, self.signatures)
                yield change, (columns.own_cells(self.style, change), shared[change.correction])

    def _learn_labels(self, group: Sequence[FieldChange], details: dict[int, Details]) -> None:
        labels = self.style.labels
        if len(labels) > LABELS_MAX:
            labels.clear()
        labels.update(self._scopes)
        for found in details.values():
            labels.update(found.labels)
        labels.update(_record_labels(change for change in group if not self.style.record(change)))
        if self.style.is_words:
            self.style.labels = dict(display.labels_of(_references(group), known=labels))


def _scope_labels() -> dict[tuple[str, str], str]:
    return {(model._meta.label_lower, str(row.pk)): str(row) for model in scope_models() for row in model.objects.all()}  # type: ignore[attr-defined]


def _record_labels(changes: Iterable[FieldChange]) -> dict[tuple[str, str], str]:
    """Labels of living records that no number names; one query per model."""
    wanted: dict[Entry, set[str]] = defaultdict(set)
    for change in changes:
        wanted[change.entry].add(change.pk)
    return {
        (entry.key, str(row.pk)): display.label_of(row)
        for entry, pks in wanted.items()
        for row in display.with_references(entry.model).filter(pk__in=sorted(pk for pk in pks if pk))
    }


def _references(group: Sequence[FieldChange]) -> Iterator[tuple[Entry, dict[str, Any]]]:
    for change in group:
        if display.reference_field(change.entry, change.field) is not None:
            column = change.entry.columns(change.field)[0]
            for value in (change.before, change.after):
                if value is not None and value not in (NOT_RECORDED, KEYED_BLINDLY):
                    yield change.entry, {column: value}
