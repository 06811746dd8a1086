"""Evidence at rest: encrypted, named by its digest, whole or absent, and verified at every read."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.test import override_settings

from corrections.errors import CorrectionError, IntegrityBroken, InvalidInput, SecretUnreadable
from corrections.protection import evidence
from corrections.protection.evidence import StoredFile
from corrections.protection.keys import destroy
from corrections.protection.storage import DurableFileStorage

CONTENT = "Card 4111111111111111 was refused. 退汇".encode()

pytestmark = pytest.mark.django_db


@pytest.fixture
def folder(tmp_path: Path, settings: Any) -> Any:
    backend = {"BACKEND": "corrections.protection.storage.DurableFileStorage", "OPTIONS": {"location": tmp_path}}
    with override_settings(STORAGES={**settings.STORAGES, "evidence": backend}):
        yield tmp_path


def files_in(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def code_of_refusal(stored: StoredFile) -> str:
    with pytest.raises(CorrectionError) as caught:
        evidence.load(stored.sha256, stored.key_id)
    return caught.value.code


def test_file_comes_back_as_it_was_stored(folder: Path) -> None:
    stored = evidence.store(CONTENT, uuid4())
    assert stored.sha256 == hashlib.sha256(CONTENT).hexdigest()
    assert stored.size == len(CONTENT)
    assert evidence.load(stored.sha256, stored.key_id) == CONTENT


def test_file_on_disk_is_encrypted_named_by_digest_and_private(folder: Path) -> None:
    stored = evidence.store(CONTENT, uuid4())
    (path,) = files_in(folder)
    assert b"4111111111111111" not in path.read_bytes()
    assert path.relative_to(folder).parts[:2] == (stored.sha256[:2], stored.sha256[2:4])
    assert path.name.startswith(stored.sha256)
    assert path.stat().st_mode & 0o077 == 0


def test_same_content_of_the_same_owner_is_stored_once(folder: Path) -> None:
    owner = uuid4()
    one = evidence.store(CONTENT, owner)
    before = [(path, path.read_bytes()) for path in files_in(folder)]
    assert evidence.store(CONTENT, owner) == one
    assert [(path, path.read_bytes()) for path in files_in(folder)] == before


def test_each_owner_has_a_file_of_its_own(folder: Path) -> None:
    owner = uuid4()
    mine, theirs = evidence.store(CONTENT, owner), evidence.store(CONTENT, uuid4())
    assert mine.key_id != theirs.key_id
    destroy(owner)
    assert code_of_refusal(mine) == "secret_key_destroyed"
    assert evidence.load(theirs.sha256, theirs.key_id) == CONTENT


def test_every_changed_byte_is_noticed(folder: Path) -> None:
    stored = evidence.store(CONTENT, uuid4())
    (path,) = files_in(folder)
    original = path.read_bytes()
    for at in range(len(original)):
        path.write_bytes(original[:at] + bytes([original[at] ^ 1]) + original[at + 1 :])
        assert code_of_refusal(stored) == "evidence_file_changed", at


@pytest.mark.parametrize("change", [lambda b: b"", lambda b: b[:-1], lambda b: b + b"x", lambda b: CONTENT])
def test_shortened_lengthened_or_replaced_file_is_noticed(folder: Path, change: Any) -> None:
    stored = evidence.store(CONTENT, uuid4())
    (path,) = files_in(folder)
    path.write_bytes(change(path.read_bytes()))
    assert code_of_refusal(stored) == "evidence_file_changed"


def test_another_files_bytes_under_this_name_are_noticed(folder: Path) -> None:
    owner = uuid4()
    one, other = evidence.store(CONTENT, owner), evidence.store(b"another letter", owner)
    paths = {path.name.split(".")[0]: path for path in files_in(folder)}
    paths[one.sha256].write_bytes(paths[other.sha256].read_bytes())
    assert code_of_refusal(one) == "evidence_file_changed"


def test_missing_file_is_named(folder: Path) -> None:
    stored = evidence.store(CONTENT, uuid4())
    files_in(folder)[0].unlink()
    assert code_of_refusal(stored) == "evidence_file_missing"


def test_storing_over_a_changed_file_is_refused_and_heals_nothing(folder: Path) -> None:
    owner = uuid4()
    evidence.store(CONTENT, owner)
    (path,) = files_in(folder)
    path.write_bytes(b"changed")
    with pytest.raises(IntegrityBroken):
        evidence.store(CONTENT, owner)
    assert path.read_bytes() == b"changed"


def test_file_larger_than_we_ever_write_is_not_read_whole(folder: Path, settings: Any) -> None:
    stored = evidence.store(CONTENT, uuid4())
    settings.CORRECTIONS_EVIDENCE_STORED_BYTES_MAX = 10
    assert code_of_refusal(stored) == "evidence_file_changed"


def test_unknown_key_is_named(folder: Path) -> None:
    stored = evidence.store(CONTENT, uuid4())
    with pytest.raises(SecretUnreadable):
        evidence.load(stored.sha256, UUID(int=0))


@pytest.mark.parametrize("sha256", ["../../etc/passwd", "A" * 64, "a" * 63, ""])
def test_what_is_no_digest_is_no_file_name(folder: Path, sha256: str) -> None:
    stored = evidence.store(CONTENT, uuid4())
    assert code_of_refusal(StoredFile(sha256, 1, stored.key_id)) == "evidence_file_changed"


@pytest.mark.parametrize(("content", "code"), [(b"", "evidence_is_empty"), (b"x" * 21, "evidence_too_large")])
def test_empty_and_large_files_are_not_stored(folder: Path, settings: Any, content: bytes, code: str) -> None:
    settings.CORRECTIONS_EVIDENCE_BYTES_MAX = 20
    with pytest.raises(InvalidInput) as caught:
        evidence.store(content, uuid4())
    assert caught.value.code == code
    assert files_in(folder) == []


def test_write_that_fails_leaves_no_file(tmp_path: Path) -> None:
    class Breaking(ContentFile):  # type: ignore[type-arg]  # not generic while running
        def chunks(self, chunk_size: int | None = None) -> Any:
            yield b"half"
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        DurableFileStorage(location=tmp_path).save("aa/name", Breaking(b"half and half"))
    assert files_in(tmp_path) == []


def test_project_stores_evidence_durably() -> None:
    assert isinstance(storages["evidence"], DurableFileStorage)
