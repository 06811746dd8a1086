"""The rows of a file, each with its record and the text of every cell that asks for something."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

from django.db import models

from corrections.conf import limits
from corrections.errors import InvalidInput
from corrections.files import NUMBER_WHERE_TEXT_MUST_BE, CellProblem, Line, problem
from corrections.registry import Entry
from corrections.staging.cells import Refused, refused
from corrections.staging.columns import Columns
from corrections.staging.loading import Loading
from corrections.staging.refusals import KeyIsEmpty, KeysDisagree, SeenDiffers
from corrections.staging.showing import Shown
from corrections.staging.stage import Asked
from corrections.staging.targets import Targets

TEXT = (models.CharField, models.TextField)


class FileRows:
    """Reads lines a few thousand at a time and finds their records."""

    def __init__(self, entry: Entry, columns: Columns, loading: Loading | None = None) -> None:
        self.entry, self.columns = entry, columns
        self.targets = Targets(entry, loading)
        self.values = [*columns.values.items()]
        self.keys = [*columns.keys.items()]
        self.seen = {name: Shown(entry, name) for name in columns.seen}
        self.needs_text = self._needing_text()

    def _needing_text(self) -> set[str]:
        """Headings under which a number isn't certain to be what was meant."""
        columns = self.columns
        keys = [place for name, place in columns.keys.items() if isinstance(self.targets.fields[name], TEXT)]
        more = [*columns.values.items(), *columns.seen.items()]
        return {columns.header[place] for place in [*keys, *(place for name, place in more if self._is_text(name))]}

    def _is_text(self, name: str) -> bool:
        return self.entry.is_secret(name) or isinstance(self.entry.model._meta.get_field(name), TEXT)

    def asked(self, lines: Iterable[Line]) -> Iterator[Asked]:
        """Every line. What is wrong with it whatever the record is stands in `refusals`."""
        rest = iter(lines)
        while lot := list(islice(rest, limits.BATCH_STAGE_ROWS)):
            named = [self._key(line) for line in lot]
            found = self._find(named)
            for line, (name, key) in zip(lot, named, strict=True):
                yield self._asked(line, name, found[name].get(key) if key is not None else None)

    def _key(self, line: Line) -> tuple[str, Any]:
        """The first key that is filled in, and its value; None for what names no record."""
        for name, place in self.keys:
            if line.cells[place]:
                return name, self.targets.key(name, line.cells[place])
        return "", None

    def _find(self, named: Sequence[tuple[str, Any]]) -> dict[str, dict[Any, models.Model]]:
        wanted: dict[str, list[Any]] = defaultdict(list)
        for name, key in named:
            wanted[name].append(key)
        return {name: self.targets.find(name, keys) if name else {} for name, keys in wanted.items()}

    def _asked(self, line: Line, name: str, row: models.Model | None) -> Asked:
        cells = line.cells
        one = Asked(line.number, row, {field: cells[at] for field, at in self.values if cells[at]}, (name, ""))
        if line.problems or line.numeric:
            self._problems(one, line, name)
        if not name:
            self._say_empty(one)
        elif one.named[0]:
            one.named = (name, cells[self.columns.keys[name]])
        if one.row is not None and (self.columns.seen or len(self.keys) > 1):
            self._look(one, one.row, cells)
        return one

    def _say_empty(self, one: Asked) -> None:
        if not one.refusals:
            first = self.keys[0][0]
            one.refuse(refused(lambda: KeyIsEmpty(label=self.entry.verbose_name(first))), column=first)

    def _problems(self, one: Asked, line: Line, name: str) -> None:
        found = [*line.problems]
        found += [problem(NUMBER_WHERE_TEXT_MUST_BE, heading) for heading in line.numeric if heading in self.needs_text]
        for each in found:
            one.refuse(_as_refusal(each), column=each.column)
        headings = {each.column for each in found}
        if headings & {self.columns.header[place] for _name, place in self.keys}:
            one.row, one.named = None, ("", "")  # nobody knows which record was meant

    def _look(self, one: Asked, row: models.Model, cells: Sequence[str]) -> None:
        if len(self.keys) > 1 and not self._agree(row, cells):
            one.about_record.append(("", "", refused(KeysDisagree)))
        for name, place in self.columns.seen.items():
            if cells[place] and not self.seen[name].is_text_of(row, cells[place]):
                one.about_record.append((name, "", self._differs(name)))

    def _differs(self, name: str) -> Refused:
        return refused(lambda: SeenDiffers(field=name, label=self.entry.verbose_name(name)))

    def _agree(self, row: models.Model, cells: Sequence[str]) -> bool:
        given = [(name, cells[place]) for name, place in self.keys if cells[place]]
        return all(self.targets.key(name, text) == getattr(row, name) for name, text in given)


class CellRefused(InvalidInput):
    """What the file itself makes of a cell."""

    code = "cell_not_readable"


def _as_refusal(found: CellProblem) -> Refused:
    return Refused(lambda: CellRefused(found.message, code=found.code), found.code)
