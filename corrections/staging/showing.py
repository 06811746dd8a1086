"""A field of a record as the text of a cell, which reads back as the same value."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.db import models

from corrections.integrity.canonical import encode
from corrections.registry import Entry
from corrections.staging.columns import EMPTY

KEPT_MAX = 50_000


class Encoded:
    """Canonical values of one column; of texts, which come again and again, each is encoded once."""

    def __init__(self, field: Any) -> None:
        self.field, self.column = field, str(field.attname)
        self._known: dict[str, Any] = {}

    def of(self, value: Any) -> Any:
        if type(value) is not str:
            return encode(self.field, value)
        if value not in self._known:
            if len(self._known) > KEPT_MAX:
                self._known.clear()
            self._known[value] = encode(self.field, value)
        return self._known[value]


class Shown:
    """One field of many records: its present value as a text, "(empty)" for nothing, "" for what no file shows."""

    def __init__(self, entry: Entry, name: str) -> None:
        self.is_secret = entry.is_secret(name)
        self.column = f"{name}_masked" if self.is_secret else entry.columns(name)[0]
        field: Any = entry.model._meta.get_field(self.column if self.is_secret else name)
        self.encoded = Encoded(field)

    def of(self, row: models.Model) -> str:
        return "" if self.is_secret else self.text(getattr(row, self.column))

    def text(self, value: Any) -> str:
        if value is None or value == "":
            return EMPTY
        if isinstance(value, dt.timedelta):
            return str(value)
        return str(self.encoded.of(value))

    def is_text_of(self, row: models.Model, text: str) -> bool:
        """Whether a file says what is there; of a secret it knows the mask at most."""
        return text == (getattr(row, self.column) if self.is_secret else self.of(row))
