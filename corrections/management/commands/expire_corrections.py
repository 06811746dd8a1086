"""The command of the desk's clock: reminders, escalation, expiry, notices and mails; it can't decide (I-09)."""

from __future__ import annotations

import signal
import threading
from argparse import RawDescriptionHelpFormatter
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import make_password
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import Error, close_old_connections

from corrections.services import clock

ACTOR = "expire_corrections"


class Command(BaseCommand):
    help = (
        "One round of the desk's clock: end every correction whose time is over (undecided, returned and forgotten, or "
        "approved and not applied), remind of steps that wait, escalate them to the next group, put notices into "
        "people's inboxes, and mail them. What is on hold waits until it is released. Safe to run twice, and by two "
        "workers at once; run it every few minutes, or let it stay with --every.\n\n"
        "Example: manage.py expire_corrections --every 60"
    )

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        return super().create_parser(prog_name, subcommand, formatter_class=RawDescriptionHelpFormatter, **kwargs)

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--as",
            dest="username",
            default=ACTOR,
            help=f"account in whose name it is done: a machine's, or compliance's (default: {ACTOR}, a machine)",
        )
        parser.add_argument(
            "--every",
            type=seconds,
            metavar="SECONDS",
            help="go on, with so many seconds between two rounds, until the process is told to end (SIGTERM, Ctrl+C)",
        )

    def handle(self, *, username: str, every: int | None = None, **options: Any) -> None:
        actor = account(username, ACTOR)
        if every is None:
            refused = self._round(actor, threading.Event())
            if refused:
                raise CommandError(f"{refused} could not be done; the reasons stand above.")
            return
        ended = ended_by_signal()
        while not ended.is_set():
            close_old_connections()
            try:
                self._round(actor, ended)
            except Error as error:  # a database that is gone for a moment ends a round, not the clock
                self.stderr.write(f"The clock rests until its next round: {type(error).__name__}")
            ended.wait(every)
        self.stdout.write("Ended.")

    def _round(self, actor: Any, ended: threading.Event) -> int:
        """One round, told in a line; gives how many corrections refused."""
        done = clock.run(actor=actor, say=self.stdout.write, complain=self.stderr.write, is_over=ended.is_set)
        self.stdout.write(
            f"{done.expired} corrections expired, {done.reminded} reminded of, {done.escalated} escalated, "
            f"{done.refused} refused; {done.notices} notices, {done.mails} mails, {done.unsent} not sent."
        )
        self.stdout.flush()
        return done.refused


def seconds(text: str) -> int:
    """At least one second, at most a day."""
    number = int(text)
    if not 1 <= number <= 86_400:
        raise ValueError(text)
    return number


def account(username: str, machine: str) -> Any:
    """The account of this name; the command's own machine is made when it is needed first."""
    users = get_user_model()._default_manager
    if username == machine:
        nobody = {"kind": "machine", "password": make_password(None)}
        return users.get_or_create(username=machine, defaults=nobody)[0]
    found = users.filter(username=username).first()
    if found is None:
        raise CommandError(f"There is no account called {username}.")
    return found


def ended_by_signal() -> threading.Event:
    """An event that SIGTERM and Ctrl+C set: what is under way is finished, and nothing new is begun."""
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_args: ended.set())
    return ended
