"""What is guarded and how, as plain data; the two databases' SQL for it is in postgresql.py and sqlite.py.

Derived from the tables as they are in the database now, not from the models: in the middle of a migration, forwards
or backwards, models are ahead of or behind their tables.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from django.apps import apps
from django.conf import settings
from django.db import models

from corrections.choices import Mode
from corrections.history import RECORD_COLUMNS
from corrections.registry import Entry, registry

# Settings of the context (context.py) that a write may need.
NOTHING, SOURCE, ENGINE, NEVER = "", "source", "engine", "never"

Columns = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class Rule:
    """Refuse `event` on a row for which `refuse`, SQL over new and old, is true.

    ``[table]`` names a table, ``<name>`` one of the guard's `lookups`.
    """

    event: str
    refuse: str
    because: str


@dataclass(frozen=True)
class Record:
    """Copy `columns` of every written row into the table `history`."""

    history: str
    columns: tuple[str, ...]


@dataclass(frozen=True)
class Guard:
    """All that stands before and after a write to one table.

    `needs` is what a write must have in its context; `never` are events that are refused in every context
    (TRUNCATE always is); `key` never changes.
    """

    table: str
    needs: str = NOTHING
    never: tuple[str, ...] = ()
    key: str = ""
    rules: tuple[Rule, ...] = ()
    # Name and SQL of what several rules ask about a row; PostgreSQL asks it once per row.
    lookups: tuple[tuple[str, str], ...] = ()
    record: Record | None = None
    is_history: bool = False
    uniques: tuple[str, ...] = ()


def tables() -> set[str]:
    """Every table that a guard may stand on or mention."""
    found = {model._meta.db_table for model in (*never_deleted(), *append_only())}
    for entry in registry.entries():
        found |= {entry.table, entry.history_model._meta.db_table}
    return found | {model._meta.db_table for model in apps.get_app_config("corrections").get_models()}


def never_deleted() -> list[type[models.Model]]:
    """Models of CORRECTIONS_NEVER_DELETED (I-14): people and their accounts, in the project's terms."""
    return [apps.get_model(label) for label in getattr(settings, "CORRECTIONS_NEVER_DELETED", [])]


def append_only() -> list[type[models.Model]]:
    """Models of CORRECTIONS_APPEND_ONLY (I-07): what the project records beside the engine's own tables."""
    return [apps.get_model(label) for label in getattr(settings, "CORRECTIONS_APPEND_ONLY", [])]


def guards(existing: Columns) -> list[Guard]:
    """Every guard that the tables in `existing`, with their columns, can carry."""
    from corrections.engine.gate.control import control_guards

    found = [guard for entry in registry.entries() for guard in _entry_guards(entry, existing)]
    found += list(control_guards(existing))
    found += [_kept(model) for model in never_deleted()]
    found += [_kept(model, never=("UPDATE", "DELETE")) for model in append_only()]
    return [guard for guard in _merged(found) if guard.table in existing]


def _entry_guards(entry: Entry, existing: Columns) -> Iterator[Guard]:
    live, history = entry.table, entry.history_model._meta.db_table
    key = str(entry.model._meta.pk.column)
    columns = existing.get(live, ())
    record = None
    if history in existing:
        both = set(existing[history]) - set(RECORD_COLUMNS)
        record = Record(history, tuple(column for column in columns if column in both))
        yield Guard(history, never=("UPDATE", "DELETE"), is_history=True)
    # A write that can't be recorded is no write (I-08): without its history table a guarded table is shut.
    guarded = SOURCE if record else NEVER
    needs = guarded if entry.mode == Mode.GUARDED else NOTHING
    never = ("UPDATE", "DELETE") if entry.append_only else ()
    yield Guard(live, needs=needs, never=never, key=key if key in columns else "", record=record)


def _kept(model: type[models.Model], never: tuple[str, ...] = ("DELETE",)) -> Guard:
    # The conflicts by which SQLite's REPLACE would delete a row, outside our own connections without any trigger.
    uniques = tuple(str(field.column) for field in model._meta.concrete_fields if field.primary_key or field.unique)
    return Guard(model._meta.db_table, never=never, uniques=uniques)


def _merged(found: list[Guard]) -> list[Guard]:
    """One guard per table; a table that is correctable *and* a control record keeps the stricter of each."""
    by_table: dict[str, Guard] = {}
    for guard in found:
        other = by_table.get(guard.table)
        by_table[guard.table] = _stricter(other, guard) if other else guard
    return [by_table[table] for table in sorted(by_table)]


def _stricter(one: Guard, other: Guard) -> Guard:
    order = (NOTHING, SOURCE, ENGINE, NEVER)
    return Guard(
        table=one.table,
        needs=max(one.needs, other.needs, key=order.index),
        never=tuple(sorted({*one.never, *other.never})),
        key=one.key or other.key,
        rules=one.rules + other.rules,
        lookups=one.lookups or other.lookups,
        record=one.record or other.record,
        is_history=one.is_history or other.is_history,
        uniques=tuple(sorted({*one.uniques, *other.uniques})),
    )
