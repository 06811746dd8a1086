"""What a database can report that says nothing of the values: each fault as a refusal with a code and a sentence.

Most pass, and the same statement succeeds a little later; a table that has lost a column doesn't come back by itself.
Nothing of the transaction in which a fault came is written.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from django.db import InterfaceError, InternalError, NotSupportedError, OperationalError, ProgrammingError
from django.utils.translation import gettext_lazy as _

from corrections.errors import Conflict


class DatabaseFault(Conflict):
    """Any other fault. `passes`: whether it is worth trying again."""

    code = "database_failed"
    message = _("The database reported a fault. Nothing was written.")
    passes: ClassVar[bool] = True


class Busy(DatabaseFault):
    code = "database_is_busy"
    message = _("Somebody else is writing the same records at this moment. Nothing was written; try again.")


class DiskFull(DatabaseFault):
    code = "database_disk_is_full"
    message = _("The database has no room left on its disk. Nothing was written.")


class TookTooLong(DatabaseFault):
    code = "statement_took_too_long"
    message = _("The database ended a statement that took too long. Nothing was written.")


class ConnectionLost(DatabaseFault):
    code = "database_connection_was_lost"
    message = _("The connection to the database was lost. Nothing was written.")


class GuardsMissing(DatabaseFault):
    """I-06, I-08: a write that the database doesn't record is no write."""

    code = "guards_are_missing"
    message = _("Nothing guards these records at this moment, as during a migration. Nothing was written.")


class TableChanged(DatabaseFault):
    code = "table_has_changed"
    message = _("The records have lost a column that is needed. Nothing was written.")
    passes = False


# SQLSTATE, its first two signs, or SQLite's primary code.
KINDS: dict[str | int, type[DatabaseFault]] = {
    **dict.fromkeys(("40001", "40P01", "55P03", 5, 6), Busy),  # serialisation, deadlock, lock; busy, locked
    **dict.fromkeys(("53100", 13), DiskFull),
    "57014": TookTooLong,
    **dict.fromkeys(("08", "25P03", "57P01", "57P02", "57P03"), ConnectionLost),
    **dict.fromkeys(("42703", "42P01"), TableChanged),
}
SQLITE_ERROR = 1
SQLITE_PRIMARY = 0xFF  # the rest of the code only tells more of the same
SHAPE = ("no such column", "no such table", "has no column")
# Errors of Django that say nothing of the values, but of the database, its connection or the statement itself.
NOT_OF_VALUES = (OperationalError, ProgrammingError, InternalError, NotSupportedError, InterfaceError)


def fault_of(error: BaseException) -> DatabaseFault:
    """The fault that an error of the database is."""
    if isinstance(error, DatabaseFault):
        return error
    kinds = (KINDS[sign] for sign in _signs(error) if sign in KINDS)
    return next(kinds, _without_sign(error))()


def of_code(code: str) -> type[DatabaseFault]:
    """The kind of fault that was kept under this code."""
    kinds: dict[str, type[DatabaseFault]] = {kind.code: kind for kind in DatabaseFault.__subclasses__()}
    return kinds.get(code, DatabaseFault)


def is_busy(error: BaseException) -> bool:
    return isinstance(fault_of(error), Busy)


def _signs(error: BaseException) -> Iterator[str | int]:
    cause = error.__cause__ or error
    state, number = getattr(cause, "sqlstate", None), getattr(cause, "sqlite_errorcode", None)
    if state:
        yield from (state, state[:2])
    if number:
        yield number & SQLITE_PRIMARY


def _without_sign(error: BaseException) -> type[DatabaseFault]:
    cause = error.__cause__ or error
    if getattr(cause, "sqlite_errorcode", None) == SQLITE_ERROR and any(part in str(cause) for part in SHAPE):
        return TableChanged
    # What a server says has a SQLSTATE; without one nobody answered.
    is_cut = isinstance(error, OperationalError) and getattr(cause, "sqlstate", "") is None
    return ConnectionLost if is_cut or isinstance(error, InterfaceError) else DatabaseFault
