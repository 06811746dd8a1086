"""Values as they are written in a statement, read as the column's kind takes them: one spelling, one meaning.

Numbers stand bare, texts, dates and moments in quotes. A moment without an offset is meant on the desk's clock, and
the rebuilt rule says which moment that is.
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from typing import Any

from django.db import models
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from corrections.conf import limits
from corrections.engine import values
from corrections.errors import InvalidInput
from corrections.registry import Entry
from corrections.statements import names, refusals
from corrections.statements.asked import Given
from corrections.statements.pieces import NUMBER, TEXT

NULL = "NULL"
BOOLEANS = ("TRUE", "FALSE")
DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
MOMENT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"([ T][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?( ?(Z|[+-][0-9]{2}:[0-9]{2}))?)?",
    re.ASCII,
)
KEY_MAX = 2**63 - 1


class Kind(Enum):
    """How the values of a column are written."""

    TEXT = "text"
    INTEGER = "integer"
    DECIMAL = "decimal"
    BOOLEAN = "boolean"
    DAY = "day"
    MOMENT = "moment"

    @property
    def words(self) -> Promise:
        return WORDS_OF_KINDS[self]


WORDS_OF_KINDS: dict[Kind, Any] = {
    Kind.TEXT: _("a text in single quotes, such as 'ICBC'"),
    Kind.INTEGER: _("a whole number without quotes, such as 12"),
    Kind.DECIMAL: _("a number without quotes and with no more decimals than the field has, such as 1234.56"),
    Kind.BOOLEAN: _("TRUE or FALSE"),
    Kind.DAY: _("a date in single quotes, such as '2026-10-01'"),
    Kind.MOMENT: _("a date with a time in single quotes, such as '2026-10-01 09:30:00+08:00'"),
}
# By Django's own word for a column. What is approximate, or kept differently by different databases, is not here.
KINDS: dict[str, Kind] = {
    **dict.fromkeys(("CharField", "TextField", "SlugField"), Kind.TEXT),
    **dict.fromkeys(("IntegerField", "BigIntegerField", "SmallIntegerField"), Kind.INTEGER),
    **dict.fromkeys(("PositiveIntegerField", "PositiveBigIntegerField", "PositiveSmallIntegerField"), Kind.INTEGER),
    **dict.fromkeys(("AutoField", "BigAutoField", "SmallAutoField"), Kind.INTEGER),
    "DecimalField": Kind.DECIMAL,
    "BooleanField": Kind.BOOLEAN,
    "DateField": Kind.DAY,
    "DateTimeField": Kind.MOMENT,
}
TOKENS = {Kind.INTEGER: (NUMBER,), Kind.DECIMAL: (NUMBER,), Kind.BOOLEAN: BOOLEANS}


@dataclass(frozen=True)
class Column:
    """A field that is compared: how its values are written, and the field that turns them into the database's."""

    entry: Entry
    name: str
    kind: Kind
    field: models.Field[Any, Any]

    @property
    def label(self) -> str:
        return self.entry.verbose_name(self.name)


def compared(entry: Entry, name: str) -> Column:
    """Raises StatementRefused where values of such a column can't be compared exactly."""
    field = _key_of(names.column(entry, name))
    kind = _kind_of(field)
    if kind is None:
        raise refusals.StatementFieldNotComparable(label=entry.verbose_name(name))
    return Column(entry, name, kind, field)


def _key_of(field: Any) -> models.Field[Any, Any]:
    """What a reference's key looks like, behind however many references."""
    while isinstance(field, models.ForeignKey):
        field = field.target_field
    found: models.Field[Any, Any] = field
    return found


def _kind_of(field: Any) -> Kind | None:
    """None also for a column that holds something else than it shows, such as an encrypted one."""
    return None if hasattr(field, "from_db_value") else KINDS.get(field.get_internal_type())


