"""SQLite: guards and history as row triggers that read the context through functions of our own connections.

A connection that is not ours (the sqlite3 shell, say) lacks the functions: every write to a guarded table fails
there with "no such function". What remains on SQLite to code with full access: functions of these names of its own,
`gate_moment` called by hand inside an open context (then one forged history row passes), `recursive_triggers` switched
off before a REPLACE, triggers dropped. The system check names missing triggers; `verify` finds rows without history.
"""

from __future__ import annotations

import datetime as dt
import weakref
from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields
from functools import reduce
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper

from corrections.engine.gate.context import Channel, Context, channel
from corrections.engine.gate.guards import ENGINE, NEVER, NOTHING, SOURCE, Columns, Guard

PREFIX = "corrections_gate_"
EVENTS = ("INSERT", "UPDATE", "DELETE")

PART = {part.name: f"gate_value({place})" for place, part in enumerate(fields(Context))}
IS_CLOSED = {
    NOTHING: "",
    SOURCE: "NOT gate_open()",
    ENGINE: f"(NOT gate_open() OR {PART['engine']} = '')",
    NEVER: "1",
}
IN_MAINTENANCE = f"{PART['maintenance']} = '1'"


# Functions


class Clock:
    """The moment that all rows of one statement share.

    SQLite's own 'now' stands still while a statement runs, in milliseconds only. Two statements of one millisecond
    are told apart by counting what Django executes.
    """

    def __init__(self) -> None:
        self.statements = 0
        self._now: tuple[int, float] | None = None
        self._moment = ""
        self.is_recording = False

    def count(self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        self.statements += 1
        return execute(sql, params, many, context)

    def moment(self, now: float) -> str:
        """In Django's own text format. Also the pass that `taken` asks for when the history row arrives."""
        if self._now != (self.statements, now):
            self._now = (self.statements, now)
            self._moment = str(dt.datetime.now(dt.UTC).replace(tzinfo=None))
        self.is_recording = True
        return self._moment

    def taken(self) -> bool:
        """Whether the row that enters a history table comes from a recording trigger; true once per row."""
        was, self.is_recording = self.is_recording, False
        return was


_clocks: weakref.WeakKeyDictionary[BaseDatabaseWrapper, Clock] = weakref.WeakKeyDictionary()


def register_functions(connection: BaseDatabaseWrapper) -> None:
    """Give a new SQLite connection the functions that the triggers call, and REPLACE its delete triggers."""
    if connection not in _clocks:
        clock = _clocks[connection] = Clock()
        connection.execute_wrappers.append(clock.count)
    clock, here, raw = _clocks[connection], channel(connection), connection.connection
    raw.create_function("gate_open", 0, _open(weakref.ref(connection), here))
    raw.create_function("gate_value", 1, here.values.__getitem__)
    raw.create_function("gate_moment", 1, clock.moment)
    raw.create_function("gate_taken", 0, clock.taken)
    raw.execute("PRAGMA recursive_triggers = ON")


def _open(connection: weakref.ref[BaseDatabaseWrapper], here: Channel) -> Callable[[], bool]:
    source = next(place for place, part in enumerate(fields(Context)) if part.name == "source")
    values = here.values

    def is_open() -> bool:
        wrapper = connection()
        # A context belongs to a transaction and must not outlive one that raw SQL has ended.
        return values[source] != "" and wrapper is not None and wrapper.connection.in_transaction

    return is_open


# Triggers


def _q(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _portable(sql: str) -> str:
    """The same predicate for SQLite before 3.39."""
    return sql.replace("IS NOT DISTINCT FROM", "IS").replace("IS DISTINCT FROM", "IS NOT")


def _looked_up(guard: Guard, sql: str) -> str:
    return reduce(lambda found, lookup: found.replace(f"<{lookup[0]}>", lookup[1]), guard.lookups, sql)


def _trigger(what: str, table: str, event: str, when: str, body: str) -> tuple[str, str]:
    name = f"{PREFIX}{what}_{table}"
    condition = f" WHEN {when}" if when else ""
    return name, f"CREATE TRIGGER {_q(name)} {event} ON {_q(table)}{condition} BEGIN {body}; END"


def triggers(guards: Sequence[Guard]) -> Iterator[tuple[str, str]]:
    """Name and statement of every trigger."""
    for guard in guards:
        for event in EVENTS:
            refusals = list(_refusals(guard, event))
            if refusals:
                yield _before(guard, event, refusals)
        if guard.record:
            yield from _records(guard)


Refusal = tuple[str, str]  # the condition, "1" for always, and why


def _before(guard: Guard, event: str, refusals: list[Refusal]) -> tuple[str, str]:
    """All refusals of an event in one trigger: SQLite fires several in no order that could be relied on."""
    body = "; ".join(
        f"SELECT RAISE(ABORT, {_text(f'gate_closed: {guard.table} {because}')}) WHERE {condition}"
        for condition, because in refusals
    )
    # For business rows one condition is quicker than entering a body; for the long rules it would be twice the work.
    when = "" if guard.rules else " OR ".join(f"({condition})" for condition, _ in refusals)
    if event == "DELETE":
        when = " AND ".join(filter(None, (f"NOT {IN_MAINTENANCE}", when and f"({when})")))
    return _trigger(f"before_{event.lower()}", guard.table, f"BEFORE {event}", when, body)


def _refusals(guard: Guard, event: str) -> Iterator[Refusal]:
    """In the order in which they are asked, the same as on PostgreSQL."""
    if event in guard.never:
        yield "1", f"takes no {event}"
    if event == "INSERT" and guard.is_history:
        yield "NOT gate_taken()", "is written by the database itself"
    if guard.needs:
        yield IS_CLOSED[guard.needs], f"takes no {event} outside a correction or a recorded write"
    if event == "UPDATE" and guard.key:
        key = _q(guard.key)
        # Not UPDATE OF: `SET rowid = …` changes the key under another name.
        yield f"old.{key} IS NOT new.{key}", "never changes a primary key"
    if event == "INSERT" and guard.uniques:
        same = " OR ".join(f"{_q(column)} = new.{_q(column)}" for column in guard.uniques)
        yield f"EXISTS (SELECT 1 FROM {_q(guard.table)} WHERE {same})", "takes no REPLACE"
    for rule in guard.rules:
        if rule.event == event:
            yield _portable(_looked_up(guard, rule.refuse)), rule.because


def _records(guard: Guard) -> Iterator[tuple[str, str]]:
    assert guard.record  # noqa: S101 - the caller asked
    copied = ", ".join(_q(column) for column in guard.record.columns)
    for event, sign, row in zip(EVENTS, "+~-", ("new", "new", "old"), strict=True):
        values = ", ".join(f"{row}.{_q(column)}" for column in guard.record.columns)
        body = (
            f"INSERT INTO {_q(guard.record.history)} ({copied}, history_date, history_type, history_change_reason, "
            f"history_user_id, history_actor, history_source, history_correction) VALUES ({values}, "
            f"gate_moment(julianday('now')), '{sign}', {PART['reason']}, nullif({PART['actor']}, ''), "
            f"{PART['name']}, coalesce(nullif({PART['source']}, ''), 'database:sqlite'), "
            f"nullif({PART['correction']}, ''))"
        )
        when = f"NOT {IN_MAINTENANCE}" if event == "DELETE" else ""
        yield _trigger(f"record_{event.lower()}", guard.table, f"AFTER {event}", when, body)


# What stands in the database


COLUMNS = """
SELECT m.name, p.name FROM sqlite_master m JOIN pragma_table_info(m.name) p
WHERE m.type = 'table' ORDER BY m.name, p.cid
"""
INSTALLED = f"SELECT name, tbl_name, sql FROM sqlite_master WHERE type = 'trigger' AND name LIKE '{PREFIX}%'"


class SQLite:
    """Guards of one SQLite connection: what stands, and the statements that create and remove it."""

    def __init__(self, connection: BaseDatabaseWrapper) -> None:
        self.connection = connection

    def columns(self, tables: set[str]) -> Columns:
        found: dict[str, tuple[str, ...]] = {}
        with self.connection.cursor() as cursor:
            cursor.execute(COLUMNS)
            for table, column in cursor.fetchall():
                if table in tables:
                    found[table] = (*found.get(table, ()), column)
        return found

    def installed(self) -> dict[tuple[str, str], str]:
        """Statement of every trigger by (name, table), as SQLite itself keeps it."""
        with self.connection.cursor() as cursor:
            cursor.execute(INSTALLED)
            return {(name, table): sql for name, table, sql in cursor.fetchall()}

    def wanted(self, guards: Sequence[Guard]) -> dict[tuple[str, str], str]:
        return {(name, sql.split(" ON ", 1)[1].split('"')[1]): sql for name, sql in triggers(guards)}

    def create(self, guards: Sequence[Guard]) -> None:
        self._run([sql for _, sql in triggers(guards)])

    def drop(self) -> None:
        self._run([f"DROP TRIGGER {_q(name)}" for name, _ in self.installed()])

    def _run(self, statements: list[str]) -> None:
        with self.connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
