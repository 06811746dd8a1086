"""Which encoding a text is in, told by its bytes; a text that would need luck is refused."""

from __future__ import annotations

import codecs
import io
from collections.abc import Iterator
from unicodedata import category

from django.utils.translation import gettext_lazy as _

from corrections.files.table import FileRefused
from corrections.protection.sniffing import ENCODINGS, LINE_CONTROLS

BLOCK_BYTES = 256 * 1024
MARKS = (
    # UTF-32's mark begins with that of UTF-16.
    (codecs.BOM_UTF32_LE, ""),
    (codecs.BOM_UTF32_BE, ""),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
NUL_SHARE_OF_UTF16 = 0.2  # of the first bytes; Latin text is half of NUL


def encoding_of(content: bytes) -> str:
    """utf-8, utf-8-sig, utf-16 or gb18030.

    Raises FileRefused `encoding_needs_a_mark` (UTF-16 without a byte-order mark), `file_has_nul` or
    `encoding_unknown`.
    """
    for mark, encoding in MARKS:
        if content.startswith(mark):
            return _marked(content, encoding)
    if b"\0" in content:
        raise _nul(content)
    if _decodes(content, "utf-8"):
        return "utf-8"
    if _decodes(content, "gb18030", ENCODINGS["gb18030"]):
        return "gb18030"
    raise _unknown()


def text_of(content: bytes, encoding: str) -> io.TextIOWrapper:
    """The text as a stream, its line ends as they are."""
    return io.TextIOWrapper(io.BytesIO(content), encoding=encoding, newline="")


def _marked(content: bytes, encoding: str) -> str:
    if not encoding or not _decodes(content, encoding):
        raise _unknown()
    if any("\0" in text for text in _blocks(content, encoding)):
        raise _nul(b"")
    return encoding


def _decodes(content: bytes, encoding: str, unprintable: set[str] | None = None) -> bool:
    try:
        for text in _blocks(content, encoding):
            if unprintable and {category(letter) for letter in set(text) - set(LINE_CONTROLS)} & unprintable:
                return False
    except UnicodeDecodeError:
        return False
    return True


def _blocks(content: bytes, encoding: str) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder(encoding)()
    view = memoryview(content)
    for start in range(0, len(view), BLOCK_BYTES):
        yield decoder.decode(view[start : start + BLOCK_BYTES])
    yield decoder.decode(b"", final=True)


def _nul(content: bytes) -> FileRefused:
    beginning = content[:4096]
    if beginning.count(0) > NUL_SHARE_OF_UTF16 * len(beginning) > 0:
        return FileRefused(
            _("The file looks like UTF-16 without a byte-order mark. Save it as “CSV UTF-8”."),
            code="encoding_needs_a_mark",
        )
    return FileRefused(_("The file holds NUL bytes, which no text has. Export it anew."), code="file_has_nul")


def _unknown() -> FileRefused:
    return FileRefused(
        _("The text is neither UTF-8, nor UTF-16, nor GB 18030. Save it as “CSV UTF-8”."), code="encoding_unknown"
    )
