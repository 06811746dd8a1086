"""Writes lines of text to CSV and XLSX, one after another with bounded memory; every cell is made safe here.

CSV is UTF-8 with a byte-order mark, comma, CRLF, every cell quoted. XLSX holds texts only, no number, formula or link.
Both take their conventions from files/safe_cells.py.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import IO, Any, Protocol

import xlsxwriter
from django.utils.translation import gettext as _

from corrections.files.safe_cells import for_csv, for_sheet
from corrections.reports.lines import Line

CSV, XLSX = "csv", "xlsx"
FORMATS = {CSV: "text/csv; charset=utf-8", XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"}
CELL_UNITS_MAX = 32_767  # UTF-16 units in a cell of a workbook
COLUMN_WIDTH = 18
OPTIONS = {
    "constant_memory": True,
    "strings_to_formulas": False,
    "strings_to_urls": False,
    "strings_to_numbers": False,
    "default_date_format": "yyyy-mm-dd",
}


Lines = Iterable[Line]


class Writer(Protocol):
    """`about` says by whom and on what the report is, in pairs; `made_at` is the moment of its data."""

    def __call__(
        self, file: IO[bytes], headings: Sequence[str], lines: Lines, *, made_at: dt.datetime, about: dict[str, str]
    ) -> None: ...


def write_csv(
    file: IO[bytes], headings: Sequence[str], lines: Lines, *, made_at: dt.datetime, about: dict[str, str]
) -> None:
    """Headings and lines only: what the report is about stands in the audit event."""
    text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="", write_through=False)
    writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writerow(headings)
    writer.writerows(_safe(lines, for_csv))
    text.flush()
    text.detach()


def _safe(lines: Lines, safe: Callable[[str], str]) -> Iterator[list[str]]:
    """Every cell made safe; what the lines of a correction share only once."""
    last, done = None, []
    for own, shared in lines:
        if shared is not last:
            last, done = shared, [safe(cell) for cell in shared]
        yield [safe(cell) if cell else "" for cell in own] + done


def write_xlsx(
    file: IO[bytes], headings: Sequence[str], lines: Lines, *, made_at: dt.datetime, about: dict[str, str]
) -> None:
    """A sheet of lines under a frozen heading, and a sheet that says what the report is."""
    # The library's scratch file goes with its folder, whatever happens on the way.
    with tempfile.TemporaryDirectory(prefix="report-") as scratch:
        book = xlsxwriter.Workbook(file, {**OPTIONS, "tmpdir": scratch})
        try:
            book.set_properties({"created": made_at.astimezone(dt.UTC).replace(tzinfo=None)})
            _sheet_of_lines(book, headings, lines)
            _sheet_about(book, about)
            book.close()
        finally:
            _abandon(book)


def _sheet_of_lines(book: Any, headings: Sequence[str], lines: Lines) -> None:
    bold = book.add_format({"bold": True, "text_wrap": True, "num_format": "@"})
    # Cells of the format “text” stay text even when somebody edits them.
    text = book.add_format({"num_format": "@"})
    sheet = book.add_worksheet(_("History")[:31])
    sheet.freeze_panes(1, 0)
    sheet.set_column(0, len(headings) - 1, COLUMN_WIDTH, text)
    for place, heading in enumerate(headings):
        sheet.write_string(0, place, for_sheet(heading), bold)
    write = sheet.write_string
    row = 0
    for row, line in enumerate(_safe(lines, _for_sheet), start=1):
        for place, cell in enumerate(line):
            if cell:
                write(row, place, cell, text)
    sheet.autofilter(0, 0, row, len(headings) - 1)


def _sheet_about(book: Any, about: dict[str, str]) -> None:
    sheet = book.add_worksheet(_("About")[:31])
    sheet.set_column(0, 1, COLUMN_WIDTH * 3)
    for row, (name, value) in enumerate(_about_rows(about)):
        sheet.write_string(row, 0, for_sheet(name))
        sheet.write_string(row, 1, _for_sheet(value))


def _about_rows(about: dict[str, str]) -> Iterator[tuple[str, str]]:
    yield from about.items()
    yield _("masked"), _("Card, identity, mobile and account numbers are masked.")
    yield _("apostrophe"), _("A cell that a spreadsheet could take for a formula begins with an apostrophe.")
    yield "\\uXXXX", _("Invisible and control characters are written by their code.")


def _for_sheet(text: str) -> str:
    """A cell that the format can hold; one that is cut says so."""
    cell = for_sheet(text)
    if len(cell) <= CELL_UNITS_MAX // 2:
        return cell
    units = cell.encode("utf-16-le")
    if len(units) <= 2 * CELL_UNITS_MAX:
        return cell
    mark = _(" … (cut here; the CSV file has it whole)")
    return units[: 2 * (CELL_UNITS_MAX - len(mark))].decode("utf-16-le", "ignore") + mark


def _abandon(book: Any) -> None:
    """Closes what an interrupted workbook left open, without writing it."""
    book.fileclosed = True
    for sheet in book.worksheets():
        if sheet.row_data_fh is not None:
            sheet.row_data_fh.close()


WRITERS: dict[str, Writer] = {CSV: write_csv, XLSX: write_xlsx}
