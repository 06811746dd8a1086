"""Tables in workbooks: one sheet of an .xlsx file, its first row with text being the header."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from django.utils.translation import gettext_lazy as _

from corrections.files.cells import Cell, Row, rows_of
from corrections.files.fitting import UNUSUAL, chars_max, read
from corrections.files.formats import DATE, NUMBER
from corrections.files.headers import header_of
from corrections.files.packages import Clock, Package
from corrections.files.references import column_letters
from corrections.files.safe_cells import restored
from corrections.files.strings import strings_of
from corrections.files.surveys import surveyed
from corrections.files.table import FileRefused, Line, Reading
from corrections.files.words import problem
from corrections.files.workbooks import Workbook, chosen_sheet, format_of, workbook_of


class SheetTable:
    """A sheet of text cells, or of numbers and dates whose text is certain."""

    def __init__(self, content: bytes, sheet: str):
        """Looks all of it through once, so that whatever refuses the file does so now."""
        clock = Clock()
        self._book = workbook_of(Package(content))
        self._sheet = chosen_sheet(self._book, sheet)
        survey = surveyed(self._book.package, self._sheet.part, clock)
        self._prefix = survey.prefix
        self._strings, marks = strings_of(self._book.package, self._book.strings, clock)
        self._header_row, header = self._header()
        guesses = sorted(marks | survey.marks | _number_guesses(self._book, survey.number_styles))
        self.reading = Reading("xlsx", "", "", self._sheet.name, header, tuple(guesses))

    def lines(self) -> Iterator[Line]:
        header, longest = self.reading.header, chars_max()
        for row in self._rows():
            if row.number > self._header_row and row.cells:
                line = _line(row, header, longest)
                if line is not None:
                    yield line

    def _rows(self) -> Iterator[Row]:
        return rows_of(self._book, self._sheet.part, self._prefix, self._strings)

    def _header(self) -> tuple[int, tuple[str, ...]]:
        for number, cells in self._rows():
            if any(cell.problem or cell.text.strip() for cell in cells):
                return number, header_of(_heading_texts(cells))
        return 1, header_of(())


def _line(row: Row, header: tuple[str, ...], longest: int) -> Line | None:
    """The line of these cells, or None when all of them are blank."""
    columns, usual, codes, are_numbers = zip(*row.cells, strict=True)
    if columns == _places(len(header)) and not (any(codes) or any(are_numbers)):
        joined = "".join(usual)
        if len(joined) <= longest and UNUSUAL.search(joined) is None:
            return Line(row.number, usual) if joined.strip() else None
    return _unusual_line(row, header, longest)


@lru_cache(maxsize=128)
def _places(width: int) -> tuple[int, ...]:
    return tuple(range(width))


def _unusual_line(row: Row, header: tuple[str, ...], longest: int) -> Line | None:
    """The same, with numbers, gaps, marks or problems."""
    texts, problems, numeric, is_beyond = [""] * len(header), [], [], False
    for column, text, code, is_number in row.cells:
        if column >= len(header):
            is_beyond |= bool(code or text.strip())
            continue
        if is_number:
            numeric.append(header[column])
        if code:
            problems.append(problem(code, header[column]))
        elif not is_number:
            text = read(text, header[column], problems, longest)
        texts[column] = text
    if is_beyond:
        problems.append(problem("more_cells_than_columns", ""))
    if not problems and not any(map(str.strip, texts)):
        return None
    return Line(row.number, tuple(texts), tuple(problems), tuple(numeric))


def _heading_texts(cells: list[Cell]) -> list[str]:
    texts = [""] * (cells[-1].column + 1)
    for cell in cells:
        if cell.problem:
            raise FileRefused(
                _("The heading of column %(column)s isn't text. Type it as text."),
                code="header_cell_unusable",
                column=column_letters(cell.column + 1),
            )
        texts[cell.column] = restored(cell.text)
    return texts


def _number_guesses(book: Workbook, styles: set[str]) -> set[str]:
    shown = {format_of(book.formats, style).kind for style in styles}
    guesses = {"numbers_read"} if NUMBER in shown else set()
    if DATE in shown:
        guesses |= {"dates_read", "dates_since_1904"} if book.since_1904 else {"dates_read"}
    return guesses
