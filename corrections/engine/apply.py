"""Applies one correction's changes: compare, then set, with exact row counts; before- and after-images in one go.

I-04: a row is written only while every old value still stands. I-09: no before-image, no write.
The caller has opened the gate and a transaction; on any error it rolls all of this back.
"""

from __future__ import annotations

import copy
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from django.db import DatabaseError, connections, models, router, transaction
from django.utils.translation import gettext_lazy as _

from corrections.choices import Action
from corrections.engine import rows
from corrections.engine.dependants import demand_no_dependants
from corrections.engine.faults import NOT_OF_VALUES
from corrections.errors import Conflict, CorrectionError, IntegrityBroken
from corrections.models import Change
from corrections.registry import Entry


class RowCountDiffers(Conflict):
    """I-04: a statement touched another number of rows than declared."""

    code = "row_count_differs"
    message = _("%(record)s: not exactly one record was written, so nothing was.")


class DatabaseRefused(Conflict):
    code = "database_refused"
    message = _("The database refused the new values: they would break a rule between records. Nothing was written.")


class AfterImageDiffers(Conflict):
    """I-10: what stands there now is not what was approved."""

    code = "written_value_differs"
    message = _("%(record)s: what was stored is not what was approved, so nothing was written.")


def apply_changes(changes: Sequence[Change], live: Mapping[tuple[str, str], models.Model] | None = None) -> None:
    """Writes all changes in order of position and fills in their images, unsaved. Raises CorrectionError.

    `live` are the target rows, where the caller has locked them in this transaction already.
    """
    try:
        if live is None:
            live = rows.locked_targets(change for change in changes if change.action != Action.CREATE)
        created: dict[int, Any] = {}
        for change in changes:
            _WRITERS[Action(change.action)](change, live, created)
        demand_no_dependants(changes)
        _check_references(changes)
        _read_after_images(changes)
    except (DatabaseError, OverflowError) as error:
        # A busy database, or a statement that is wrong in itself, says nothing about the values.
        if isinstance(error, NOT_OF_VALUES):
            raise
        raise DatabaseRefused(detail=type(error).__name__) from error


def _update(change: Change, live: Mapping[tuple[str, str], models.Model], created: dict[int, Any]) -> None:
    entry = rows.entry_of(change.target_model)
    change.before_image = rows.demand_unchanged(entry, change, live.get((change.target_model, change.target_pk)))
    new = rows.decoded(entry, _resolved(change.new, created))
    count = _expected(entry, change).update(**new)
    if count != 1:
        raise RowCountDiffers(record=change.target_label)


def _delete(change: Change, live: Mapping[tuple[str, str], models.Model], created: dict[int, Any]) -> None:
    entry = rows.entry_of(change.target_model)
    change.before_image = rows.demand_unchanged(entry, change, live.get((change.target_model, change.target_pk)))
    matching = _expected(entry, change)
    count = matching._raw_delete(matching.db)
    if count != 1:
        raise RowCountDiffers(record=change.target_label)


def _create(change: Change, live: Mapping[tuple[str, str], models.Model], created: dict[int, Any]) -> None:
    entry = rows.entry_of(change.target_model)
    row = rows.unsaved(entry, _resolved(change.new, created))
    # Not save(): a model's own save() may do more than was approved.
    [stored] = entry.model._base_manager.bulk_create([row])
    change.target_pk = str(stored.pk)
    created[change.position] = stored.pk


_WRITERS = {Action.UPDATE: _update, Action.CREATE: _create, Action.DELETE: _delete}


def _resolved(values: rows.Image, created: dict[int, Any]) -> rows.Image:
    """New values with the keys of rows that this correction created just now."""
    found = dict(values)
    for column, value in values.items():
        if rows.is_placeholder(value):
            if value["change"] not in created:
                raise IntegrityBroken(code="referred_row_was_not_created", column=column)
            found[column] = created[value["change"]]
    return found


