"""What people are told about cells and guesses, by code."""

from __future__ import annotations

from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from corrections.files.table import CellProblem

NUMBER_WHERE_TEXT_MUST_BE: Final = "number_where_text_must_be"

PROBLEMS: dict[str, Promise] = {
    "cell_is_formula": _("This cell holds a formula. Paste its result as a value, in a cell of the format “text”."),
    "cell_is_error": _("This cell holds an error of the spreadsheet, such as #N/A. Type the value."),
    "cell_is_truth_value": _("This cell holds a truth value. Format it as text and type the value."),
    "cell_unreadable": _("This cell can't be read. Format it as text and type the value anew."),
    "cell_too_long": _("This cell holds more text than any field takes. Shorten it."),
    "cell_has_control_characters": _("This cell holds characters that can't be seen. Type the value anew."),
    "number_digits_lost": _(
        "This cell is a number of more digits than a spreadsheet keeps; the last ones are lost. "
        "Format the cell as text and type the value anew."
    ),
    "number_not_exact": _("This number isn't kept exactly. Format the cell as text and type the value anew."),
    "number_shown_otherwise": _(
        "This number is shown otherwise than it is kept. Format the cell as text and type the value as it must be."
    ),
    NUMBER_WHERE_TEXT_MUST_BE: _(
        "This cell is a number or a date where a text must be; leading zeros may be lost. "
        "Format the cell as text and type the value anew."
    ),
    "date_ambiguous": _("This date could be two different days. Format the cell as text and type YYYY-MM-DD."),
    "date_has_time": _(
        "This cell holds a time of day without a time zone. Format it as text and type the value as it must be."
    ),
    "more_cells_than_columns": _("This row holds a value to the right of the last column that has a heading."),
}

GUESSES: dict[str, Promise] = {
    "encoding_gb18030": _("The text isn't UTF-8; it was read as GB 18030."),
    "separator_semicolon": _("Columns are separated by semicolons."),
    "separator_tab": _("Columns are separated by tabs."),
    "separator_bar": _("Columns are separated by vertical bars."),
    "separator_declared": _("The first line says which character separates the columns."),
    "separator_none": _("There is only one column."),
    "apostrophes_taken_off": _(
        "An apostrophe at the beginning of a cell only says that the cell is text; it was taken off."
    ),
    "escapes_read": _("Characters written by their code, such as \\u200b, were read as those characters."),
    "numbers_read": _("Some cells are numbers, not text; they were read as they are kept."),
    "dates_read": _("Some cells are dates; they were read as YYYY-MM-DD."),
    "dates_since_1904": _("The workbook counts its days from 1904, as old Macintosh files do."),
}


def problem(code: str, column: str) -> CellProblem:
    return CellProblem(code, column, PROBLEMS[code])
