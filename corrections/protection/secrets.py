"""Sealing and revealing single values, and finding them by exact match; columns of models are in fields.py.

I-13: plain text leaves this module only as the return value of `reveal` and `unseal`. Whoever calls them asks
for the permission and records the event. No error, repr or log of this room holds a value.

A sealed value is ``v1.<data key id>.<nonce and ciphertext>``, bound to model, field and the row's `ref`:
copied into another row or field it opens nothing.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Any
from uuid import UUID

from cryptography.exceptions import InvalidTag
from django.db.models import Model, Q
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_variables

from corrections.errors import SecretUnreadable
from corrections.protection.keys import (
    KeyRing,
    current_ring,
    decode,
    decrypt,
    encode,
    encrypt,
    index_key,
    keyring,
)
from corrections.protection.masks import mask, normalise

__all__ = [
    "KeyRing",
    "blind_index",
    "columns",
    "keyring",
    "mask",
    "matching",
    "normalise",
    "reveal",
    "seal",
    "seal_text",
    "unseal",
]

VERSION = "v1"


def columns(field: str) -> tuple[str, str, str]:
    """Names of the three columns of a secret field: ciphertext, blind index, masked text."""
    return f"{field}_cipher", f"{field}_index", f"{field}_masked"


@sensitive_variables()
def seal(*, model: type[Model], field: str, ref: UUID, owner: UUID, plain: str | None) -> dict[str, str]:
    """The three columns of a value under the owner's data key; all empty for nothing. Raises InvalidInput."""
    cipher, index, masked = columns(field)
    if plain is None or plain == "":
        return {cipher: "", index: "", masked: ""}
    kind = _kind(model, field)
    text = normalise(kind, plain)
    return {
        cipher: _encrypt(text, _binding(model, field, ref), owner),
        index: blind_index(kind, text),
        masked: mask(kind, text),
    }


@sensitive_variables()
def seal_text(*, model: type[Model], field: str, ref: UUID, owner: UUID, plain: str) -> str:
    """The ciphertext alone, for what is never searched or shown and has no kind; `unseal` opens it."""
    return _encrypt(plain, _binding(model, field, ref), owner)


@sensitive_variables()
def unseal(*, model: type[Model], field: str, ref: UUID, cipher: str) -> str:
    """The plain text of a ciphertext of that model, field and row. Raises SecretUnreadable; never guesses."""
    if cipher == "":
        return ""
    version, _dot, rest = cipher.partition(".")
    key_hex, _dot, encoded = rest.partition(".")
    try:
        key_id, sealed = _canonical_uuid(key_hex), decode(encoded)
        if version != VERSION:
            raise ValueError("unknown version")
        key = current_ring().for_id(key_id)
        return decrypt(key.aead, sealed, _binding(model, field, ref)).decode()
    except (InvalidTag, ValueError):
        raise SecretUnreadable(
            _("This protected value was altered, or belongs to another record."), code="secret_altered"
        ) from None


@sensitive_variables()
def reveal(instance: Model, field: str) -> str:
    """Plain text of a secret field of a loaded row, "" when it has none. Raises SecretUnreadable."""
    return str(getattr(instance, field).reveal())


@sensitive_variables()
def blind_index(kind: str, plain: str) -> str:
    """Keyed hash by which equal values are found without decrypting. Raises InvalidInput."""
    text = normalise(kind, plain)
    if kind == "identity":
        text = text.replace("/", "")  # a birth number is written with and without it
    return hmac.new(index_key(), f"{kind}\0{text}".encode(), hashlib.sha256).hexdigest()


@sensitive_variables()
def matching(model: type[Model], field: str, plain: str) -> Q:
    """Condition for rows whose secret is exactly this value. Raises InvalidInput."""
    return Q(**{columns(field)[1]: blind_index(_kind(model, field), plain)})


@sensitive_variables()
def _encrypt(text: str, binding: bytes, owner: UUID) -> str:
    key = current_ring().for_owner(owner)
    return f"{VERSION}.{key.id.hex}.{encode(encrypt(key.aead, text.encode(), binding))}"


def _binding(model: type[Model], field: str, ref: UUID) -> bytes:
    concrete: Any = model._meta.concrete_model or model
    return f"{concrete._meta.label_lower}.{field}:{UUID(str(ref)).hex}".encode()


def _canonical_uuid(text: str) -> UUID:
    key_id = UUID(hex=text)
    if key_id.hex != text:
        raise ValueError("not canonical")
    return key_id


def _kind(model: type[Model], field: str) -> str:
    from corrections.protection.fields import secret_field  # fields.py stands on this module

    found = secret_field(model, field)
    if found is None:
        raise LookupError(f"{model._meta.label} has no secret field {field}.")
    return found.kind
