"""Tables in text files: rows of cells by RFC 4180, read strictly, in a stream; see encodings.py for the bytes.

Source: RFC 4180. A quotation mark where the RFC has none makes the borders of cells uncertain: the file is refused.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import islice
from typing import TextIO

from django.utils.translation import gettext_lazy as _

from corrections.conf import limits
from corrections.files.encodings import encoding_of, text_of
from corrections.files.fitting import chars_max, line_of, marks_of
from corrections.files.headers import header_of
from corrections.files.safe_cells import restored
from corrections.files.table import FileRefused, Line, Reading
from corrections.protection.sniffing import SEPARATORS

QUOTE = '"'
DECLARED = re.compile(rf'"?sep=([{re.escape("".join(SEPARATORS))}])"?[\r\n]*', re.IGNORECASE)
DECLARATION_CHARS_MAX = 20
ROW_CHARS_MAX = 4 * 1024 * 1024  # a hundred columns of the longest cells, some of them quoted
SEPARATOR_GUESSES = {",": (), ";": ("separator_semicolon",), "\t": ("separator_tab",), "|": ("separator_bar",)}

Rows = Iterator[tuple[int, list[str]]]


class SeparatedTable:
    """A file of rows whose cells are separated by one character."""

    def __init__(self, content: bytes):
        """Reads all of it once, so that whatever refuses the file does so now."""
        self._content = content
        encoding = encoding_of(content)
        declared = declared_separator(content, encoding)
        separator = declared or separator_of(content, encoding)
        self._is_declared = bool(declared)
        self.reading = Reading("csv", encoding, separator, "", (), ())
        rows = self._rows()
        self._header_line, header = _header(rows)
        of_separator = ("separator_declared",) if declared else ()
        guesses = (*_guesses(encoding, separator, len(header)), *of_separator, *sorted(_looked_through(rows)))
        self.reading = Reading("csv", encoding, separator, "", header, guesses)

    def lines(self) -> Iterator[Line]:
        header, longest = self.reading.header, chars_max()
        for number, cells in self._rows():
            line = line_of(number, cells, header, longest) if number > self._header_line else None
            if line is not None:
                yield line

    def _rows(self) -> Rows:
        with text_of(self._content, self.reading.encoding) as text:
            rows = rows_of(text, self.reading.separator)
            yield from islice(rows, 1, None) if self._is_declared else rows


def _header(rows: Rows) -> tuple[int, tuple[str, ...]]:
    """The first row that isn't blank, and its line."""
    for number, cells in rows:
        if any(map(str.strip, cells)):
            return number, header_of([restored(cell) for cell in cells])
    return 1, header_of(())


def rows_of(text: TextIO, separator: str) -> Rows:
    """Rows but blank ones, each with the number of the line where it begins. Raises FileRefused."""
    kept: list[str] = []
    reader = csv.reader(_keeping(text, kept), delimiter=separator, strict=True)
    begin = 1
    try:
        for cells in reader:
            if cells:
                raw = kept[0] if len(kept) == 1 else "".join(kept)
                if QUOTE in raw:
                    _refuse_misplaced_quote(cells, raw, separator, begin)
                yield begin, cells
            begin = reader.line_num + 1
            kept.clear()
    except csv.Error as error:
        raise _torn(str(error), begin, reader.line_num) from None


def _keeping(text: TextIO, kept: list[str]) -> Iterator[str]:
    chars = 0
    while line := text.readline(ROW_CHARS_MAX + 1):
        chars = chars + len(line) if kept else len(line)
        if chars > ROW_CHARS_MAX:
            raise csv.Error("field larger than a whole row may be")
        kept.append(line)
        yield line


def _refuse_misplaced_quote(cells: list[str], raw: str, separator: str, line: int) -> None:
    """The csv module takes a mark within a cell that isn't quoted for a letter."""
    if QUOTE in "".join(cells) and _strict_row(separator).fullmatch(raw) is None:
        raise _misplaced(line)


@lru_cache(maxsize=len(SEPARATORS))
def _strict_row(separator: str) -> re.Pattern[str]:
    cell = rf'(?:"(?:[^"]|"")*+"|[^"{re.escape(separator)}\r\n]*+)'
    return re.compile(rf"{cell}(?:{re.escape(separator)}{cell})*+[\r\n]*")


def declared_separator(content: bytes, encoding: str) -> str:
    """The character that the first line names, as spreadsheets write it (``sep=;``) and read it; "" without one."""
    with text_of(content, encoding) as text:
        found = DECLARED.fullmatch(text.readline(DECLARATION_CHARS_MAX))
    return found[1] if found else ""


def separator_of(content: bytes, encoding: str) -> str:
    """The one character that splits the header; where several do, the one that splits every row alike.

    Raises FileRefused `separator_ambiguous`. A header of one column has none: a comma is as good as any.
    """
    splitting = {mark: widths for mark in SEPARATORS if max((widths := _widths(content, encoding, mark))[:1]) > 1}
    if len(splitting) <= 1:
        return next(iter(splitting), ",")
    alike = [mark for mark, widths in splitting.items() if len(set(widths)) == 1]
    if len(alike) != 1:
        raise _ambiguous()
    return alike[0]


def _widths(content: bytes, encoding: str, separator: str) -> list[int]:
    """How many cells the first rows have. A torn row ends the look: it's told when all is read."""
    widths = []
    with text_of(content, encoding) as text:
        try:
            for _number, cells in islice(rows_of(text, separator), limits.EVIDENCE_CSV_ROWS_MAX):
                widths.append(len(cells))
        except FileRefused:
            pass
    return widths or [0]


def _looked_through(rows: Rows) -> set[str]:
    """The conventions that the rows under the header use. Raises FileRefused for what no row may be."""
    marks: set[str] = set()
    rows_max = limits.BATCH_ROWS_MAX
    for count, (_number, cells) in enumerate(rows, start=1):
        if count > rows_max:
            raise too_many_rows()
        marks |= marks_of(cells)
    return marks


def _guesses(encoding: str, separator: str, width: int) -> tuple[str, ...]:
    of_encoding = ("encoding_gb18030",) if encoding == "gb18030" else ()
    return (*of_encoding, *(SEPARATOR_GUESSES[separator] if width > 1 else ("separator_none",)))


def too_many_rows() -> FileRefused:
    return FileRefused(
        _("The file has more than %(max)d rows. Split it."), code="too_many_rows", max=limits.BATCH_ROWS_MAX
    )


def _torn(reason: str, line: int, last_line: int) -> FileRefused:
    if "unexpected end" in reason or ("field larger" in reason and last_line > line):
        return FileRefused(
            _("The quotation mark of a cell in line %(line)d is never closed."), code="quote_not_closed", line=line
        )
    if "field larger" in reason:
        return FileRefused(
            _("A cell in line %(line)d is longer than any table has."), code="cell_far_too_long", line=line
        )
    return _misplaced(line)


def _misplaced(line: int) -> FileRefused:
    return FileRefused(
        _(
            "In the row that begins in line %(line)d a quotation mark stands where none may. "
            "Quote the whole cell and double the marks within it."
        ),
        code="quote_misplaced",
        line=line,
    )


def _ambiguous() -> FileRefused:
    return FileRefused(
        _("Several characters could separate the columns. Save the file with commas, or as .xlsx."),
        code="separator_ambiguous",
    )
