"""Turns what people enter into column values, strictly; refuses what two readers could read differently.

Numbers are plain ASCII decimals: no NaN, infinity, exponent, underscore, full-width digit, or negative zero
(Python and PostgreSQL disagree about several of these). Each kind of column takes only its own types: nothing is
turned into text, a number or a key by guessing. A refusal names the field and the remedy, and never repeats the value:
it may be a secret that was typed into the wrong field.
"""

from __future__ import annotations

import datetime as dt
import enum
import math
import re
import unicodedata
from decimal import Decimal
from functools import lru_cache
from typing import Any
from uuid import UUID

from django.core.exceptions import ObjectDoesNotExist, ValidationError
from django.db import models
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from corrections.conf import limits
from corrections.errors import InvalidInput
from corrections.integrity.canonical import encode
from corrections.registry import Entry

PLAIN_DECIMAL = re.compile(r"-?[0-9]{1,30}(\.[0-9]{1,20})?", re.ASCII)
PLAIN_INTEGER = re.compile(r"-?[0-9]{1,19}", re.ASCII)
PLAIN_TIME = re.compile(r"[0-9]{1,2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?", re.ASCII)
JSON_DEPTH_MAX = 50
# Numbers beyond are not the same in every reader of JSON.
JSON_FLOAT_MAX = 10**15
DURATION_MAX = dt.timedelta(days=100_000_000)  # what a database keeps in 64 bits of microseconds

# What each kind of column takes, the first that fits; text is always possible but for JSON and bytes.
TYPES: tuple[tuple[type[models.Field[Any, Any]], tuple[type, ...]], ...] = (
    (models.BooleanField, (bool, int, str)),
    (models.DecimalField, (Decimal, int, str)),
    (models.IntegerField, (int, str)),
    (models.FloatField, (float, int, Decimal, str)),
    (models.DateField, (dt.date, str)),
    (models.TimeField, (dt.time, str)),
    (models.DurationField, (dt.timedelta, str)),
    (models.UUIDField, (UUID, str)),
    (models.BinaryField, (bytes,)),
    (models.JSONField, (dict, list, str, bool, int, float)),
)
HOW_TO_WRITE: tuple[tuple[type[models.Field[Any, Any]], Any], ...] = (
    (models.DateTimeField, _("can't be read as a moment. Write it as 2026-11-23 14:05.")),
    (models.DateField, _("can't be read as a day. Write it as 2026-11-23.")),
    (models.TimeField, _("can't be read as a time. Write it as 14:05.")),
)
# Python reads digits of every script in these; for numbers the patterns above see to it.
ASCII_ONLY = (models.BooleanField, models.DateField, models.TimeField, models.DurationField, models.UUIDField)


class ValueNotUsable(InvalidInput):
    code = "value_not_usable"
    message = _("%(label)s: %(problem)s")


def refuse(entry: Entry, name: str, problem: Any, *, code: str = "value_not_usable") -> ValueNotUsable:
    return ValueNotUsable(code=code, field=name, label=entry.verbose_name(name), problem=problem)


def not_found(entry: Entry, name: str) -> ValueNotUsable:
    """The refusal of a reference, the same for a record that is not there and for one that is not shown."""
    return refuse(entry, name, _("no such record. Choose one from the list."), code="reference_not_found")


def must_be_filled_in(entry: Entry, name: str) -> ValueNotUsable:
    return refuse(entry, name, _("must be filled in."))


def must_be_text(entry: Entry, name: str) -> ValueNotUsable:
    return refuse(entry, name, _("must be text."))


def parse(entry: Entry, name: str, raw: Any) -> Any:
    """The Python value of an ordinary field. Raises ValueNotUsable."""
    field = entry.model._meta.get_field(name)
    if isinstance(field, models.ForeignKey):
        return _parse_reference(entry, name, field, raw)
    try:
        return field.clean(_parse_plain(entry, name, field, raw), None)  # type: ignore[union-attr]
    except ValidationError as error:
        raise refuse(entry, name, problem_of(error, field)) from None
    except (ValueError, OverflowError):
        raise refuse(entry, name, unreadable(field)) from None


def unreadable(field: Any) -> Any:
    """What to do about a text that is no value of the field's kind."""
    for kind, told in HOW_TO_WRITE:
        if isinstance(field, kind):
            return told
    return _("can't be read as such a value. Check how it is written.")


def problem_of(error: ValidationError, field: Any) -> str:
    """What Django's validation says, without repeating the value."""
    return " ".join(
        str(unreadable(field)) if "%(value)" in str(part.message) else " ".join(part.messages)
        for part in error.error_list
    )


