"""How a column's value looks to people: masked, in words, numbers exact, references by their label.

Every page and report shows values through here, so that none of them ever prints a secret or a bare key.
"""

from __future__ import annotations

import datetime as dt
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from django.core.exceptions import ObjectDoesNotExist
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext as _

from corrections.engine import rows
from corrections.integrity.canonical import decode
from corrections.registry import Entry, registry

EMPTY = "—"

# Labels of referenced rows by model label and key as text.
Labels = Mapping[tuple[str, str], str]


def label_of(row: models.Model | None) -> str:
    """What people call a row, registered or not, without a secret."""
    if row is None:
        return ""
    entry = registry.get(row)
    return str(row) if entry is None else entry.config.label(row)


def reference_field(entry: Entry, name: str) -> models.ForeignKey[Any, Any] | None:
    """The foreign key behind a field, or None."""
    if entry.is_secret(name):
        return None
    field = entry.model._meta.get_field(name)
    return field if isinstance(field, models.ForeignKey) else None


def labels_of(wanted: Iterable[tuple[Entry, rows.Image]], *, known: Labels | None = None) -> Labels:
    """Labels of everything that these images refer to; one query per model of what isn't known."""
    found: dict[tuple[str, str], str] = dict(known or {})
    keys: dict[tuple[type[models.Model], str], set[Any]] = defaultdict(set)
    for entry, values in wanted:
        for name in entry.display_fields():
            field = reference_field(entry, name)
            value = values.get(field.attname) if field is not None else None
            if field is None or value is None or rows.is_placeholder(value):
                continue
            if (field.related_model._meta.label_lower, str(value)) not in found:
                keys[field.related_model, field.target_field.name].add(value)
    for (model, key), values_of in keys.items():
        for row in with_references(model).filter(**{f"{key}__in": sorted(values_of, key=str)}):
            found[model._meta.label_lower, str(getattr(row, key))] = label_of(row)
    return found


def labels_of_row(entry: Entry, row: models.Model) -> Labels:
    """Labels of what a loaded row refers to, its references already selected."""
    found = {}
    for name in entry.display_fields():
        field = reference_field(entry, name)
        if field is not None and getattr(row, field.attname) is not None:
            key = str(getattr(row, field.attname))
            found[field.related_model._meta.label_lower, key] = label_of(getattr(row, name))
    return found


def with_references(model: type[models.Model]) -> models.QuerySet[Any]:
    """Rows with what their labels are likely to read, in one query."""
    names = [field.name for field in model._meta.concrete_fields if isinstance(field, models.ForeignKey)]
    found = model._base_manager.all()
    return found.select_related(*names) if names else found


def shown(entry: Entry, name: str, values: rows.Image, labels: Labels | None = None) -> str:
    """A field of a canonical image, for people. Nothing is shown as an empty text."""
    if entry.is_secret(name):
        return rows.shown(entry, name, values)
    column = entry.columns(name)[0]
    value = values.get(column)
    if value is None or value == "" or rows.is_placeholder(value):
        return rows.shown(entry, name, values)
    reference = reference_field(entry, name)
    if reference is not None:
        text = (labels or {}).get((reference.related_model._meta.label_lower, str(value)), str(value))
    else:
        text = _plain(entry.model._meta.get_field(name), value)
    spec = entry.fields.get(name)
    return spec.mask(text) if spec and spec.mask else text


def _plain(field: Any, value: Any) -> str:
    """Text of an ordinary column's canonical value."""
    if isinstance(field, models.JSONField):
        return json.dumps(decode(field, value), ensure_ascii=False, sort_keys=True, cls=field.encoder)
    words = dict(field.flatchoices) if getattr(field, "flatchoices", None) else {}
    if value in words:
        return str(words[value])
    if isinstance(value, bool):
        return str(_("yes")) if value else str(_("no"))
    if isinstance(field, models.DecimalField):
        return exact(Decimal(value), field.decimal_places)
    if isinstance(field, models.DateTimeField):
        return moment(field.to_python(value))
    return str(value)


def exact(amount: Decimal, places: int | None = None) -> str:
    """A number with every decimal it has, by thousands in every language (Django's Chinese groups by ten thousands)."""
    decimals = places if places is not None else max(0, -int(amount.as_tuple().exponent))
    return f"{amount:,.{decimals}f}"


def moment(at: dt.datetime) -> str:
    """A moment in the desk's time, to the second."""
    return timezone.localtime(at).strftime("%Y-%m-%d %H:%M:%S")


def of_row(entry: Entry, row: models.Model, name: str) -> str:
    """A field of a loaded row, its references already selected."""
    reference = reference_field(entry, name)
    if reference is None:
        return shown(entry, name, rows.column_image(entry, row, entry.columns(name)))
    try:
        text = label_of(getattr(row, name))
    except ObjectDoesNotExist:
        text = str(getattr(row, reference.attname))
    spec = entry.fields.get(name)
    return spec.mask(text) if spec and spec.mask else text
