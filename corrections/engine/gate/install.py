"""Puts guards on, takes them off, and says what is missing; idempotent, and quick when nothing is to be done."""

from __future__ import annotations

from django.db import DEFAULT_DB_ALIAS, connections, transaction

from corrections.engine.gate.guards import guards, tables
from corrections.engine.gate.postgresql import PostgreSQL
from corrections.engine.gate.sqlite import SQLite


def backend(using: str) -> PostgreSQL | SQLite | None:
    """None for a database that has no guards because it is neither PostgreSQL nor SQLite."""
    connection = connections[using]
    if connection.vendor == "postgresql":
        return PostgreSQL(connection)
    return SQLite(connection) if connection.vendor == "sqlite" else None


def install(using: str = DEFAULT_DB_ALIAS) -> bool:
    """Make the guards of `using` exactly the wanted ones; returns whether anything had to be done."""
    database = backend(using)
    if database is None:
        return False
    wanted = guards(database.columns(tables()))
    if database.installed() == database.wanted(wanted):
        return False
    with transaction.atomic(using=using):
        database.drop()
        database.create(wanted)
    return True


def drop(using: str = DEFAULT_DB_ALIAS) -> None:
    """Take every guard off, for the time of a migration."""
    database = backend(using)
    if database is not None:
        with transaction.atomic(using=using):
            database.drop()


def missing(using: str = DEFAULT_DB_ALIAS) -> list[str]:
    """Guards that should stand and don't, or are altered or disabled, as ``table: guard``; empty when all is well."""
    database = backend(using)
    if database is None:
        return [f"{using}: no guards exist for {connections[using].vendor}"]
    wanted = database.wanted(guards(database.columns(tables())))
    installed = database.installed()
    return sorted(f"{table or 'function'}: {name}" for (name, table) in wanted.keys() - _same(wanted, installed))


def stands_on(table: str, using: str = DEFAULT_DB_ALIAS) -> bool:
    """Whether the table has guards. Asked after a write in its transaction, it holds for that write as well: the lock
    that a write takes keeps anybody from taking guards off or putting them on.
    """
    database = backend(using)
    return database is None or any(found == table for _name, found in database.installed())


def _same(wanted: dict[tuple[str, str], str], installed: dict[tuple[str, str], str]) -> set[tuple[str, str]]:
    return {key for key, mark in wanted.items() if installed.get(key) == mark}
