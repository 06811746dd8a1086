"""Cells as they stand in a file, fitted to its header: exact texts, and problems where a text can't be trusted."""

from __future__ import annotations

import re
from collections.abc import Sequence

from corrections.conf import limits
from corrections.files.safe_cells import ESCAPED, MARK, restored
from corrections.files.table import CellProblem, Line
from corrections.files.words import problem

# What no keyboard types and no page shows; line ends and tabs stand in honest texts.
CONTROLS = "\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffe\uffff"
UNSTORABLE = "\x00\ud800-\udfff"  # no database keeps these, however they were written
CONTROL = re.compile(f"[{CONTROLS}\ud800-\udfff]")
EVALUATED = "="
MARKS = ("apostrophes_taken_off", "escapes_read")
NOT_STORABLE = re.compile(f"[{UNSTORABLE}]")
UNUSUAL = re.compile(rf"[{CONTROLS}\ud800-\udfff{MARK}]|\\u")


def line_of(number: int, cells: Sequence[str], header: tuple[str, ...], chars_max: int) -> Line | None:
    """The line of these cells of a file without types, or None when all of them are blank."""
    joined = "".join(cells)
    if not joined or joined.isspace():
        return None
    width = len(header)
    usual = UNUSUAL.search(joined) is None and EVALUATED not in joined
    if len(cells) == width and len(joined) <= chars_max and usual:
        return Line(number, tuple(cells))
    problems: list[CellProblem] = []
    for cell, column in zip(cells, header, strict=False):
        # A spreadsheet shows its result, so nobody saw this text. What is meant as text bears a mark.
        if cell.lstrip().startswith(EVALUATED):
            problems.append(problem("cell_is_formula", column))
    kept = [read(cell, column, problems, chars_max) for cell, column in zip(cells, header, strict=False)]
    kept.extend([""] * (width - len(kept)))
    if any(cell.strip() for cell in cells[width:]):
        problems.append(problem("more_cells_than_columns", ""))
    if not problems and not any(map(str.strip, kept)):
        return None
    return Line(number, tuple(kept), tuple(problems))


def read(cell: str, column: str, problems: list[CellProblem], chars_max: int) -> str:
    """The text of one cell: the marks of safe_cells.py are taken off. Adds to `problems`."""
    if len(cell) <= chars_max and UNUSUAL.search(cell) is None:
        return cell
    if CONTROL.search(cell):
        problems.append(problem("cell_has_control_characters", column))
        return cell
    text = restored(cell)
    if NOT_STORABLE.search(text):
        problems.append(problem("cell_has_control_characters", column))
    elif len(text) > chars_max:
        problems.append(problem("cell_too_long", column))
    return text


def marks_of(cells: Sequence[str]) -> set[str]:
    """Which conventions of safe_cells.py some of the cells use, as codes of guesses."""
    found = set()
    joined = "".join(cells)
    if MARK in joined and any(cell.startswith(MARK) for cell in cells):
        found.add(MARKS[0])
    if "\\u" in joined and any(ESCAPED.search(cell) for cell in cells):
        found.add(MARKS[1])
    return found


def chars_max() -> int:
    return limits.BATCH_CELL_CHARS_MAX
