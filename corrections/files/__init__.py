"""Tables that people bring in files: read as exact text, line by line, and written so that they can be read back.

Nothing here knows what a column means. A file that can't be read without guessing is refused as a whole; a cell that
can't be is a problem of its line. Nothing that a person should know about how the file was read stays unsaid.
"""

from __future__ import annotations

from corrections.files.opening import open_table
from corrections.files.table import CellProblem, FileRefused, Line, Reading, Table
from corrections.files.words import GUESSES, NUMBER_WHERE_TEXT_MUST_BE, PROBLEMS, problem
from corrections.files.writing import CSV_TYPE, XLSX_TYPE, write_csv, write_xlsx

__all__ = [
    "CSV_TYPE",
    "GUESSES",
    "NUMBER_WHERE_TEXT_MUST_BE",
    "PROBLEMS",
    "XLSX_TYPE",
    "CellProblem",
    "FileRefused",
    "Line",
    "Reading",
    "Table",
    "open_table",
    "problem",
    "write_csv",
    "write_xlsx",
]
