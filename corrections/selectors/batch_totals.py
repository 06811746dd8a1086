"""What a batch does in sum: per field, pair of values, amount and currency, status and scope; and what sticks out.

Counted once over all changes, in one pass that remembers a bounded number of things, and kept in `Batch.totals` with
the submission. Values stand in canonical form; how they look to people is said in selectors/batches.py.
"""

from __future__ import annotations

import heapq
from array import array
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from typing import Any, NamedTuple

from django.db import models

from corrections.conf import limits
from corrections.engine import rows
from corrections.models import Change, Correction
from corrections.registry import Entry, registry

CURRENCY = "currency"  # the column that says what the amounts beside it are in
# Distinct pairs of one field that are told apart while counting; the rows of all others are counted together.
TOLD_APART = 20
RARE_SHARE = 200  # a pair is rare when one row of so many has it
PER_KIND = 5  # rows named for each way of sticking out
FAR_BEYOND = 5  # times the size in the middle


def totals_of(correction: Correction) -> dict[str, Any]:
    """The totals of all its changes as they stand now, ready for `Batch.totals`; streaming, in one statement."""
    found = Tally()
    found.add(_streamed(correction))
    return found.as_json()


class Row(NamedTuple):
    """What of a change is counted."""

    position: int
    target_model: str
    old: dict[str, Any]
    new: dict[str, Any]
    before_image: dict[str, Any] | None
    amount: Decimal | None
    currency: str
    scope_before: str
    scope_after: str


def _streamed(correction: Correction) -> Iterator[Row]:
    """Bare rows: instances of a million changes would take most of the time."""
    rows_of = Change.objects.filter(correction=correction).order_by("position").values_list(*Row._fields)
    return map(Row._make, rows_of.iterator(chunk_size=limits.BATCH_STAGE_ROWS))


@dataclass
class _Pairs:
    """Old and new values of one field: how many rows have each pair, and the first of them."""

    counts: Counter[tuple[Any, Any]] = field(default_factory=Counter)
    first: dict[tuple[Any, Any], int] = field(default_factory=dict)
    others: int = 0

    def add(self, old: Any, new: Any, position: int) -> None:
        pair = (old, new)
        if pair not in self.counts and len(self.counts) >= limits.BATCH_PAIRS_MAX * TOLD_APART:
            self.others += 1
            return
        self.counts[pair] += 1
        self.first.setdefault(pair, position)

    def most_common(self) -> list[list[Any]]:
        shown = self.counts.most_common(limits.BATCH_PAIRS_MAX)
        return [[*pair, count, self.first[pair]] for pair, count in shown]

    @property
    def rows_beyond(self) -> int:
        return self.others + self.counts.total() - sum(count for *_rest, count, _first in self.most_common())

    def rare(self, rows_of_field: int) -> Iterator[tuple[int, int]]:
        """Position and count of pairs that few rows have, where most rows share a few pairs."""
        if self.others or len(self.counts) > limits.BATCH_PAIRS_MAX:
            return
        for pair, count in self.counts.items():
            if count * RARE_SHARE <= rows_of_field:
                yield self.first[pair], count


