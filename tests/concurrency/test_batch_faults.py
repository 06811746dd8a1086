"""Faults of the database within a chunk: told in a sentence, tried again, nothing lost and nothing half done.

A lasting one ends the batch with a stable code. Each is brought about by the database itself.
"""

from __future__ import annotations

import datetime as dt
import io
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest
import time_machine
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection, models

from accounts.models import Payout
from backoffice.staff.machines import machine
from corrections import services
from corrections.choices import AuditKind, State
from corrections.engine import gate, many
from corrections.engine.gate import migration
from corrections.models import AuditEvent, Batch, Chunk, Correction, FieldHold
from corrections.services import batch_faults, batch_run
from tests.concurrency import copies
from tests.concurrency.processes import at_statement, ended, spawn, until
from tests.corrections.services.batches import WORKER, banks, begun, payouts, work
from tests.corrections.services.desk import Desk

ROWS, CHUNK = 30, 10
WITHIN = 10  # a statement of a chunk that has begun
on_postgresql = pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has no such fault")
on_sqlite = pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL has no such fault")


@pytest.fixture(autouse=True)
def small_chunks(settings: Any) -> None:
    settings.CORRECTIONS_BATCH_AT_ONCE_ROWS_MAX = CHUNK
    settings.CORRECTIONS_BATCH_CHUNK_ROWS_SQLITE = CHUNK
    settings.CORRECTIONS_BATCH_CHUNK_ROWS_POSTGRESQL = CHUNK


@pytest.fixture
def targets(desk: Desk) -> list[Payout]:
    return payouts(desk, ROWS)


@pytest.fixture
def correction(desk: Desk, targets: list[Payout]) -> Correction:
    """Begun, with the first of its three chunks done."""
    found = begun(desk, targets)
    assert step() is not None
    return found


def step() -> batch_run.Done | None:
    return batch_run.run_next(actor=machine("run_worker"), worker=WORKER)


def batch_of(correction: Correction) -> Batch:
    return Batch.objects.get(correction=correction)


def demand_one_chunk_done(correction: Correction, targets: list[Payout]) -> None:
    assert banks(targets) == ["CMB"] * CHUNK + ["ICBC"] * (ROWS - CHUNK)
    assert Payout.history.filter(history_correction=correction.pk).count() == CHUNK
    assert correction.changes.filter(outcome="applied").count() == CHUNK
    assert Chunk.objects.filter(correction=correction, done_at__isnull=False).count() == 1
    assert FieldHold.objects.filter(correction=correction).count() == ROWS - CHUNK


def demand_all_done(correction: Correction, targets: list[Payout]) -> None:
    assert Correction.objects.get(pk=correction.pk).state == State.APPLIED
    assert banks(targets) == ["CMB"] * ROWS
    assert Payout.history.filter(history_correction=correction.pk).count() == ROWS
    assert correction.changes.filter(outcome="applied").count() == ROWS


def demand_told(done: batch_run.Done | None, correction: Correction, code: str) -> None:
    """Kept on the batch, which waits; nothing else happened."""
    assert done is not None
    assert done.fault is not None
    assert (done.fault.fault.code, done.fault.count, done.applied) == (code, 1, 0)
    batch = batch_of(correction)
    assert (batch.fault_code, batch.faults, batch.paused_at) == (code, 1, None)
    assert batch.retry_at == done.fault.retry_at
    assert step() is None  # not before that moment


def go_on(correction: Correction) -> None:
    """A worker that looks again when it is time."""
    with time_machine.travel(batch_of(correction).retry_at or dt.datetime.now(dt.UTC)):
        work(machine("run_worker"))


def execute(*statements: str) -> None:
    for statement in statements:
        with connection.cursor() as cursor:
            cursor.execute(statement)


