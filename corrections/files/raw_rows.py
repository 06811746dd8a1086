"""The rows of a sheet as its XML has them, with the references they claim; see markup.py for what may be relied on.

Every spreadsheet writes nearly all cells in one way; a pattern takes such rows whole. Others are read tag by tag.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import NamedTuple

from corrections.files.markup import ATTRIBUTES, Tag, attributes_of, tags, texts
from corrections.files.packages import Package, damaged

PENDING_CHARS_MAX = 8 * 1024 * 1024  # of one row: a hundred columns of the longest cells
FORMULA = "="  # as the kind of a cell; its value is the range over which an array formula spreads, or ""
SPREADING = {"array", "dataTable"}
ROW_ATTRIBUTES = re.compile(r' r="(\d+)"(?: spans="[\d:]*")?')

GROUP = re.compile(r"\((?!\?)")

# Letters and number of the reference, style, kind, value, text; as written, "" where there is none.
RawCell = tuple[str, str, str, str, str, str]


class RawRow(NamedTuple):
    attributes: dict[str, str]
    cells: list[RawCell]


class Patterns(NamedTuple):
    rows: re.Pattern[str]
    row_end: str
    rows_end: str
    row: re.Pattern[str]
    empty_rows: re.Pattern[str]
    usual: re.Pattern[str]
    cell: re.Pattern[str]


class RawSheet:
    """A sheet that was checked, to be read once: the tags before the rows, then the rows, then the tags after them."""

    def __init__(self, package: Package, part: str, prefix: str):
        self._texts = texts(package, part)
        self._prefix = prefix
        self._patterns = patterns(prefix)
        self._pending = ""
        self._is_empty = False

    def before(self) -> Iterator[Tag]:
        """The last one is that of the rows."""
        while (found := self._patterns.rows.search(self._pending)) is None:
            self._read_on()
        self._is_empty = found[0].endswith("/>")
        yield from tags(self._pending[: found.end()], self._prefix)
        self._pending = self._pending[found.end() :]

    def rows(self, look: Callable[[], None]) -> Iterator[RawRow]:
        """`look` is called after every block."""
        while not self._is_empty:
            stop = self._pending.find(self._patterns.rows_end)
            end = stop if stop >= 0 else self._end_of_rows()
            ready, self._pending = self._pending[:end], self._pending[end:]
            yield from rows_in(ready, self._prefix)
            if stop >= 0:
                return
            look()
            self._read_on()

    def after(self) -> Iterator[Tag]:
        for text in self._texts:
            self._pending += text
            end = self._pending.rfind("<")
            yield from tags(self._pending[:end], self._prefix)
            self._pending = self._pending[end:]
        yield from tags(self._pending, self._prefix)

    def _end_of_rows(self) -> int:
        end = self._pending.rfind(self._patterns.row_end)
        if end >= 0:
            return end + len(self._patterns.row_end)
        found = self._patterns.empty_rows.match(self._pending)
        return found.end() if found else 0

    def _read_on(self) -> None:
        text = next(self._texts, None)
        if text is None or len(self._pending) > PENDING_CHARS_MAX:
            raise damaged()
        self._pending += text


@lru_cache(maxsize=8)
def patterns(prefix: str) -> Patterns:
    p = re.escape(prefix)
    value = rf"<{p}v>([^<]*+)</{p}v>"
    inline = rf'<{p}is><{p}t(?: xml:space="preserve")?+>([^<]*+)</{p}t></{p}is>'
    attributes = r'r="([A-Z]{1,3}+)(\d++)"(?: s="(\d++)")?+(?: t="([a-zA-Z]++)")?+'
    cell = rf"<{p}c {attributes}(?:/>|>(?:{value}|{inline})?+</{p}c>)"
    empty = rf"""<{p}row(?:\s(?:[^>"'/]++|"[^"]*+"|'[^']*+')*+)?/>"""
    return Patterns(
        rows=re.compile(rf"<{p}sheetData(?=[\s/>]){ATTRIBUTES}>"),
        row_end=f"</{prefix}row>",
        rows_end=f"</{prefix}sheetData",
        row=re.compile(rf"\s*<{p}row(?=[\s/>]){ATTRIBUTES}>"),
        empty_rows=re.compile(rf"(?:\s*{empty})++"),
        usual=re.compile(rf"(?:{GROUP.sub('(?:', cell)})*+"),
        cell=re.compile(cell),
    )


def rows_in(text: str, prefix: str) -> Iterator[RawRow]:
    """Whole rows. Raises FileRefused `workbook_damaged` for anything else between them."""
    pattern = patterns(prefix)
    for piece in text.split(pattern.row_end):
        position = 0
        while found := pattern.row.match(piece, position):
            position = found.end()
            if not found[1].endswith("/"):
                yield RawRow(_row_attributes(found[1]), cells_in(piece[position:], prefix))
                break
            yield RawRow(_row_attributes(found[1]), [])
        else:
            if piece[position:].strip():
                raise damaged()


def cells_in(text: str, prefix: str) -> list[RawCell]:
    """The cells of a row. Raises FileRefused `workbook_damaged`."""
    pattern = patterns(prefix)
    if pattern.usual.fullmatch(text):
        return pattern.cell.findall(text)
    cells: list[RawCell] = []
    inner: list[Tag] = []
    for tag in tags(text.strip(), prefix):
        inner.append(tag)
        if tag.name == "c" and (tag.is_end or tag.is_empty):
            cells.append(_cell(inner))
            inner = []
    if inner:
        raise damaged()
    return cells


def _cell(inner: list[Tag]) -> RawCell:
    """A cell from all its tags, the first being its own."""
    if inner[0].name != "c" or any(tag.name in {"c", "row", ""} for tag in inner[1:-1]):
        raise damaged()
    attributes = attributes_of(inner[0].attributes)
    reference = attributes.get("r", "")
    letters = reference.rstrip("0123456789")
    kind, value = attributes.get("t", ""), text_in(inner)
    formula = [attributes_of(tag.attributes) for tag in inner if tag.name == "f" and not tag.is_end]
    if formula:
        kind = FORMULA
        value = formula[0].get("ref", "") if formula[0].get("t") in SPREADING else ""
    return letters, reference[len(letters) :], attributes.get("s", ""), kind, value, ""


def text_in(inner: list[Tag]) -> str:
    """The text of values and runs, without the phonetic signs above them."""
    pieces, is_phonetic = [], False
    for tag in inner:
        if tag.name == "rPh":
            is_phonetic = not tag.is_end
        elif tag.name in {"v", "t"} and not (tag.is_end or tag.is_empty or is_phonetic):
            pieces.append(tag.text)
    return "".join(pieces)


def _row_attributes(text: str) -> dict[str, str]:
    found = ROW_ATTRIBUTES.fullmatch(text)
    return {"r": found[1]} if found else attributes_of(text)
