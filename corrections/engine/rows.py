"""Reading business rows: locked, compared with what the maker saw, and as canonical images."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext_lazy as _

from corrections.errors import Conflict, InvalidInput
from corrections.integrity.canonical import decode, encode
from corrections.models import Change
from corrections.registry import Entry, registry

Image = dict[str, Any]


@dataclass(frozen=True)
class Moved:
    """A field whose live value is not what was expected: masked for people, with its columns' canonical values."""

    field: str
    label: str
    before: str
    ours: str
    now: str

    def as_json(self) -> dict[str, str]:
        return {"field": self.field, "label": self.label, "before": self.before, "ours": self.ours, "now": self.now}


class RecordNotFound(InvalidInput):
    code = "record_not_found"
    message = _("This record doesn't exist (any more).")


class ValueChanged(Conflict):
    """I-04: a live value is no longer the maker's old value."""

    code = "value_changed_since_request"
    message = _("%(record)s was changed meanwhile: %(fields)s. Look at the present values and request again.")


def entry_of(label: str) -> Entry:
    """The entry of a stored label. Raises InvalidInput when the model is no longer correctable."""
    entry = registry.get(label)
    if entry is None:
        raise InvalidInput(_("Records of this kind can't be corrected."), code="model_not_correctable", model=label)
    return entry


def column_image(entry: Entry, row: models.Model, columns: Iterable[str]) -> Image:
    """Canonical values of some columns of a row."""
    fields = {field.attname: field for field in entry.model._meta.concrete_fields}
    return {column: encode(fields[column], getattr(row, column)) for column in columns}


def seen_image(entry: Entry, target: models.Model, columns: Iterable[str]) -> Image:
    """Canonical values as they stand on an instance that a caller passed, whatever stands there."""
    fields = {field.attname: field for field in entry.model._meta.concrete_fields}
    try:
        return {column: encode(fields[column], fields[column].to_python(getattr(target, column))) for column in columns}
    except (ValidationError, ValueError, TypeError, ArithmeticError):
        raise InvalidInput(
            _("The record holds values that can't be read. Load it again."), code="target_not_readable"
        ) from None


def image(entry: Entry, row: models.Model) -> Image:
    """Canonical values of the whole row."""
    return column_image(entry, row, entry.all_columns())


def decoded(entry: Entry, values: Image) -> dict[str, Any]:
    """Python values of canonical ones, by column."""
    fields = {field.attname: field for field in entry.model._meta.concrete_fields}
    return {column: decode(fields[column], value) for column, value in values.items()}


def unsaved(entry: Entry, values: Image) -> models.Model:
    """An instance with these column values that never came from the database."""
    return entry.model(**decoded(entry, {k: v for k, v in values.items() if not is_placeholder(v)}))


def is_placeholder(value: Any) -> bool:
    """Whether a value stands for the key of a row that the same correction creates; no canonical value is a dict."""
    return isinstance(value, dict) and set(value) == {"change"}


def locked(entry: Entry, pks: Iterable[Any]) -> dict[str, models.Model]:
    """The rows by key as text, locked until the transaction ends, always in the order of their keys."""
    rows = entry.model._base_manager.select_for_update(of=("self",)).filter(pk__in=list(pks)).order_by("pk")
    return {str(row.pk): row for row in rows}


def locked_targets(changes: Iterable[Change]) -> dict[tuple[str, str], models.Model]:
    """The live rows of changes by label and key, locked model by model in one order, so that nobody deadlocks."""
    wanted: dict[str, list[str]] = defaultdict(list)
    for change in changes:
        if change.target_pk:
            wanted[change.target_model].append(change.target_pk)
    return {(label, pk): row for label in sorted(wanted) for pk, row in locked(entry_of(label), wanted[label]).items()}


def shown(entry: Entry, name: str, values: Image) -> str:
    """What people may see of a field in an image: masked, with the words of choices."""
    field_spec = entry.fields.get(name)
    if entry.is_secret(name):
        return str(values.get(f"{name}_masked") or "")
    column = entry.columns(name)[0]
    value = values.get(column)
    if value is None or is_placeholder(value):
        return "" if value is None else str(_("created here, row %(row)s") % {"row": value["change"]})
    field = entry.model._meta.get_field(name)
    text = str(dict(getattr(field, "flatchoices", ())).get(value, value))
    return field_spec.mask(text) if field_spec and field_spec.mask else text


def fields_of(entry: Entry, columns: Iterable[str]) -> list[str]:
    """Names of the fields behind columns, each once, in order."""
    return list(dict.fromkeys(entry.field_of_column(column) for column in columns))


def moved(entry: Entry, expected: Image, live: Image, *, before: Image | None = None) -> list[Moved]:
    """Fields of `expected` whose live value differs."""
    columns = [column for column in expected if expected[column] != live.get(column)]
    return [
        Moved(
            field=name,
            label=entry.verbose_name(name),
            before=shown(entry, name, before or {}),
            ours=shown(entry, name, expected),
            now=shown(entry, name, live),
        )
        for name in fields_of(entry, columns)
    ]


def demand_unchanged(entry: Entry, change: Change, row: models.Model | None) -> Image:
    """The live image, if every old value still holds. Raises ValueChanged or RecordNotFound."""
    if row is None:
        raise RecordNotFound(record=change.target_label, change=change.pk)
    live = image(entry, row)
    differences = moved(entry, change.old, live)
    if differences:
        raise ValueChanged(
            record=change.target_label,
            fields=", ".join(difference.label for difference in differences),
            change=change.pk,
            moved=[difference.as_json() for difference in differences],
        )
    return live
