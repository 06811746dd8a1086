"""System checks of the gate: are all guards there, do live and historical columns agree, is SQLite set up for it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from django.core import checks
from django.core.checks import CheckMessage, Error
from django.db import connections

from corrections.engine.gate.guards import Columns, tables
from corrections.engine.gate.install import backend, missing
from corrections.history import RECORD_COLUMNS
from corrections.registry import registry

_is_migrating: ContextVar[bool] = ContextVar("is_migrating", default=False)


@contextmanager
def migrating() -> Iterator[None]:
    """`migrate` runs the checks first, and is what repairs what they would find."""
    token = _is_migrating.set(True)
    try:
        yield
    finally:
        _is_migrating.reset(token)


def check_gate(*, databases: Sequence[str] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """For `check --database default`; a start-up script may ask `corrections.gate.missing()` instead."""
    if _is_migrating.get():
        return []
    return [message for using in databases or () for message in _messages(using)]


def _messages(using: str) -> Iterator[CheckMessage]:
    absent = missing(using)
    if absent:
        yield Error(
            f"{len(absent)} guards are missing or altered on {using!r}: {', '.join(absent)}.",
            hint="Run `manage.py migrate`. If it was not a migration that removed them, tell compliance first.",
            id="corrections.E020",
        )
    database = backend(using)
    if database is not None:
        yield from _unequal_columns(database.columns(tables()))
    yield from _sqlite_options(using)


def _unequal_columns(existing: Columns) -> Iterator[CheckMessage]:
    """A column that only one of the two tables has is not recorded: a migration is missing in one of the apps."""
    for entry in registry.entries():
        history = str(entry.history_model._meta.db_table)
        if entry.table not in existing:
            continue
        unequal = set(existing[entry.table]) ^ (set(existing.get(history, ())) - set(RECORD_COLUMNS))
        if unequal:
            names = ", ".join(sorted(unequal))
            yield Error(f"{entry.table} and {history} differ in the columns {names}.", id="corrections.E021")


def _sqlite_options(using: str) -> Iterator[CheckMessage]:
    connection: Any = connections[using]
    if connection.vendor == "sqlite" and connection.transaction_mode != "IMMEDIATE":
        yield checks.Warning(
            f"The SQLite database {using!r} begins transactions as readers; concurrent writers will fail.",
            hint='Set OPTIONS["transaction_mode"] to "IMMEDIATE".',
            id="corrections.W022",
        )
