"""The header of a table: every column has one name of its own."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from django.utils.translation import gettext_lazy as _

from corrections.conf import limits
from corrections.files.table import FileRefused


def header_of(cells: Sequence[str]) -> tuple[str, ...]:
    """The names without spaces around them, blank ones at the end left off.

    Raises FileRefused `header_missing`, `too_many_columns`, `header_cell_empty`, `header_cell_too_long` or
    `column_twice`.
    """
    names = [cell.strip() for cell in cells]
    while names and not names[-1]:
        names.pop()
    if not names:
        raise FileRefused(_("The file has no header: its first row must name the columns."), code="header_missing")
    if len(names) > limits.BATCH_COLUMNS_MAX:
        raise FileRefused(
            _("The file has more than %(max)d columns."), code="too_many_columns", max=limits.BATCH_COLUMNS_MAX
        )
    _refuse_unclear(names)
    return tuple(names)


def _refuse_unclear(names: list[str]) -> None:
    seen: dict[str, int] = {}
    for place, name in enumerate(names, start=1):
        if not name:
            raise FileRefused(
                _("Column %(place)d has no heading, but columns to its right have. Name it or delete it."),
                code="header_cell_empty",
                place=place,
            )
        if len(name) > limits.BATCH_HEADING_CHARS_MAX:
            raise FileRefused(
                _("The heading of column %(place)d is too long: the first row must name the columns."),
                code="header_cell_too_long",
                place=place,
            )
        first = seen.setdefault(folded(name), place)
        if first != place:
            raise FileRefused(
                _("Columns %(first)d and %(place)d have the same name. Delete one of them."),
                code="column_twice",
                first=first,
                place=place,
            )


def folded(name: str) -> str:
    """The name as people compare names: without regard to case, width and spaces."""
    return "".join(unicodedata.normalize("NFKC", name).casefold().split())
