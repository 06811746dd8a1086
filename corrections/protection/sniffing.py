"""What kind of file evidence is, found in its content; the name only chooses between kinds of text.

Accepted is what a desk attaches: pdf, png, jpeg, txt, eml, csv, xlsx. Markup or scripts inside a text file are text:
originals are served as attachments only, never in a page.
"""

from __future__ import annotations

import csv
import io
import zipfile
import zlib
from dataclasses import dataclass
from email import message_from_string, policy
from itertools import islice
from pathlib import PurePosixPath
from unicodedata import category

import filetype
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from PIL import Image

from corrections.conf import limits
from corrections.errors import InvalidInput

# In GB 18030 nearly any bytes mean something: unassigned characters there tell that it wasn't text.
ENCODINGS = {"utf-8-sig": {"Cc", "Cs"}, "gb18030": {"Cc", "Cs", "Cn", "Co"}}
LINE_CONTROLS = "\t\n\r\f"
SEPARATORS = ",;\t|"
CONTENT_TYPES = "[Content_Types].xml"
CONTENT_TYPES_BYTES_MAX = 1024 * 1024
WORKBOOK = b"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"
ACTIVE_PARTS = ("vbaproject", "xl/activex/", "xl/macrosheets/")


@dataclass(frozen=True)
class FileType:
    """`kind` is our word for it, `mime` what we say when we serve it, `extension` what its name ends in."""

    kind: str
    mime: str
    extension: str


TYPES: dict[str, FileType] = {
    "pdf": FileType("pdf", "application/pdf", ".pdf"),
    "png": FileType("png", "image/png", ".png"),
    "jpeg": FileType("jpeg", "image/jpeg", ".jpg"),
    "txt": FileType("txt", "text/plain", ".txt"),
    "eml": FileType("eml", "message/rfc822", ".eml"),
    "csv": FileType("csv", "text/csv", ".csv"),
    "xlsx": FileType("xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", ".xlsx"),
}
KIND_OF_SUFFIX = {"jpg": "jpeg", **{kind: kind for kind in TYPES}}
TEXT_KINDS = ("txt", "eml", "csv")


def sniff(content: bytes, filename: str) -> FileType:
    """The type of a file by its content. Raises InvalidInput in this order of codes:

    `evidence_name_not_allowed`, `evidence_is_empty`, `evidence_too_large`, `evidence_type_not_allowed`,
    `evidence_name_contradicts_content`.
    """
    _refuse_name(filename)
    refuse_size(content)
    suffix = PurePosixPath(filename).suffix.lower().lstrip(".")
    if suffix and suffix not in KIND_OF_SUFFIX:
        raise _not_allowed()
    claimed = KIND_OF_SUFFIX.get(suffix, "")
    found = _binary_kind(content) or _text_kind(content, claimed)
    if claimed and found != claimed:
        raise InvalidInput(
            _("The file name says “%(claimed)s”, but the content is “%(found)s”. Rename the file or save it anew."),
            code="evidence_name_contradicts_content",
            claimed=claimed,
            found=found,
        )
    return TYPES[found]


def refuse_size(content: bytes, most: int | None = None) -> None:
    """Raises InvalidInput `evidence_is_empty` or `evidence_too_large`; `most` bytes where another limit holds."""
    most = limits.EVIDENCE_BYTES_MAX if most is None else most
    if not content.strip():
        raise InvalidInput(_("The file is empty."), code="evidence_is_empty")
    if len(content) > most:
        raise InvalidInput(
            _("The file is larger than %(megabytes)d MB."),
            code="evidence_too_large",
            megabytes=most // (1024 * 1024),
        )


def decode_text(content: bytes) -> str:
    """Text in UTF-8 or GB 18030 without control characters. Raises InvalidInput `evidence_type_not_allowed`."""
    for encoding, unprintable in ENCODINGS.items():
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if not {category(letter) for letter in set(text) - set(LINE_CONTROLS)} & unprintable:
            return text
        break
    raise _not_allowed(content)


