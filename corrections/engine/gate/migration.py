"""Guards around migrations: off before, on after, and what a migration changed goes into history as `migration`.

SQLite rebuilds tables, and then loses triggers or crashes on those of other tables; PostgreSQL alters no table whose
trigger names the column. Between the two signals nothing guards the tables: nobody else writes during a migration.
A row that differed from its history *before* the migration stays so, as drift for `verify` to find: a migration
whitewashes nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

from django.db import DatabaseError, connections, transaction
from django.utils import timezone

from corrections.engine.gate.context import MIGRATION
from corrections.engine.gate.guards import Guard, Record, guards, tables
from corrections.engine.gate.install import backend, drop, install

logger = logging.getLogger(__name__)

REASON_CHARS_MAX = 200
DRIFTED_ROWS_MAX = 1000  # per table; beyond, nothing of the table is recorded and all of it is drift

# "last" is the newest history row of a key; `differ` compares every column of it with the live row.
CHANGED = """
FROM {table} live LEFT JOIN {history} last
  ON last.history_id = (SELECT max(h.history_id) FROM {history} h WHERE h.{key} = live.{key})
WHERE (last.history_id IS NULL OR last.history_type = '-' OR {differ})
"""
GONE = """
FROM {history} last
WHERE last.history_type <> '-' AND NOT EXISTS (SELECT 1 FROM {table} live WHERE live.{key} = last.{key})
  AND NOT EXISTS (SELECT 1 FROM {history} h WHERE h.{key} = last.{key} AND h.history_id > last.history_id)
"""
RECORD = """
INSERT INTO {history} ({columns}, history_date, history_type, history_change_reason, history_user_id,
  history_actor, history_source, history_correction)
SELECT {copied}, %s, {sign}, %s, NULL, '', %s, NULL
"""
SIGN = "CASE WHEN last.history_id IS NULL OR last.history_type = '-' THEN '+' ELSE '~' END"

Drift = dict[str, list[Any]]
_drift: dict[str, Drift] = {}  # by database, from the signal before a migration to the one after


def before_migrate(*, using: str, plan: Any = None, **kwargs: Any) -> None:
    if plan:
        _drift[using] = drifted(using)
        drop(using)


def after_migrate(*, using: str, plan: Any = None, **kwargs: Any) -> None:
    """Also sent by `flush`, without a plan: then guards are only looked after."""
    if plan:
        names = ", ".join(f"{migration.app_label}.{migration.name}" for migration, _ in plan)
        record_differences(using, reason=names, drift=_drift.pop(using, {}))
    install(using)


def after_crash(using: str) -> None:
    """Puts on what can be put on after a migration that failed half-way; what can't, the system check names."""
    if using in _drift:
        with suppress(DatabaseError):
            record_differences(using, reason="interrupted", drift=_drift.pop(using))
    with suppress(DatabaseError):
        install(using)


def drifted(using: str) -> Drift:
    """Keys of the rows that differ from their history now, by table, and a warning for each such table."""
    found: Drift = {}
    for guard in _recorded(using):
        names = _names(using, guard)
        with connections[using].cursor() as cursor:
            cursor.execute(f"SELECT live.{{key}} {CHANGED} LIMIT {DRIFTED_ROWS_MAX + 1}".format(**names))
            keys = [key for (key,) in cursor.fetchall()]
            cursor.execute(f"SELECT last.{{key}} {GONE} LIMIT {DRIFTED_ROWS_MAX + 1}".format(**names))
            keys += [key for (key,) in cursor.fetchall()]
        if keys:
            found[guard.table] = keys
            logger.warning("%s: at least %d rows differ from their history", guard.table, len(keys))
    return found


def record_differences(using: str, *, reason: str, drift: Drift | None = None) -> int:
    """Bring every history table up to its live rows, but for the keys in `drift`; returns the number of rows written.

    Leaves the guards off; the caller puts them on.
    """
    if backend(using) is None:
        return 0
    with transaction.atomic(using=using):
        drop(using)
        return sum(_record(using, guard, reason, (drift or {}).get(guard.table, [])) for guard in _recorded(using))


def _recorded(using: str) -> Iterator[Guard]:
    database = backend(using)
    if database is not None:
        yield from (guard for guard in guards(database.columns(tables())) if guard.record and guard.key)


def _record(using: str, guard: Guard, reason: str, drifted_keys: Sequence[Any]) -> int:
    if len(drifted_keys) > DRIFTED_ROWS_MAX:
        return 0
    connection, names = connections[using], _names(using, guard)
    values = [
        connection.ops.adapt_datetimefield_value(timezone.now()),
        reason if len(reason) <= REASON_CHARS_MAX else reason[: REASON_CHARS_MAX - 1] + "…",
        MIGRATION,
    ]
    written = 0
    with connection.cursor() as cursor:
        for rows, condition, sign in (("live", CHANGED, SIGN), ("last", GONE, "'-'")):
            copied = ", ".join(f"{rows}.{column}" for column in names["columns"].split(", "))
            sql = (RECORD + condition).format(**names, copied=copied, sign=sign)
            if drifted_keys:
                sql += f" AND {rows}.{names['key']} NOT IN ({', '.join(['%s'] * len(drifted_keys))})"
            cursor.execute(f"{sql} ORDER BY {rows}.{names['key']}", [*values, *drifted_keys])
            written += max(cursor.rowcount, 0)
    return written


def _names(using: str, guard: Guard) -> dict[str, str]:
    record = guard.record
    assert isinstance(record, Record)  # noqa: S101 - the caller asked
    connection = connections[using]
    quote = connection.ops.quote_name
    columns = [quote(column) for column in record.columns]
    unequal = "IS NOT" if connection.vendor == "sqlite" else "IS DISTINCT FROM"
    return {
        "table": quote(guard.table),
        "history": quote(record.history),
        "key": quote(guard.key),
        "columns": ", ".join(columns),
        "differ": " OR ".join(f"live.{column} {unequal} last.{column}" for column in columns),
    }
