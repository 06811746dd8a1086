"""What an error of the database is called: by its own code, never by its text where it has one."""

from __future__ import annotations

import sqlite3

import psycopg
import pytest
from django.db import InterfaceError, InternalError, OperationalError, ProgrammingError
from psycopg import errors

from corrections.engine.faults import DatabaseFault, fault_of, of_code


def sqlite_error(code: int, text: str = "") -> sqlite3.OperationalError:
    error = sqlite3.OperationalError(text)
    error.sqlite_errorcode = code
    return error


@pytest.mark.parametrize(
    ("error", "cause", "code", "passes"),
    [
        (OperationalError(), errors.DiskFull(), "database_disk_is_full", True),
        (OperationalError(), errors.QueryCanceled(), "statement_took_too_long", True),
        (OperationalError(), errors.DeadlockDetected(), "database_is_busy", True),
        (OperationalError(), errors.LockNotAvailable(), "database_is_busy", True),
        (OperationalError(), errors.AdminShutdown(), "database_connection_was_lost", True),
        (OperationalError(), errors.ConnectionFailure(), "database_connection_was_lost", True),
        (OperationalError(), psycopg.OperationalError("server closed"), "database_connection_was_lost", True),
        (InternalError(), errors.IdleInTransactionSessionTimeout(), "database_connection_was_lost", True),
        (InterfaceError("connection already closed"), None, "database_connection_was_lost", True),
        (OperationalError(), errors.TooManyConnections(), "database_failed", True),
        (ProgrammingError(), errors.InsufficientPrivilege(), "database_failed", True),
        (ProgrammingError(), errors.UndefinedColumn(), "table_has_changed", False),
        (ProgrammingError(), errors.UndefinedTable(), "table_has_changed", False),
        (OperationalError(), sqlite_error(5), "database_is_busy", True),
        (OperationalError(), sqlite_error(517), "database_is_busy", True),  # busy, with a stale snapshot
        (OperationalError(), sqlite_error(13), "database_disk_is_full", True),
        (OperationalError(), sqlite_error(10), "database_failed", True),
        (OperationalError(), sqlite_error(1, "no such column: t.purpose"), "table_has_changed", False),
        (OperationalError(), sqlite_error(1, "too many terms"), "database_failed", True),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_an_error_is_a_fault_by_its_code(error: Exception, cause: Exception | None, code: str, passes: bool) -> None:
    error.__cause__ = cause
    found = fault_of(error)
    assert (found.code, found.passes) == (code, passes)
    assert of_code(found.code) is type(found)


def test_what_was_kept_under_a_code_that_is_gone_is_a_fault_all_the_same() -> None:
    assert of_code("of_another_release") is DatabaseFault
