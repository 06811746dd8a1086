"""The cells of a sheet that was surveyed, row by row, each with its text or the code of why it has none.

A formula's cell has no text: what is kept beside a formula is whatever some program last made of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from operator import itemgetter
from typing import NamedTuple

from django.utils.translation import gettext_lazy as _

from corrections.files.formats import Shown
from corrections.files.markup import plain
from corrections.files.numbers import date_text, number_text
from corrections.files.raw_rows import FORMULA, RawRow, RawSheet
from corrections.files.references import DIGITS, LETTERS, column_number, columns_of, row_number
from corrections.files.strings import Strings, unescaped
from corrections.files.table import FileRefused
from corrections.files.workbooks import Workbook, format_of

TEXTS = frozenset({"inlineStr", "str"})  # kinds of cells that hold their text themselves
PLAIN = re.compile(r"[^&\r_]*")  # a text that is what it says, however XML or a workbook means it
SPILLS_MAX = 1_000  # array formulas, reaching over several cells, that one row meets
LETTERS_OF = itemgetter(0)
TRUTH = {"1": "TRUE", "0": "FALSE"}


class Cell(NamedTuple):
    """`column` counts from 0. `problem` is a code, or ""."""

    column: int
    text: str
    problem: str = ""
    is_number: bool = False


class Row(NamedTuple):
    """`cells` without those that hold nothing."""

    number: int
    cells: list[Cell]


class Spill(NamedTuple):
    """The cells into which an array formula puts its results; only the first of them names it."""

    last_row: int
    first_column: int
    last_column: int


def rows_of(book: Workbook, part: str, prefix: str, strings: Strings) -> Iterator[Row]:
    """Rows of a surveyed sheet as the file has them, empty ones too."""
    sheet = RawSheet(book.package, part, prefix)
    for _tag in sheet.before():
        pass
    reader = Reader(book, strings)
    for row in sheet.rows(_go_on):
        yield reader.row(row)


class Reader:
    """Reads raw rows in order: it knows which cells an array formula above them fills."""

    def __init__(self, book: Workbook, strings: Strings):
        self._strings, self._formats, self._since_1904 = strings, book.formats, book.since_1904
        self._number = 0
        self._spills: list[Spill] = []

    def row(self, row: RawRow) -> Row:
        self._number = int(row.attributes.get("r", "") or self._number + 1)
        if self._spills:
            self._spills = [spill for spill in self._spills if spill.last_row >= self._number]
        cells: list[Cell] = []
        for column, cell in zip(columns_of(tuple(map(LETTERS_OF, row.cells))), row.cells, strict=True):
            _letters, _digits, style, kind, value, text = cell
            if kind == FORMULA:
                self._spread(value)
                cells.append(Cell(column - 1, "", "cell_is_formula"))
            elif not (raw := value or text):
                continue
            elif kind in TEXTS and not self._spills and PLAIN.fullmatch(raw):
                cells.append(tuple.__new__(Cell, (column - 1, raw, "", False)))
            else:
                cells.append(self._read(column - 1, style, kind, raw))
        return Row(self._number, cells)

    def _read(self, column: int, style: str, kind: str, raw: str) -> Cell:
        if self._spills and any(spill.first_column <= column <= spill.last_column for spill in self._spills):
            return Cell(column, "", "cell_is_formula")
        if kind == "s":
            return self._shared(column, raw)
        raw = plain(raw)
        if kind in TEXTS:
            return Cell(column, unescaped(raw))
        return self._number_or_other(column, kind, raw.strip(), format_of(self._formats, style))

    def _shared(self, column: int, raw: str) -> Cell:
        try:
            return Cell(column, self._strings[int(raw if raw.isdecimal() else -1)])
        except (ValueError, IndexError):
            return Cell(column, "", "cell_unreadable")

    def _number_or_other(self, column: int, kind: str, raw: str, shown: Shown) -> Cell:
        if kind in {"", "n"}:
            return Cell(column, *number_text(raw, shown, self._since_1904), is_number=True)
        if kind == "d":
            return Cell(column, *date_text(raw), is_number=True)
        if kind == "b":
            return Cell(column, TRUTH.get(raw, raw), "cell_is_truth_value")
        return Cell(column, raw, "cell_is_error" if kind == "e" else "cell_unreadable")

    def _spread(self, reference: str) -> None:
        if ":" not in reference:
            return
        first, _colon, last = reference.replace("$", "").partition(":")
        row = row_number(last.lstrip(LETTERS))
        self._spills.append(Spill(row, *(column_number(end.rstrip(DIGITS)) - 1 for end in (first, last))))
        if len(self._spills) > SPILLS_MAX:
            raise FileRefused(
                _("The sheet is full of array formulas. Paste their results as values."), code="too_many_formulas"
            )


def _go_on() -> None:
    """A surveyed sheet isn't timed any more: whoever uses the lines takes the time."""
