"""The one way in: which kind of table a file is, by its content; its name may only agree."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

import filetype
from django.utils.translation import gettext_lazy as _

from corrections.conf import limits
from corrections.files.packages import encrypted, unknown_format
from corrections.files.separated import SeparatedTable
from corrections.files.sheets import SheetTable
from corrections.files.table import FileRefused, Table

ZIP = b"PK\x03\x04"
COMPOUND = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"  # of Office before 2007, and around what is encrypted since
ENCRYPTED_STREAM = "EncryptedPackage".encode("utf-16-le")
BLANKS_OF_TEXT = b"\xef\xbb\xbf \t\r\n"
NAMES = {"xlsx": {".xlsx", ".xlsm", ".xltx", ".xltm", ""}, "csv": {".csv", ".txt", ".tsv", ""}}
# Text all the same, but none of them is a table: markup, PDF, RTF, SYLK, JSON.
NO_TABLES = (b"<", b"%pdf-", b"{", b"[", b"id;p")
CONTROL_BYTES = re.compile(rb"[\x00-\x08\x0e-\x1f]")


def open_table(content: bytes, filename: str, *, sheet: str = "") -> Table:
    """The table of a file. `sheet` names the sheet of a workbook that has several with data.

    Raises FileRefused; the codes stand in the tests, each with a file that earns it. Nothing that refuses the whole
    file is left for `lines()` to find.
    """
    _refuse_size(content)
    if content.startswith(COMPOUND):
        raise encrypted() if ENCRYPTED_STREAM in content else _legacy()
    if content.startswith(ZIP):
        _refuse_name(filename, "xlsx")
        return SheetTable(content, sheet)
    _refuse_other_formats(content)
    _refuse_name(filename, "csv")
    return SeparatedTable(content)


def _refuse_size(content: bytes) -> None:
    if not content.strip(BLANKS_OF_TEXT):
        raise FileRefused(_("The file is empty."), code="file_is_empty")
    if len(content) > limits.BATCH_BYTES_MAX:
        raise FileRefused(
            _("The file is larger than %(megabytes)d MB. Split it."),
            code="file_too_large",
            megabytes=limits.BATCH_BYTES_MAX // (1024 * 1024),
        )


def _refuse_other_formats(content: bytes) -> None:
    beginning = content[:64].strip(BLANKS_OF_TEXT).lower()
    if beginning.startswith(NO_TABLES) or _is_binary(content[:8192]):
        raise unknown_format()


def _is_binary(beginning: bytes) -> bool:
    """Some formats are known by two letters, which a heading may begin with: no text has control characters."""
    return bool(CONTROL_BYTES.search(beginning)) and filetype.guess_mime(beginning) is not None


def _refuse_name(filename: str, found: str) -> None:
    if PurePosixPath(filename).suffix.lower() not in NAMES[found]:
        raise FileRefused(
            _("The file name says something else than its content, which is “%(found)s”. Save it anew."),
            code="file_name_contradicts_content",
            found=found,
        )


def _legacy() -> FileRefused:
    return FileRefused(_("This is a workbook of the old format .xls. Save it as .xlsx."), code="workbook_is_legacy")
