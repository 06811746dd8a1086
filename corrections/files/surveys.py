"""A look over a whole sheet before any line of it is used: what can't be told row by row, and what was guessed.

Hidden and merged cells refuse the file: what the person saw isn't what is kept. References must be what they say
they are, in order, so that the reader may rely on them.
"""

from __future__ import annotations

from itertools import compress

from django.utils.translation import gettext_lazy as _

from corrections.conf import limits
from corrections.files.fitting import MARKS, marks_of
from corrections.files.markup import Tag, attributes_of, checked
from corrections.files.packages import Clock, Package, damaged
from corrections.files.raw_rows import FORMULA, RawCell, RawRow, RawSheet
from corrections.files.references import COLUMNS_OF_FORMAT, column_letters, columns_of, row_number
from corrections.files.separated import too_many_rows
from corrections.files.table import FileRefused
from corrections.files.workbooks import is_true

NUMBERS = frozenset({"", "n", "d"})  # kinds of cells


class Survey:
    """`prefix` is that of the sheet's names, `number_styles` are the styles of cells that are numbers."""

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self.marks: set[str] = set()
        self.number_styles: set[str] = set()
        self._cells = self._rows = self._row = 0
        self._rows_hidden_at_first = False
        self._hidden_columns: set[int] = set()

    def before(self, tag: Tag) -> None:
        if tag.name == "sheetFormatPr":
            self._rows_hidden_at_first = is_true(attributes_of(tag.attributes).get("zeroHeight"))
        elif tag.name == "col":
            self._column_range(attributes_of(tag.attributes))

    def row(self, row: RawRow) -> None:
        number = row.attributes.get("r", "") or str(self._row + 1)
        if row_number(number) <= self._row:
            raise damaged()
        self._row = int(number)
        self._cells += len(row.cells)
        if self._cells > limits.BATCH_CELLS_MAX:
            raise _too_many_cells()
        if self._looked_through(number, row.cells):
            self._rows += 1
            if self._is_hidden(row):
                raise _rows_hidden(self._row)
            if self._rows > limits.BATCH_ROWS_MAX + 1:
                raise too_many_rows()

    def after(self, tag: Tag) -> None:
        if tag.name in {"sheetData", "row", "c"} and not tag.is_end:
            raise damaged()
        if tag.name == "mergeCell":
            raise FileRefused(
                _("The sheet has merged cells: %(cells)s. Unmerge them."),
                code="cells_merged",
                cells=attributes_of(tag.attributes).get("ref", "")[:20],
            )

    def _looked_through(self, number: str, cells: list[RawCell]) -> bool:
        """Whether there is data in the row. All cells of it at once: there may be millions."""
        if not cells:
            return False
        letters, digits, styles, kinds, values, texts = zip(*cells, strict=True)
        columns = columns_of(letters)
        if set(digits) != {number} and any(one and two != number for one, two in zip(letters, digits, strict=True)):
            raise damaged()
        filled = [
            bool(value or text or kind == FORMULA) for kind, value, text in zip(kinds, values, texts, strict=True)
        ]
        if not any(filled):
            return False
        if not NUMBERS.isdisjoint(kinds):
            self.number_styles.update(style for style, kind in zip(styles, kinds, strict=True) if kind in NUMBERS)
        if len(self.marks) < len(MARKS) and (any(texts) or "str" in kinds):
            self.marks |= marks_of(texts) | marks_of(values)
        if hidden := self._hidden_columns.intersection(compress(columns, filled)):
            raise _columns_hidden(min(hidden))
        return True

    def _is_hidden(self, row: RawRow) -> bool:
        if len(row.attributes) < 2 and not self._rows_hidden_at_first:
            return False
        hidden = row.attributes.get("hidden")
        hidden_at_first = self._rows_hidden_at_first and hidden is None
        return is_true(hidden) or is_zero(row.attributes.get("ht")) or hidden_at_first

    def _column_range(self, attributes: dict[str, str]) -> None:
        if not (is_true(attributes.get("hidden")) or is_zero(attributes.get("width"))):
            return
        first, last = attributes.get("min", ""), attributes.get("max", "")
        if not (first.isdecimal() and last.isdecimal() and len(first + last) <= 2 * len(str(COLUMNS_OF_FORMAT))):
            raise damaged()
        self._hidden_columns.update(range(int(first), min(int(last), COLUMNS_OF_FORMAT) + 1))


def surveyed(package: Package, part: str, clock: Clock) -> Survey:
    """Raises FileRefused with the code of what was found first."""
    survey = Survey(checked(package, part, clock))
    sheet = RawSheet(package, part, survey.prefix)
    for tag in sheet.before():
        survey.before(tag)
    for row in sheet.rows(clock.look):
        survey.row(row)
    for tag in sheet.after():
        survey.after(tag)
    return survey


def is_zero(size: str | None) -> bool:
    """Whether a height or a width is none at all."""
    return size is not None and not size.strip("0.")


def _too_many_cells() -> FileRefused:
    return FileRefused(
        _("The sheet has more than %(max)d cells. Split it, or save it as CSV."),
        code="too_many_cells",
        max=limits.BATCH_CELLS_MAX,
    )


def _rows_hidden(row: int) -> FileRefused:
    return FileRefused(
        _("Row %(row)d is hidden but holds data. Show all rows, take filters off, or delete it."),
        code="rows_hidden",
        row=row,
    )


def _columns_hidden(column: int) -> FileRefused:
    return FileRefused(
        _("Column %(column)s is hidden but holds data. Show it or delete it."),
        code="columns_hidden",
        column=column_letters(column),
    )
