"""The rows that a correction is about, as checks and flags see them: live, before and after each change."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from django.db import models

from corrections.checks import Subject
from corrections.choices import Action
from corrections.engine import reading, rows
from corrections.errors import CorrectionError
from corrections.models import Change, Correction
from corrections.registry import ChangeView, Entry

Targets = Mapping[tuple[str, str], models.Model]


def subject_of(
    correction: Correction,
    changes: Sequence[Change],
    targets: Targets,
    *,
    at: dt.datetime,
    checker_person_id: int | None = None,
) -> tuple[Subject, CorrectionError | None]:
    """The subject, and the refusal of the first change whose row is gone or moved on."""
    live: dict[int, models.Model | None] = {}
    stale: dict[int, str] = {}
    views: dict[int, ChangeView] = {}
    refusal: CorrectionError | None = None
    for change in changes:
        entry = rows.entry_of(change.target_model)
        row = targets.get((change.target_model, change.target_pk)) if change.target_pk else None
        if change.action != Action.CREATE:
            live[change.pk] = row
            try:
                rows.demand_same(entry, change, row)
            except CorrectionError as error:
                refusal = refusal or error
                stale[change.pk] = str(error)
        views[change.pk] = view_of(entry, change, row)
    subject = Subject(correction, changes, live, stale, views, at, checker_person_id)
    return subject, refusal


def view_of(entry: Entry, change: Change, row: models.Model | None) -> ChangeView:
    """Whole rows before and after the change, as instances that are not saved."""
    fields = rows.fields_written(entry, change.new or change.old)
    if change.action == Action.CREATE:
        return ChangeView(change.action, fields, None, rows.unsaved(entry, change.new))
    before = row if row is not None else rows.unsaved(entry, change.before_image or change.old)
    if change.action == Action.DELETE:
        return ChangeView(change.action, fields, before, None)
    return ChangeView(change.action, fields, before, _after(entry, before, change.new))


def _after(entry: Entry, before: models.Model, new: Mapping[str, Any]) -> models.Model:
    """The row as it would be. A reference that stays as it is was read with the row, and is not read again."""
    values = rows.decoded(entry, {column: value for column, value in new.items() if not rows.is_placeholder(value)})
    known = before.__dict__
    columns = {
        name: known[name] if name in known else getattr(before, name) for name in reading.columns_of(entry.model)
    }
    after = reading.made(entry.model, columns, before._state.db or "default")
    references = _references(entry.model)
    after._state.fields_cache = {
        name: row
        for name, row in before._state.fields_cache.items()
        if name in references and references[name] not in new
    }
    for column, value in values.items():
        setattr(after, column, value)
    return after


@cache
def _references(model: type[models.Model]) -> dict[str, str]:
    """Columns by the names of the references that they hold."""
    return {field.name: field.attname for field in model._meta.concrete_fields if isinstance(field, models.ForeignKey)}
