"""Several hands on one batch at once: pressed twice, paused or stopped while a chunk runs, workers told to end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.conf import settings as project
from django.core.management import call_command
from django.db import connection

from corrections import services
from corrections.choices import State
from corrections.models import Batch, Chunk, Correction
from corrections.services import _wake
from tests.concurrency.processes import (
    CHUNK_WRITE,
    PATIENCE_SECONDS,
    at_statement,
    be_told_to_end,
    ended,
    freeze,
    spawn,
    stopped,
    until,
)
from tests.concurrency.test_races import at_once, fresh
from tests.corrections.services.batches import banks, begun, draft_rows, payouts, submitted_rows
from tests.corrections.services.desk import Desk, put_policy_in_force

ROWS, CHUNK = 100, 10


@pytest.fixture(autouse=True)
def small_chunks(settings: Any, desk: Desk) -> None:
    put_policy_in_force(desk, [("checker", 1)])
    settings.CORRECTIONS_BATCH_AT_ONCE_ROWS_MAX = CHUNK
    settings.CORRECTIONS_BATCH_CHUNK_ROWS_SQLITE = CHUNK
    settings.CORRECTIONS_BATCH_CHUNK_ROWS_POSTGRESQL = CHUNK


def work(*more: str) -> None:
    call_command("run_worker", *more, stdout=open(os.devnull, "w"))  # noqa: SIM115 (its process ends)


def chunks_done(correction: Correction) -> int:
    """How many; raises where the rows say something else."""
    done = Chunk.objects.filter(correction=correction, done_at__isnull=False).count()
    assert correction.changes.filter(outcome="applied").count() == done * CHUNK
    return done


def demand_applied(correction: Correction, targets: list[Any]) -> None:
    assert fresh(correction).state == State.APPLIED
    assert banks(targets) == ["CMB"] * ROWS
    assert targets[0].__class__.history.filter(history_correction=correction.pk).count() == ROWS
    assert chunks_done(correction) == ROWS // CHUNK


def test_two_who_submit_one_batch_at_once_submit_it_once(desk: Desk) -> None:
    draft = draft_rows(desk, payouts(desk, ROWS))
    desk.attach(draft)
    results = at_once(*[partial(services.submit, actor=desk.mara, correction=fresh(draft)) for _ in range(3)])
    assert sorted(results) == ["correction_is_not_editable", "correction_is_not_editable", "done"]
    stored = fresh(draft)
    assert (stored.state, stored.revision) == (State.SUBMITTED, 1)
    assert stored.audit_events.filter(kind="submitted").count() == 1


def test_two_who_approve_one_batch_at_once_begin_it_once(desk: Desk) -> None:
    targets = payouts(desk, ROWS)
    correction = submitted_rows(desk, targets)
    results = at_once(
        partial(desk.approve, fresh(correction), actor=desk.chidi),
        partial(desk.approve, fresh(correction), actor=desk.carl),
    )
    assert sorted(results) == ["done", "illegal_state"]
    assert correction.decisions.count() == 1
    assert correction.chunks.count() == ROWS // CHUNK
    assert ended(spawn(partial(work, "--once"))) == 0
    demand_applied(correction, targets)


def while_a_chunk_runs(press: Callable[[], Any]) -> None:
    """A worker stands still within its first chunk while somebody presses a button; then it goes on to its end.

    On PostgreSQL the button is done at once, on SQLite it waits for the chunk.
    """
    worker = spawn(at_statement(1, freeze, partial(work, "--once"), of=CHUNK_WRITE))
    assert stopped(worker)
    hand = spawn(press)
    if connection.vendor == "postgresql":
        assert ended(hand) == 0
        os.kill(worker, signal.SIGCONT)
    else:
        os.kill(worker, signal.SIGCONT)
        assert ended(hand) == 0
    assert ended(worker) == 0


def test_a_pause_that_is_pressed_while_a_chunk_runs_lets_it_end_and_begins_no_other(desk: Desk) -> None:
    targets = payouts(desk, ROWS)
    correction = begun(desk, targets)
    while_a_chunk_runs(partial(services.pause_batch, actor=desk.eve, correction=correction, comment="Wait."))
    assert Batch.objects.get(correction=correction).paused_at is not None
    done = chunks_done(correction)
    assert 1 <= done < ROWS // CHUNK
    assert done == 1 or connection.vendor == "sqlite"
    assert ended(spawn(partial(work, "--once"))) == 0
    assert chunks_done(correction) == done
    services.resume_batch(actor=desk.eve, correction=fresh(correction))
    assert ended(spawn(partial(work, "--once"))) == 0
    demand_applied(correction, targets)


def test_a_stop_that_is_pressed_while_a_chunk_runs_ends_the_batch_with_that_chunk(desk: Desk) -> None:
    targets = payouts(desk, ROWS)
    correction = begun(desk, targets)
    while_a_chunk_runs(partial(services.stop_batch, actor=desk.eve, correction=correction, comment="Wrong file."))
    assert fresh(correction).state == State.STOPPED
    done = chunks_done(correction)
    assert 1 <= done < ROWS // CHUNK
    assert banks(targets) == ["CMB"] * done * CHUNK + ["ICBC"] * (ROWS - done * CHUNK)


def test_a_worker_that_is_told_to_end_finishes_its_chunk_and_begins_no_other(desk: Desk) -> None:
    targets = payouts(desk, ROWS)
    correction = begun(desk, targets)
    if apps.is_installed(_wake.QUEUE_APP):
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM procrastinate_jobs")  # so that no second thread carries out chunks beside it
    assert ended(spawn(at_statement(1, be_told_to_end, partial(work, "--every", "1"), of=CHUNK_WRITE))) == 0
    assert fresh(correction).state == State.APPLYING
    assert chunks_done(correction) == 1
    assert ended(spawn(partial(work, "--once"))) == 0
    demand_applied(correction, targets)


def address() -> str:
    """Of the database that this test writes."""
    given = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{given['NAME']}"
    return f"postgres://{given['USER']}:{given['PASSWORD']}@{given['HOST']}:{given['PORT']}/{given['NAME']}"


def started() -> subprocess.Popen[str]:
    """The command as a machine runs it."""
    command = [sys.executable, Path(project.BASE_DIR) / "manage.py", "run_worker", "--every", "1"]
    environment = {**os.environ, "DATABASE_URL": address()}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    return subprocess.Popen(command, env=environment, text=True, **pipes)  # noqa: S603


def test_two_workers_on_one_machine_of_which_one_is_killed_and_the_other_told_to_end(desk: Desk) -> None:
    workers = [started(), started()]
    try:
        targets = payouts(desk, ROWS)
        correction = begun(desk, targets)
        until(lambda: chunks_done_by(correction), "a worker takes up the batch by itself")
        [name, *_rest] = chunks_done_by(correction)
        killed = next(worker for worker in workers if name.endswith(f":{worker.pid}"))
        killed.kill()
        [other] = [worker for worker in workers if worker is not killed]
        until(lambda: fresh(correction).state == State.APPLIED, "the other one carries on")
        demand_applied(correction, targets)
        other.terminate()
        said, _nothing = other.communicate(timeout=PATIENCE_SECONDS)
        assert other.returncode == 0, said
        assert said.endswith("Ended.\n")
    finally:
        for worker in workers:
            worker.kill()
            worker.communicate()


def chunks_done_by(correction: Correction) -> list[str]:
    return sorted(Chunk.objects.filter(correction=correction).exclude(worker="").values_list("worker", flat=True))
