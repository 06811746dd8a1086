"""The changes of a correction as people compare them: field by field, now and then, and what hangs on the record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.db import models
from django.utils.text import capfirst

from corrections.choices import Action, State
from corrections.conf import limits
from corrections.engine import rows
from corrections.engine.dependants import dependants_of
from corrections.models import Change, Correction
from corrections.registry import Entry, registry
from corrections.selectors import display
from corrections.selectors.blind import HIDDEN, Blind

# In these states live values should still be the old ones; in `applied` the new ones. Elsewhere nothing is expected.
WAITING = (State.DRAFT, State.SUBMITTED, State.RETURNED, State.APPROVED, State.FAILED)
DEPENDANTS_NAMED_MAX = 5


@dataclass(frozen=True)
class Line:
    """One field: what was there, what is asked for, and the live value where it is neither expected nor hidden."""

    name: str
    label: str
    before: str
    after: str
    live: str = ""
    is_moved: bool = False
    is_blind: bool = False  # what is asked for is hidden, because it is keyed blindly


@dataclass(frozen=True)
class Cell:
    """A field of the whole row before."""

    label: str
    value: str
    is_changed: bool


@dataclass(frozen=True)
class Hanging:
    """Rows of one kind that refer to the record."""

    label: str
    count: int
    has_more: bool
    names: list[str]


@dataclass(frozen=True)
class ChangeSheet:
    id: int
    position: int
    action: str
    action_label: str
    kind: str
    model: str
    pk: str
    label: str
    amount: dict[str, str]
    lines: list[Line]
    whole: list[Cell]
    hanging: list[Hanging]
    is_gone: bool
    is_waiting: bool  # not carried out, and may still be

    @property
    def unchanged(self) -> list[Cell]:
        return [cell for cell in self.whole if not cell.is_changed]


# Rows as they are now, by model and key.
Live = Mapping[tuple[str, str], models.Model]


def change_sheets(
    correction: Correction, changes: Sequence[Change], live: Live, hidden: Blind, *, with_hanging: bool = True
) -> list[ChangeSheet]:
    """These changes, beside the rows as they are now, without what is hidden from the reader."""
    entries = {change.target_model: registry.get(change.target_model) for change in changes}
    images = {
        change.pk: rows.image(entry, row)
        for change in changes
        if (entry := entries[change.target_model]) and (row := live.get((change.target_model, change.target_pk)))
    }
    known: dict[tuple[str, str], str] = {}
    for (model, _pk), row in live.items():
        if entry := entries[model]:
            known |= display.labels_of_row(entry, row)
    labels = display.labels_of(
        (
            (entry, values)
            for change in changes
            if (entry := entries[change.target_model])
            for values in (change.old, change.new, change.before_image or {}, images.get(change.pk, {}))
        ),
        known=known,
    )
    sheets = []
    shown = 0
    for change in changes:
        row = live.get((change.target_model, change.target_pk))
        hanging: list[Hanging] = []
        if with_hanging and row is not None and shown < limits.RELATED_TARGETS_MAX:
            shown += 1
            hanging = _hanging(row, entries[change.target_model])
        entry = entries[change.target_model]
        sheets.append(_sheet(correction, change, entry, images.get(change.pk), labels, hanging, hidden))
    return sheets


def live_rows(changes: Sequence[Change]) -> Live:
    """The targets with what they refer to, one query per model; those that are gone or not known are not in it."""
    found: dict[tuple[str, str], models.Model] = {}
    for label in {change.target_model for change in changes}:
        entry = registry.get(label)
        pks = [change.target_pk for change in changes if change.target_model == label and change.target_pk]
        if entry is not None and pks:
            for row in display.with_references(entry.model).filter(pk__in=pks):
                found[label, str(row.pk)] = row
    return found


def _sheet(
    correction: Correction,
    change: Change,
    entry: Entry | None,
    live: rows.Image | None,
    labels: display.Labels,
    hanging: list[Hanging],
    hidden: Blind,
) -> ChangeSheet:
    expects_row = change.action != Action.CREATE or correction.state == State.APPLIED
    is_current = correction.state in WAITING or (correction.state == State.APPLIED and change.action != Action.DELETE)
    return ChangeSheet(
        id=change.pk,
        position=change.position,
        action=change.action,
        action_label=change.get_action_display(),
        kind=capfirst(str(entry.model._meta.verbose_name)) if entry else change.target_model,
        model=change.target_model,
        pk=change.target_pk,
        label=hidden.clean(change.target_label),
        amount={}
        if change.amount is None or hidden.is_told_by(change.amount)
        else {change.currency: f"{change.amount:f}"},
        lines=_lines(correction, change, entry, live, labels, hidden) if entry else [],
        whole=_whole(change, entry, labels) if entry else [],
        hanging=hanging,
        is_waiting=correction.state in WAITING,
        is_gone=entry is not None and live is None and expects_row and is_current,
    )


def _amount(change: Change, hidden: Blind) -> dict[str, str]:
    if change.amount is None or hidden.is_told_by(change.amount):
        return {}
    return {change.currency: f"{change.amount:f}"}


def _lines(
    correction: Correction,
    change: Change,
    entry: Entry,
    live: rows.Image | None,
    labels: display.Labels,
    hidden: Blind,
) -> list[Line]:
    """The fields that the change writes; of a new row those that say something, of a deleted one those it had."""
    expected = _expected(correction, change)
    lines = []
    for name in rows.fields_of(entry, change.new or change.old):
        before, after = (display.shown(entry, name, values, labels) for values in (change.old, change.new))
        if not before and not after:
            continue
        columns = [column for column in entry.columns(name) if column in expected]
        is_moved = live is not None and any(live[column] != expected[column] for column in columns)
        now = display.shown(entry, name, live or {}, labels) if is_moved else ""
        is_blind = hidden.hides(change, name)
        if is_blind:
            # What moved may have moved to what is asked for.
            after, now = "", HIDDEN
        lines.append(Line(name, entry.verbose_name(name), before, after, now or display.EMPTY, is_moved, is_blind))
    return lines


def _expected(correction: Correction, change: Change) -> rows.Image:
    """Column values that should stand in the table now."""
    if correction.state in WAITING:
        return change.old
    if correction.state == State.APPLIED and change.action == Action.UPDATE:
        return {column: (change.after_image or {}).get(column) for column in change.new}
    return {}


def _whole(change: Change, entry: Entry, labels: display.Labels) -> list[Cell]:
    """The whole row before; nothing for a row that is created."""
    image = change.before_image
    if image is None:
        return []
    changed = set(rows.fields_of(entry, change.new))
    return [
        Cell(entry.verbose_name(name), display.shown(entry, name, image, labels) or display.EMPTY, name in changed)
        for name in entry.display_fields()
        if any(column in image for column in entry.columns(name))
    ]


def _hanging(row: models.Model, entry: Entry | None) -> list[Hanging]:
    names = entry.config.depends if entry else None
    return [
        Hanging(
            label=str(found.model._meta.verbose_name_plural),
            count=len(found.rows),
            has_more=found.has_more,
            names=[display.label_of(row) for row in found.rows[:DEPENDANTS_NAMED_MAX]],
        )
        for found in dependants_of(row, names=names)
    ]
