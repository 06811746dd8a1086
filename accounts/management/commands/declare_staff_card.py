"""`declare_staff_card`: a member of staff's card, so that no payout goes there; the work is in accounts/staff.py."""

from __future__ import annotations

import getpass
import sys
from typing import Any

from django.apps import apps
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.views.decorators.debug import sensitive_variables

from accounts.choices import StaffRelation
from accounts.staff import declare_card
from corrections.conf import person_model
from corrections.errors import CorrectionError


class Command(BaseCommand):
    help = (
        "Declare a card of a member of staff or of a relative: a correction that sends money there is refused. The "
        "number is read from standard input, so that no shell keeps it. Safe to run twice. "
        "Example: manage.py declare_staff_card --person E1001 < card.txt"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--person", metavar="EMPLOYEE_NO", required=True, help="whose declaration it is")
        parser.add_argument("--relative", action="store_true", help="the card is a relative's")

    @sensitive_variables()
    def handle(self, *args: Any, person: str, relative: bool, **options: Any) -> None:
        found = apps.get_model(person_model())._default_manager.filter(employee_no=person).first()
        if found is None:
            raise CommandError(f"Nobody has the employee number {person}.")
        number = getpass.getpass("Card number: ") if sys.stdin.isatty() else sys.stdin.readline().strip()
        relation = StaffRelation.RELATIVE if relative else StaffRelation.OWN
        try:
            card, is_new = declare_card(person=found, number=number, relation=relation)
        except CorrectionError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{card.number} of {found}: {'declared' if is_new else 'was declared already'}.")
