"""Tables written so that open_table reads the same texts: templates and results, in a stream.

Every cell is text and is made safe by safe_cells.py: nothing evaluates, nothing is converted.
"""

from __future__ import annotations

import csv
import io
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import xlsxwriter
from django.utils.translation import gettext_lazy as _

from corrections.errors import InvalidInput
from corrections.files.fitting import NOT_STORABLE
from corrections.files.safe_cells import for_csv, for_sheet
from corrections.files.strings import ESCAPE

CSV_TYPE = "text/csv; charset=utf-8"
XLSX_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
CELL_UNITS_MAX = 32_767  # UTF-16 units in a cell of a workbook
BLOCK_CHARS = 64 * 1024
BLOCK_BYTES = 64 * 1024
COLUMN_WIDTH = 18
SHEET_NAME = "Corrections"
OPTIONS = {
    "constant_memory": True,
    "strings_to_formulas": False,
    "strings_to_urls": False,
    "strings_to_numbers": False,
}

Rows = Iterable[Sequence[str]]


class CellNotWritable(InvalidInput):
    """A text that no file can hold: NUL, half a character, or longer than a workbook's cell."""

    code = "cell_not_writable"
    message = _("Row %(row)d holds a text that can't be written to a file.")


def write_csv(rows: Rows) -> Iterator[bytes]:
    """Blocks of a CSV file: UTF-8 with a byte-order mark, every cell quoted. The first row is the header.

    Raises CellNotWritable.
    """
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    text.write("\ufeff")
    for number, row in enumerate(rows, start=1):
        _refuse_unstorable(row, number)
        writer.writerow([for_csv(cell) if cell else "" for cell in row])
        if text.tell() > BLOCK_CHARS:
            yield _taken(text)
    yield _taken(text)


def _taken(text: io.StringIO) -> bytes:
    block = text.getvalue().encode()
    text.seek(0)
    text.truncate()
    return block


def write_xlsx(rows: Rows) -> Iterator[bytes]:
    """Blocks of a workbook with one sheet of text cells. The first row is the header. Raises CellNotWritable.

    The workbook is made in a scratch folder: the first block comes when all rows are written.
    """
    with tempfile.TemporaryDirectory(prefix="table-") as scratch, tempfile.TemporaryFile(dir=scratch) as file:
        book = xlsxwriter.Workbook(file, {**OPTIONS, "tmpdir": scratch})
        try:
            _fill(book, rows)
            book.close()
        finally:
            _abandon(book)
        file.seek(0)
        while block := file.read(BLOCK_BYTES):
            yield block


def _fill(book: Any, rows: Rows) -> None:
    text = book.add_format({"num_format": "@"})
    bold = book.add_format({"bold": True, "num_format": "@"})
    sheet = book.add_worksheet(SHEET_NAME)
    sheet.freeze_panes(1, 0)
    # Cells of the format “text” stay text when somebody edits them, those of new rows too.
    sheet.set_column(0, 255, COLUMN_WIDTH, text)
    for number, row in enumerate(rows):
        _refuse_unstorable(row, number + 1)
        for place, cell in enumerate(row):
            if cell:
                sheet.write_string(number, place, _for_sheet(cell, number + 1), text if number else bold)


def _for_sheet(text: str, row: int) -> str:
    cell = for_sheet(text)
    if ESCAPE.search(cell):
        # The library doubles an escape of a workbook's own, but not two that share an underscore.
        cell = cell.replace("_x", "\\u005fx")
    if len(cell) > CELL_UNITS_MAX // 2 and len(cell.encode("utf-16-le")) > 2 * CELL_UNITS_MAX:
        raise CellNotWritable(row=row)
    return cell


def _refuse_unstorable(row: Sequence[str], number: int) -> None:
    if any(NOT_STORABLE.search(cell) for cell in row):
        raise CellNotWritable(row=number)


def _abandon(book: Any) -> None:
    """Closes what an interrupted workbook left open, without writing it."""
    book.fileclosed = True
    for sheet in book.worksheets():
        if sheet.row_data_fh is not None:
            sheet.row_data_fh.close()
