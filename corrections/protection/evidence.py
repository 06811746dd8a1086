"""Evidence files at rest: encrypted, named by their digest, verified at every read; who may read is not asked here.

A file is `<SHA-256 of the content>.<data key id>` in sharded folders. It belongs to one data key, so that nothing is
ever overwritten, two writers can't disturb each other, and destroying the key erases exactly this file.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass
from uuid import UUID

from cryptography.exceptions import InvalidTag
from django.core.files.base import ContentFile
from django.core.files.storage import Storage, storages
from django.utils.translation import gettext_lazy as _

from corrections.conf import limits
from corrections.errors import IntegrityBroken
from corrections.protection.keys import current_ring, decrypt, encrypt
from corrections.protection.sniffing import refuse_size

HEADER = b"evidence v1\n"
SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class StoredFile:
    """What must be kept to read the file again."""

    sha256: str
    size: int
    key_id: UUID


def store(content: bytes, owner: UUID, *, most: int | None = None) -> StoredFile:
    """Encrypt and keep a file under the data key of `owner`; storing it again changes nothing.

    `most` bytes, where another limit holds than that of evidence.

    The stored file is read back and verified before this returns. Raises InvalidInput for an empty or too large
    file, IntegrityBroken (`evidence_file_changed`) when the file that is already there is not what it should be.
    """
    refuse_size(content, most)
    sha256 = hashlib.sha256(content).hexdigest()
    key = current_ring().for_owner(owner)
    name = _name(sha256, key.id)
    if not _storage().exists(name):
        _storage().save(name, ContentFile(HEADER + encrypt(key.aead, content, _binding(sha256))))
    load(sha256, key.id)
    return StoredFile(sha256, len(content), key.id)


def load(sha256: str, key_id: UUID) -> bytes:
    """The content exactly as it was stored.

    Raises SecretUnreadable when its key is gone, IntegrityBroken `evidence_file_missing` or `evidence_file_changed`.
    """
    key = current_ring().for_id(key_id)
    sealed = _read(_name(sha256, key_id))
    try:
        if not sealed.startswith(HEADER):
            raise InvalidTag
        content = decrypt(key.aead, sealed[len(HEADER) :], _binding(sha256))
    except InvalidTag:
        raise _changed() from None
    if not hmac.compare_digest(hashlib.sha256(content).hexdigest(), sha256):
        raise _changed()
    return content


def _read(name: str) -> bytes:
    try:
        with _storage().open(name, "rb") as file:
            content = file.read(limits.EVIDENCE_STORED_BYTES_MAX + 1)
    except FileNotFoundError:
        raise IntegrityBroken(
            _("The evidence file is missing from the store. Tell compliance."), code="evidence_file_missing"
        ) from None
    if len(content) > limits.EVIDENCE_STORED_BYTES_MAX:
        raise _changed()
    return bytes(content)


def _storage() -> Storage:
    return storages["evidence"]


def _name(sha256: str, key_id: UUID) -> str:
    if not SHA256.fullmatch(sha256):
        raise _changed()
    return f"{sha256[:2]}/{sha256[2:4]}/{sha256}.{key_id.hex}"


def _binding(sha256: str) -> bytes:
    return f"evidence:{sha256}".encode()


def _changed() -> IntegrityBroken:
    return IntegrityBroken(
        _("The stored evidence file is not the one that was attached. Tell compliance."),
        code="evidence_file_changed",
    )
