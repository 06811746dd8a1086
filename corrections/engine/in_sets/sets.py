"""The statements over one batch that both databases share, and what each must say in its own words.

A batch is a table of wishes, `corrections_change` (`c` below); its target is `t`. Names come from registered models,
numbers are ours: no value of a user ever becomes part of a statement.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.db import connections, models, router
from django.db.backends.base.base import BaseDatabaseWrapper
from django.utils.translation import gettext_lazy as _

from corrections.choices import ROW_APPLIED, Action
from corrections.engine import rows
from corrections.engine.in_sets.columns import Column, Kind, columns_of, key_of
from corrections.errors import Conflict
from corrections.models import Change, Correction, FieldHold

GONE, MOVED_ON, REFUSED = rows.RecordNotFound.code, rows.ValueChanged.code, "database_refused"
IMAGED_TOGETHER_MAX = 40  # a function takes at most 100 arguments


class ColumnUnknown(Conflict):
    """The table has changed its shape since the batch was made."""

    code = "column_is_unknown"
    message = _("The records have no column “%(column)s” any more that could be set. Nothing was written.")


@dataclass(frozen=True)
class Range:
    """Positions of a batch, both ends included."""

    first: int
    last: int


@dataclass(frozen=True)
class Named:
    """In how many of `total` changes which column is named; `usable` of them are of the batch's own kind."""

    counts: dict[str, int]
    usable: int
    total: int


