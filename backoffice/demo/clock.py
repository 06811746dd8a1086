"""The demo's clock: a thread beside the server in place of a company's scheduler and workers, so that inboxes live."""

from __future__ import annotations

import logging
import threading

from django.db import Error, close_old_connections, connections

from backoffice.staff.machines import machine
from corrections.errors import CorrectionError
from corrections.services import batch_run, clock, notices

EVERY_SECONDS = 10
CLOCK, DUE, WORKER = "expire_corrections", "apply_due", "run_worker"
log = logging.getLogger(__name__)


def fill_inboxes() -> int:
    """Notices of the stories, which are mailed to nobody."""
    return notices.distribute(actor=machine(CLOCK), with_mails=False)


def start() -> threading.Event:
    """Starts the thread; it ends with the process, or when the event is set."""
    ended = threading.Event()
    threading.Thread(target=_run, args=(ended,), name="clock", daemon=True).start()
    return ended


def _run(ended: threading.Event) -> None:
    """A database that is gone for a moment ends a round, not the clock."""
    while not ended.wait(EVERY_SECONDS):
        close_old_connections()
        try:
            clock.run(actor=machine(CLOCK), complain=log.warning, is_over=ended.is_set)
            clock.run_due(actor=machine(DUE), complain=log.warning, is_over=ended.is_set)
            _carry_out(ended)
        except CorrectionError as refusal:
            log.warning("A batch could not go on: %s", refusal.code)
        except Error as error:
            log.warning("The clock rests until its next round: %s", type(error).__name__)
        finally:
            connections.close_all()


def _carry_out(ended: threading.Event) -> None:
    """Chunks of large batches, as `run_worker` does them."""
    while not ended.is_set() and batch_run.run_next(actor=machine(WORKER), worker="demo"):
        continue
