"""The queue that wakes workers, where the database has one; the table of chunks stays the truth."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest
from django.apps import apps
from django.db import connection, transaction

from corrections.choices import State
from corrections.models import Correction
from corrections.services import _wake
from tests.corrections.services.batches import banks, begun, payouts
from tests.corrections.services.desk import Desk, make_desk

has_queue = pytest.mark.skipif(not apps.is_installed(_wake.QUEUE_APP), reason="SQLite has no queue")
PATIENCE_SECONDS = 20


@pytest.fixture(autouse=True)
def small_chunks(settings: Any) -> None:
    settings.CORRECTIONS_BATCH_AT_ONCE_ROWS_MAX = 10
    settings.CORRECTIONS_BATCH_CHUNK_ROWS_SQLITE = 3
    settings.CORRECTIONS_BATCH_CHUNK_ROWS_POSTGRESQL = 3


def waiting() -> list[dict[str, Any]]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT args FROM procrastinate_jobs WHERE status = 'todo' ORDER BY id")
        return [args for (args,) in cursor.fetchall()]


def empty() -> None:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM procrastinate_jobs")


def test_the_queue_is_installed_on_postgresql_alone() -> None:
    assert apps.is_installed(_wake.QUEUE_APP) == (connection.vendor == "postgresql")


@pytest.mark.django_db
def test_without_a_queue_nobody_is_woken_and_nothing_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apps, "is_installed", lambda name: False)
    _wake.tell(1)
    with _wake.listening():
        pass


@has_queue
@pytest.mark.django_db
def test_a_batch_that_begins_leaves_one_job_in_the_same_transaction(desk: Desk) -> None:
    empty()
    correction = begun(desk, payouts(desk, 11))
    with transaction.atomic():
        _wake.tell(correction.pk)  # one that waits already is enough
    assert waiting() == [f'{{"correction_id": {correction.pk}}}'] or waiting() == [{"correction_id": correction.pk}]


@has_queue
@pytest.mark.django_db
def test_a_job_that_comes_twice_or_for_nothing_does_no_harm(desk: Desk) -> None:
    from corrections.services.batch_jobs import carry_out

    with _wake.listening():
        pass  # a worker of this process that has ended tells nobody else to end
    targets = payouts(desk, 11)
    correction = begun(desk, targets)
    for pk in (correction.pk, correction.pk, 10**9):
        carry_out(pk)
    assert banks(targets) == ["CMB"] * 11
    assert Correction.objects.get(pk=correction.pk).state == State.APPLIED


@has_queue
@pytest.mark.django_db(transaction=True)
def test_a_worker_that_listens_is_woken_by_the_job() -> None:
    desk = make_desk()
    empty()
    before = threading.active_count()
    with _wake.listening():
        time.sleep(1)
        targets = payouts(desk, 11)
        correction = begun(desk, targets)
        until = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < until and banks(targets) != ["CMB"] * 11:
            time.sleep(0.1)
        assert banks(targets) == ["CMB"] * 11
    assert Correction.objects.get(pk=correction.pk).state == State.APPLIED
    assert threading.active_count() <= before + 1  # asyncio keeps a pool of threads


@has_queue
@pytest.mark.django_db
def test_a_job_whose_worker_is_told_to_end_finishes_its_chunk_and_begins_no_other(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    from corrections.services import batch_jobs

    real = batch_jobs.batch_run.run_next

    def told_meanwhile(**named: Any) -> Any:
        batch_jobs._ending.set()
        return real(**named)

    monkeypatch.setattr(batch_jobs, "_ending", threading.Event())
    monkeypatch.setattr(batch_jobs.batch_run, "run_next", told_meanwhile)
    correction = begun(desk, payouts(desk, 11))
    batch_jobs.carry_out(correction.pk)
    assert correction.chunks.filter(done_at__isnull=False).count() == 1
