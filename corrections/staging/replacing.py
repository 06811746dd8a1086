"""Puts corrected lines into a batch's file: bad lines may be replaced, all others must be as they were, or absent."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field

from corrections.files import NUMBER_WHERE_TEXT_MUST_BE, Line, Table, problem
from corrections.registry import Entry
from corrections.staging.columns import LINE, Columns, read_header
from corrections.staging.from_file import FileRows
from corrections.staging.hiding import hidden
from corrections.staging.refusals import (
    ColumnsDiffer,
    LineGivenTwice,
    LineIsNotBad,
    LineIsNotInIt,
    LineUnreadable,
    NothingReplaced,
)
from corrections.staging.results import number_of, numbered

Cells = tuple[str, ...]


@dataclass
class Replacing:
    """The lines that a maker brings back, compared with the file as it was."""

    entry: Entry
    old: Table
    is_numbered: bool  # whether the old file says itself what each line's number is
    bad: Collection[int]
    lines: dict[int, Cells] = field(default_factory=dict)
    _others: dict[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.columns = read_header(self.entry, self.old.reading.header)
        self.kept = self._places(self.columns)
        self.secret = {
            place
            for place, at in enumerate(self.kept)
            for name, there in self.columns.values.items()
            if there == at and self.entry.is_secret(name)
        }

    @staticmethod
    def _places(columns: Columns) -> list[int]:
        ours = set(columns.ours.values())
        return [place for place in range(len(columns.header)) if place not in ours]

    @property
    def header(self) -> Cells:
        return tuple(self.columns.header[place] for place in self.kept)

    def take(self, new: Table) -> None:
        """Raises the refusal that names the line."""
        columns = read_header(self.entry, new.reading.header)
        places = self._places(columns)
        if tuple(columns.header[place] for place in places) != self.header:
            raise ColumnsDiffer
        needs_text = FileRows(self.entry, columns).needs_text
        for line in new.lines():
            number = number_of(line, columns.ours.get(LINE))
            if number in self.lines or number in self._others:
                raise LineGivenTwice(line=number)
            cells = tuple(line.cells[place] for place in places)
            if number in self.bad:
                _demand_readable(line, number, needs_text)
                self.lines[number] = cells
            else:
                self._others[number] = hash(self._comparable(cells))
        self._compare()

    def _comparable(self, cells: Cells) -> Cells:
        """Protected numbers are left out of what is downloaded, so they aren't compared."""
        return tuple("" if place in self.secret else cell for place, cell in enumerate(cells))

    def _old(self) -> Iterator[tuple[int, Cells]]:
        line_column = self.columns.ours.get(LINE) if self.is_numbered else None
        for number, cells in numbered(self.old, line_column):
            yield number, tuple(cells[place] for place in self.kept)

    def _compare(self) -> None:
        replaced = {}
        for number, cells in self._old():
            other = self._others.pop(number, None)
            if other is not None and other != hash(self._comparable(cells)):
                raise LineIsNotBad(line=number)
            if number in self.lines:
                whole = self._with_secrets(self.lines[number], cells)
                if whole != cells:
                    replaced[number] = whole
        for number in sorted([*self._others, *(self.lines.keys() - self.bad)]):
            raise LineIsNotInIt(line=number)
        if not replaced:
            raise NothingReplaced
        self.lines = replaced

    def _with_secrets(self, new: Cells, old: Cells) -> Cells:
        """A protected number that comes back empty stays what the file said."""
        return tuple(
            was if place in self.secret and not now else now
            for place, (now, was) in enumerate(zip(new, old, strict=True))
        )

    def merged(self) -> Iterator[Sequence[str]]:
        """The file as it is now, each line with its number."""
        yield [*self.header, LINE]
        for number, cells in self._old():
            yield [*self.lines.get(number, cells), str(number)]

    def replaced(self) -> Iterator[Line]:
        """The lines that are new, to be staged."""
        for number, cells in sorted(self.lines.items()):
            yield Line(number, cells)

    def columns_replaced(self) -> Columns:
        """What the columns of the replaced lines stand for."""
        return read_header(self.entry, self.header)


def _demand_readable(line: Line, number: int, needs_text: Collection[str]) -> None:
    """A line that is brought as a correction must be certain in every cell."""
    found = [*line.problems]
    found += [problem(NUMBER_WHERE_TEXT_MUST_BE, heading) for heading in line.numeric if heading in needs_text]
    for one in found:
        raise LineUnreadable(line=number, column=hidden(one.column), problem=one.message)
