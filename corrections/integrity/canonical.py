"""The one canonical form of values and its SHA-256; no second implementation may exist (golden vectors in fixtures).

A value's canonical form is null, a boolean, an integer or a string, and which of them it is depends on the column's
type alone: money is a string with exactly the field's decimal places, a moment is UTC in ISO 8601 with microseconds,
a foreign key is its target's key, JSON is its own text with sorted keys. So nothing that is stored in a column can
pass for the one object that stands among values, the key of a row still to be created (engine/rows.py).
Content is UTF-8 JSON with sorted keys and no spaces, without floats. Text is taken as it is, without normalisation.
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
    if value is None:
        return None
    if isinstance(field, models.ForeignKey):
        return encode(field.target_field, value)
    if isinstance(field, models.JSONField):
        return _json_text(value, field.encoder)
    if isinstance(field, models.DecimalField):
        return format(Decimal(value), f".{field.decimal_places}f")
    if isinstance(field, models.FloatField):
        return repr(float(value))
    if isinstance(value, bool | int):
        return value
    return _encode_other(value)


def _json_text(value: Any, encoder: Any = None) -> str:
    return json.dumps(value, cls=encoder, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _encode_other(value: Any) -> Any:
    if isinstance(value, dt.datetime):
        return value.astimezone(dt.UTC).isoformat(timespec="microseconds")
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    if isinstance(value, dt.timedelta):
        return f"{value.days}d{value.seconds}s{value.microseconds}us"
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value).hex()
    # A member of an enumeration, or text that is marked safe, is stored as the plain text it stands for.
    return str.__str__(value) if isinstance(value, str) else str(value)


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
        return json.loads(value, cls=field.decoder)
    if isinstance(field, models.UUIDField):
        return uuid.UUID(value)
    return field.to_python(value)


# Made once: a batch has two digests for each of its rows.
CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False)
PLAIN = frozenset({type(None), bool, int, str})


def to_bytes(content: Any) -> bytes:
    """Canonical bytes of JSON content. Raises ValueError for what has no canonical form, a float above all."""
    _refuse_ambiguous(content)
    return CANONICAL.encode(content).encode()


def _refuse_ambiguous(content: Any) -> None:
    """Only what JSON writes in one way: 1 and "1" would be the same key, and a float has many spellings."""
    if isinstance(content, dict | list | tuple):
        if isinstance(content, dict) and not all(isinstance(key, str) for key in content):
            raise ValueError("A key that is no text has no canonical form.")
        for item in content.values() if isinstance(content, dict) else content:
            if type(item) not in PLAIN:  # most are: no call for each
                _refuse_ambiguous(item)
    elif not (content is None or isinstance(content, bool | int | str)):
        raise ValueError(f"A {type(content).__name__} has no canonical form.")


def digest(content: Any) -> str:
    """SHA-256 over the canonical bytes, in lower-case hexadecimal."""
    return hashlib.sha256(to_bytes(content)).hexdigest()
