"""While machines look at a large batch nobody is kept waiting, and no transaction is open."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from django.db import connection, connections

from accounts.correctable import PayoutCorrections
from accounts.models import Payout
from corrections.checks import Check, Finding, Subject, passed
from corrections.choices import State
from corrections.gate import recorded_write
from corrections.services import submit
from tests.corrections.services.batches import draft_rows, payouts
from tests.corrections.services.desk import Desk

SECONDS_MAX = 60  # far beyond what SQLite itself would wait for the lock
FOUND: dict[str, Any] = {}


class SomebodyElseWrites(Check):
    """Held open until another connection has written."""

    code = "somebody_else_writes"
    title = "somebody else writes"

    def look(self, subject: Subject) -> Finding:
        if "thread" not in FOUND:
            FOUND["in_transaction"] = connection.in_atomic_block
            FOUND["thread"] = thread = threading.Thread(target=_write, args=(FOUND["row"],))
            thread.start()
            thread.join(SECONDS_MAX)
            FOUND["is_done"] = not thread.is_alive()
        return passed("")


def _write(pk: int) -> None:
    try:
        with recorded_write(source="loan-core"):
            Payout.objects.filter(pk=pk).update(channel="B")
    finally:
        connections.close_all()


def test_another_connection_writes_while_machines_look(
    desk: Desk, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.CORRECTIONS_BATCH_AT_ONCE_ROWS_MAX = 10
    correction = draft_rows(desk, payouts(desk, 11))
    desk.attach(correction)
    FOUND.clear()
    FOUND["row"] = desk.payout().pk
    monkeypatch.setattr(PayoutCorrections, "checks", (*PayoutCorrections.checks, SomebodyElseWrites))
    submit(actor=desk.mara, correction=correction)
    assert (FOUND["in_transaction"], FOUND["is_done"]) == (False, True)
    assert Payout.objects.get(pk=FOUND["row"]).channel == "B"
    assert correction.state == State.SUBMITTED
