"""The command that makes roles, their rights on every scope, and the first approval policy; the work is in roles.py."""

from __future__ import annotations

from argparse import RawDescriptionHelpFormatter
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from backoffice.staff.machines import machine
from backoffice.staff.models import User
from backoffice.staff.roles import bootstrap
from corrections.errors import CorrectionError
from corrections.services.policy import install_shipped
from corrections.services.role_request import appoint_user_admin


class Command(BaseCommand):
    help = (
        "Make one group per role and per role and scope, each with exactly its rights, and the first approval "
        "policy if there is none. Safe to run at any time; who is in which group is not touched.\n\n"
        "Examples:\n  manage.py bootstrap_roles --check\n"
        "  manage.py bootstrap_roles --user-admin una --user-admin udo"
    )

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        return super().create_parser(prog_name, subcommand, formatter_class=RawDescriptionHelpFormatter, **kwargs)

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--check", action="store_true", help="change nothing; exit with 1 when something differs")
        parser.add_argument(
            "--user-admin",
            action="append",
            default=[],
            metavar="USERNAME",
            help="make this account one of the first two user administrators, who then give all roles together",
        )

    def handle(self, *, check: bool, user_admin: list[str], **options: Any) -> None:
        with transaction.atomic():
            differences = bootstrap(change=not check)
            installed = None if check else install_shipped(actor=machine("bootstrap_roles"))
            for username in [] if check else user_admin:
                _appoint(username)
        if options["verbosity"]:
            for difference in differences:
                self.stdout.write(difference)
        if check and differences:
            raise CommandError(f"{len(differences)} differences from the roles as they should be.")
        policy = "; the shipped approval policy was installed" if installed else ""
        self.stdout.write(f"Roles are as they should be ({len(differences)} put right){policy}.")


def _appoint(username: str) -> None:
    account = User.objects.filter(username=username).first()
    if account is None:
        raise CommandError(f"There is no account {username}: a superuser opens it in the admin, for a person.")
    try:
        appoint_user_admin(actor=machine("bootstrap_roles"), account=account)
    except CorrectionError as error:
        raise CommandError(f"{username}: {error}") from error