def separator(text: str) -> str:
    """The character that splits every row into the same number of columns, two or more; "" if there is none."""
    for candidate in SEPARATORS:
        try:
            rows = list(islice(csv.reader(io.StringIO(text, newline=""), delimiter=candidate), _rows_max()))
        except csv.Error:
            continue
        widths = {len(row) for row in rows if row}
        if len(widths) == 1 and min(widths) > 1:
            return candidate
    return ""


def _rows_max() -> int:
    return limits.EVIDENCE_CSV_ROWS_MAX


def _refuse_name(filename: str) -> None:
    # Direction marks can make an .exe read as a .pdf; a path has no business here.
    hidden = {letter for letter in filename if category(letter) in {"Cc", "Cf", "Cs", "Zl", "Zp"}}
    if not filename.strip() or hidden or "/" in filename or "\\" in filename:
        raise InvalidInput(
            _("The file name is empty or holds characters that can't be shown. Rename the file."),
            code="evidence_name_not_allowed",
        )


def _binary_kind(content: bytes) -> str:
    if content.startswith(b"%PDF-"):
        return "pdf"
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return _image(content, "png", "PNG")
    if content.startswith(b"\xff\xd8\xff"):
        return _image(content, "jpeg", "JPEG")
    if content.startswith(b"PK\x03\x04"):
        return _workbook(content)
    return ""


def _image(content: bytes, kind: str, pillow_format: str) -> str:
    """Decodes the whole image: one that is torn could be attached, and then nobody could look at it."""
    try:
        with Image.open(io.BytesIO(content), formats=[pillow_format]) as image:
            width, height = image.size
            if width * height > limits.PREVIEW_SOURCE_PIXELS_MAX:
                raise _too_many_pixels()
            image.load()
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise _too_many_pixels() from None
    except (OSError, ValueError, SyntaxError):
        raise _not_allowed(content) from None
    return kind


def _too_many_pixels() -> InvalidInput:
    return InvalidInput(_("The image has too many pixels. Save it smaller."), code="evidence_too_large")


def _workbook(content: bytes) -> str:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            _refuse_bomb(archive.infolist())
            with archive.open(CONTENT_TYPES) as part:
                types = part.read(CONTENT_TYPES_BYTES_MAX)
            names = [info.filename.lower() for info in archive.infolist()]
    except (zipfile.BadZipFile, KeyError, RuntimeError, NotImplementedError, EOFError, OSError, zlib.error):
        raise _not_allowed(content) from None
    if any(active in name for name in names for active in ACTIVE_PARTS) or b"macroEnabled" in types:
        raise InvalidInput(
            _("The workbook holds macros. Save it as .xlsx without macros."), code="evidence_type_not_allowed"
        )
    if WORKBOOK not in types:
        raise _not_allowed(content)
    return "xlsx"


def _refuse_bomb(parts: list[zipfile.ZipInfo]) -> None:
    unpacked = sum(part.file_size for part in parts)
    if len(parts) > limits.EVIDENCE_XLSX_PARTS_MAX or unpacked > limits.EVIDENCE_XLSX_BYTES_MAX:
        raise InvalidInput(_("The workbook is too large when unpacked."), code="evidence_too_large")


def _text_kind(content: bytes, claimed: str) -> str:
    text = decode_text(content)
    if claimed == "csv" and separator(text):
        return "csv"
    if claimed in {"eml", ""} and _is_mail(text):
        return "eml"
    return "txt"


def _is_mail(text: str) -> bool:
    message = message_from_string(text, policy=policy.compat32)
    return "from" in message and ("date" in message or "message-id" in message)


def _not_allowed(content: bytes = b"") -> InvalidInput:
    looks_like = filetype.guess_mime(content) if content else None
    message: Promise = _("Only PDF, PNG, JPEG, TXT, EML, CSV and XLSX files can be attached.")
    if looks_like:
        message = _(
            "Only undamaged PDF, PNG, JPEG, TXT, EML, CSV and XLSX files can be attached; this looks like %(type)s."
        )
    return InvalidInput(message, code="evidence_type_not_allowed", type=looks_like or "")
