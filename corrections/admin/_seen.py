"""What the maker saw travels with the form, signed: `draft` then refuses when the record has moved since (I-04).

A secret travels as a keyed hash, never as its ciphertext or index.
"""

from __future__ import annotations

from typing import Any

from django.core import signing
from django.db import models
from django.utils.crypto import constant_time_compare, salted_hmac
from django.utils.translation import gettext_lazy as _

from corrections.engine import rows
from corrections.errors import InvalidInput
from corrections.registry import Entry
from corrections.selectors.records import seen_image

SALT = "corrections.seen"
TOKEN_CHARS_MAX = 200_000
MOVED = "-"  # no column of a secret looks like this


class FormNotGenuine(InvalidInput):
    code = "form_not_genuine"
    message = _("This form is damaged or belongs to another record. Open the record again and enter the values anew.")


def token(entry: Entry, row: models.Model) -> str:
    """The values that the page shows of the correctable fields, signed for this very record."""
    return signing.dumps([entry.key, str(row.pk), _hidden(entry, seen_image(entry, row))], salt=SALT, compress=True)


def _hidden(entry: Entry, image: rows.Image) -> rows.Image:
    secret = _secret_columns(entry)
    return {column: _hash(value) if column in secret else value for column, value in image.items()}


def _secret_columns(entry: Entry) -> set[str]:
    return {column for name in entry.secrets for column in entry.columns(name)}


def _hash(value: Any) -> str:
    return salted_hmac(SALT, str(value), algorithm="sha256").hexdigest()


def target(entry: Entry, live: models.Model, text: str) -> models.Model:
    """The record as the maker saw it. Raises FormNotGenuine."""
    try:
        if len(text) > TOKEN_CHARS_MAX:
            raise FormNotGenuine
        key, pk, seen = signing.loads(text, salt=SALT)
    except (signing.BadSignature, ValueError, TypeError):
        raise FormNotGenuine from None
    image = rows.image(entry, live)
    if (key, pk) != (entry.key, str(live.pk)) or not set(seen) <= set(image):
        raise FormNotGenuine
    secret = _secret_columns(entry)
    for column, value in seen.items():
        if column not in secret:
            image[column] = value
        elif not constant_time_compare(_hash(image[column]), value):
            image[column] = MOVED
    return rows.unsaved(entry, image)
