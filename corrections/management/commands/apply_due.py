"""The command that applies approved corrections once their cool-off is over, where their policy says so."""

from __future__ import annotations

from argparse import RawDescriptionHelpFormatter
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from corrections.management.commands.expire_corrections import account
from corrections.services import clock

ACTOR = "apply_due"


class Command(BaseCommand):
    help = (
        "Apply every approved correction whose cool-off is over and whose policy applies it with the approval. "
        "Machines look again at each; one that fails is told with its reason, stays on record as failed, and the "
        "others go on. "
        "Safe to run twice; run it every few minutes.\n\n"
        "Example: manage.py apply_due"
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

    def handle(self, *, username: str, **options: Any) -> None:
        actor = account(username, ACTOR)
        done = clock.run_due(actor=actor, say=self.stdout.write, complain=self.stderr.write)
        self.stdout.write(f"{done.applied} corrections applied, {done.refused} failed or refused.")
        if done.refused:
            raise CommandError(f"{done.refused} corrections could not be applied; their reasons stand above.")
