"""The command that carries out large batches, chunk after chunk, on as many machines as one likes."""

from __future__ import annotations

import os
import socket
import threading
from argparse import RawDescriptionHelpFormatter
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import Error, close_old_connections, connection
from django.utils.timezone import localtime

from corrections.conf import limits
from corrections.engine.faults import fault_of
from corrections.errors import CorrectionError
from corrections.management.commands.expire_corrections import account, ended_by_signal, seconds
from corrections.models import Batch, Correction
from corrections.selectors.batch_progress import progress_of
from corrections.services import _wake, batch_run
from corrections.services.batch_faults import Kept

ACTOR = "run_worker"
EVERY_SECONDS = 5


class Command(BaseCommand):
    help = (
        "Carry out approved batches that are too large for one transaction: chunk after chunk, each with its history, "
        "images and results in one transaction. Any number of workers may run at once, on any machine that reaches "
        "the database; one that is killed leaves nothing half done, and the others go on. On PostgreSQL a queue wakes "
        "them at once (Procrastinate), on SQLite they look every few seconds. Stays until it is told to "
        "end (SIGTERM, Ctrl+C), and finishes the chunk that is under way.\n\n"
        "Example: manage.py run_worker --once"
    )

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        return super().create_parser(prog_name, subcommand, formatter_class=RawDescriptionHelpFormatter, **kwargs)

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--as",
            dest="username",
            default=ACTOR,
            help=f"account in whose name it is done (default: {ACTOR}, a machine)",
        )
        parser.add_argument("--once", action="store_true", help="end as soon as nothing is due")
        parser.add_argument(
            "--every",
            type=seconds,
            default=EVERY_SECONDS,
            metavar="SECONDS",
            help=f"look again after so many seconds when nothing is due (default: {EVERY_SECONDS})",
        )

    def handle(self, *, username: str, once: bool, every: int, **options: Any) -> None:
        actor = account(username, ACTOR)
        worker = f"{socket.gethostname()}:{os.getpid()}"
        if once:
            if self._round(actor, worker, threading.Event()):
                raise CommandError("A batch could not go on; the reason stands above.")
            return
        ended = ended_by_signal()
        with _wake.listening():
            while not ended.is_set():
                close_old_connections()
                self._round(actor, worker, ended)
                ended.wait(self._rest(every))
        self.stdout.write("Ended.")

    _misses = 0  # rounds in a row that ended with a refusal, or without a database

    def _rest(self, every: int) -> int:
        """Seconds until the next round: doubled with each miss in a row."""
        return min(every * 2**self._misses, max(every, limits.BATCH_FAULT_SECONDS_MAX))

    def _round(self, actor: Any, worker: str, ended: threading.Event) -> bool:
        """Chunks until none is due; whether something went wrong. A database that is gone for a moment ends the round.

        A fault that could be kept on its batch makes that batch wait, and no other.
        """
        is_kept_from = False
        try:
            batch_run.lease()
            while not ended.is_set() and (done := batch_run.run_next(actor=actor, worker=worker)) is not None:
                is_kept_from = is_kept_from or done.fault is not None
                self._say(done)
        except (CorrectionError, Error) as error:
            self._misses += 1
            self._complain_of(error)
            return True
        self._misses = 0
        return is_kept_from

    def _complain_of(self, error: CorrectionError | Error) -> None:
        if isinstance(error, CorrectionError):
            self.stderr.write(f"{error} ({error.code})")
            return
        connection.close()
        fault = fault_of(error)
        self.stderr.write(f"{fault} ({fault.code}) The worker tries again in its next round.")

    def _say(self, done: batch_run.Done) -> None:
        if done.fault is not None:
            self._complain(done.correction, done.fault)
            return
        batch = Batch.objects.select_related("correction").get(pk=done.correction.pk)
        found = progress_of(batch, batch.correction)
        if found is not None:
            rate = f", {found.rows_per_second:,.0f} rows/s" if found.rows_per_second else ""
            left = f", {found.left} left" if found.left else ""
            bad = f", {found.failed:,} left out" if found.failed else ""
            self.stdout.write(f"{done.correction}: {found.done:,} of {found.rows:,} rows{bad}{rate}{left}")
        if done.ended:
            self.stdout.write(f"{done.correction}: {done.ended}.")
        self.stdout.flush()

    def _complain(self, correction: Correction, kept: Kept) -> None:
        then = "Somebody else ended or paused the batch."
        if kept.is_paused:
            then = f"That was fault {kept.count} in a row: the batch is paused until somebody resumes it."
        elif kept.retry_at is not None:
            then = f"Fault {kept.count} in a row; tried again at {localtime(kept.retry_at):%H:%M:%S}."
        self.stderr.write(f"{correction}: {kept.fault} ({kept.fault.code}) {then}")
        self.stderr.flush()
