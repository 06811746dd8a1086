"""The command that makes a desk to look at and serves it on this machine only; the work is in backoffice.demo."""

from __future__ import annotations

import os
import socket
from argparse import RawDescriptionHelpFormatter
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.loaders.company import load_company
from backoffice import keys
from backoffice.demo import clock, database
from backoffice.demo.people import STAFF, STAFF_CARD, SUPERUSER, Member, declare_cards, hire
from backoffice.demo.stories import STORIES, tell
from corrections.roles import Role

HOST = "127.0.0.1"  # never anything else: the demo's passwords are printed
COMPANY = Path(settings.BASE_DIR) / "fixtures" / "company"


class Command(BaseCommand):
    help = (
        "Make a desk to look at, with a made-up company, staff and corrections in every state, and serve it on this "
        "machine. Run again, it goes on where it was. The database is the one of DATABASE_URL (default: an SQLite "
        "file in the checkout); one that is not empty and was not made by demo is refused.\n\n"
        "Example: manage.py demo --reset --port 8010"
    )
    requires_system_checks = ()  # before the tables are made, nothing can be checked

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        return super().create_parser(prog_name, subcommand, formatter_class=RawDescriptionHelpFormatter, **kwargs)

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--reset", action="store_true", help="empty the demo's own database first, and start over")
        parser.add_argument("--no-serve", action="store_true", help="only prepare the database")
        parser.add_argument("--port", type=int, default=8000, help="port on this machine (default: 8000)")

    def handle(self, *, reset: bool, no_serve: bool, port: int, **options: Any) -> None:
        if not no_serve:
            self._demand_servable(port)
        self._prepare(reset=reset)
        self._print_logins(None if no_serve else port)
        if not no_serve:
            self._serve(port)

    def _prepare(self, *, reset: bool) -> None:
        keys.make_demo_keys()
        try:
            if reset:
                database.wipe()
            token = database.claim()
        except database.ForeignDatabaseError as error:
            raise CommandError(str(error)) from error
        self._say("Making the tables ...")
        call_command("migrate", interactive=False, verbosity=0)
        database.sign(token)
        self._fill()

    def _fill(self) -> None:
        added = sum(load_company(COMPANY).values())
        self._say(f"The made-up company: {added} records added.")
        call_command("bootstrap_roles", verbosity=0, stdout=self.stdout)
        staff = hire(keys.demo_password())
        declare_cards(staff)
        for ticket in tell(staff):
            self._say(f"Corrections of ticket {ticket}, up to {max(STORIES)}")
        self._say(f"Notices put into inboxes: {clock.fill_inboxes()}")

    def _say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()

    def _demand_servable(self, port: int) -> None:
        if settings.SECURE_SSL_REDIRECT:
            raise CommandError(
                "The demo is served over plain HTTP on this machine, but these settings demand HTTPS. "
                "Unset SECRET_KEY and ALLOWED_HOSTS, or only prepare it with --no-serve."
            )
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except (OSError, OverflowError) as error:
                raise CommandError(f"Port {port} can't be used: {error}. Choose another one with --port.") from error

    def _print_logins(self, port: int | None) -> None:
        self._say(f"\n{'user name':<12}{'person':<14}role")
        for member in STAFF:
            self._say(f"{member.username:<12}{member.name:<14}{_described(member)}")
        self._say(f"\nCard that {STAFF_CARD[0]} declared, where no correction may send money: {STAFF_CARD[1]}")
        self._say(f"Password of them all: {keys.demo_password()}")
        if port is not None:
            self._say(f"Open http://{HOST}:{port}/ and sign in. Ctrl+C stops it; run again, it goes on.\n")

    def _serve(self, port: int) -> None:
        settings.CORRECTIONS_SITE_URL = f"http://{HOST}:{port}"  # the links of mails, which the demo prints
        clock.start()
        os.environ["DJANGO_RUNSERVER_HIDE_WARNING"] = "true"  # it warns of production, which this can't be
        call_command("runserver", f"{HOST}:{port}", use_reloader=False, skip_checks=True)


def _described(member: Member) -> str:
    if member.role == SUPERUSER:
        return "superuser: administers, decides nothing"
    return f"{Role(member.role).value.replace('_', ' ')}, {member.branch or 'everywhere'}"
