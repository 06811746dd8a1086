"""Sets on SQLite: what is to be written stands in a temporary table, so that every statement seeks by key.

SQLite has no types to rely on: another program may have stored a moment without a fraction or a number with too many
places. What is not in Django's own form is read by Django's own converters, in a function that only such values reach.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.expressions import Col

from corrections.choices import ROW_APPLIED
from corrections.engine import rows
from corrections.engine.in_sets.columns import Column, Kind, columns_of
from corrections.engine.in_sets.sets import IMAGED_TOGETHER_MAX, Named, Range, Sets
from corrections.integrity.canonical import encode
from corrections.models import FieldHold

READ = "corrections_canonical"  # our function for values in another form
DIGIT = "[0-9]"
DAY = "????-??-??"
# Signs that may be anything are matched faster; those that could be an offset are looked at.
SECOND = f"{DAY} ??:??:{DIGIT * 2}"
DOUBLE_DIGITS = 15  # that a double keeps for certain
GROUPS = ((1, 8), (9, 4), (13, 4), (17, 4), (21, 12))  # of the digits of a UUID, from 1


def _decimal(column: Column, value: str) -> str:
    """A double is the number of its digits where they lead back to it, as long as it has no more than it can keep."""
    text = f"printf('%.{column.field.decimal_places}f', {value})"
    bound = f"1e{DOUBLE_DIGITS - column.field.decimal_places}"
    return f"WHEN abs({value}) < {bound} AND CAST({text} AS REAL) = {value} THEN {text}"


def _moment(column: Column, value: str) -> str:
    joined = f"replace({value}, ' ', 'T')"
    return (
        f"WHEN {value} GLOB '{SECOND}.{DIGIT * 6}' THEN {joined} || '+00:00' "
        f"WHEN {value} GLOB '{SECOND}' THEN {joined} || '.000000+00:00'"
    )


def _uuid(column: Column, value: str) -> str:
    parts = ", ".join(f"substr({value}, {start}, {length})" for start, length in GROUPS)
    return f"WHEN length({value}) = 32 AND lower({value}) = {value} THEN printf('%s-%s-%s-%s-%s', {parts})"


# What Django itself writes, and its canonical form.
FORMS: dict[Kind, Callable[[Column, str], str]] = {
    Kind.DECIMAL: _decimal,
    Kind.MOMENT: _moment,
    Kind.DATE: lambda column, value: f"WHEN {value} GLOB '{DAY}' THEN {value}",
    Kind.UUID: _uuid,
}


def _reader(connection: BaseDatabaseWrapper) -> Callable[[str, str, Any], Any]:
    """Canonical form of any stored value, as the ORM would read it."""

    def read(label: str, attname: str, value: Any) -> Any:
        field = columns_of(rows.entry_of(label))[attname].field
        expression = Col("t", field)
        converters = [*connection.ops.get_db_converters(expression), *field.get_db_converters(connection)]
        for convert in converters:
            value = convert(value, expression, connection)
        return encode(field, value)

    return read


class SQLiteSets(Sets):
    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.connection.ensure_connection()
        with self.connection.wrap_database_errors:
            self.connection.connection.create_function(READ, 3, _reader(self.connection), deterministic=True)
        # By key, so that the target is gone through in its own order, and seeked: without, the planner compares each
        # of a chunk's rows with each.
        kind = "INTEGER" if self.key.kind == Kind.INTEGER else "TEXT"
        self.due_rows = f"temp.corrections_due_{kind.lower()}"
        self.run(
            f"CREATE TEMP TABLE IF NOT EXISTS {self.due_rows} "
            f"(target {kind} NOT NULL PRIMARY KEY, change INTEGER, new TEXT, was TEXT)"
        )

    def as_key(self, text: str) -> str:
        if self.key.kind == Kind.UUID:
            return f"replace({text}, '-', '')"
        return f"CAST({text} AS INTEGER)" if self.key.kind == Kind.INTEGER else text

    def canonical(self, column: Column, row: str = "t") -> str:
        value = f"{row}.{self.quoted(column.name)}"
        form = FORMS.get(column.kind)
        if form is None:
            return value
        read = f"{READ}('{self.entry.key}', '{column.attname}', {value})"
        return f"CASE {form(column, value)} WHEN {value} IS NULL THEN NULL ELSE {read} END"

    def _imaged(self, column: Column, row: str) -> str:
        if column.kind != Kind.BOOLEAN:
            return self.canonical(column, row)
        value = f"{row}.{self.quoted(column.name)}"
        return f"json(CASE {value} WHEN 1 THEN 'true' WHEN 0 THEN 'false' ELSE {value} END)"

    def image(self, row: str = "t") -> str:
        pairs = [f"'{name}', {self._imaged(column, row)}" for name, column in self.columns.items()]
        objects = [
            f"json_object({', '.join(pairs[start : start + IMAGED_TOGETHER_MAX])})"
            for start in range(0, len(pairs), IMAGED_TOGETHER_MAX)
        ]
        # Not json_patch(): for that, null means absent. No canonical value ends or begins with a brace.
        return reduce(lambda one, other: f"rtrim({one}, '}}') || ',' || ltrim({other}, '{{')", objects)

    def new_value(self, column: Column, wanted: str, *, is_everywhere: bool) -> str:
        value = self._stored(column, self._value(wanted, column.attname))
        if is_everywhere:
            return value
        own = f"{self.target}.{self.quoted(column.name)}"
        return f"CASE WHEN {self.has(wanted, (column.attname,))} THEN {value} ELSE {own} END"

    @staticmethod
    def _value(wanted: str, attname: str) -> str:
        return f"json_extract({wanted}, '$.{attname}')"

    @staticmethod
    def _stored(column: Column, value: str) -> str:
        """A canonical value as Django stores it."""
        if column.kind == Kind.UUID:
            return f"replace({value}, '-', '')"
        if column.kind == Kind.MOMENT:
            return f"replace(substr({value}, 1, 19), 'T', ' ') || replace(substr({value}, 20, 7), '.000000', '')"
        return value

    def has(self, wanted: str, attnames: tuple[str, ...]) -> str:
        return "(" + " OR ".join(f"json_type({wanted}, '$.{name}') IS NOT NULL" for name in attnames) + ")"

    def holds(self, wanted: str, attnames: tuple[str, ...], row: str = "t") -> str:
        parts = (
            f"({self.canonical(self.column(name), row)} IS {self._value(wanted, name)} "
            f"OR NOT {self.has(wanted, (name,))})"
            for name in attnames
        )
        return " AND ".join(parts) or "1"

    def count_named(self, column: str, within: Range) -> Named:
        found = self.rows(
            f"SELECT k.key, count(*) FROM {self.changes} c CROSS JOIN json_each(c.{column}) k "
            f"WHERE {self.wanted(within)} GROUP BY k.key"
        )
        [(total, usable)] = self.rows(
            f"SELECT count(*), total({self.is_usable()}) FROM {self.changes} c WHERE {self.due(within)}"
        )
        if {name for name, _count in found} - set(self.columns):
            raise self.unknown(dict(found))
        return Named(dict(found), int(usable), total)

    def lock(self, within: Range) -> None:
        """Nothing to do: a transaction that writes is the only one."""

    def write(self, within: Range, *, keep: bool) -> tuple[int, int]:
        self._stage(within, keep=keep)
        key = self.quoted(self.key.name)
        # IN (…) makes the planner seek: without statistics it would go through the whole target.
        written = self.run(
            f"UPDATE {self.target} SET {self.set_list('d.new', within)} FROM {self.due_rows} d "
            f"WHERE {self.target}.{key} = d.target AND {self.target}.{key} IN (SELECT target FROM {self.due_rows})"
        )
        new = tuple(self.named("new", within).counts)
        joined = f"{self.due_rows} d CROSS JOIN {self.target} t ON t.{key} = d.target"
        [(held,)] = self.rows(f"SELECT count(*) FROM {joined} WHERE {self.holds('d.new', new)}")
        if keep:
            self._keep_images()
        self.run(f"DELETE FROM {self.due_rows}")
        return written, held

    def _keep_images(self) -> None:
        key = f"t.{self.quoted(self.key.name)} = {self.as_key(f'{self.changes}.target_pk')}"
        # Most before-images are still those of the submission, and a long row is written for nothing.
        self.run(
            f"UPDATE {self.changes} SET before_image = d.was FROM {self.due_rows} d "
            f"WHERE {self.changes}.id = d.change AND d.was IS NOT NULL"
        )
        self.run(
            f"UPDATE {self.changes} SET after_image = (SELECT {self.image()} FROM {self.target} t WHERE {key}), "
            f"outcome = '{ROW_APPLIED}' WHERE id IN (SELECT change FROM {self.due_rows})"
        )

    def _stage(self, within: Range, *, keep: bool) -> None:
        self.run(f"DELETE FROM {self.due_rows}")
        held = self.holds("c.old", tuple(self.named("old", within).counts))
        was = f"nullif({self.image()}, c.before_image)" if keep else "NULL"
        self.run(
            f"INSERT INTO {self.due_rows} SELECT t.{self.quoted(self.key.name)}, c.id, c.new, {was} "
            f"FROM {self.changes} c CROSS JOIN {self.target} t ON {self.is_target()} "
            f"WHERE {self.wanted(within)} AND {held}"
        )

    def put_before_images(self, within: Range) -> int:
        wanted = self.wanted(within, self.changes)
        target = f"t.{self.quoted(self.key.name)} = {self.as_key(f'{self.changes}.target_pk')}"
        return self.run(
            f"UPDATE {self.changes} SET before_image = {self.image()} FROM {self.target} t WHERE {target} AND {wanted}"
        )

    def release_holds(self, within: Range) -> int:
        holds = self.quoted(FieldHold._meta.db_table)
        # The plus keeps the planner from the index of the correction: it would go through all holds for each row.
        return self.run(
            f"DELETE FROM {holds} WHERE id IN (SELECT h.id FROM {self.changes} c CROSS JOIN {holds} h "
            f"WHERE {self.among(within)} AND +h.correction_id = c.correction_id "
            f"AND h.target_model = c.target_model AND h.target_pk = c.target_pk)"
        )

    def hold_fields(self) -> int:
        named = " OR ".join(
            f"(f.name = '{name}' AND {self.has('c.new', columns)})" for name, columns in self.held_fields.items()
        )
        fields = " UNION ALL ".join(f"SELECT '{name}' AS name" for name in self.held_fields)
        return self.run(
            f"INSERT INTO {self.quoted(FieldHold._meta.db_table)} (correction_id, target_model, target_pk, field) "
            f"SELECT c.correction_id, c.target_model, c.target_pk, f.name FROM {self.changes} c "
            f"CROSS JOIN ({fields}) f WHERE c.correction_id = {int(self.correction.pk)} AND ({named})"
        )
