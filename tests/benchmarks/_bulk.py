"""INSERT … SELECT into a model's table in both databases' words; nothing here knows which rows are wanted."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from django.core.management.color import no_style
from django.db import connection, models


def is_postgresql() -> bool:
    return connection.vendor == "postgresql"


def execute(sql: str) -> int:
    """Runs a statement without parameters; gives the number of rows."""
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return int(cursor.rowcount)


def teach_sqlite() -> None:
    """SQLite has no md5; the statements below use it for identifiers that look random."""
    if not is_postgresql():
        connection.ensure_connection()
        raw: Any = connection.connection
        raw.create_function("md5", 1, lambda text: hashlib.md5(str(text).encode(), usedforsecurity=False).hexdigest())


def numbers(first: int, last: int) -> str:
    """A table `g` with the column `n`, from first to last."""
    if is_postgresql():
        return f"generate_series({first}, {last}) AS g(n)"
    recursion = f"SELECT {first} UNION ALL SELECT n + 1 FROM g WHERE n < {last}"
    return f"(WITH RECURSIVE g(n) AS ({recursion}) SELECT n FROM g) AS g"


def uuid(text: str) -> str:
    """An identifier made of an SQL text."""
    return f"md5({text})::uuid" if is_postgresql() else f"md5({text})"


def hexes(text: str) -> str:
    """64 hexadecimal digits made of an SQL text, as an SHA-256 has."""
    return f"(md5({text}) || md5('more ' || {text}))"


def seconds_ago(seconds: str) -> str:
    if is_postgresql():
        return f"(now() - ({seconds}) * interval '1 second')"
    return f"strftime('%Y-%m-%d %H:%M:%S', 'now', '-' || ({seconds}) || ' seconds')"


def insert(model: type[models.Model], source: str, columns: Mapping[str, str]) -> int:
    """Inserts `columns` (SQL by column) of every row of `source`; every column but the key must be there."""
    wanted = {field.column for field in model._meta.concrete_fields if not field.primary_key}
    if wanted - set(columns):
        raise LookupError(f"{model._meta.label}: nothing for {', '.join(sorted(wanted - set(columns)))}")
    names = ", ".join(columns)
    return execute(f"INSERT INTO {model._meta.db_table} ({names}) SELECT {', '.join(columns.values())} FROM {source}")


def clone(model: type[models.Model], source: str, **columns: str) -> int:
    """Copies rows `t` of the model's own table, joined in `source`, with some columns replaced."""
    own = {field.column: f"t.{field.column}" for field in model._meta.concrete_fields if not field.primary_key}
    return insert(model, f"{model._meta.db_table} t {source}", {**own, **columns})


def reset_sequences(*tables: type[models.Model]) -> None:
    """After rows were inserted with their keys."""
    for statement in connection.ops.sequence_reset_sql(no_style(), list(tables)):
        execute(statement)


def settle() -> None:
    """What autovacuum does in a database that lives: statistics, and pages marked as visible to all."""
    execute("VACUUM ANALYZE" if is_postgresql() else "ANALYZE")
