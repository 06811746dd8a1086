"""Which columns a database can compare, set and put into an image by itself, in the form of integrity/canonical.py.

Only plain kinds of Django's own are trusted: a field that turns its values into something else, an unusual collation,
JSON, floats, durations, times and bytes are left to Python, row by row.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from django.db import models

from corrections.protection.fields import CipherTextField
from corrections.registry import Entry


class Kind(Enum):
    TEXT = auto()
    INTEGER = auto()
    BOOLEAN = auto()
    DECIMAL = auto()
    DATE = auto()
    MOMENT = auto()
    UUID = auto()


KINDS: dict[type, Kind] = {
    **dict.fromkeys((models.CharField, models.TextField, models.SlugField, models.EmailField), Kind.TEXT),
    **dict.fromkeys((models.URLField, CipherTextField), Kind.TEXT),
    **dict.fromkeys((models.IntegerField, models.BigIntegerField, models.SmallIntegerField), Kind.INTEGER),
    **dict.fromkeys((models.PositiveIntegerField, models.PositiveBigIntegerField), Kind.INTEGER),
    **dict.fromkeys((models.PositiveSmallIntegerField, models.AutoField, models.BigAutoField), Kind.INTEGER),
    models.SmallAutoField: Kind.INTEGER,
    models.BooleanField: Kind.BOOLEAN,
    models.DecimalField: Kind.DECIMAL,
    models.DateField: Kind.DATE,
    models.DateTimeField: Kind.MOMENT,
    models.UUIDField: Kind.UUID,
}
KEYS = (Kind.INTEGER, Kind.UUID, Kind.TEXT)


@dataclass(frozen=True)
class Column:
    """One column of a target: `attname` is its key in images, `name` its name in the table."""

    attname: str
    name: str
    kind: Kind
    field: Any  # that holds the values: a reference's is the one that it refers to


def kind_of(field: Any) -> Kind | None:
    """None for a column that Python must read. The type itself counts: a subclass may convert as it likes."""
    if isinstance(field, models.ForeignKey):
        return kind_of(field.target_field)
    return None if getattr(field, "db_collation", None) else KINDS.get(type(field))


def _column(field: Any) -> Column:
    kind = kind_of(field)
    if kind is None:
        raise LookupError(f"{field} can't be set by the database alone.")
    plain = field
    while isinstance(plain, models.ForeignKey):
        plain = plain.target_field
    return Column(str(field.attname), str(field.column), kind, plain)


def columns_of(entry: Entry) -> dict[str, Column]:
    """Every column by its key in images, in the order of the model. Raises LookupError where one is Python's."""
    return {field.attname: _column(field) for field in entry.model._meta.concrete_fields}


def key_of(entry: Entry) -> Column:
    return _column(entry.model._meta.pk)


def is_settable(entry: Entry, columns: Iterable[str] = ()) -> bool:
    """Whether sets of this model's rows can be corrected by SQL alone; where not, the caller goes row by row.

    An image holds the whole row, so every column of the model counts, whatever `columns` are to be set.
    """
    fields = {str(field.attname): field for field in entry.model._meta.concrete_fields}
    is_known = all(name in fields and not fields[name].primary_key for name in columns)
    is_plain = all(kind_of(field) is not None for field in fields.values())
    return is_known and is_plain and kind_of(entry.model._meta.pk) in KEYS
