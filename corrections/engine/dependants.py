"""What hangs on a record: rows of other tables that refer to it. Read for people, and before a delete."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _

from corrections.choices import Action
from corrections.conf import limits
from corrections.engine import rows
from corrections.errors import Conflict
from corrections.models import Change


class HasDependants(Conflict):
    code = "record_has_dependants"
    message = _("%(record)s can't be deleted: %(dependants)s refer to it. Put them into the same correction first.")


@dataclass(frozen=True)
class Dependants:
    """Rows of one model that refer to a record: up to a limit of them, and whether there are more."""

    model: type[models.Model]
    field: str
    rows: Sequence[models.Model]
    has_more: bool


def relations(model: type[models.Model]) -> Iterator[Any]:
    """Every foreign key of another table that the database enforces on this model."""
    for relation in model._meta.get_fields(include_hidden=True):
        if not (relation.auto_created and (relation.one_to_many or relation.one_to_one)):
            continue
        key: Any = relation.field  # type: ignore[union-attr]
        is_history = hasattr(key.model, "instance_type")
        if not is_history and key.db_constraint and not key.model._meta.proxy:
            yield key


def dependants_of(row: models.Model, *, names: Sequence[str] | None = None) -> list[Dependants]:
    """What refers to a row, one entry per relation that has any. `names` restricts to those relations."""
    found = []
    most = limits.RELATED_ROWS_MAX
    for key in relations(type(row)):
        if names is not None and key.remote_field.get_accessor_name() not in names:
            continue
        those = list(_referring(key, row)[: most + 1])
        if those:
            found.append(Dependants(key.model, key.name, those[:most], len(those) > most))
    return found


def _referring(key: Any, row: models.Model) -> models.QuerySet[Any]:
    wanted = {key.name: getattr(row, key.target_field.attname)}
    return key.model._base_manager.filter(**wanted).order_by("-pk")


def demand_no_dependants(changes: Sequence[Change]) -> None:
    """After the writes: nothing may refer to a deleted row any more. Raises HasDependants."""
    for change in changes:
        if change.action != Action.DELETE:
            continue
        entry = rows.entry_of(change.target_model)
        gone = rows.unsaved(entry, change.before_image or {})
        left = dependants_of(gone)
        if left:
            names = ", ".join(str(item.model._meta.verbose_name_plural) for item in left)
            raise HasDependants(record=change.target_label, dependants=names)