@contextmanager
def trigger(body: str) -> Iterator[None]:
    """A trigger of PostgreSQL on the target table, before each statement that updates."""
    execute(
        f"CREATE FUNCTION trouble() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} RETURN NULL; END $$",
        "CREATE TRIGGER trouble BEFORE UPDATE ON accounts_payout FOR EACH STATEMENT EXECUTE FUNCTION trouble()",
    )
    try:
        yield
    finally:
        execute("DROP FUNCTION trouble CASCADE")


@contextmanager
def another_session() -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(**{**connection.get_connection_params(), "cursor_factory": psycopg.Cursor}) as other:
        yield other


@contextmanager
def full_disk() -> Iterator[None]:
    if connection.vendor == "postgresql":
        with trigger("RAISE 'could not extend file: No space left on device' USING ERRCODE = '53100';"):
            yield
        return
    execute("VACUUM")
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA page_count")
        [pages] = cursor.fetchone()
    execute(f"PRAGMA max_page_count = {pages}")
    try:
        yield
    finally:
        execute("PRAGMA max_page_count = 1000000000")


def test_a_full_disk_is_told_and_tried_again(correction: Correction, targets: list[Payout]) -> None:
    with full_disk():
        done = step()
        demand_told(done, correction, "database_disk_is_full")
    demand_one_chunk_done(correction, targets)
    go_on(correction)
    demand_all_done(correction, targets)


@on_postgresql
def test_a_statement_that_takes_too_long_is_told_and_tried_again(correction: Correction, targets: list[Payout]) -> None:
    with trigger("PERFORM pg_sleep(60);"):
        execute("SET statement_timeout = '1s'")
        demand_told(step(), correction, "statement_took_too_long")
        execute("SET statement_timeout = 0")
    demand_one_chunk_done(correction, targets)
    go_on(correction)
    demand_all_done(correction, targets)


@on_postgresql
def test_a_connection_that_is_cut_within_a_chunk_is_opened_again(correction: Correction, targets: list[Payout]) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        [backend] = cursor.fetchone()

    def cut() -> None:
        with another_session() as other:
            other.execute("SELECT pg_terminate_backend(%s, 10000)", [backend])

    found: list[batch_run.Done | None] = []
    at_statement(WITHIN, cut, lambda: found.append(step()))()
    demand_told(found[0], correction, "database_connection_was_lost")
    demand_one_chunk_done(correction, targets)
    go_on(correction)
    demand_all_done(correction, targets)


@on_postgresql
def test_a_worker_whose_session_was_ended_for_its_lease_goes_on_and_stops_nothing(
    settings: Any, correction: Correction, targets: list[Payout]
) -> None:
    """What the server says then is no refusal of the values."""
    settings.CORRECTIONS_BATCH_LEASE_SECONDS = 1
    batch_run.lease()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        [backend] = cursor.fetchone()

    def sleep_over_it() -> None:
        with another_session() as other:
            other.autocommit = True
            alive = "SELECT count(*) FROM pg_stat_activity WHERE pid = %s"
            until(lambda: other.execute(alive, [backend]).fetchone() == (0,), "the lease is over")

    found: list[batch_run.Done | None] = []
    at_statement(WITHIN, sleep_over_it, lambda: found.append(step()))()
    demand_told(found[0], correction, "database_connection_was_lost")
    demand_one_chunk_done(correction, targets)
    go_on(correction)
    demand_all_done(correction, targets)


@on_postgresql
def test_the_victim_of_a_deadlock_is_told_and_tried_again(correction: Correction, targets: list[Payout]) -> None:
    """Another session locks the same rows from the other end; it is patient, so the worker is the victim."""
    first, last = targets[CHUNK].pk, targets[2 * CHUNK - 1].pk
    lock = "SELECT 1 FROM accounts_payout WHERE id = %s FOR UPDATE"
    with another_session() as other, another_session() as watching:
        watching.autocommit = True
        other.execute("SET deadlock_timeout = '60s'")
        other.execute(lock, [last])

        def cross() -> None:
            waits = "SELECT count(*) FROM pg_locks WHERE NOT granted AND %s = ANY(pg_blocking_pids(pid))"
            until(lambda: watching.execute(waits, [other.info.backend_pid]).fetchone() != (0,), "the worker waits")
            other.execute(lock, [first])

        thread = threading.Thread(target=cross)
        thread.start()
        done = step()
        thread.join()
        other.rollback()
    demand_told(done, correction, "database_is_busy")
    demand_one_chunk_done(correction, targets)
    go_on(correction)
    demand_all_done(correction, targets)


