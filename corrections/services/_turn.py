"""Whose turn it is to write on SQLite, where one transaction writes at a time: whoever waits, gets in soon.

SQLite's own waiting asks again after a quarter of a second at worst, and a batch leaves the database alone for a few
milliseconds between two chunks: one correction by hand could wait for as long as the batch takes. So an act asks
every other millisecond, and a worker rests a part of the time that its chunk took. Nothing here knows corrections.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from django.db import OperationalError, connection, transaction

from corrections.conf import limits
from corrections.engine import faults

ASK_AGAIN_SECONDS = 0.002


@contextmanager
def begun() -> Iterator[None]:
    """A transaction, or a savepoint within one. Raises OperationalError once the database's own patience is over."""
    with ExitStack() as stack:
        if connection.vendor == "sqlite" and not connection.in_atomic_block:
            _enter_soon(stack)
        else:
            stack.enter_context(transaction.atomic())
        yield


def _enter_soon(stack: ExitStack) -> None:
    connection.ensure_connection()
    patience_ms = _patience_ms()
    until = time.monotonic() + patience_ms / 1000
    _be_patient_for(0)
    try:
        while not _entered(stack, until):
            time.sleep(ASK_AGAIN_SECONDS)
    finally:
        _be_patient_for(patience_ms)


def _entered(stack: ExitStack, until: float) -> bool:
    try:
        stack.enter_context(transaction.atomic())
    except OperationalError as error:
        if not faults.is_busy(error) or time.monotonic() > until:
            raise
        return False
    return True


def _patience_ms() -> int:
    return int(connection.connection.execute("PRAGMA busy_timeout").fetchone()[0])


def _be_patient_for(milliseconds: int) -> None:
    connection.connection.execute(f"PRAGMA busy_timeout = {milliseconds}")


def rest(seconds: float) -> None:
    """Lets others write for a while, after a chunk that took so long. PostgreSQL's writers wait for rows alone."""
    if connection.vendor == "sqlite":
        time.sleep(seconds * limits.BATCH_REST_PERCENT / 100)
