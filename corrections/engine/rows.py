"""Reading business rows: locked, compared with what the maker saw, and as canonical images."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext_lazy as _

from corrections.engine import reading
from corrections.errors import Conflict, InvalidInput
from corrections.integrity.canonical import decode, encode
from corrections.models import Change
from corrections.registry import Entry, registry

# From so many on, a statement for each table is quicker than one that joins them.
MANY_ROWS = 200

Image = dict[str, Any]
# Rows as they are, by label and key.
Live = Mapping[tuple[str, str], models.Model]


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


@cache
def _columns(model: type[models.Model]) -> dict[str, models.Field[Any, Any]]:
    return {field.attname: field for field in model._meta.concrete_fields}


def column_image(entry: Entry, row: models.Model, columns: Iterable[str]) -> Image:
    """Canonical values of some columns of a row."""
    fields = _columns(entry.model)
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
    fields = _columns(entry.model)
    return {column: decode(fields[column], value) for column, value in values.items()}


def unsaved(entry: Entry, values: Image) -> models.Model:
    """An instance with these column values that never came from the database."""
    return entry.model(**decoded(entry, {k: v for k, v in values.items() if not is_placeholder(v)}))


def is_placeholder(value: Any) -> bool:
    """Whether a value stands for the key of a row that the same correction creates; no canonical value is a dict."""
    return isinstance(value, dict) and set(value) == {"change"}


def locked(entry: Entry, pks: Iterable[Any]) -> dict[str, models.Model]:
    """The rows by key as text, locked until the transaction ends, always in the order of their keys."""
    keys = list(pks)
    if len(keys) > MANY_ROWS:
        return {str(row.pk): row for row in reading.lock_rows(entry.model, keys, entry.config.reads)}
    return {str(row.pk): row for row in read(entry, keys).select_for_update(of=("self",)).order_by("pk")}


def read(entry: Entry, pks: Iterable[Any]) -> models.QuerySet[Any]:
    """The rows with the references that labels and checks follow."""
    rows = entry.model._base_manager.filter(pk__in=list(pks))
    return rows.select_related(*entry.config.reads) if entry.config.reads else rows


def locked_targets(changes: Iterable[Change]) -> dict[tuple[str, str], models.Model]:
    """The live rows of changes by label and key, locked model by model in one order, so that nobody deadlocks."""
    wanted = _wanted(changes)
    return {(label, pk): row for label in sorted(wanted) for pk, row in locked(entry_of(label), wanted[label]).items()}


def live_targets(changes: Iterable[Change]) -> dict[tuple[str, str], models.Model]:
    """The live rows of changes by label and key, for looking at."""
    wanted = _wanted(changes)
    return {(label, str(row.pk)): row for label in wanted for row in _live(entry_of(label), wanted[label])}


def _live(entry: Entry, pks: list[str]) -> Iterable[models.Model]:
    is_many = len(pks) > MANY_ROWS
    return reading.read_rows(entry.model, pks, entry.config.reads) if is_many else read(entry, pks)


def _wanted(changes: Iterable[Change]) -> dict[str, list[str]]:
    wanted: dict[str, list[str]] = defaultdict(list)
    for change in changes:
        if change.target_pk:
            wanted[change.target_model].append(change.target_pk)
    return wanted


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
    return list(_fields_of(entry, tuple(columns)))


@lru_cache(maxsize=1_000)  # the rows of a batch write the same few columns
def _fields_of(entry: Entry, columns: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(entry.field_of_column(column) for column in columns))


@lru_cache(maxsize=1_000)
def _fields_written(entry: Entry, columns: tuple[str, ...]) -> frozenset[str]:
    return frozenset(_fields_of(entry, columns))


def fields_written(entry: Entry, columns: Iterable[str]) -> frozenset[str]:
    """The same, as a set."""
    return _fields_written(entry, tuple(columns))


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


def demand_same(entry: Entry, change: Change, row: models.Model | None) -> None:
    """Like `demand_unchanged`, for many rows of which nobody needs the image."""
    is_known = row is not None and change.old.keys() <= _columns(entry.model).keys()
    if row is None or not is_known or column_image(entry, row, change.old) != change.old:
        demand_unchanged(entry, change, row)


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