@on_sqlite
def test_a_database_that_stays_locked_ends_the_round_with_a_sentence(
    correction: Correction, targets: list[Payout]
) -> None:
    said = io.StringIO()
    with closing(sqlite3.connect(connection.settings_dict["NAME"], isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        execute("PRAGMA busy_timeout = 50")
        with pytest.raises(CommandError):
            call_command("run_worker", "--once", stderr=said)
        other.execute("ROLLBACK")
    assert "Somebody else is writing the same records at this moment." in said.getvalue()
    assert "(database_is_busy)" in said.getvalue()
    demand_one_chunk_done(correction, targets)
    call_command("run_worker", "--once", stdout=io.StringIO())
    demand_all_done(correction, targets)


def test_nothing_is_written_while_a_migration_has_the_guards_off(correction: Correction, targets: list[Payout]) -> None:
    """I-06, I-08"""
    gate.drop()
    try:
        demand_told(step(), correction, "guards_are_missing")
    finally:
        gate.install()
    demand_one_chunk_done(correction, targets)
    go_on(correction)
    demand_all_done(correction, targets)


def test_after_so_many_faults_the_batch_is_paused_until_somebody_resumes_it(
    settings: Any, desk: Desk, correction: Correction, targets: list[Payout]
) -> None:
    settings.CORRECTIONS_BATCH_FAULTS_MAX = 3
    said = io.StringIO()
    with full_disk():
        for _ in range(3):
            moment = batch_of(correction).retry_at or dt.datetime.now(dt.UTC)
            with time_machine.travel(moment), pytest.raises(CommandError):
                call_command("run_worker", "--once", stderr=said)
    lines = said.getvalue().splitlines()
    assert [line.count("(database_disk_is_full)") for line in lines] == [1, 1, 1]
    assert "Fault 1 in a row; tried again at " in lines[0]
    assert "That was fault 3 in a row: the batch is paused until somebody resumes it." in lines[2]
    batch = batch_of(correction)
    assert batch.paused_at is not None
    assert step() is None
    event = AuditEvent.objects.get(correction=correction, kind=AuditKind.PAUSED)
    assert (event.detail["code"], event.detail["faults"]) == ("database_disk_is_full", 3)
    demand_one_chunk_done(correction, targets)
    services.resume_batch(actor=desk.eve, correction=correction, comment="There is room again.")
    batch.refresh_from_db()
    assert (batch.faults, batch.fault_code, batch.retry_at) == (0, "", None)
    work(machine("run_worker"))
    demand_all_done(correction, targets)


def test_a_chunk_that_is_done_ends_the_row_of_faults(correction: Correction) -> None:
    for _ in range(2):
        with time_machine.travel(batch_of(correction).retry_at or dt.datetime.now(dt.UTC)):
            with full_disk():
                done = step()
            assert done is not None
            assert done.fault is not None
            assert done.fault.count == 1
            with time_machine.travel(batch_of(correction).retry_at):  # type: ignore[arg-type]
                assert step() is not None


def test_a_batch_that_waits_after_a_fault_keeps_no_other_waiting(
    desk: Desk, correction: Correction, monkeypatch: pytest.MonkeyPatch
) -> None:
    second = begun(desk, payouts(desk, ROWS))
    real = many.apply_rows

    def failing(batch: Correction, *arguments: Any, **named: Any) -> Any:
        if batch.pk == correction.pk:
            raise OperationalError("out of something")
        return real(batch, *arguments, **named)

    monkeypatch.setattr(many, "apply_rows", failing)
    demand_first = step()
    assert demand_first is not None
    assert demand_first.fault is not None
    assert demand_first.fault.fault.code == "database_failed"
    assert [done.correction.pk for done in work(machine("run_worker"))] == [second.pk] * 3


def test_pauses_are_doubled_up_to_a_limit(settings: Any) -> None:
    settings.CORRECTIONS_BATCH_FAULT_SECONDS = 2
    settings.CORRECTIONS_BATCH_FAULT_SECONDS_MAX = 20
    assert [batch_faults.pause(count).total_seconds() for count in range(1, 7)] == [2, 4, 8, 16, 20, 20]


# A migration between approval and apply, as another process runs it. On a database of its own.


@pytest.fixture
def own_database(desk: Desk) -> Iterator[None]:
    """With the desk in it, and thrown away."""
    with copies.copied(copies.current(), "shape"):
        yield


def migrate(*statements: str) -> None:
    plan = [(SimpleNamespace(app_label="accounts", name="0099_shape"), False)]
    migration.before_migrate(using="default", plan=plan)
    for table in ("accounts_payout", "accounts_historicalpayout"):
        execute(*(statement.format(table=table) for statement in statements))
    migration.after_migrate(using="default", plan=plan)


ADD = "ALTER TABLE {table} ADD COLUMN colour varchar(9) NOT NULL DEFAULT 'grey'"


def knowing_the_column(act: Callable[[], Any]) -> Callable[[], Any]:
    """In a process of its own: the code of the release that brought the column."""

    def acting() -> None:
        for model in (Payout, Payout.history.model):
            models.CharField(max_length=9, default="grey").contribute_to_class(model, "colour")
        act()

    return acting


@pytest.mark.parametrize("is_restarted", [False, True], ids=["a worker of before", "a worker of after"])
def test_a_column_that_is_added_between_two_chunks_is_in_history_and_images(
    own_database: None, desk: Desk, is_restarted: bool
) -> None:
    targets = payouts(desk, ROWS)
    correction = begun(desk, targets)
    step()
    migrate(ADD)
    robot = machine("run_worker")
    act: Callable[[], Any] = lambda: work(robot)  # noqa: E731 (it is wrapped)
    assert ended(spawn(knowing_the_column(act) if is_restarted else act)) == 0
    demand_all_done(correction, targets)
    assert gate.missing() == []
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT colour FROM accounts_historicalpayout WHERE history_correction = {correction.pk}")
        assert cursor.fetchall() == [("grey",)] * ROWS
    last = correction.changes.order_by("-position").first()
    assert last is not None
    for image in (last.before_image, last.after_image):
        assert image is not None
        assert image.get("colour") == ("grey" if is_restarted else None)


@pytest.mark.parametrize("lost", ["DROP COLUMN purpose", "RENAME COLUMN counterparty_bank TO bank_code"])
@pytest.mark.parametrize(("chunks", "state"), [(1, State.STOPPED), (0, State.FAILED)])
def test_a_column_that_is_lost_ends_the_batch_with_a_code(
    own_database: None, desk: Desk, chunks: int, state: str, lost: str
) -> None:
    """Its own, or one that only images hold."""
    correction = begun(desk, payouts(desk, ROWS))
    for _ in range(chunks):
        step()
    migrate(f"ALTER TABLE {{table}} {lost}")
    work(machine("run_worker"))
    stored = Correction.objects.get(pk=correction.pk)
    assert (stored.state, stored.outcome_code) == (state, "table_has_changed")
    assert "lost a column" in stored.outcome_note
    assert not FieldHold.objects.filter(correction=correction).exists()
    assert stored.changes.filter(outcome="applied").count() == chunks * CHUNK
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM accounts_historicalpayout WHERE history_correction = {correction.pk}")
        assert cursor.fetchone() == (chunks * CHUNK,)
