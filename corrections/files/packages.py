"""The zip package of a workbook: what its directory says is believed only as a bound, and read in blocks.

Nothing is unpacked before the directory promises that it will stay within the limits; the zip module reads no more
of a part than the directory says. XML with a document type is refused, so no entity is ever expanded.
"""

from __future__ import annotations

import io
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from xml.parsers import expat

from django.utils.translation import gettext_lazy as _

from corrections.conf import limits
from corrections.files.table import FileRefused
from corrections.protection.sniffing import ACTIVE_PARTS, CONTENT_TYPES, WORKBOOK

BLOCK_BYTES = 64 * 1024
DIRECTORY_ENTRY = b"PK\x01\x02"
SMALL_PART_BYTES_MAX = 4 * 1024 * 1024  # of parts that aren't sheets or strings; what is smaller is no bomb either
TOKEN_BYTES_MAX = 1024 * 1024  # of one tag or comment: the parser keeps it whole
ENCRYPTED_FLAG = 0x1
METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
NAMESPACE_END = " "
# Encodings that the parser does not know are told by Python.
NOT_WELL_FORMED = (expat.ExpatError, LookupError, ValueError)


@dataclass(frozen=True)
class Element:
    """A start tag by its local names, with the name of the element around it."""

    name: str
    parent: str
    attributes: dict[str, str]


class Package:
    """The parts of a workbook by name."""

    def __init__(self, content: bytes):
        """Raises FileRefused before anything is unpacked but the list of content types."""
        if content.count(DIRECTORY_ENTRY) > limits.EVIDENCE_XLSX_PARTS_MAX:
            raise _too_large()
        try:
            self._archive = zipfile.ZipFile(io.BytesIO(content))
        except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError):
            raise damaged() from None
        parts = self._archive.infolist()
        _refuse_parts(parts, len(content))
        self._names = {info.filename.casefold(): info.filename for info in parts}
        self._refuse_other_kinds()

    def __contains__(self, name: str) -> bool:
        return name.casefold() in self._names

    def blocks(self, name: str) -> Iterator[bytes]:
        """The bytes of a part. Raises FileRefused `workbook_damaged`."""
        try:
            with self._archive.open(self._names[name.casefold()]) as part:
                while block := part.read(BLOCK_BYTES):
                    yield block
        except (zipfile.BadZipFile, KeyError, RuntimeError, NotImplementedError, EOFError, OSError, zlib.error):
            raise damaged() from None

    def small(self, name: str) -> list[Element]:
        """Every start tag of a small part, in order."""
        if self._archive.getinfo(self._names[name.casefold()]).file_size > SMALL_PART_BYTES_MAX:
            raise _too_large()
        found: list[Element] = []
        around: list[str] = [""]

        def start(name: str, attributes: dict[str, str]) -> None:
            found.append(Element(_local(name), around[-1], {_local(key): text for key, text in attributes.items()}))
            around.append(_local(name))

        for _block in self.parse(name, start, lambda name: around.pop()):
            pass
        return found

    def parse(
        self,
        name: str,
        start: Callable[[str, dict[str, str]], object],
        end: Callable[[str], object] | None = None,
        text: Callable[[str], object] | None = None,
    ) -> Iterator[None]:
        """Calls the handlers, and comes back after every block. Names are the namespace, a space, the local name.

        Raises FileRefused `workbook_damaged` or `workbook_has_entities`.
        """
        parser = expat.ParserCreate(namespace_separator=NAMESPACE_END)
        parser.buffer_text = True
        parser.StartDoctypeDeclHandler = refuse_document_type
        parser.StartElementHandler = start
        parser.EndElementHandler = end
        parser.CharacterDataHandler = text
        fed = 0
        try:
            for block in self.blocks(name):
                parser.Parse(block)
                fed += len(block)
                if fed - parser.CurrentByteIndex > TOKEN_BYTES_MAX:
                    raise damaged()
                yield
            parser.Parse(b"", True)
        except NOT_WELL_FORMED:
            raise damaged() from None
        yield

    def _refuse_other_kinds(self) -> None:
        if CONTENT_TYPES not in self:
            raise unknown_format()
        types = {element.attributes.get("ContentType", "") for element in self.small(CONTENT_TYPES)}
        active = any(part in name for name in self._names for part in ACTIVE_PARTS)
        if active or any("macroEnabled" in kind for kind in types):
            raise FileRefused(
                _("The workbook holds macros. Save it as .xlsx without macros."), code="workbook_has_macros"
            )
        if WORKBOOK.decode() not in types:
            raise unknown_format()


class Clock:
    """Refuses a file that takes too long to look through."""

    def __init__(self) -> None:
        self._ends = time.monotonic() + limits.BATCH_OPEN_SECONDS_MAX

    def look(self) -> None:
        if time.monotonic() > self._ends:
            raise FileRefused(
                _("The workbook takes too long to read. Split it, or save it as CSV."), code="workbook_too_slow"
            )


def damaged() -> FileRefused:
    return FileRefused(
        _("The workbook is damaged. Open it in a spreadsheet and save it anew as .xlsx."), code="workbook_damaged"
    )


def _refuse_parts(parts: list[zipfile.ZipInfo], size: int) -> None:
    if any(part.flag_bits & ENCRYPTED_FLAG for part in parts):
        raise encrypted()
    names = {part.filename.casefold() for part in parts}
    # Parts that lie upon each other together seem larger than the file.
    overlapping = sum(part.compress_size for part in parts) > size
    if len(names) < len(parts) or overlapping or any(part.compress_type not in METHODS for part in parts):
        raise damaged()
    if sum(part.file_size for part in parts) > limits.BATCH_UNPACKED_BYTES_MAX or any(map(_is_bomb, parts)):
        raise _too_large()


def _is_bomb(part: zipfile.ZipInfo) -> bool:
    large = part.file_size > SMALL_PART_BYTES_MAX
    return large and part.file_size > limits.BATCH_UNPACKED_RATIO_MAX * part.compress_size


def refuse_document_type(*_args: object) -> None:
    raise FileRefused(
        _("The workbook defines entities, which no spreadsheet writes. Save it anew as .xlsx."),
        code="workbook_has_entities",
    )


def encrypted() -> FileRefused:
    return FileRefused(_("The workbook is encrypted. Save it without a password."), code="workbook_encrypted")


def _too_large() -> FileRefused:
    return FileRefused(_("The workbook is too large when unpacked. Split it."), code="workbook_too_large")


def unknown_format() -> FileRefused:
    return FileRefused(_("Only CSV and XLSX files can be read."), code="file_format_unknown")


def _local(name: str) -> str:
    return name.rpartition(NAMESPACE_END)[2]
