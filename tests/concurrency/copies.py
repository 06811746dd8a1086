"""Databases that are copied whole: what takes long is prepared once, and each round begins with a copy of it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from django.db import connection, connections

SIDE_FILES = ("", "-wal", "-shm")


@contextmanager
def prepared(name: str, fill: Callable[[], None]) -> Iterator[str]:
    """A copy of the test's own database that `fill` has filled, to be copied in its turn; gives its full name."""
    own = current()
    with copied(own, name) as source:
        fill()
        _use(own)
        yield source


@contextmanager
def copied(source: str, name: str) -> Iterator[str]:
    """While this is open, the connection leads to a copy of the database `source`; gives the copy's full name."""
    own = current()
    copy = f"{own}_{name}"
    _drop(copy)
    _copy(source, copy)
    _use(copy)
    try:
        yield copy
    finally:
        _use(own)
        _drop(copy)


def current() -> str:
    return str(connection.settings_dict["NAME"])


def _use(name: str) -> None:
    connections.close_all()
    connection.settings_dict["NAME"] = name


def _copy(source: str, target: str) -> None:
    if connection.vendor == "postgresql":
        connections.close_all()  # PostgreSQL copies no database that somebody uses
        _said(f'CREATE DATABASE "{target}" TEMPLATE "{source}"')
        return
    connections.close_all()
    with closing(sqlite3.connect(source)) as one, closing(sqlite3.connect(target)) as other:
        one.backup(other)  # with what stands in the log; a thread of an earlier test may hold the file open still


def _drop(name: str) -> None:
    if connection.vendor == "postgresql":
        _said(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        return
    for suffix in SIDE_FILES:
        Path(name + suffix).unlink(missing_ok=True)


def _said(sql: str) -> None:
    with connection._nodb_cursor() as cursor:
        cursor.execute(sql)
