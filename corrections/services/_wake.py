"""Tells a queue that a batch waits to be carried out, where there is one. The table of chunks alone says what is to be
done, so workers that look by themselves need no telling."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.apps import apps

QUEUE_APP = "procrastinate.contrib.django"


def tell(correction_id: int) -> None:
    """Wakes a worker, once the caller's transaction has committed."""
    if apps.is_installed(QUEUE_APP):
        from corrections.services import batch_jobs

        batch_jobs.defer(correction_id)


@contextmanager
def listening() -> Iterator[None]:
    """While this is open, the process takes up what it is woken for; without a queue nothing happens here."""
    if not apps.is_installed(QUEUE_APP):
        yield
        return
    from corrections.services import batch_jobs

    with batch_jobs.listening():
        yield
