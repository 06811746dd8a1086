"""References of a sheet: rows by number, columns by letters, no more of them than the format has."""

from __future__ import annotations

from functools import lru_cache

from corrections.files.packages import damaged

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
DIGITS = "0123456789"
COLUMNS_OF_FORMAT = 16_384
ROWS_OF_FORMAT = 1_048_576
ROW_DIGITS_MAX = len(str(ROWS_OF_FORMAT))


@lru_cache(maxsize=1024)
def column_number(letters: str) -> int:
    """1 for A, 27 for AA. Raises FileRefused `workbook_damaged`."""
    column = 0
    for letter in letters:
        if letter not in LETTERS or column > COLUMNS_OF_FORMAT:
            raise damaged()
        column = column * len(LETTERS) + LETTERS.index(letter) + 1
    if not 0 < column <= COLUMNS_OF_FORMAT:
        raise damaged()
    return column


@lru_cache(maxsize=1024)
def columns_of(letters: tuple[str, ...]) -> tuple[int, ...]:
    """Columns by the letters of each, "" being the next one. Raises FileRefused `workbook_damaged` out of order."""
    columns: list[int] = []
    for one in letters:
        last = columns[-1] if columns else 0
        columns.append(column_number(one) if one else last + 1)
        if not last < columns[-1] <= COLUMNS_OF_FORMAT:
            raise damaged()
    return tuple(columns)


def column_letters(column: int) -> str:
    letters = ""
    while column:
        column, place = divmod(column - 1, len(LETTERS))
        letters = LETTERS[place] + letters
    return letters


def row_number(text: str) -> int:
    """Raises FileRefused `workbook_damaged`."""
    if not (text.isascii() and text.isdecimal() and len(text) <= ROW_DIGITS_MAX and text[0] != "0"):
        raise damaged()
    if int(text) > ROWS_OF_FORMAT:
        raise damaged()
    return int(text)