class _Sizes:
    """Sizes of many rows: the few largest of them, and whether these are far beyond the one in the middle."""

    def __init__(self) -> None:
        self.heap: list[tuple[Decimal, int]] = []
        self.all = array("d")  # to be compared only: what is told is exact

    def add(self, size: Decimal, position: int) -> None:
        self.all.append(float(size))
        item = (size, -position)
        if len(self.heap) < PER_KIND:
            heapq.heappush(self.heap, item)
        elif item > self.heap[0]:
            heapq.heapreplace(self.heap, item)

    def told(self) -> Iterator[tuple[Decimal, int]]:
        """The largest of all, and the next ones as far as they are many times the usual; none where all are equal."""
        if len(self.all) > 1 and min(self.all) == max(self.all):
            return
        usual = sorted(self.all)[len(self.all) // 2]
        for place, (size, position) in enumerate(sorted(self.heap, reverse=True)):
            if place == 0 or float(size) > FAR_BEYOND * usual:
                yield size, -position


class Tally:
    """Adds changes up as they come by, in any number of pieces."""

    def __init__(self) -> None:
        self.rows = 0
        self.fields: Counter[str] = Counter()
        self.pairs: dict[str, _Pairs] = defaultdict(_Pairs)
        self.amounts: dict[tuple[str, str], list[Any]] = {}  # by field and currency: before, after, rows that differ
        self.choices: dict[str, dict[Any, list[int]]] = defaultdict(lambda: defaultdict(lambda: [0, 0]))
        self.scopes: dict[str, list[int]] = defaultdict(lambda: [0, 0])
        self.moves: dict[tuple[str, str], _Sizes] = defaultdict(_Sizes)
        self.stakes: dict[str, _Sizes] = defaultdict(_Sizes)
        self._shapes: dict[str, _Shape | None] = {}

    def add(self, changes: Iterable[Change | Row]) -> None:
        for change in changes:
            shape = self._shape(change.target_model)
            if shape is not None:
                self._add(shape, change)

    def watched(self, changes: Iterable[Change]) -> Iterator[Change]:
        """The same changes, counted on their way."""
        for change in changes:
            self.add((change,))
            yield change

    def _shape(self, label: str) -> _Shape | None:
        if label not in self._shapes:
            entry = registry.get(label)
            self._shapes[label] = None if entry is None else _Shape(entry)
        return self._shapes[label]

    def _add(self, shape: _Shape, change: Change | Row) -> None:
        self.rows += 1
        before: Mapping[str, Any] = change.before_image or change.old
        for name in shape.fields_of(change.new):
            self.fields[name] += 1
            column = shape.plain.get(name)
            if column is not None:
                self.pairs[name].add(change.old.get(column), change.new[column], change.position)
        for column in shape.amounts:
            if column in before:
                self._add_amount(shape, change, before, column)
        for name, column in shape.choices.items():
            if column in before:
                self.choices[name][before[column]][0] += 1
                self.choices[name][change.new.get(column, before[column])][1] += 1
        self.scopes[change.scope_before][0] += 1
        self.scopes[change.scope_after][1] += 1
        if change.amount is not None:
            self.stakes[change.currency].add(change.amount, change.position)

    def _add_amount(self, shape: _Shape, change: Change | Row, before: Mapping[str, Any], column: str) -> None:
        was, becomes = before[column], change.new.get(column, before[column])
        currency = str(before.get(CURRENCY) or change.currency)
        after_currency = str(change.new.get(CURRENCY) or currency)
        name = shape.amounts[column]
        if was is not None:
            self._sum(name, currency)[0] += Decimal(was)
        if becomes is not None:
            self._sum(name, after_currency)[1] += Decimal(becomes)
        if was != becomes or currency != after_currency:
            self._sum(name, after_currency)[2] += 1
            size = abs(Decimal(becomes or 0) - Decimal(was or 0))
            self.moves[name, after_currency].add(size, change.position)

    def _sum(self, name: str, currency: str) -> list[Any]:
        return self.amounts.setdefault((name, currency), [Decimal(0), Decimal(0), 0])

    def as_json(self) -> dict[str, Any]:
        """Canonical: no float, and the same for the same changes."""
        return {
            "rows": self.rows,
            "fields": [[name, count] for name, count in self.fields.most_common()],
            "pairs": {name: pairs.most_common() for name, pairs in self.pairs.items()},
            "more_pairs": {name: pairs.rows_beyond for name, pairs in self.pairs.items() if pairs.rows_beyond},
            "amounts": [
                [name, currency, f"{before:f}", f"{after:f}", differ]
                for (name, currency), (before, after, differ) in sorted(self.amounts.items())
            ],
            "choices": {name: _sorted(counts) for name, counts in self.choices.items()},
            "scopes": _sorted(self.scopes)[: limits.BATCH_PAIRS_MAX],
            "outliers": [list(one) for one in self._outliers()],
        }

    def _outliers(self) -> Iterator[tuple[Any, ...]]:
        """Position, why, and what it is about: the largest moves, the largest amounts, pairs that few rows have."""
        for (name, currency), moves in sorted(self.moves.items()):
            for size, position in moves.told():
                yield position, "largest_move", name, currency, f"{size:f}"
        for currency, stakes in sorted(self.stakes.items()):
            for size, position in stakes.told():
                yield position, "largest_amount", "", currency, f"{size:f}"
        for name, pairs in sorted(self.pairs.items()):
            rare = sorted(pairs.rare(self.fields[name]), key=lambda one: (one[1], one[0]))
            for position, count in rare[:PER_KIND]:
                yield position, "rare_pair", name, "", str(count)


def _sorted(counts: Mapping[Any, list[int]]) -> list[list[Any]]:
    """Value, rows before, rows after; the most frequent first."""
    found = [[value, *pair] for value, pair in counts.items()]
    return sorted(found, key=lambda one: (-max(one[1], one[2]), str(one[0])))[: limits.BATCH_PAIRS_MAX]


class _Shape:
    """What of one model is counted: which columns belong to which field, which are amounts, which have choices."""

    def __init__(self, entry: Entry) -> None:
        self.entry = entry
        self._named: dict[tuple[str, ...], list[str]] = {}

    def fields_of(self, new: Mapping[str, Any]) -> list[str]:
        columns = tuple(new)
        if columns not in self._named:
            self._named[columns] = rows.fields_of(self.entry, columns)
        return self._named[columns]

    @cached_property
    def plain(self) -> dict[str, str]:
        """The column of each correctable field whose values may be counted: a protected value is unlike all others."""
        return {name: self.entry.columns(name)[0] for name in self.entry.fields if not self.entry.is_secret(name)}

    @cached_property
    def amounts(self) -> dict[str, str]:
        return {one.attname: one.name for one in self._columns if isinstance(one, models.DecimalField)}

    @cached_property
    def choices(self) -> dict[str, str]:
        """Fields of few known values, the currency among amounts aside."""
        return {one.name: one.attname for one in self._columns if one.flatchoices and one.name != CURRENCY}

    @property
    def _columns(self) -> list[Any]:
        return list(self.entry.model._meta.concrete_fields)
