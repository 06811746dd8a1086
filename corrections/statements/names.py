"""What the names in a statement mean: which registered model, and which of its fields."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from django.db import models
from django.utils.translation import override

from corrections.choices import Action, Owner
from corrections.registry import Entry, registry
from corrections.statements import refusals
from corrections.statements.pieces import Piece


def table(names: Sequence[Piece]) -> Entry:
    """The model that is meant: by its table, by its label, or by its name as people write it."""
    wanted = ".".join(name.text for name in names)
    found = [entry for entry in registry.entries() if wanted in _names(entry)]
    if not found:
        raise refusals.StatementTableNotKnown
    if len(found) > 1:
        raise refusals.StatementTableAmbiguous(names=", ".join(entry.table for entry in found))
    entry = found[0]
    # The desk's own controls are set on pages of their own, where their gaps are seen.
    if Action.UPDATE not in entry.actions or entry.is_control:
        raise refusals.StatementTableNotUpdatable(table=entry.table)
    return entry


def _names(entry: Entry) -> frozenset[str]:
    """`accounts_bankcard`, `accounts.bankcard`, `bankcard(s)`, `bank_card(s)`, and the plural's own words."""
    meta = entry.model._meta
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", str(meta.object_name)).lower()
    single = {str(meta.model_name), words}
    with override(None):  # as the source calls it, whatever language is chosen
        plural = re.sub(r"\W+", "_", str(meta.verbose_name_plural).lower())
    return frozenset({entry.table, entry.table.lower(), entry.key, plural, *single, *map(_plural, single)})


def _plural(name: str) -> str:
    return f"{name[:-1]}ies" if re.search(r"[^aeiou]y$", name) else f"{name}s"


def field_to_set(entry: Entry, name: Piece) -> str:
    """The field that may be set: correctable, and our own system's word. Neither a key nor a secret."""
    field = _field(entry, name)
    spec = entry.fields.get(field)
    if spec is not None and spec.owner == Owner.CUSTOMER:
        raise refusals.StatementFieldIsTheCustomers(label=entry.verbose_name(field))
    if spec is None or entry.is_secret(field) or field == entry.model._meta.pk.name:
        raise refusals.StatementFieldNotSettable(label=entry.verbose_name(field))
    return field


def field_to_compare(entry: Entry, name: Piece) -> str:
    """A field by which records may be chosen: one that people see whole, or this would be a way to guess the rest."""
    field = _field(entry, name)
    spec = entry.fields.get(field)
    if not _is_shown(entry, field) or entry.is_secret(field) or (spec is not None and spec.mask is not None):
        raise refusals.StatementFieldNotComparable(label=entry.verbose_name(field))
    return field


def _is_shown(entry: Entry, name: str) -> bool:
    if name in entry.fields or name in entry.config.list_display or entry.is_secret(name):
        return True
    column: Any = entry.model._meta.get_field(name)
    return bool(column.editable) or column.primary_key


def _field(entry: Entry, name: Piece) -> str:
    found = dict(_field_names(entry)).get(name.text)
    if found is None:
        raise refusals.StatementFieldNotKnown(at=name.at)
    return found


def _field_names(entry: Entry) -> Iterator[tuple[str, str]]:
    """Every way to write a field: its name and its column; of a secret also its three columns."""
    for field in entry.model._meta.concrete_fields:
        known = entry.field_of_column(field.attname)
        for written in (known, field.name, field.attname, str(field.column)):
            yield written.lower(), known
            yield written, known


def column(entry: Entry, name: str) -> models.Field[Any, Any]:
    """The column behind a field that is no secret."""
    field: models.Field[Any, Any] = entry.model._meta.get_field(name)  # type: ignore[assignment]
    return field
