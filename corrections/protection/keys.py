"""The master keys and the data keys they wrap; the only place that sees key bytes, and no plain text.

A data key belongs to one owner. It is stored wrapped (AES-256-GCM) by the current master key, bound to its
own id and owner, so that a wrapped key copied to another row opens nothing.
"""

from __future__ import annotations

import base64
import binascii
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from uuid import UUID, uuid4

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.apps import apps
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import connection
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_variables

from corrections.conf import limits
from corrections.errors import SecretUnreadable

KEY_BYTES = 32
NONCE_BYTES = 12
MASTER_KEY_ID = re.compile(r"[A-Za-z0-9_-]{1,32}")


def encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def decode(text: str) -> bytes:
    """The bytes of exactly one spelling: no changed letter decodes to the same bytes. Raises ValueError."""
    data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    if encode(data) != text:
        raise ValueError("not canonical base64url")
    return data


def encrypt(key: AESGCM, plain: bytes, bound_to: bytes) -> bytes:
    nonce = os.urandom(NONCE_BYTES)
    return nonce + key.encrypt(nonce, plain, bound_to)


def decrypt(key: AESGCM, sealed: bytes, bound_to: bytes) -> bytes:
    """Raises InvalidTag for anything but the untouched bytes under the same binding."""
    if len(sealed) < NONCE_BYTES:
        raise InvalidTag
    return key.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], bound_to)


# Settings


def master_keys() -> dict[str, AESGCM]:
    """Master keys by id, the current one first. Raises ImproperlyConfigured, never quoting the setting."""
    return _parse_master_keys(getattr(settings, "FIELD_KEYS", "") or "")


@sensitive_variables()
@lru_cache(maxsize=8)
def _parse_master_keys(text: str) -> dict[str, AESGCM]:
    ring: dict[str, AESGCM] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        key_id, colon, encoded = part.partition(":")
        if not colon or not MASTER_KEY_ID.fullmatch(key_id) or key_id in ring:
            raise ImproperlyConfigured("FIELD_KEYS must read id:base64[,older id:base64], each id once.")
        ring[key_id] = AESGCM(_key_bytes(encoded, "FIELD_KEYS"))
    if not ring:
        raise ImproperlyConfigured("FIELD_KEYS is empty: secrets can't be stored without a master key.")
    return ring


@sensitive_variables()
@lru_cache(maxsize=8)
def _parse_index_key(text: str) -> bytes:
    return _key_bytes(text, "INDEX_KEY")


@sensitive_variables()
def _key_bytes(encoded: str, setting: str) -> bytes:
    try:
        key = base64.b64decode(encoded.replace("-", "+").replace("_", "/"), validate=True)
    except (binascii.Error, ValueError):
        raise ImproperlyConfigured(f"{setting} is not base64.") from None
    if len(key) != KEY_BYTES:
        raise ImproperlyConfigured(f"{setting} must hold keys of {KEY_BYTES} bytes.")
    return key


def index_key() -> bytes:
    """Key of the blind index. Raises ImproperlyConfigured, never quoting the setting."""
    return _parse_index_key(getattr(settings, "INDEX_KEY", "") or "")


# Data keys


@dataclass(frozen=True)
class Unwrapped:
    """A data key ready for use. `aead` hides the bytes."""

    id: UUID
    aead: AESGCM


