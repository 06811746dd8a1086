"""Inserts the changes of a batch: COPY on PostgreSQL, many rows by one statement on SQLite; the guards see each row.

On SQLite, where writers wait for each other, they can be put aside first, until all of them are known to be good.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from functools import partial
from itertools import chain, islice
from json.encoder import encode_basestring_ascii as quoted
from operator import itemgetter
from typing import Any

from django.db import connections, models, router, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from corrections.conf import limits
from corrections.models import Change

FIELDS = [field for field in Change._meta.concrete_fields if not field.primary_key]
CORRECTION = "correction_id"
ASIDE = "changes_put_aside"

Row = list[Any]


def insert_changes(changes: Iterable[Change]) -> int:
    """Inserts them, a few thousand at a time, and gives their number. Their keys are not read back.

    `changes` may be a generator that asks the database itself. The gate is open; one transaction holds them all.
    """
    connection = _connection()
    copy = _copy if connection.vendor == "postgresql" else _execute
    count = 0
    with transaction.atomic(using=connection.alias):
        for some in _in_lots(changes):
            copy(connection, [_row(change) for change in some], _table(connection))
            count += len(some)
    return count


class Aside:
    """Changes of a correction that isn't there yet, in a temporary table of this connection.

    That is a file of its own, which nobody else sees or waits for: the database isn't locked while they are gathered.
    """

    def __init__(self, connection: BaseDatabaseWrapper) -> None:
        self.connection = connection
        self.table = f"temp.{connection.ops.quote_name(ASIDE)}"

    def take(self, changes: Iterable[Change]) -> None:
        for some in _in_lots(changes):
            _execute(self.connection, [_row(change) for change in some], self.table)

    def insert(self, correction_pk: int) -> None:
        """Brings them into the correction, by one statement. The gate is open."""
        names = _names(self.connection)
        own = names.replace(self.connection.ops.quote_name(CORRECTION), "%s", 1)
        wanted = f"INSERT INTO {_table(self.connection)} ({names}) SELECT {own} FROM {self.table} ORDER BY rowid"
        with self.connection.cursor() as cursor:
            cursor.execute(wanted, [correction_pk])


def may_be_put_aside() -> bool:
    """Whether it's of use: one writer at a time, and this connection doesn't write yet."""
    connection = _connection()
    return connection.vendor == "sqlite" and not connection.in_atomic_block


@contextmanager
def put_aside() -> Iterator[Aside]:
    """A place for changes, empty at first and gone at the end. Only where `may_be_put_aside`."""
    aside = Aside(_connection())
    with aside.connection.cursor() as cursor:
        cursor.execute(f"DROP TABLE IF EXISTS {aside.table}")
        cursor.execute(f"CREATE TABLE {aside.table} ({_names(aside.connection)})")
    try:
        yield aside
    finally:
        with aside.connection.cursor() as cursor:
            cursor.execute(f"DROP TABLE {aside.table}")


def _connection() -> BaseDatabaseWrapper:
    return connections[router.db_for_write(Change)]


def _in_lots(changes: Iterable[Change]) -> Iterator[list[Change]]:
    rest = iter(changes)
    while lot := list(islice(rest, limits.BATCH_STAGE_ROWS)):
        yield lot


def _row(change: Change) -> Row:
    row = [*_values(change.__dict__)]
    for place, prepare in _PREPARED:
        if row[place] is not None:
            row[place] = prepare(row[place])
    return row


def _json(field: models.JSONField) -> Callable[[Any], str]:
    """What json.dumps gives, which takes longer to begin than to write a few texts by the names of their columns."""
    dumps = partial(json.dumps, cls=field.encoder)

    def written(value: Any) -> str:
        if type(value) is not dict:
            return dumps(value)
        parts = [f"{quoted(k)}: {quoted(v) if type(v) is str else dumps(v)}" for k, v in value.items()]
        return f"{{{', '.join(parts)}}}"

    return written


def _decimal(field: models.DecimalField[Any, Any]) -> Callable[[Any], str]:
    return lambda value: format(Decimal(value), f".{field.decimal_places}f")


_values = itemgetter(*(str(field.attname) for field in FIELDS))
# What both databases don't read as this column by itself.
_PREPARED: list[tuple[int, Callable[[Any], Any]]] = [
    (place, _json(field) if isinstance(field, models.JSONField) else _decimal(field))
    for place, field in enumerate(FIELDS)
    if isinstance(field, models.JSONField | models.DecimalField)
]


def _names(connection: BaseDatabaseWrapper) -> str:
    return ", ".join(connection.ops.quote_name(str(field.column)) for field in FIELDS)


def _table(connection: BaseDatabaseWrapper) -> str:
    return connection.ops.quote_name(str(Change._meta.db_table))


def _copy(connection: BaseDatabaseWrapper, prepared: Sequence[Row], table: str) -> None:
    wanted = f"COPY {table} ({_names(connection)}) FROM STDIN"
    with connection.cursor() as cursor, connection.wrap_database_errors, cursor.copy(wanted) as copy:
        for row in prepared:
            copy.write_row(row)


def _execute(connection: BaseDatabaseWrapper, prepared: Sequence[Row], table: str) -> None:
    """As many rows at once as a statement has parameters: SQLite keeps a journal for each statement with triggers."""
    together = max(1, (connection.features.max_query_params or len(FIELDS)) // len(FIELDS))
    whole = len(prepared) - len(prepared) % together
    flat = [[*chain.from_iterable(prepared[start : start + together])] for start in range(0, whole, together)]
    into, places = f"INSERT INTO {table} ({_names(connection)}) VALUES ", f"({', '.join(['%s'] * len(FIELDS))})"
    with connection.cursor() as cursor:
        cursor.executemany(into + ", ".join([places] * together), flat)
        cursor.executemany(into + places, prepared[whole:])
