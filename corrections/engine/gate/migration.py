"""Guards around migrations: off before, on after, and what a migration changed goes into history as `migration`.

SQLite rebuilds tables, and then loses triggers or crashes on those of other tables; PostgreSQL alters no table whose
trigger names the column. Between the two signals nothing guards the tables: nobody else writes during a migration.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from django.db import DatabaseError, connections, transaction
from django.utils import timezone

from corrections.engine.gate.context import MIGRATION
from corrections.engine.gate.guards import Guard, Record, guards, tables
from corrections.engine.gate.install import backend, drop, install

REASON_CHARS_MAX = 200

# `differ` is the list of compared columns; "last" is the newest history row of each live row.
CHANGED = """
INSERT INTO {history} ({columns}, history_date, history_type, history_change_reason, history_user_id,
  history_actor, history_source, history_correction)
SELECT {live_columns}, %s, CASE WHEN last.history_id IS NULL OR last.history_type = '-' THEN '+' ELSE '~' END,
  %s, NULL, '', %s, NULL
FROM {table} live LEFT JOIN {history} last
  ON last.history_id = (SELECT max(h.history_id) FROM {history} h WHERE h.{key} = live.{key})
WHERE last.history_id IS NULL OR last.history_type = '-' OR {differ}
ORDER BY live.{key}
"""
GONE = """
INSERT INTO {history} ({columns}, history_date, history_type, history_change_reason, history_user_id,
  history_actor, history_source, history_correction)
SELECT {last_columns}, %s, '-', %s, NULL, '', %s, NULL
FROM {history} last
WHERE last.history_type <> '-' AND NOT EXISTS (SELECT 1 FROM {table} live WHERE live.{key} = last.{key})
  AND NOT EXISTS (SELECT 1 FROM {history} h WHERE h.{key} = last.{key} AND h.history_id > last.history_id)
ORDER BY last.{key}
"""


def before_migrate(*, using: str, plan: Any = None, **kwargs: Any) -> None:
    if plan:
        drop(using)


def after_migrate(*, using: str, plan: Any = None, **kwargs: Any) -> None:
    """Also sent by `flush`, without a plan: then guards are only looked after."""
    if plan:
        names = ", ".join(f"{migration.app_label}.{migration.name}" for migration, _ in plan)
        record_differences(using, reason=names)
    install(using)


def after_crash(using: str) -> None:
    """Puts on what can be put on after a migration that failed half-way; what can't, the system check names."""
    with suppress(DatabaseError):
        record_differences(using, reason="interrupted")
    with suppress(DatabaseError):
        install(using)


def record_differences(using: str, *, reason: str) -> int:
    """Bring every history table up to its live rows; returns the number of rows written."""
    database = backend(using)
    if database is None:
        return 0
    with transaction.atomic(using=using):
        database.drop()
        found = guards(database.columns(tables()))
        return sum(_record(using, guard, reason) for guard in found if guard.record and guard.key)


def _record(using: str, guard: Guard, reason: str) -> int:
    connection = connections[using]
    parameters = [
        connection.ops.adapt_datetimefield_value(timezone.now()),
        reason if len(reason) <= REASON_CHARS_MAX else reason[: REASON_CHARS_MAX - 1] + "…",
        MIGRATION,
    ]
    written = 0
    with connection.cursor() as cursor:
        for sql in (CHANGED, GONE):
            cursor.execute(sql.format(**_names(connection, guard)), parameters)
            written += max(cursor.rowcount, 0)
    return written


def _names(connection: Any, guard: Guard) -> dict[str, str]:
    record = guard.record
    assert isinstance(record, Record)  # noqa: S101 - the caller asked
    quote = connection.ops.quote_name
    columns: Sequence[str] = [quote(column) for column in record.columns]
    unequal = "IS NOT" if connection.vendor == "sqlite" else "IS DISTINCT FROM"
    return {
        "table": quote(guard.table),
        "history": quote(record.history),
        "key": quote(guard.key),
        "columns": ", ".join(columns),
        "live_columns": ", ".join(f"live.{column}" for column in columns),
        "last_columns": ", ".join(f"last.{column}" for column in columns),
        "differ": " OR ".join(f"live.{column} {unequal} last.{column}" for column in columns),
    }
