"""Three-way comparison of what a correction wrote, what stood there before, and what stands there now (I-05)."""

from __future__ import annotations

from dataclasses import dataclass, field

from django.db import models
from django.utils.translation import gettext as _

from corrections.choices import Action
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
    if entry.append_only:
        return Restoration(change, moved_on=[_stays(entry, change)])
    live, ours = rows.image(entry, row), change.after_image or {}
    moved = rows.moved(entry, ours, live)
    if moved:
        return Restoration(change, moved_on=moved)
    return Restoration(change, action=Action.DELETE, old=live, before_image=live)


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


def is_restored(change: Change) -> bool:
    """Whether every field that an applied change wrote holds its value from before again."""
    entry = rows.entry_of(change.target_model)
    row = entry.model._base_manager.filter(pk=change.target_pk).first()
    if change.action == Action.CREATE:
        return row is None
    if row is None:
        return False
    live = rows.image(entry, row)
    before = change.old if change.action == Action.UPDATE else change.before_image or {}
    return all(live[column] == value for column, value in before.items())