def _expected(entry: Entry, change: Change) -> models.QuerySet[Any]:
    """The row, if it still holds every old value: the condition travels in the statement itself."""
    wanted: dict[str, Any] = {"pk": change.target_pk}
    for column, value in rows.decoded(entry, change.old).items():
        if column == entry.model._meta.pk.attname:
            continue
        field = next(f for f in entry.model._meta.concrete_fields if f.attname == column)
        if isinstance(field, models.JSONField):
            continue  # compared in Python under the row's lock; databases disagree about equal JSON
        wanted[f"{column}__isnull" if value is None else column] = True if value is None else value
    return entry.model._base_manager.filter(**wanted)


def _check_references(changes: Sequence[Change]) -> None:
    """Deferred foreign keys are checked now, not at a commit that could only fail with a server error."""
    if not any(_touches_references(change) for change in changes):
        return
    entries = {rows.entry_of(change.target_model) for change in changes}
    connection = connections[router.db_for_write(next(iter(entries)).model)]
    if connection.vendor == "postgresql":
        connection.check_constraints()
        return
    for change in changes:
        _demand_referenced_rows(rows.entry_of(change.target_model), change)


def _touches_references(change: Change) -> bool:
    if change.action != Action.UPDATE:
        return True
    fields = rows.entry_of(change.target_model).model._meta.concrete_fields
    return any(isinstance(field, models.ForeignKey) and field.attname in change.new for field in fields)


def _demand_referenced_rows(entry: Entry, change: Change) -> None:
    """SQLite has no way to check only these rows, so each reference that was written is looked up."""
    for field in entry.model._meta.concrete_fields:
        value = change.new.get(field.attname)
        if not isinstance(field, models.ForeignKey) or value is None or rows.is_placeholder(value):
            continue
        if not field.related_model._base_manager.filter(**{field.target_field.name: value}).exists():
            raise DatabaseRefused(field=field.name)


def _read_after_images(changes: Sequence[Change]) -> None:
    """What stands there now, read back; it must hold every approved value (I-10)."""
    wanted: dict[str, list[str]] = defaultdict(list)
    for change in changes:
        if change.action != Action.DELETE:
            wanted[change.target_model].append(change.target_pk)
    for label, pks in wanted.items():
        entry = rows.entry_of(label)
        found = {str(row.pk): row for row in entry.model._base_manager.filter(pk__in=pks)}
        for change in changes:
            if change.target_model == label and change.action != Action.DELETE:
                _keep_after_image(entry, change, found.get(change.target_pk))


def _keep_after_image(entry: Entry, change: Change, row: models.Model | None) -> None:
    if row is None:
        raise AfterImageDiffers(record=change.target_label)
    change.after_image = rows.image(entry, row)
    for column, value in change.new.items():
        if not rows.is_placeholder(value) and change.after_image.get(column) != value:
            raise AfterImageDiffers(record=change.target_label, column=column)


def rehearse(changes: Sequence[Change], live: Mapping[tuple[str, str], models.Model]) -> None:
    """The real apply, on copies of the changes, taken back whole: what would fail then, fails now.

    Raises what apply would raise. Nothing of it remains, history included.
    """
    copies = [copy.copy(change) for change in changes]
    with transaction.atomic():
        apply_changes(copies, live)
        demand_images(copies)
        _check_deferred()
        transaction.set_rollback(True)


def _check_deferred() -> None:
    """Rules that PostgreSQL keeps for the commit, which never comes here."""
    if connections[router.db_for_write(Change)].vendor == "postgresql":
        try:
            connections[router.db_for_write(Change)].check_constraints()
        except DatabaseError as error:
            raise DatabaseRefused(detail=type(error).__name__) from error


def demand_images(changes: Sequence[Change]) -> None:
    """I-09: each change has the images that its action demands."""
    for change in changes:
        needs_before = change.action != Action.CREATE
        needs_after = change.action != Action.DELETE
        if (needs_before and not change.before_image) or (needs_after and not change.after_image):
            raise CorrectionError(_("A before-image is missing, so nothing was written."), code="image_is_missing")
