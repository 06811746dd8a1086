"""The default store of evidence: a folder in which a file is either whole or absent; what is in it, evidence.py knows.

Any Django storage can stand in its place (``STORAGES["evidence"]``), an S3-compatible one for instance.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from django.core.files import File
from django.core.files.storage import FileSystemStorage
from django.utils.deconstruct import deconstructible


@deconstructible(path="corrections.protection.storage.DurableFileStorage")
class DurableFileStorage(FileSystemStorage):
    """Writes to a temporary file, syncs, then renames: a crash leaves no half-written evidence."""

    def get_available_name(self, name: str, max_length: int | None = None) -> str:
        # The name says content and key: a second writer of the same name writes the same content.
        return name

    def _save(self, name: str, content: File[bytes]) -> str:
        folder = Path(self.path(name)).parent
        self._make_folder(folder)
        handle, temporary = tempfile.mkstemp(dir=folder, prefix=".writing-")
        try:
            with os.fdopen(handle, "wb") as file:
                for chunk in content.chunks():
                    file.write(chunk)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, self.path(name))
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
        _sync_folder(folder)
        return name

    def _make_folder(self, folder: Path) -> None:
        folder.mkdir(mode=self.directory_permissions_mode or 0o700, parents=True, exist_ok=True)


def _sync_folder(folder: Path) -> None:
    # The rename itself must survive a power cut.
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
