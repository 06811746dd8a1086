"""The job by which a queue wakes a worker for a batch: Procrastinate's, on PostgreSQL (installed there only).

A job says which batch to look at, and nothing else. What is to be done stands in the table of chunks, so a job that is
lost, delivered twice or taken up late does no harm: workers look by themselves as well.
"""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import make_password
from django.db import connection, transaction
from procrastinate.contrib.django import app
from procrastinate.exceptions import AlreadyEnqueued

from corrections.models import Correction
from corrections.services import batch_run

QUEUE = "batches"
ACTOR = "run_worker"
END_SECONDS_MAX = 60
_ending = threading.Event()  # told to end: the chunk under way is finished, and none begun


@app.task(name="corrections.carry_out", queue=QUEUE)
def carry_out(correction_id: int) -> None:
    """Chunks of one batch until none is due."""
    try:
        batch_run.lease()
        correction, actor = Correction.objects.filter(pk=correction_id).first(), _machine()
        worker = f"{socket.gethostname()}:{os.getpid()}"
        while (
            correction
            and not _ending.is_set()
            and batch_run.run_next(actor=actor, worker=worker, correction=correction) is not None
        ):
            continue
    finally:
        if not connection.in_atomic_block:
            connection.close()


def _machine() -> Any:
    nobody = {"kind": "machine", "password": make_password(None)}
    return get_user_model()._default_manager.get_or_create(username=ACTOR, defaults=nobody)[0]


def defer(correction_id: int) -> None:
    """Puts a job into the queue, in the caller's transaction; one that waits already is enough."""
    with suppress(AlreadyEnqueued), transaction.atomic():
        carry_out.configure(queueing_lock=f"batch-{correction_id}").defer(correction_id=correction_id)


@contextmanager
def listening() -> Iterator[None]:
    """Takes jobs in a thread of its own, as soon as PostgreSQL tells of them; at the end the one under way is done."""
    _ending.clear()
    loop = asyncio.new_event_loop()
    taking = loop.create_task(_take())
    thread = threading.Thread(target=_run, args=(loop, taking), daemon=True)
    thread.start()
    try:
        yield
    finally:
        _ending.set()
        loop.call_soon_threadsafe(taking.cancel)
        thread.join(END_SECONDS_MAX)
        if not thread.is_alive():  # it was for that thread alone: whoever carries out a batch later is not told to end
            _ending.clear()


def _run(loop: asyncio.AbstractEventLoop, taking: asyncio.Task[None]) -> None:
    with suppress(asyncio.CancelledError):
        loop.run_until_complete(taking)
    loop.close()


async def _take() -> None:
    connector: Any = app.connector
    with app.replace_connector(connector.get_worker_connector()) as taker:
        async with taker.open_async():
            await taker.run_worker_async(queues=[QUEUE], install_signal_handlers=False, delete_jobs="successful")
