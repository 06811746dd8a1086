"""A process killed at any point of an apply leaves the correction before or after it, never between (I-08)."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import Any

from django.db import connection, connections
from django.db.backends.base.base import BaseDatabaseWrapper

from accounts.models import Payout
from corrections.choices import State
from corrections.models import AuditEvent, Correction, FieldHold
from tests.corrections.services.desk import Desk

STATEMENTS_MAX = 60


def in_a_child(act: Callable[[], None]) -> int:
    """Runs `act` in a forked process with a connection of its own; gives the signal that ended it, or 0."""
    connections.close_all()
    pid = os.fork()
    if pid == 0:
        try:
            act()
        finally:
            os._exit(0)
    _, status = os.waitpid(pid, 0)
    return os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0


def die(*args: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def approve_and_die_before(desk: Desk, correction: Correction, statement: int) -> None:
    seen = 0

    def count(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        nonlocal seen
        seen += 1
        if seen == statement:
            die()
        return execute(sql, params, many, context)

    with connection.execute_wrapper(count):
        desk.approve(correction)


def trace(payout: Payout, correction: Correction) -> dict[str, Any]:
    """Everything that an apply leaves behind."""
    stored = Correction.objects.get(pk=correction.pk)
    return {
        "state": stored.state,
        "bank": Payout.objects.get(pk=payout.pk).counterparty_bank,
        "history": payout.history.count(),
        "decisions": stored.decisions.count(),
        "image": stored.changes.get().after_image is not None,
        "events": AuditEvent.objects.filter(correction=stored).count(),
        "holds": FieldHold.objects.filter(correction=stored).count(),
    }


def test_killed_before_any_statement_nothing_has_happened(desk: Desk) -> None:
    payout = desk.payout()
    correction = desk.submitted(payout)
    before = trace(payout, correction)
    for statement in range(1, STATEMENTS_MAX):
        ended_by = in_a_child(lambda n=statement: approve_and_die_before(desk, correction, n))
        if ended_by == 0:
            break
        assert trace(payout, correction) == before, f"killed before statement {statement}"
    else:
        raise AssertionError("The sweep never came to the end of the apply.")
    assert statement > 15  # it swept over something
    after = trace(payout, correction)
    assert after == {
        "state": State.APPLIED,
        "bank": "CMB",
        "history": before["history"] + 1,
        "decisions": 1,
        "image": True,
        "events": before["events"] + 2,
        "holds": 0,
    }


def test_killed_at_the_commit_it_is_before_or_after(desk: Desk) -> None:
    commit = BaseDatabaseWrapper._commit

    def killed_before(wrapper: BaseDatabaseWrapper) -> None:
        die()

    def killed_after(wrapper: BaseDatabaseWrapper) -> None:
        commit(wrapper)
        die()

    for patched, expected in ((killed_before, State.SUBMITTED), (killed_after, State.APPLIED)):
        payout = desk.payout()
        correction = desk.submitted(payout)

        def act(wrapper: Any = patched, target: Correction = correction) -> None:
            BaseDatabaseWrapper._commit = wrapper
            desk.approve(target)

        assert in_a_child(act) == signal.SIGKILL
        found = trace(payout, correction)
        assert found["state"] == expected
        assert found["bank"] == ("CMB" if expected == State.APPLIED else "ICBC")
        assert found["image"] == (expected == State.APPLIED)


def test_after_a_kill_the_same_request_goes_through(desk: Desk) -> None:
    payout = desk.payout()
    correction = desk.submitted(payout)
    assert in_a_child(lambda: approve_and_die_before(desk, correction, 12)) == signal.SIGKILL
    desk.approve(correction)
    assert trace(payout, correction)["state"] == State.APPLIED
