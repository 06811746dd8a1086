"""The one canonical form of values and its SHA-256; no second implementation may exist (golden vectors in fixtures).

A value's canonical form is JSON without floats: null, booleans, integers and strings. Money is a string with exactly
the field's decimal places, moments are UTC in ISO 8601 with microseconds, a foreign key is its target's key.
Bytes are UTF-8 JSON with sorted keys and no spaces. Text is taken as it is, without Unicode normalisation.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import uuid
from decimal import Decimal
from typing import Any

from django.db import models


def encode(field: models.Field[Any, Any], value: Any) -> Any:
    """Canonical form of one column's Python value."""
    if value is None or (isinstance(value, bool | int) and not isinstance(field, models.DecimalField)):
        return value
    if isinstance(field, models.ForeignKey):
        return encode(field.target_field, value)
    if isinstance(field, models.DecimalField):
        return format(Decimal(value), f".{field.decimal_places}f")
    return _encode_other(value)


def _encode_other(value: Any) -> Any:
    if isinstance(value, dt.datetime):
        return value.astimezone(dt.UTC).isoformat(timespec="microseconds")
    if isinstance(value, dt.date | dt.time | uuid.UUID):
        return value.isoformat() if not isinstance(value, uuid.UUID) else str(value)
    if isinstance(value, dt.timedelta):
        return f"{value.days}d{value.seconds}s{value.microseconds}us"
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, bytes | memoryview):
        return bytes(value).hex()
    if isinstance(value, dict | list):
        return json.loads(json.dumps(value))
    return str(value)


def decode(field: models.Field[Any, Any], value: Any) -> Any:
    """The Python value of a column from its canonical form."""
    if value is None:
        return None
    if isinstance(field, models.ForeignKey):
        return decode(field.target_field, value)
    if isinstance(field, models.BinaryField):
        return bytes.fromhex(value)
    if isinstance(field, models.DurationField):
        days, rest = value.split("d")
        seconds, rest = rest.split("s", 1)
        return dt.timedelta(int(days), int(seconds), int(rest.removesuffix("us")))
    if isinstance(field, models.JSONField):
        return value
    return field.to_python(value)


def to_bytes(content: Any) -> bytes:
    """Canonical bytes of JSON content. Raises ValueError for a float: it has no canonical form."""
    _refuse_floats(content)
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def _refuse_floats(content: Any) -> None:
    if isinstance(content, float):
        raise ValueError("A float has no canonical form.")
    for item in content.values() if isinstance(content, dict) else content if isinstance(content, list) else ():
        _refuse_floats(item)


def digest(content: Any) -> str:
    """SHA-256 over the canonical bytes, in lower-case hexadecimal."""
    return hashlib.sha256(to_bytes(content)).hexdigest()
