"""Sets on PostgreSQL: one statement that locks in key order, compares, sets, and keeps both images.

A row that somebody changed while the lock was waited for is read anew with it, so what is compared, imaged and set is
what is locked.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from itertools import islice

from corrections.choices import ROW_APPLIED
from corrections.engine.in_sets.sets import IMAGED_TOGETHER_MAX, Column, Kind, Named, Range, Sets
from corrections.models import FieldHold

# What a text out of JSON becomes. Without lengths and places: a value that doesn't fit is refused, never cut.
TYPES = {
    Kind.TEXT: "text",
    Kind.INTEGER: "bigint",
    Kind.BOOLEAN: "boolean",
    Kind.DECIMAL: "numeric",
    Kind.DATE: "date",
    Kind.MOMENT: "timestamptz",
    Kind.UUID: "uuid",
}
UTC = """to_char({} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"')"""


def _texts(names: Iterable[str]) -> str:
    return ", ".join(f"'{name}'" for name in names)


class PostgreSQLSets(Sets):
    def as_key(self, text: str) -> str:
        return f"{text}::{TYPES[self.key.kind]}"

    def canonical(self, column: Column, row: str = "t") -> str:
        value = f"{row}.{self.quoted(column.name)}"
        if column.kind == Kind.MOMENT:
            return UTC.format(value)
        # A numeric column has exactly its places; JSON writes a date as ISO does.
        return f"{value}::text" if column.kind in (Kind.DECIMAL, Kind.UUID) else value

    def image(self, row: str = "t") -> str:
        pairs = iter(f"'{name}', {self.canonical(column, row)}" for name, column in self.columns.items())
        parts = []
        while some := list(islice(pairs, IMAGED_TOGETHER_MAX)):
            parts.append(f"jsonb_build_object({', '.join(some)})")
        return " || ".join(parts)

    def new_value(self, column: Column, wanted: str, *, is_everywhere: bool) -> str:
        value = f"({wanted}->>'{column.attname}')::{TYPES[column.kind]}"
        if is_everywhere:
            return value
        return f"CASE WHEN {wanted} ? '{column.attname}' THEN {value} ELSE t.{self.quoted(column.name)} END"

    def has(self, wanted: str, attnames: tuple[str, ...]) -> str:
        return f"{wanted} ?| ARRAY[{_texts(attnames)}]"

    def holds(self, wanted: str, attnames: tuple[str, ...], row: str = "t") -> str:
        # Canonical values are plain: an object contains another when it has each of its values.
        pairs = [f"'{name}', {self.canonical(self.columns[name], row)}" for name in attnames if name in self.columns]
        return f"jsonb_build_object({', '.join(pairs)}) @> {wanted}"

    def count_named(self, column: str, within: Range) -> Named:
        usable, names = self.is_usable(), list(self.columns)
        counted = "".join(f", count(*) FILTER (WHERE {usable} AND c.{column} ? '{name}')" for name in names)
        unknown = f"max(c.{column}::text) FILTER (WHERE c.{column} - ARRAY[{_texts(names)}] <> '{{}}')"
        [(strange, total, fit, *counts)] = self.rows(
            f"SELECT {unknown}, count(*), count(*) FILTER (WHERE {usable}){counted} "
            f"FROM {self.changes} c WHERE {self.due(within)}"
        )
        if strange is not None:
            raise self.unknown(json.loads(strange))
        return Named({name: count for name, count in zip(names, counts, strict=True) if count}, fit, total)

    def lock(self, within: Range) -> None:
        key = f"t.{self.quoted(self.key.name)}"
        self.rows(
            f"SELECT count(*) FROM (SELECT {key} FROM {self.changes} c JOIN {self.target} t ON {self.is_target()} "
            f"WHERE {self.wanted(within)} ORDER BY {key} FOR UPDATE OF t) locked"
        )

    def write(self, within: Range, *, keep: bool) -> tuple[int, int]:
        key = self.quoted(self.key.name)
        kept = f"""UPDATE {self.changes} c SET before_image = w.was, after_image = w.now, outcome = '{ROW_APPLIED}'
          FROM written w WHERE c.id = w.change RETURNING w.now @> w.new AS holds"""
        sql = f"""
        WITH due AS MATERIALIZED (
          SELECT c.id AS change, t.{key} AS target, c.old, c.new, {self.image()} AS was
          FROM {self.changes} c JOIN {self.target} t ON {self.is_target()} WHERE {self.wanted(within)}
          ORDER BY t.{key} FOR UPDATE OF t
        ), written AS (
          UPDATE {self.target} t SET {self.set_list("d.new", within)} FROM due d
          WHERE t.{key} = d.target AND d.was @> d.old
          RETURNING d.change, d.was, d.new, {self.image()} AS now
        ), kept AS ({kept if keep else "SELECT now @> new AS holds FROM written"})
        SELECT count(*), count(*) FILTER (WHERE holds) FROM kept"""
        [(written, held)] = self.rows(sql)
        return written, held

    def put_before_images(self, within: Range) -> int:
        return self.run(
            f"UPDATE {self.changes} c SET before_image = {self.image()} FROM {self.target} t "
            f"WHERE {self.is_target()} AND {self.wanted(within)}"
        )

    def release_holds(self, within: Range) -> int:
        return self.run(
            f"DELETE FROM {self.quoted(FieldHold._meta.db_table)} h USING {self.changes} c WHERE {self.among(within)} "
            "AND h.correction_id = c.correction_id AND h.target_model = c.target_model AND h.target_pk = c.target_pk"
        )

    def hold_fields(self) -> int:
        wanted = ", ".join(f"('{name}', ARRAY[{_texts(columns)}])" for name, columns in self.held_fields.items())
        # In the order in which single corrections take theirs, so that nobody deadlocks.
        return self.run(
            f"INSERT INTO {self.quoted(FieldHold._meta.db_table)} (correction_id, target_model, target_pk, field) "
            f"SELECT c.correction_id, c.target_model, c.target_pk, f.name FROM {self.changes} c "
            f"JOIN (VALUES {wanted}) f(name, columns) ON c.new ?| f.columns "
            f"WHERE c.correction_id = {int(self.correction.pk)} "
            'ORDER BY c.target_model COLLATE "C", c.target_pk COLLATE "C", f.name COLLATE "C"'
        )