class Sets(ABC):
    """One batch as sets of rows. Every method runs in the caller's transaction and gate."""

    def __init__(self, correction: Correction, connection: BaseDatabaseWrapper) -> None:
        self.correction, self.connection = correction, connection
        self.entry = rows.entry_of(correction.batch.target_model)
        self.columns = columns_of(self.entry)
        self.key = key_of(self.entry)
        self.target = self.quoted(self.entry.table)
        self.changes = self.quoted(Change._meta.db_table)
        self.references: dict[str, Any] = {
            str(field.attname): field
            for field in self.entry.model._meta.concrete_fields
            if isinstance(field, models.ForeignKey)
        }
        self._named: dict[tuple[str, Range, int], Named] = {}
        self.left_out: set[int] = set()  # positions that no statement touches

    # What the database says in its own words

    @abstractmethod
    def as_key(self, text: str) -> str:
        """The key of a target out of `Change.target_pk`."""

    @abstractmethod
    def canonical(self, column: Column, row: str = "t") -> str:
        """A column's canonical value; a boolean as the database has it."""

    @abstractmethod
    def image(self, row: str = "t") -> str:
        """The whole row as the JSON of its canonical values."""

    @abstractmethod
    def new_value(self, column: Column, wanted: str, *, is_everywhere: bool) -> str:
        """What the column of `t` becomes, out of the JSON `wanted`; itself where that has no word of it."""

    @abstractmethod
    def has(self, wanted: str, attnames: tuple[str, ...]) -> str:
        """Whether the JSON `wanted` names any of these columns."""

    @abstractmethod
    def holds(self, wanted: str, attnames: tuple[str, ...], row: str = "t") -> str:
        """Whether the row has every value that the JSON `wanted` names, null like any other."""

    @abstractmethod
    def count_named(self, column: str, within: Range) -> Named:
        """In how many of the changes of which nothing became yet the JSON `column` names which column."""

    @abstractmethod
    def lock(self, within: Range) -> None:
        """Locks the targets until the transaction ends, in the order of their keys."""

    @abstractmethod
    def write(self, within: Range, *, keep: bool) -> tuple[int, int]:
        """Locks as `lock` does, sets what is still as expected; with `keep` also images and outcome. Gives the numbers
        of rows that were written, and of those that hold what was asked for afterwards."""

    @abstractmethod
    def put_before_images(self, within: Range) -> int: ...

    @abstractmethod
    def hold_fields(self) -> int: ...

    @abstractmethod
    def release_holds(self, within: Range) -> int: ...

    # What both say alike

    def column(self, attname: str) -> Column:
        if attname not in self.columns or attname == self.key.attname:
            raise ColumnUnknown(column=attname)
        return self.columns[attname]

    def unknown(self, names: Iterable[str]) -> ColumnUnknown:
        return ColumnUnknown(column=", ".join(sorted(set(names) - set(self.columns))))

    def quoted(self, name: str) -> str:
        return self.connection.ops.quote_name(name)

    @contextmanager
    def cursor(self) -> Iterator[Any]:
        with self.connection.cursor() as cursor:
            yield cursor

    def run(self, sql: str) -> int:
        """Runs a statement, which has no parameter, and gives its number of rows."""
        with self.cursor() as cursor:
            cursor.execute(sql)
            return int(cursor.rowcount)

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        with self.cursor() as cursor:
            cursor.execute(sql)
            return list(cursor.fetchall())

    def due(self, within: Range, row: str = "c") -> str:
        """Changes of a range that nothing became of yet."""
        but = ", ".join(str(int(position)) for position in sorted(self.left_out))
        return f"{self.among(within, row)} AND {row}.outcome = ''" + (
            f" AND {row}.position NOT IN ({but})" if but else ""
        )

    def among(self, within: Range, row: str = "c") -> str:
        return (
            f"{row}.correction_id = {int(self.correction.pk)} "
            f"AND {row}.position BETWEEN {int(within.first)} AND {int(within.last)}"
        )

    def is_usable(self, row: str = "c") -> str:
        return f"{row}.action = '{Action.UPDATE}' AND {row}.target_model = '{self.entry.key}'"

    def wanted(self, within: Range, row: str = "c") -> str:
        """Those of them that set values of this batch's model; a batch has no others."""
        return f"{self.due(within, row)} AND {self.is_usable(row)}"

    def is_target(self, row: str = "c") -> str:
        return f"t.{self.quoted(self.key.name)} = {self.as_key(f'{row}.target_pk')}"

    def named(self, column: str, within: Range) -> Named:
        """Asked once, before anything is written."""
        asked = (column, within, len(self.left_out))
        if asked not in self._named:
            self._named[asked] = self.count_named(column, within)
        return self._named[asked]

    def positions(self, within: Range) -> list[int]:
        sql = f"SELECT c.position FROM {self.changes} c WHERE {self.due(within)} ORDER BY c.position"
        return [position for (position,) in self.rows(sql)]

    def stale(self, within: Range) -> list[tuple[int, str]]:
        """Position and code of every row that is gone or has moved on."""
        held = self.holds("c.old", tuple(self.named("old", within).counts))
        found = self.rows(
            f"SELECT c.position, t.{self.quoted(self.key.name)} IS NULL FROM {self.changes} c "
            f"LEFT JOIN {self.target} t ON {self.is_target()} WHERE {self.wanted(within)} "
            f"AND (t.{self.quoted(self.key.name)} IS NULL OR NOT ({held})) ORDER BY c.position"
        )
        return [(position, GONE if is_gone else MOVED_ON) for position, is_gone in found]

    def differing(self, within: Range) -> list[str]:
        """Labels of targets that don't hold what was asked for."""
        new = self.holds("c.new", tuple(self.columns))
        found = self.rows(
            f"SELECT c.target_label FROM {self.changes} c JOIN {self.target} t ON {self.is_target()} "
            f"WHERE {self.among(within)} AND NOT ({new}) ORDER BY c.position LIMIT 1"
        )
        return [label for (label,) in found]

    def broken_references(self, within: Range) -> list[str]:
        """Fields that were made to refer to a row that isn't there."""
        return [
            self.columns[name].attname
            for name in self.named("new", within).counts
            if name in self.references and self.rows(self._without_referred(name, within))
        ]

    def _without_referred(self, attname: str, within: Range) -> str:
        field = self.references[attname]
        other = self.quoted(field.related_model._meta.db_table)
        key = f"r.{self.quoted(field.target_field.column)}"
        value = f"t.{self.quoted(self.columns[attname].name)}"
        return (
            f"SELECT 1 FROM {self.changes} c CROSS JOIN {self.target} t WHERE {self.is_target()} "
            f"AND {self.among(within)} AND {self.has('c.new', (attname,))} AND {value} IS NOT NULL "
            f"AND NOT EXISTS (SELECT 1 FROM {other} r WHERE {key} = {value}) LIMIT 1"
        )

    def set_list(self, wanted: str, within: Range) -> str:
        """``a = …, b = …`` for every column that some change of the range sets."""
        named = self.named("new", within)
        parts = (
            f"{self.quoted(column.name)} = {self.new_value(column, wanted, is_everywhere=count == named.usable)}"
            for column, count in ((self.column(name), count) for name, count in sorted(named.counts.items()))
        )
        return ", ".join(parts)

    def other_holder(self) -> int | None:
        holds = self.quoted(FieldHold._meta.db_table)
        wanted = " OR ".join(
            f"(h.field = '{name}' AND {self.has('c.new', columns)})" for name, columns in self.held_fields.items()
        )
        found = self.rows(
            f"SELECT h.correction_id FROM {self.changes} c CROSS JOIN {holds} h "
            f"WHERE c.correction_id = {int(self.correction.pk)} AND h.correction_id <> c.correction_id "
            f"AND h.target_model = c.target_model AND h.target_pk = c.target_pk AND ({wanted}) LIMIT 1"
        )
        return int(found[0][0]) if found else None

    @cached_property
    def held_fields(self) -> dict[str, tuple[str, ...]]:
        """Columns by the field that a hold names; a secret has three."""
        found: dict[str, tuple[str, ...]] = {}
        for attname in self.columns:
            name = self.entry.field_of_column(attname)
            found[name] = (*found.get(name, ()), attname)
        return found


def sets_of(correction: Correction) -> Sets:
    """The statements for this batch on the database where its targets are."""
    from corrections.engine.in_sets.postgresql import PostgreSQLSets
    from corrections.engine.in_sets.sqlite import SQLiteSets

    entry = rows.entry_of(correction.batch.target_model)
    connection = connections[router.db_for_write(entry.model)]
    kinds: dict[str, type[Sets]] = {"postgresql": PostgreSQLSets, "sqlite": SQLiteSets}
    return kinds[connection.vendor](correction, connection)


__all__ = ["GONE", "MOVED_ON", "REFUSED", "ROW_APPLIED", "Column", "Kind", "Range", "Sets", "sets_of"]