def _parse_plain(entry: Entry, name: str, field: Any, raw: Any) -> Any:
    raw = _plain_type(raw)
    if isinstance(raw, str):
        _refuse_strange_text(entry, name, raw)
        if raw == "" and field.null and field.empty_strings_allowed is False:
            return None
    if raw is None:
        return None
    accepted, is_ascii, parser = _how_to_read(type(field))  # type: ignore[arg-type]  # a class is hashable
    if not isinstance(raw, accepted):
        raise refuse(entry, name, _("can't be a value of this type. Enter it as text."), code="value_of_wrong_type")
    if is_ascii and isinstance(raw, str) and not raw.isascii():
        raise refuse(entry, name, unreadable(field))
    return raw if parser is None else parser(entry, name, field, raw)


def _plain_type(raw: Any) -> Any:
    """Members of enumerations, translated texts and texts marked as safe, as the plain values they stand for."""
    if isinstance(raw, enum.Enum):
        raw = raw.value
    if isinstance(raw, Promise):
        raw = str(raw)
    return str.__str__(raw) if isinstance(raw, str) else raw


def _refuse_strange_text(entry: Entry, name: str, raw: str) -> None:
    if len(raw) > limits.VALUE_CHARS_MAX:
        too_long = _("longer than %(max)s characters. Shorten it.") % {"max": limits.VALUE_CHARS_MAX}
        raise refuse(entry, name, too_long, code="value_too_long")
    if raw.isascii() and raw.isprintable():
        return
    for char in raw:
        # Control and format characters (NUL, bidirectional marks, zero-width) make two texts look like one.
        if unicodedata.category(char) in {"Cc", "Cf", "Cs"} and char not in "\n\t\r":
            problem = _("contains the invisible character U+%(point)04X. Type the value again without it.")
            raise refuse(entry, name, problem % {"point": ord(char)}, code="value_has_invisible_character")


def _parse_decimal(entry: Entry, name: str, field: Any, raw: Any) -> Decimal:
    problem = _("must be a plain decimal number such as 1234.56. Type it without signs, spaces or separators.")
    if isinstance(raw, bool | float) or (isinstance(raw, str) and not PLAIN_DECIMAL.fullmatch(raw)):
        raise refuse(entry, name, problem, code="value_not_plain_decimal")
    value = Decimal(raw)
    if not value.is_finite() or (value.is_zero() and value.is_signed()):
        raise refuse(entry, name, problem, code="value_not_plain_decimal")
    exponent = value.as_tuple().exponent
    if isinstance(exponent, int) and -exponent > field.decimal_places:
        too_fine = _("has more than %(places)s decimal places. Round it.") % {"places": field.decimal_places}
        raise refuse(entry, name, too_fine, code="value_has_too_many_decimals")
    return value


def _parse_integer(entry: Entry, name: str, field: Any, raw: Any) -> int:
    if isinstance(raw, int) and not isinstance(raw, bool) and abs(raw) < 2**64:
        return raw
    if isinstance(raw, str) and PLAIN_INTEGER.fullmatch(raw) and raw != "-0":
        return int(raw)
    raise refuse(entry, name, _("must be a whole number such as 12."), code="value_not_plain_integer")


def _parse_float(entry: Entry, name: str, field: Any, raw: Any) -> float:
    if isinstance(raw, bool) or (isinstance(raw, str) and not PLAIN_DECIMAL.fullmatch(raw)):
        raise refuse(entry, name, _("must be a plain number such as 12.5."), code="value_not_plain_decimal")
    try:
        value = float(raw)
    except OverflowError:
        value = math.inf
    if not math.isfinite(value) or (value == 0 and math.copysign(1, value) < 0):
        raise refuse(entry, name, _("must be a plain number such as 12.5."), code="value_not_plain_decimal")
    return value


def _parse_moment(entry: Entry, name: str, field: Any, raw: Any) -> dt.datetime:
    """A moment; without an offset it is meant on the desk's clock, where it must have happened exactly once."""
    value = field.to_python(raw) if isinstance(raw, str) else raw
    if not isinstance(value, dt.datetime):
        raise refuse(entry, name, _("must be a date with a time."))
    if timezone.is_naive(value):
        value = value.replace(tzinfo=timezone.get_default_timezone())
        if value.utcoffset() != value.replace(fold=1).utcoffset():
            problem = _("the clock is changed in that hour. Add the offset, such as +01:00.")
            raise refuse(entry, name, problem, code="value_is_no_single_moment")
    return value.astimezone(dt.UTC)


