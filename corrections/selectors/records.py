"""One business record for its page: every field masked, what is open on it, what hangs on it, its latest history."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models

from corrections.choices import Action, Owner
from corrections.conf import limits
from corrections.engine import rows
from corrections.engine.dependants import relations
from corrections.permissions import (
    BUSINESS_ROLES,
    CONTROL,
    Rights,
    may_propose,
    may_see_record,
    scope_key,
    sees_controls,
)
from corrections.registry import Entry, registry
from corrections.selectors import display, history, mentions

LATEST_MOMENTS = 5


@dataclass(frozen=True)
class Target:
    """Where a link to a record leads."""

    model: str
    pk: str
    label: str


@dataclass(frozen=True)
class ShownField:
    name: str
    label: str
    value: str
    is_correctable: bool
    is_customers: bool
    is_secret: bool
    target: Target | None
    held_by: mentions.Mention | None


@dataclass(frozen=True)
class Hanging:
    """Rows of one model that refer to the record."""

    label: str
    field: str
    targets: tuple[Target, ...]
    has_more: bool
    is_registered: bool


@dataclass(frozen=True)
class RecordPage:
    row: models.Model
    label: str
    fields: tuple[ShownField, ...]
    open_corrections: tuple[mentions.Mention, ...]
    corrections: tuple[mentions.Mention, ...]
    hanging: tuple[Hanging, ...]
    history: history.Timeline
    may_update: bool
    may_delete: bool


def record(user: Any, rights: Rights, entry: Entry, pk: str) -> models.Model | None:
    """A visible record with its references, or None: of what one may not see one learns nothing."""
    keys = [f.name for f in entry.model._meta.concrete_fields if isinstance(f, models.ForeignKey)]
    path = entry.config.scope_path
    wanted = sorted({*keys, *([path] if path and path != "self" else [])})
    found = entry.model._default_manager.all()
    try:
        key = entry.model._meta.pk.to_python(pk)
        row = (found.select_related(*wanted) if wanted else found).filter(pk=key).first()
    except (ValidationError, ValueError, OverflowError):
        return None
    return row if row is not None and _is_visible(user, rights, entry, row) else None


def _is_visible(user: Any, rights: Rights, entry: Entry, row: models.Model) -> bool:
    """As permissions.visible_records says, without a query where the row's scope already answers."""
    if entry.is_control:
        return rights.is_superuser or sees_controls(rights)
    held = rights.scope_keys(BUSINESS_ROLES)
    scope = entry.config.scope(row)
    if rights.is_superuser or held is None or (scope is not None and scope_key(scope) in held):
        return True
    return may_see_record(user, rights, entry, row)


def actions_on(user: Any, rights: Rights, entry: Entry, row: models.Model) -> frozenset[str]:
    """What the account may propose for this very record."""
    wanted = entry.actions - {Action.CREATE}
    if not wanted or entry.config.maker_role not in rights.roles:
        return frozenset()
    keys = {CONTROL if entry.is_control else scope_key(entry.config.scope(row))}
    return frozenset(wanted) if may_propose(user, rights, entry, keys, row.pk) else frozenset()


def may_create(rights: Rights, entry: Entry) -> bool:
    """Whether the account may propose a new record somewhere; on which scope is asked when it is known."""
    role = entry.config.maker_role
    if Action.CREATE not in entry.actions or role not in rights.roles:
        return False
    return role in rights.everywhere or bool(entry.config.scope_path and rights.scopes.get(role))


def may_correct_some(rights: Rights, entry: Entry) -> bool:
    """Whether the account may propose changes of such records somewhere; of which of them is asked of each."""
    return Action.UPDATE in entry.actions and entry.config.maker_role in rights.roles


def record_page(user: Any, rights: Rights, entry: Entry, row: models.Model) -> RecordPage:
    corrections = mentions.of_record(user, rights, entry.key, row.pk)
    known = {one.pk: one for one in corrections}
    held = mentions.holders(user, rights, entry.key, row.pk, known=known)
    allowed = actions_on(user, rights, entry, row)
    opened = {one.pk: one for one in [*held.values(), *(one for one in corrections if one.is_open)]}
    return RecordPage(
        row=row,
        label=entry.config.label(row),
        fields=tuple(_field(entry, row, name, held.get(name)) for name in entry.display_fields()),
        open_corrections=tuple(opened.values()),
        corrections=tuple(corrections),
        hanging=tuple(hanging_on(entry, row)),
        history=history.latest(
            user,
            rights,
            entry,
            row.pk,
            most=LATEST_MOMENTS,
            known=history.Known(known, display.labels_of_row(entry, row)),
        ),
        may_update=Action.UPDATE in allowed,
        may_delete=Action.DELETE in allowed,
    )


def _field(entry: Entry, row: models.Model, name: str, held_by: mentions.Mention | None) -> ShownField:
    spec = entry.fields.get(name)
    return ShownField(
        name=name,
        label=entry.verbose_name(name),
        value=display.of_row(entry, row, name),
        is_correctable=spec is not None and Action.UPDATE in entry.actions,
        is_customers=spec is not None and spec.owner == Owner.CUSTOMER,
        is_secret=entry.is_secret(name),
        target=_target_of(entry, row, name),
        held_by=held_by,
    )


def _target_of(entry: Entry, row: models.Model, name: str) -> Target | None:
    field = display.reference_field(entry, name)
    if field is None or getattr(row, field.attname) is None or registry.get(field.related_model) is None:
        return None
    related = getattr(row, name)
    return Target(related._meta.label_lower, str(related.pk), display.label_of(related))


def hanging_on(entry: Entry, row: models.Model) -> list[Hanging]:
    """What refers to the record, one query per relation; as registered, or every relation that Django knows."""
    names = entry.config.depends
    found: list[Hanging] = []
    for key in relations(entry.model):
        if names is None or key.remote_field.get_accessor_name() in names:
            found += _hanging(key, row)
    return found


def _hanging(key: Any, row: models.Model) -> Sequence[Hanging]:
    most = limits.RELATED_ROWS_MAX
    value = getattr(row, key.target_field.attname)
    found = list(display.with_references(key.model).filter(**{key.name: value}).order_by("-pk")[: most + 1])
    if not found:
        return []
    model = key.model._meta.label_lower
    targets = tuple(Target(model, str(one.pk), display.label_of(one)) for one in found[:most])
    label = str(key.model._meta.verbose_name_plural)
    return [Hanging(label, key.name, targets, len(found) > most, registry.get(key.model) is not None)]


def seen_image(entry: Entry, row: models.Model) -> rows.Image:
    """Canonical columns of the fields that can be corrected: what the maker sees, and what `draft` compares."""
    return rows.column_image(entry, row, [column for name in entry.fields for column in entry.columns(name)])
