"""Processes of our own that are killed, frozen or told to end just before a statement, or in the middle of it."""

from __future__ import annotations

import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from django.db import connection, connections

# How the statement begins by which a chunk writes its records; nothing else begins so.
CHUNK_WRITE = "WITH due" if connection.vendor == "postgresql" else 'UPDATE "accounts_payout"'
PATIENCE_SECONDS = 120  # nothing that is waited for here takes so long unless it never comes


def say(text: str) -> None:
    """What a run by hand wants to know, and a failure needs to be replayed; pytest shows it with -s or on a failure."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def die(*_args: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def freeze() -> None:
    os.kill(os.getpid(), signal.SIGSTOP)


def be_told_to_end() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def spawn(act: Callable[[], Any]) -> int:
    """Starts a process with connections of its own and doesn't wait; it ends with 0 where `act` raises nothing."""
    connections.close_all()
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            act()
            status = 0
        finally:
            os._exit(status)
    return pid


def ends_within(pid: int, seconds: float) -> bool:
    handle = os.pidfd_open(pid)
    try:
        return bool(select.select([handle], [], [], seconds)[0])
    finally:
        os.close(handle)


def ended(pid: int) -> int:
    """How a process ended: 0, its exit status, or minus the signal that killed it."""
    if not ends_within(pid, PATIENCE_SECONDS):
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        raise AssertionError(f"A process did not end within {PATIENCE_SECONDS} seconds.")
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def stopped(pid: int) -> bool:
    """Waits until a process is frozen, or has ended without."""
    return os.WIFSTOPPED(os.waitpid(pid, os.WUNTRACED)[1])


def until(what: Callable[[], Any], told: str) -> None:
    """Asks until it is so. For what another process's commit brings, which no event tells of."""
    last = time.monotonic() + PATIENCE_SECONDS
    while not what():
        if time.monotonic() > last:
            raise AssertionError(f"{told}: not within {PATIENCE_SECONDS} seconds.")
        time.sleep(0.02)


def at_statement(
    number: int, then: Callable[[], Any], act: Callable[[], Any], *, after: float = 0.0, of: str = ""
) -> Callable[[], None]:
    """`act`, with something that happens just before its statement of this number, or so many seconds later.

    With `of` only statements that begin so are counted.
    """

    def acting() -> None:
        seen = 0

        def count(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
            nonlocal seen
            is_meant = sql.lstrip().startswith(of)
            seen += is_meant
            if is_meant and seen == number:
                _now_or_later(then, after)
            return execute(sql, params, many, context)

        with connection.execute_wrapper(count):
            act()

    return acting


def _now_or_later(then: Callable[[], Any], after: float) -> None:
    if not after:
        then()
        return
    clock = threading.Timer(after, then)
    clock.daemon = True
    clock.start()


def statements_of(act: Callable[[], Any]) -> int:
    """How many statements `act` takes, in this process."""
    seen = 0

    def count(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        nonlocal seen
        seen += 1
        return execute(sql, params, many, context)

    with connection.execute_wrapper(count):
        act()
    return seen
