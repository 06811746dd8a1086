"""Workers killed anywhere in a batch of 20,000 rows: each row is written once, with history, images and result.

A round is one worker that is killed; after each of them every row is looked at. One batch takes the deaths of many
rounds, so that it is carried out by a row of workers none of which lives to its end. Rounds are drawn from a seed and
can be replayed: BATCH_KILL_SEED, BATCH_KILL_ROUNDS and BATCH_KILL_ROWS in the environment choose others.
The long run, on the database of DATABASE_URL:

    BATCH_KILL_ROUNDS=200 uv run pytest tests/concurrency/test_batch_kill.py tests/concurrency/test_web_kill.py
"""

from __future__ import annotations

import io
import os
import random
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from corrections.choices import State
from tests.concurrency import copies
from tests.concurrency.large_batch import CHUNKS, ROUNDS, ROWS, SEED, demand_applied, prepare, rows_done, the_batch
from tests.concurrency.processes import (
    CHUNK_WRITE,
    PATIENCE_SECONDS,
    at_statement,
    die,
    ended,
    ends_within,
    freeze,
    say,
    spawn,
    statements_of,
    stopped,
)

CHUNKS_LIVED = 2  # a worker is killed within so many chunks
WITHIN_SECONDS_MAX = 0.03  # half of all deaths come in the middle of a statement


@pytest.fixture(scope="module")
def prepared(django_db_setup: None, django_db_blocker: Any) -> Iterator[str]:
    with django_db_blocker.unblock(), copies.prepared("large", prepare) as name:
        yield name


@pytest.fixture
def large(prepared: str, transactional_db: None, settings: Any) -> str:
    """The name of what each round copies."""
    settings.CORRECTIONS_BATCH_LEASE_SECONDS = 1
    return prepared


def work() -> None:
    """The command, until the batch is over: what somebody else still has is waited for."""
    last = time.monotonic() + PATIENCE_SECONDS
    while the_batch().state == State.APPLYING:
        assert time.monotonic() < last, "The batch never came to its end."
        with suppress(CommandError):  # what was in the way stands on the batch
            call_command("run_worker", "--once", stdout=io.StringIO(), stderr=io.StringIO())
        time.sleep(0.02)


def killed_somewhere(chance: random.Random, statements: int) -> tuple[int, float]:
    """A statement, and how long it may run."""
    return chance.randint(1, statements), chance.choice((0.0, chance.uniform(0.001, WITHIN_SECONDS_MAX)))


def test_workers_that_are_killed_anywhere_leave_every_row_written_once(large: str) -> None:
    say(f"seed {SEED}, {ROUNDS} rounds, {ROWS} rows")
    with copies.copied(large, "round"):
        statements = statements_of(work)
        demand_applied()
    place = found = 0
    while place < ROUNDS:
        with copies.copied(large, "round"):
            while place < ROUNDS:
                statement, after = killed_somewhere(
                    random.Random(f"{SEED}:{place}"), statements * CHUNKS_LIVED // CHUNKS
                )
                say(f"round {place + 1}: killed at statement {statement}, {after:.4f} s")
                if ended(spawn(at_statement(statement, die, work, after=after))) == 0:
                    break  # the batch was over before
                place += 1
                found += 0 < rows_done() < ROWS
            assert ended(spawn(work)) == 0
            demand_applied()
    say(f"{place} workers killed, {found} of them between the first chunk and the last")
    assert found >= ROUNDS // 2


@pytest.mark.parametrize("workers", [2, 5])
def test_workers_at_once_of_which_one_is_killed_write_every_row_once(large: str, workers: int) -> None:
    chance = random.Random(f"{SEED}:{workers}")
    statement, after = killed_somewhere(chance, 40)
    say(f"seed {SEED}, one of {workers} killed at statement {statement}, {after:.4f} s")
    with copies.copied(large, "round"):
        pids = [spawn(work) for _ in range(workers - 1)]
        pids.append(spawn(at_statement(statement, die, work, after=after)))
        assert [ended(pid) for pid in pids[:-1]] == [0] * (workers - 1)
        assert ended(pids[-1]) in (0, -signal.SIGKILL)
        demand_applied()


def test_a_worker_that_freezes_within_a_chunk_and_wakes_writes_nothing_twice(large: str) -> None:
    """PostgreSQL gives its chunk to another worker when the lease is over; SQLite's others wait until it wakes."""
    with copies.copied(large, "round"):
        frozen = spawn(at_statement(1, freeze, work, of=CHUNK_WRITE))
        assert stopped(frozen)
        other = spawn(work)
        if connection.vendor == "postgresql":
            assert ended(other) == 0
            demand_applied()
            os.kill(frozen, signal.SIGCONT)
        else:
            assert not ends_within(other, 0.5)
            assert rows_done() == 0
            os.kill(frozen, signal.SIGCONT)
            assert ended(other) == 0
        assert ended(frozen) == 0
        demand_applied()
