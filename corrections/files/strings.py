"""The shared strings of a workbook, kept as one block of bytes: a million of them must not be a million objects."""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterator

from django.utils.translation import gettext_lazy as _

from corrections.conf import limits
from corrections.files.fitting import marks_of
from corrections.files.markup import Tag, checked, plain, tags, texts
from corrections.files.packages import Clock, Package, damaged
from corrections.files.raw_rows import PENDING_CHARS_MAX, text_in
from corrections.files.table import FileRefused

ESCAPE = re.compile("_x([0-9A-Fa-f]{4})_")


class Strings:
    """Text by its number. Raises IndexError."""

    def __init__(self) -> None:
        self._bytes = bytearray()
        self._ends = array("Q", [0])

    def __getitem__(self, place: int) -> str:
        if place < 0:
            raise IndexError(place)
        return self._bytes[self._ends[place] : self._ends[place + 1]].decode("utf-8", "surrogatepass")

    def add(self, text: str) -> None:
        self._bytes += text.encode("utf-8", "surrogatepass")
        self._ends.append(len(self._bytes))

    def refuse_too_many(self) -> None:
        if len(self._bytes) + len(self._ends) * self._ends.itemsize > limits.BATCH_STRINGS_BYTES_MAX:
            raise FileRefused(
                _("The workbook holds more text than can be read at once. Save it as CSV."), code="workbook_too_large"
            )


def strings_of(package: Package, part: str, clock: Clock) -> tuple[Strings, set[str]]:
    """The strings, and which conventions of safe_cells.py they use."""
    strings, marks = Strings(), set[str]()
    prefix = checked(package, part, clock) if part else ""
    for items in _items(package, part, prefix) if part else ():
        for item in items:
            strings.add(unescaped(plain(item)))
        if "'" in (joined := "\n".join(items)) or "\\u" in joined:
            marks |= marks_of(items)
        strings.refuse_too_many()
        clock.look()
    return strings, marks


def unescaped(text: str) -> str:
    """Text with the characters that XML can't hold, which a workbook writes as _xHHHH_. Halves are joined."""
    if "_x" not in text:
        return text
    whole = ESCAPE.sub(lambda found: chr(int(found[1], 16)), text)
    return whole.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")


def _items(package: Package, part: str, prefix: str) -> Iterator[list[str]]:
    """The texts of the items as written, some at a time."""
    p, end, pending = re.escape(prefix), f"</{prefix}si>", ""
    item = rf'<{p}si><{p}t(?: xml:space="preserve")?>([^<]*)</{p}t></{p}si>'
    usual, one = re.compile(rf"(?:\s*{item})*+"), re.compile(item)
    for text in texts(package, part):
        pending += text
        before, found, after = pending.rpartition(end)
        ready, pending = before + found, after
        yield one.findall(ready) if usual.fullmatch(ready) else _unusual(ready, prefix)
        if len(pending) > PENDING_CHARS_MAX:
            raise damaged()
    yield _unusual(pending, prefix)


def _unusual(text: str, prefix: str) -> list[str]:
    items: list[str] = []
    inner: list[Tag] = []
    for tag in tags(text, prefix):
        if tag.name == "si":
            if tag.is_end or tag.is_empty:
                items.append(text_in(inner))
            inner = []
        else:
            inner.append(tag)
    return items
