"""What a table is to those who use it: how it was read, and its lines. No file format lives here."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from corrections.errors import InvalidInput


class FileRefused(InvalidInput):
    """The whole file can't be read without guessing, or is more than a batch may be. `details` holds no value of it."""

    code = "file_not_readable"
    message = _("This file can't be read.")


class CellProblem(NamedTuple):
    """Why a cell has no certain text, and what to do. Never repeats the value; `column` is "" beyond the header."""

    code: str
    column: str
    message: str | Promise


class Line(NamedTuple):
    """`number` as an editor or a spreadsheet counts, `cells` one per column of the header.

    A cell with a problem holds what could be read of it, "" for a formula: its line must not be used.
    `numeric` are the columns that a workbook held as numbers or dates. Leading zeros of such a cell are gone, so
    where a text must be it's a problem: NUMBER_WHERE_TEXT_MUST_BE.
    """

    number: int
    cells: tuple[str, ...]
    problems: tuple[CellProblem, ...] = ()
    numeric: tuple[str, ...] = ()


@dataclass(frozen=True)
class Reading:
    """How the file was read; shown to whoever brought it. `guesses` are keys of words.GUESSES."""

    format: str
    encoding: str
    separator: str
    sheet: str
    header: tuple[str, ...]
    guesses: tuple[str, ...]


class Table(Protocol):
    """A file that is fit to be read: what refuses it as a whole was looked for when it was opened."""

    @property
    def reading(self) -> Reading: ...

    def lines(self) -> Iterator[Line]:
        """The lines under the header but blank ones, in order, one at a time; each call reads anew."""
        ...