def new_value(entry: Entry, name: str, given: Given) -> str | None:
    """The value to be set, as text that the single form would take as well; None for NULL. Raises InvalidInput."""
    field = names.column(entry, name)
    kind = _kind_of(_key_of(field))
    if kind is None:
        raise refusals.StatementFieldNotSettable(label=entry.verbose_name(name))
    if given.kind == NULL:
        _demand_may_be_empty(entry, name, field)
        return None
    _demand_kind(entry.verbose_name(name), kind, given)
    text = given.text.capitalize() if given.kind in BOOLEANS else given.text
    if kind is Kind.MOMENT:
        text = written(Kind.MOMENT, _moment(entry, name, text))
    if isinstance(field, models.ForeignKey):
        value(compared(entry, name), given)  # whether there is such a record is asked where rights are known
    else:
        values.parse(entry, name, text)
    return text


def _demand_may_be_empty(entry: Entry, name: str, field: models.Field[Any, Any]) -> None:
    if not field.null:
        raise values.refuse(entry, name, _("must be filled in."))


def value(column: Column, given: Given) -> Any:
    """The Python value that a field is compared with. Raises StatementRefused."""
    if given.kind == NULL:
        raise refusals.StatementComparesWithNull(label=column.label)
    _demand_kind(column.label, column.kind, given)
    try:
        found = _READERS[column.kind](column, given.text)
    except (InvalidInput, ValueError):
        found = None
    if found is None:
        raise refusals.StatementValueNotUsable(label=column.label, kind=column.kind.words)
    return found


def _demand_kind(label: str, kind: Kind, given: Given) -> None:
    if given.kind not in TOKENS.get(kind, (TEXT,)):
        raise refusals.StatementValueOfWrongType(label=label, kind=kind.words)


def written(kind: Kind, found: Any) -> str:
    """The one spelling of a value in the rebuilt rule, without quotes."""
    if kind is Kind.MOMENT:
        return timezone.localtime(found, timezone.get_default_timezone()).isoformat(sep=" ")
    return str(found).upper() if kind is Kind.BOOLEAN else str(found)


def _text(column: Column, text: str) -> str | None:
    return text if len(text) <= limits.VALUE_CHARS_MAX else None


def _integer(column: Column, text: str) -> int | None:
    is_plain = values.PLAIN_INTEGER.fullmatch(text) and text != "-0"
    return int(text) if is_plain and abs(int(text)) <= KEY_MAX else None


def _decimal(column: Column, text: str) -> Decimal | None:
    """A number that the column could hold: one with more digits would be rounded before it is compared."""
    if not values.PLAIN_DECIMAL.fullmatch(text):
        return None
    found, field = Decimal(text), column.field
    whole, _dot, places = text.lstrip("-").partition(".")
    is_negative_zero = found.is_zero() and found.is_signed()
    has_room = len(places) <= field.decimal_places and len(whole) <= field.max_digits - field.decimal_places  # type: ignore[attr-defined]
    return found if has_room and not is_negative_zero else None


def _boolean(column: Column, text: str) -> bool:
    return text == "TRUE"


def _day(column: Column, text: str) -> dt.date | None:
    return dt.date.fromisoformat(text) if DAY.fullmatch(text) else None


def _moment_of_column(column: Column, text: str) -> dt.datetime | None:
    return _moment(column.entry, column.name, text)


def _moment(entry: Entry, name: str, text: str) -> dt.datetime:
    if not MOMENT.fullmatch(text):
        raise refusals.StatementValueNotUsable(label=entry.verbose_name(name), kind=Kind.MOMENT.words)
    found: dt.datetime = values.parse(entry, name, text)
    return found


_READERS: dict[Kind, Any] = {
    Kind.TEXT: _text,
    Kind.INTEGER: _integer,
    Kind.DECIMAL: _decimal,
    Kind.BOOLEAN: _boolean,
    Kind.DAY: _day,
    Kind.MOMENT: _moment_of_column,
}
