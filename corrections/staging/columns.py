"""What the columns of a file stand for: the record, new values, and values as the maker saw them."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.db import models
from django.utils.translation import override

from corrections.registry import Entry
from corrections.staging.hiding import hidden
from corrections.staging.refusals import AmbiguousColumn, ColumnTwice, NoKeyColumn, NoValueColumn, UnknownColumn

NOW = ":now"
NEW = ":new"
EMPTY = "(empty)"
# Columns that we add for people to a file that is downloaded; what stands there is not read.
LINE, VERDICT, PROBLEM = "(line)", "(verdict)", "(problem)"
OURS = {LINE, VERDICT, PROBLEM}


@dataclass(frozen=True)
class Columns:
    """Places in a line by what they hold. `header` are the words of the file itself."""

    header: tuple[str, ...]
    keys: dict[str, int] = field(default_factory=dict)
    values: dict[str, int] = field(default_factory=dict)
    seen: dict[str, int] = field(default_factory=dict)
    ours: dict[str, int] = field(default_factory=dict)

    def heading(self, name: str) -> str:
        """What the file calls the column of a field."""
        place = self.values.get(name, self.keys.get(name))
        return hidden(self.header[place]) if place is not None else name


def key_fields(entry: Entry) -> list[Any]:
    """Fields that say alone which record it is; no secret, and no reference."""
    fields = entry.model._meta.concrete_fields
    hidden_columns = {column for name in entry.secrets for column in entry.columns(name)}
    return [f for f in fields if f.unique and not isinstance(f, models.ForeignKey) and f.attname not in hidden_columns]


def value_fields(entry: Entry) -> list[str]:
    """Fields that a file may correct: all that the single form corrects in a record that exists."""
    return [name for name in entry.fields if name != entry.model._meta.pk.name]


def read_header(entry: Entry, header: Sequence[str]) -> Columns:
    """Raises UnknownColumn, ColumnTwice, AmbiguousColumn, NoKeyColumn and NoValueColumn."""
    words = _Words(entry)
    found: dict[tuple[str, str], int] = {}
    for place, heading in enumerate(header):
        meaning = words.meaning(heading, place)
        if meaning in found:
            raise ColumnTwice(place=place + 1, column=hidden(heading), first=found[meaning] + 1)
        found[meaning] = place
    columns = Columns(tuple(header), *(_of(found, kind) for kind in ("key", "value", "seen", "ours")))
    if not columns.keys:
        raise NoKeyColumn(names=", ".join(str(f.name) for f in key_fields(entry)))
    if not columns.values:
        raise NoValueColumn
    return columns


def _of(found: dict[tuple[str, str], int], kind: str) -> dict[str, int]:
    return {name: place for (what, name), place in found.items() if what == kind}


class _Words:
    """Every word that stands for a column: names of fields, and what people call them in the site's languages."""

    def __init__(self, entry: Entry) -> None:
        keys = [str(f.name) for f in key_fields(entry)]
        values = value_fields(entry)
        self.exact: dict[str, tuple[str, str]] = {word: ("ours", word) for word in OURS}
        self.exact["pk"] = ("key", str(entry.model._meta.pk.name))
        self.exact |= {_plain(name): ("value", name) for name in values}
        self.exact |= {_plain(name): ("key", name) for name in keys}
        self.exact |= {_plain(name) + NOW: ("seen", name) for name in values}
        self.exact |= {_plain(name) + NEW: ("value", name) for name in values}
        self.spoken: dict[str, set[tuple[str, str]]] = defaultdict(set)
        for name, spoken in _spoken(entry, [*keys, *values]):
            self.spoken[spoken].add(("key" if name in keys else "value", name))
            if name in values:
                self.spoken[spoken + NOW].add(("seen", name))
                self.spoken[spoken + NEW].add(("value", name))

    def meaning(self, heading: str, place: int) -> tuple[str, str]:
        word = _plain(heading)
        if word in self.exact:
            return self.exact[word]
        found = self.spoken.get(word, set())
        if not found:
            raise UnknownColumn(place=place + 1, column=hidden(heading))
        if len(found) > 1:
            raise AmbiguousColumn(place=place + 1, column=hidden(heading))
        return next(iter(found))


def _spoken(entry: Entry, names: Sequence[str]) -> Iterator[tuple[str, str]]:
    for language, _name in settings.LANGUAGES:
        with override(language):
            for name in names:
                yield name, _plain(entry.verbose_name(name))


def _plain(heading: str) -> str:
    return re.sub(r"[\s_]+", "", heading.replace("：", ":")).casefold()