class KeyRing:
    """Unwrapped data keys, for its own short life only.

    What was read inside a transaction may be rolled back, and a secret under a key that never came to be is
    lost. Django replaces `run_on_commit` whenever a transaction ends or a savepoint is undone: then the ring
    starts anew.
    """

    def __init__(self) -> None:
        self._by_id: dict[UUID, Unwrapped] = {}
        self._by_owner: dict[UUID, Unwrapped] = {}
        self._transaction: object = None

    def __repr__(self) -> str:
        return f"<KeyRing of {len(self._by_id)}>"

    def __reduce__(self) -> tuple[Any, ...]:
        raise TypeError("A key ring can't be pickled.")

    def ensure(self, owners: Iterable[UUID]) -> None:
        """Have the keys of many owners at hand, making those that are missing, in a few statements."""
        self._forget_what_may_be_undone()
        wanted = [owner for owner in dict.fromkeys(owners) if owner not in self._by_owner]
        for start in range(0, len(wanted), limits.DATA_KEYS_PER_STATEMENT_MAX):
            chunk = wanted[start : start + limits.DATA_KEYS_PER_STATEMENT_MAX]
            self._read(chunk)
            missing = [owner for owner in chunk if owner not in self._by_owner]
            if missing:
                # Another process may make the same key now: the unique constraint lets one win, both read it.
                _table().objects.bulk_create(map(_new_data_key, missing), ignore_conflicts=True)
                self._read(missing)

    def for_owner(self, owner: UUID) -> Unwrapped:
        self.ensure([owner])
        return self._by_owner[owner]

    def for_id(self, key_id: UUID) -> Unwrapped:
        """Raises SecretUnreadable: the key is unknown, destroyed, or can't be unwrapped."""
        self._forget_what_may_be_undone()
        if key_id not in self._by_id:
            self.take(_table().objects.filter(pk=key_id).first())
        return self._by_id[key_id]

    def take(self, row: Any) -> None:
        """Keeps a stored data key that was read with what it opens. Raises SecretUnreadable."""
        self._forget_what_may_be_undone()
        if row is None:
            raise SecretUnreadable(_("The key of this value is not known."), code="secret_key_unknown")
        if row.destroyed_at is not None:
            raise SecretUnreadable(_("This value was erased: its key has been destroyed."), code="secret_key_destroyed")
        self._keep(row)

    def _read(self, owners: list[UUID]) -> None:
        for row in _table().objects.filter(owner__in=owners, destroyed_at__isnull=True):
            self._keep(row)

    def _keep(self, row: Any) -> None:
        self._by_id[row.pk] = self._by_owner[row.owner] = Unwrapped(row.pk, _unwrap(row))

    def _forget_what_may_be_undone(self) -> None:
        if self._transaction is not connection.run_on_commit:
            self._by_id.clear()
            self._by_owner.clear()
            self._transaction = connection.run_on_commit


_ring: ContextVar[KeyRing | None] = ContextVar("corrections_keyring", default=None)


@contextmanager
def keyring() -> Iterator[KeyRing]:
    """One ring for all secrets sealed and revealed inside; an inner `keyring()` is the outer one."""
    outer = _ring.get()
    if outer is not None:
        yield outer
        return
    ring = KeyRing()
    token = _ring.set(ring)
    try:
        yield ring
    finally:
        _ring.reset(token)


def current_ring() -> KeyRing:
    """The ring of the surrounding `keyring()`, or a fresh one that nobody keeps."""
    return _ring.get() or KeyRing()


def destroy(owner: UUID) -> int:
    """Erase all secrets of an owner, everywhere and for good; gives the number of keys destroyed."""
    living = _table().objects.filter(owner=owner, destroyed_at__isnull=True)
    return int(living.update(wrapped="", destroyed_at=timezone.now()))


def _table() -> Any:
    # By name: models/ is a room above this one.
    return apps.get_model("corrections", "DataKey")


@sensitive_variables()
def _new_data_key(owner: UUID) -> Any:
    key_id = uuid4()
    master_id, master = next(iter(master_keys().items()))
    sealed = encrypt(master, AESGCM.generate_key(bit_length=KEY_BYTES * 8), _binding(key_id, owner))
    wrapped = f"v1.{master_id}.{encode(sealed)}"
    return _table()(id=key_id, owner=owner, wrapped=wrapped, created_at=timezone.now())


@sensitive_variables()
def _unwrap(row: Any) -> AESGCM:
    try:
        version, master_id, encoded = row.wrapped.split(".")
        if version != "v1":
            raise ValueError("unknown version")
        return AESGCM(decrypt(_master(master_id), decode(encoded), _binding(row.pk, row.owner)))
    except (InvalidTag, ValueError):
        raise SecretUnreadable(_("A stored key has been altered."), code="data_key_altered") from None


def _master(master_id: str) -> AESGCM:
    try:
        return master_keys()[master_id]
    except KeyError:
        raise SecretUnreadable(
            _("The master key “%(key)s” is missing from FIELD_KEYS."),
            code="master_key_missing",
            key=master_id,
        ) from None


def _binding(key_id: UUID, owner: UUID) -> bytes:
    return f"datakey:{key_id.hex}:{owner.hex}".encode()
