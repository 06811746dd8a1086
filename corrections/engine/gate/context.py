"""Who writes, why, and on which correction: opened inside a transaction, told to the database, gone with it.

On PostgreSQL the context is a transaction-local setting, on SQLite a list per connection that functions of the
triggers read (sqlite.py). Nothing here knows tables or triggers.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import astuple, dataclass, field, fields
from typing import Any
from weakref import WeakKeyDictionary

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import DEFAULT_DB_ALIAS, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

# Sources that only the engine itself may claim.
ENGINE, MIGRATION, DATABASE = "engine", "migration", "database:"
SOURCE_CHARS_MAX = 100
ACTOR_CHARS_MAX = 200


@dataclass(frozen=True)
class Context:
    """What the triggers copy into history; every value is text, "" for nothing, as in a database setting."""

    actor: str = ""
    name: str = ""
    reason: str = ""
    correction: str = ""
    source: str = ""
    engine: str = ""
    maintenance: str = ""


CLOSED = Context()
SETTINGS = tuple(f"corrections.{part.name}" for part in fields(Context))
TELL = "SELECT " + ", ".join(f"set_config('{name}', %s, true)" for name in SETTINGS)


@dataclass
class Channel:
    """One connection's context. `values` is what SQLite's functions read; its identity never changes."""

    context: Context = CLOSED
    values: list[Any] = field(default_factory=lambda: list(astuple(CLOSED)))

    def hold(self, context: Context) -> None:
        self.context = context
        self.values[:] = astuple(context)


_channels: WeakKeyDictionary[BaseDatabaseWrapper, Channel] = WeakKeyDictionary()


def channel(connection: BaseDatabaseWrapper) -> Channel:
    return _channels.setdefault(connection, Channel())


def _tell(connection: BaseDatabaseWrapper, context: Context) -> None:
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(TELL, astuple(context))


@contextmanager
def entered(context: Context, using: str, *, is_last: bool = False) -> Iterator[None]:
    """A transaction (or savepoint) in which `context` stands; afterwards the one that stood before stands again.

    The database forgets by itself at rollback and at the end of the transaction. Only where an outer block goes
    on after a clean exit must it be told the previous context once more.
    """
    connection = connections[using]
    here = channel(connection)
    previous = here.context
    goes_on = len(connection.atomic_blocks) > int(is_last) or _is_manual(connection)
    with transaction.atomic(using=using):
        _tell(connection, context)
        here.hold(context)
        try:
            yield
        finally:
            here.hold(previous)  # before the commit, so that nothing that runs after it finds the gate open
    if goes_on and not connection.needs_rollback:
        _tell(connection, previous)


def _is_manual(connection: BaseDatabaseWrapper) -> bool:
    """Whether somebody switched autocommit off, so that a transaction goes on after the outermost block."""
    return not connection.in_atomic_block and not connection.get_autocommit()


def _name(actor: Any) -> str:
    """The person's name as it is now; a machine's account name."""
    return str(getattr(actor, "person", None) or actor)[:ACTOR_CHARS_MAX]


def _context(*, source: str, actor: Any, correction: Any = None, reason: str = "", is_engine: bool = False) -> Context:
    if not source.strip() or len(source) > SOURCE_CHARS_MAX:
        raise ValueError(f"A write names its source, in at most {SOURCE_CHARS_MAX} characters.")
    return Context(
        actor="" if actor is None else str(actor.pk),
        name="" if actor is None else _name(actor),
        reason=str(reason),
        correction=str(getattr(correction, "pk", correction) or ""),
        source=source,
        engine="1" if is_engine else "",
    )


@contextmanager
def opened(
    *,
    actor: Any,
    source: str = ENGINE,
    correction: Any = None,
    reason: str = "",
    using: str = DEFAULT_DB_ALIAS,
    is_last: bool = False,
) -> Iterator[None]:
    """The engine's context: guarded tables and control tables may be written, within one transaction.

    `correction` is a correction or its id. `is_last` promises that the caller's own transaction block does nothing
    more once this one ends, which saves a statement. Raises ValueError without an actor or source (I-09).
    """
    if actor is None or actor.pk is None:
        raise ValueError("The engine writes for an actor, never for nobody.")
    context = _context(source=source, actor=actor, correction=correction, reason=reason, is_engine=True)
    with entered(context, using, is_last=is_last):
        yield


@contextmanager
def recorded_write(
    *, source: str, actor: Any = None, reason: str = "", using: str = DEFAULT_DB_ALIAS
) -> Iterator[None]:
    """Lets one of the company's own systems write guarded rows; history names `source`. Control tables stay closed.

    Raises ValueError for an empty source, or one that would pass for the engine's own.
    """
    if source in {ENGINE, MIGRATION} or source.startswith(DATABASE):
        raise ValueError(f"The source {source!r} is reserved; name the writing system.")
    with entered(_context(source=source, actor=actor, reason=reason), using):
        yield


@contextmanager
def maintenance(using: str = DEFAULT_DB_ALIAS) -> Iterator[None]:
    """Lets a test suite empty every table, history included, between tests. Nothing else may use it.

    Refused unless the setting CORRECTIONS_TEST_FLUSH is on, which no settings module of a real site sets: history
    that can be emptied proves nothing. Rows can be removed only; UPDATE and INSERT stay guarded.
    """
    if getattr(settings, "CORRECTIONS_TEST_FLUSH", False) is not True:
        raise ImproperlyConfigured("Guarded tables can't be emptied outside a test suite.")
    with entered(Context(maintenance="1"), using):
        yield
