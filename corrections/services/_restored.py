"""Three-way comparison of what a correction wrote, what stood there before, and what stands there now (I-05)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from django.db import models
from django.utils.translation import gettext as _

from corrections.choices import ROW_APPLIED, Action
from corrections.engine import rows
from corrections.models import Change
from corrections.registry import Entry


@dataclass
class Restoration:
    """What a revert of one change can do: columns to put back, and fields that moved on."""

    change: Change
    action: str = ""  # "" when nothing is left to do
    old: rows.Image = field(default_factory=dict)
    new: rows.Image = field(default_factory=dict)
    before_image: rows.Image | None = None
    moved_on: list[rows.Moved] = field(default_factory=list)


def plan(change: Change, row: models.Model | None) -> Restoration:
    """How to take one applied change back, given the live row (locked, or None when it is gone)."""
    if change.action == Action.UPDATE:
        return _of_update(change, row)
    if change.action == Action.CREATE:
        return _of_create(change, row)
    return _of_delete(change, row)


def _of_update(change: Change, row: models.Model | None) -> Restoration:
    entry = rows.entry_of(change.target_model)
    ours = {column: (change.after_image or {})[column] for column in change.new}
    if row is None:
        gone = rows.moved(entry, ours, dict.fromkeys(ours), before=change.old)
        return Restoration(change, moved_on=gone)
    live = rows.image(entry, row)
    result = Restoration(change, before_image=live)
    for name in rows.fields_of(entry, change.new):
        columns = [column for column in entry.columns(name) if column in ours]
        if all(live[column] == change.old[column] for column in columns):
            continue  # already so
        if all(live[column] == ours[column] for column in columns):
            result.old.update({column: ours[column] for column in columns})
            result.new.update({column: change.old[column] for column in columns})
        else:
            expected = {column: ours[column] for column in columns}
            result.moved_on += rows.moved(entry, expected, live, before=change.old)
    result.action = Action.UPDATE if result.new else ""
    return result


def _of_create(change: Change, row: models.Model | None) -> Restoration:
    if row is None:
        return Restoration(change)
    entry = rows.entry_of(change.target_model)
    if entry.config.retired_with:
        return Restoration(change)  # goes with the record that it belongs to
    if entry.append_only:
        return Restoration(change, moved_on=[_stays(entry, change)])
    live, ours = rows.image(entry, row), change.after_image or {}
    if entry.config.retired_by:
        return _retired(entry, change, live)
    moved = rows.moved(entry, ours, live)
    if moved:
        return Restoration(change, moved_on=moved)
    return Restoration(change, action=Action.DELETE, old=live, before_image=live)


def _retired(entry: Entry, change: Change, live: rows.Image) -> Restoration:
    """What is never deleted is put out of force."""
    out = _out_of_force(entry)
    new = {column: value for column, value in out.items() if live[column] != value}
    action = Action.UPDATE if new else ""
    return Restoration(change, action=action, old={column: live[column] for column in new}, new=new, before_image=live)


def _out_of_force(entry: Entry) -> rows.Image:
    fields = {field.name: field for field in entry.model._meta.concrete_fields}
    return {fields[name].attname: rows.encode(fields[name], value) for name, value in entry.config.retired_by.items()}


def _stays(entry: Entry, change: Change) -> rows.Moved:
    """What was booked is never deleted; it is undone by booking the opposite, in a correction of its own."""
    return rows.Moved(
        field="",
        label=str(entry.model._meta.verbose_name),
        before="",
        ours=change.target_label,
        now=str(_("stays: it is never deleted, so book its reversal")),
    )


def _of_delete(change: Change, row: models.Model | None) -> Restoration:
    entry = rows.entry_of(change.target_model)
    before = change.before_image or {}
    if row is None:
        return Restoration(change, action=Action.CREATE, new=before)
    return Restoration(change, moved_on=rows.moved(entry, before, rows.image(entry, row), before=before))


def are_restored(changes: Sequence[Change]) -> bool:
    """Whether every field that these changes wrote holds its value from before again; rows left out wrote none."""
    written = [change for change in changes if change.outcome in ("", ROW_APPLIED)]
    live = rows.live_targets(written)
    return all(_is_restored(change, live.get((change.target_model, change.target_pk))) for change in written)


def _is_restored(change: Change, row: models.Model | None) -> bool:
    entry = rows.entry_of(change.target_model)
    if change.action == Action.CREATE:
        return row is None or _is_out_of_force(entry, row)
    if row is None:
        return False
    live = rows.image(entry, row)
    before = change.old if change.action == Action.UPDATE else change.before_image or {}
    return all(live[column] == value for column, value in before.items())


def _is_out_of_force(entry: Entry, row: models.Model) -> bool:
    """Whether a created record that is never deleted was taken back: itself, or with the one it belongs to."""
    if entry.config.retired_with:
        owner = getattr(row, entry.config.retired_with)
        return _is_out_of_force(rows.entry_of(owner._meta.label_lower), owner)
    if not entry.config.retired_by:
        return False
    live = rows.image(entry, row)
    return all(live[column] == value for column, value in _out_of_force(entry).items())
