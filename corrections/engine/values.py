"""Turns what people enter into column values, strictly; refuses what two readers could read differently.

Numbers are plain ASCII decimals: no NaN, infinity, exponent, underscore, full-width digit, or negative zero
(Python and PostgreSQL disagree about several of these). A refusal names the field and the remedy, never a secret.
"""

from __future__ import annotations

import re
import unicodedata
from decimal import Decimal
from typing import Any

from django.core.exceptions import ObjectDoesNotExist, ValidationError
from django.db import models
from django.utils.translation import gettext_lazy as _

from corrections.conf import limits
from corrections.errors import InvalidInput
from corrections.registry import Entry

PLAIN_DECIMAL = re.compile(r"-?[0-9]{1,30}(\.[0-9]{1,20})?", re.ASCII)
PLAIN_INTEGER = re.compile(r"-?[0-9]{1,19}", re.ASCII)


class ValueNotUsable(InvalidInput):
    code = "value_not_usable"
    message = _("%(label)s: %(problem)s")


def refuse(entry: Entry, name: str, problem: Any, *, code: str = "value_not_usable") -> ValueNotUsable:
    return ValueNotUsable(code=code, field=name, label=entry.verbose_name(name), problem=problem)


def parse(entry: Entry, name: str, raw: Any) -> Any:
    """The Python value of an ordinary field. Raises ValueNotUsable."""
    field = entry.model._meta.get_field(name)
    if isinstance(field, models.ForeignKey):
        return _parse_reference(entry, name, field, raw)
    value = _parse_plain(entry, name, field, raw)
    try:
        return field.clean(value, None)  # type: ignore[union-attr]
    except ValidationError as error:
        raise refuse(entry, name, " ".join(error.messages)) from None


def _parse_plain(entry: Entry, name: str, field: Any, raw: Any) -> Any:
    if isinstance(raw, str):
        _refuse_strange_text(entry, name, raw)
        if raw == "" and field.null and field.empty_strings_allowed is False:
            return None
    if raw is None or isinstance(field, models.BooleanField):
        return raw
    if isinstance(field, models.DecimalField):
        return _parse_decimal(entry, name, field, raw)
    if isinstance(field, models.IntegerField):
        return _parse_integer(entry, name, raw)
    return raw


def _refuse_strange_text(entry: Entry, name: str, raw: str) -> None:
    if len(raw) > limits.VALUE_CHARS_MAX:
        too_long = _("longer than %(max)s characters. Shorten it.") % {"max": limits.VALUE_CHARS_MAX}
        raise refuse(entry, name, too_long, code="value_too_long")
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


def _parse_integer(entry: Entry, name: str, raw: Any) -> int:
    if isinstance(raw, int) and not isinstance(raw, bool):
        return raw
    if isinstance(raw, str) and PLAIN_INTEGER.fullmatch(raw) and raw != "-0":
        return int(raw)
    raise refuse(entry, name, _("must be a whole number such as 12."), code="value_not_plain_integer")


def _parse_reference(entry: Entry, name: str, field: models.ForeignKey[Any, Any], raw: Any) -> Any:
    """Key of the referenced row, which must exist."""
    if raw is None or raw == "":
        if not field.null:
            raise refuse(entry, name, _("must be filled in."))
        return None
    if isinstance(raw, models.Model):
        raw = getattr(raw, field.target_field.attname)
    try:
        target = field.related_model._base_manager.get(**{field.target_field.name: raw})
    except (ObjectDoesNotExist, ValueError, TypeError, ValidationError):
        raise refuse(entry, name, _("no such record. Choose one from the list."), code="reference_not_found") from None
    return getattr(target, field.target_field.attname)
