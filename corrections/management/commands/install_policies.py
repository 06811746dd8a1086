"""The command that installs a shipped set of approval policies, or drafts the correction that brings it into force."""

from __future__ import annotations

from argparse import RawDescriptionHelpFormatter
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from corrections.choices import OPEN, Reason, State
from corrections.errors import CorrectionError
from corrections.management.commands.expire_corrections import account
from corrections.models import Correction, Policy
from corrections.services.policy import PROFILES, draft_profile, install_shipped

ACTOR = "install_policies"


class Command(BaseCommand):
    help = (
        "Install a shipped set of approval policies where there is none: `standard`, or `lite` (four eyes, evidence, "
        "nothing else) for a small company. Where policies are in force nothing is overwritten: a change of them is a "
        "correction. With --as the command drafts that correction in the name of a policy administrator, who attaches "
        "the evidence and submits it in the admin. Safe to run twice.\n\n"
        "Example: manage.py install_policies --profile lite\n"
        "Example: manage.py install_policies --profile lite --as zhao.min"
    )

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        return super().create_parser(prog_name, subcommand, formatter_class=RawDescriptionHelpFormatter, **kwargs)

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--profile", choices=PROFILES, default="standard", help="default: standard")
        parser.add_argument(
            "--as", dest="username", default="", help="policy administrator in whose name the correction is drafted"
        )

    def handle(self, *, profile: str, username: str, **options: Any) -> None:
        try:
            with transaction.atomic():
                self.stdout.write(self._drafted(profile, username) if Policy.objects.exists() else _installed(profile))
        except CorrectionError as error:
            raise CommandError(f"{error} ({error.code})") from error

    def _drafted(self, profile: str, username: str) -> str:
        if not username:
            raise CommandError(
                "There are approval policies, and they are not overwritten: changing them is a correction. Name the "
                "policy administrator who asks for it with --as."
            )
        actor = get_user_model()._default_manager.filter(username=username).first()
        if actor is None:
            raise CommandError(f"There is no account called {username}.")
        note = f"The shipped policies “{profile}” are to hold in place of those in force."
        open_one = Correction.objects.filter(maker=actor, note=note, state__in=(State.DRAFT, *OPEN)).first()
        if open_one is not None:
            return f"Correction {open_one.number or open_one.pk} asks for that already; nothing was drafted."
        draft = draft_profile(actor=actor, profile=profile, reason=Reason.PROCESS_GAP, note=note)
        if draft is None:
            return f"The policies “{profile}” are in force already; nothing was drafted."
        return (
            f"Drafted correction {draft.pk} with {draft.changes.count()} changes in the name of {username}. Attach the "
            "evidence and submit it in the admin; the policies in force hold until it is signed."
        )


def _installed(profile: str) -> str:
    added = install_shipped(actor=account(ACTOR, ACTOR), profile=profile)
    return f"{len(added)} approval policies of the profile “{profile}” were installed."
