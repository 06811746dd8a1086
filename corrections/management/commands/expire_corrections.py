"""The command that ends corrections nobody decided in time; it expires and can't decide (I-09)."""

from __future__ import annotations

from argparse import RawDescriptionHelpFormatter
from collections.abc import Iterator
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import make_password
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from corrections import services
from corrections.errors import CorrectionError
from corrections.models import Correction
from corrections.services.withdraw import EXPIRING

ACTOR = "expire_corrections"
SAID_EVERY = 100


class Command(BaseCommand):
    help = (
        "End every correction whose time for a decision is over. One that is on hold waits until it is released. "
        "Safe to run twice; run it daily.\n\n"
        "Example: manage.py expire_corrections --as night-shift"
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
        actor = self._actor(username)
        expired = refused = 0
        for correction in _over():
            try:
                services.expire(actor=actor, correction=correction)
                expired += 1
            except CorrectionError as refusal:
                # Decided, withdrawn or put on hold in this moment, or the actor may not: said, and the next one tried.
                refused += 1
                self.stderr.write(f"{correction}: {refusal} ({refusal.code})")
            if (expired + refused) % SAID_EVERY == 0:
                self.stdout.write(f"{expired + refused} looked at ...")
        self.stdout.write(f"{expired} corrections expired, {refused} refused.")
        if refused:
            raise CommandError(f"{refused} corrections could not be expired; their reasons stand above.")

    def _actor(self, username: str) -> Any:
        users = get_user_model()._default_manager
        if username == ACTOR:
            nobody = {"kind": "machine", "password": make_password(None)}
            return users.get_or_create(username=ACTOR, defaults=nobody)[0]
        found = users.filter(username=username).first()
        if found is None:
            raise CommandError(f"There is no account called {username}.")
        return found


def _over() -> Iterator[Correction]:
    rows = Correction.objects.filter(state__in=EXPIRING, is_held=False, expires_at__lte=timezone.now())
    return rows.order_by("pk").iterator()
