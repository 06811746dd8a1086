"""On SQLite one writes at a time: whoever waits for a batch gets in between two of its chunks, or is told in time."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection

from corrections.conf import limits
from corrections.errors import CorrectionError
from corrections.services import _turn, batch_run
from tests.corrections.services.batches import begun, payouts
from tests.corrections.services.desk import Desk

on_sqlite = pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL's writers wait for rows alone")


@contextmanager
def another_writes() -> Iterator[sqlite3.Connection]:
    """Another session is within a transaction that writes."""
    other = sqlite3.connect(connection.settings_dict["NAME"], isolation_level=None, check_same_thread=False, uri=True)
    other.execute("BEGIN IMMEDIATE")
    try:
        yield other
    finally:
        other.close()


def patience_ms() -> int:
    connection.ensure_connection()
    return int(connection.connection.execute("PRAGMA busy_timeout").fetchone()[0])


@on_sqlite
def test_an_act_waits_for_whoever_writes_and_then_goes_on(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    payout, before, asked = desk.payout(), patience_ms(), threading.Event()
    wait = _turn.time.sleep
    monkeypatch.setattr(_turn.time, "sleep", lambda seconds: (asked.set(), wait(seconds)))
    with another_writes() as other:
        threading.Thread(target=lambda: (asked.wait(30), other.execute("ROLLBACK"))).start()
        assert desk.draft(payout).pk
    assert asked.is_set()
    assert patience_ms() == before


@on_sqlite
def test_an_act_that_waited_for_too_long_is_told_so_and_writes_nothing(desk: Desk) -> None:
    payout, before = desk.payout(), patience_ms()
    connection.connection.execute("PRAGMA busy_timeout = 20")
    try:
        with another_writes(), pytest.raises(CorrectionError) as refused:
            desk.draft(payout)
        assert refused.value.code == "database_is_busy"
        assert patience_ms() == 20
    finally:
        connection.connection.execute(f"PRAGMA busy_timeout = {before}")
    assert desk.draft(payout).pk


def test_a_worker_rests_a_part_of_the_time_that_its_chunk_took_where_one_writes_at_a_time(
    desk: Desk, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.CORRECTIONS_BATCH_AT_ONCE_ROWS_MAX = settings.CORRECTIONS_BATCH_CHUNK_ROWS_SQLITE = 1
    settings.CORRECTIONS_BATCH_CHUNK_ROWS_POSTGRESQL = 1
    correction, rested = begun(desk, payouts(desk, 3)), list[float]()
    monkeypatch.setattr(_turn.time, "sleep", rested.append)
    done = batch_run.run_next(actor=desk.eve, worker="w-1", correction=correction)
    assert done is not None
    assert [seconds > 0 for seconds in rested] == ([True] if connection.vendor == "sqlite" else [])
    rested.clear()
    _turn.rest(20.0)
    assert rested == ([20.0 * limits.BATCH_REST_PERCENT / 100] if connection.vendor == "sqlite" else [])