def _parse_time(entry: Entry, name: str, field: Any, raw: Any) -> Any:
    offset = raw.tzinfo is not None if isinstance(raw, dt.time) else not PLAIN_TIME.fullmatch(raw)
    if offset:
        raise refuse(entry, name, _("must be a time of day such as 14:30, without an offset."))
    return raw


def _parse_duration(entry: Entry, name: str, field: Any, raw: Any) -> dt.timedelta:
    value = field.to_python(raw)
    if value is not None and abs(value) > DURATION_MAX:
        raise refuse(entry, name, _("is longer than any database keeps."))
    return value


def _parse_json(entry: Entry, name: str, field: Any, raw: Any) -> Any:
    _refuse_strange_json(entry, name, raw, 0)
    if len(encode(field, raw)) > limits.VALUE_CHARS_MAX:
        problem = _("longer than %(max)s characters. Shorten it.") % {"max": limits.VALUE_CHARS_MAX}
        raise refuse(entry, name, problem, code="value_too_long")
    return raw


def _refuse_strange_json(entry: Entry, name: str, raw: Any, depth: int) -> None:
    """JSON that every reader reads alike: text keys, plain numbers, no bottomless nesting."""
    if depth > JSON_DEPTH_MAX:
        raise refuse(entry, name, _("is nested too deeply."), code="value_not_json")
    if isinstance(raw, dict | list):
        for key in raw if isinstance(raw, dict) else ():
            if not isinstance(key, str):
                raise refuse(entry, name, _("must be JSON."), code="value_not_json")
            _refuse_strange_text(entry, name, key)
        for item in raw.values() if isinstance(raw, dict) else raw:
            _refuse_strange_json(entry, name, item, depth + 1)
    elif isinstance(raw, str):
        _refuse_strange_text(entry, name, raw)
    elif not (raw is None or _is_plain_json_number(raw)):
        raise refuse(entry, name, _("holds a number that not everybody reads alike."), code="value_not_json")


def _is_plain_json_number(raw: Any) -> bool:
    if isinstance(raw, float):
        is_negative_zero = raw == 0 and math.copysign(1, raw) < 0
        return abs(raw) < JSON_FLOAT_MAX and "e" not in repr(raw) and not is_negative_zero
    return isinstance(raw, int) and abs(raw) < 10**30


_PARSERS: tuple[tuple[type[models.Field[Any, Any]], Any], ...] = (
    (models.DecimalField, _parse_decimal),
    (models.IntegerField, _parse_integer),
    (models.FloatField, _parse_float),
    (models.DateTimeField, _parse_moment),
    (models.TimeField, _parse_time),
    (models.DurationField, _parse_duration),
    (models.JSONField, _parse_json),
)


@lru_cache(maxsize=200)
def _how_to_read(kind: type[models.Field[Any, Any]]) -> tuple[tuple[type, ...], bool, Any]:
    """Of a kind of column: the types that it takes, whether texts are ASCII, and what reads them."""
    accepted = next((types for of, types in TYPES if issubclass(kind, of)), (str,))
    parser = next((parser for of, parser in _PARSERS if issubclass(kind, of)), None)
    return accepted, issubclass(kind, ASCII_ONLY), parser


def _parse_reference(entry: Entry, name: str, field: models.ForeignKey[Any, Any], raw: Any) -> Any:
    """Key of the referenced row, which must exist and be one that the field may refer to."""
    if raw is None or raw == "":
        if not field.null:
            raise must_be_filled_in(entry, name)
        return None
    if isinstance(raw, models.Model):
        is_one = isinstance(raw, field.related_model)
        raw = getattr(raw, field.target_field.attname) if is_one else None
    try:
        key = _parse_plain(entry, name, _column_of(field), raw)
        candidates = field.related_model._base_manager.complex_filter(field.get_limit_choices_to())
        target = candidates.get(**{field.target_field.name: key})
    except (ObjectDoesNotExist, ValueError, TypeError, ValidationError, ValueNotUsable):
        raise not_found(entry, name) from None
    return getattr(target, field.target_field.attname)


def _column_of(field: Any) -> Any:
    """The field that says what a key looks like, behind however many references."""
    while isinstance(field, models.ForeignKey):
        field = field.target_field
    return field


def reference_key(entry: Entry, name: str, text: str | None) -> Any:
    """What a text names through a reference, as the other record's column holds it; whether it's there is not asked.

    Raises ValueNotUsable.
    """
    field: Any = entry.model._meta.get_field(name)
    if text is None or text == "":
        if not field.null:
            raise must_be_filled_in(entry, name)
        return None
    column = _column_of(field)
    try:
        return column.to_python(_parse_plain(entry, name, column, text))
    except (ValueError, TypeError, ValidationError, ValueNotUsable):
        raise not_found(entry, name) from None
