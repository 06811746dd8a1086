"""`load_pkdd99`: the real bank of the PKDD'99 Discovery Challenge into our tables; the work is in accounts/loaders."""

from __future__ import annotations

from pathlib import Path
from time import monotonic
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.loaders.pkdd99 import Load, RowError, UnusableSourceError

BAD_ROWS_NAMED_MAX = 50


class Command(BaseCommand):
    help = (
        "Load the bank data of the PKDD'99 Discovery Challenge: branches, customers, accounts, holders, cards, loans, "
        "orders as payouts, and transactions as a double-entry journal. Rows that can't be used are named and left "
        "out. Safe to run twice or to interrupt: what is there already is left alone. "
        "Example: manage.py load_pkdd99 ../shared/data/berka"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("folder", metavar="DIR", type=Path, help="folder that holds district.asc and the others")
        parser.add_argument("--strict", action="store_true", help="exit non-zero when a row was left out")

    def handle(self, *args: Any, folder: Path, strict: bool, **options: Any) -> None:
        begun, self.bad_rows = monotonic(), 0
        load = Load(folder, say=self.stdout.write, bad=self._name)
        try:
            load.run()
        except UnusableSourceError as error:
            raise CommandError(str(error)) from error
        self._sum_up(load, monotonic() - begun)
        if strict and load.bad_rows:
            raise CommandError(f"{load.bad_rows:,} rows were left out.")

    def _name(self, problem: RowError) -> None:
        self.bad_rows += 1
        if self.bad_rows <= BAD_ROWS_NAMED_MAX:
            self.stderr.write(str(problem))
        elif self.bad_rows == BAD_ROWS_NAMED_MAX + 1:
            self.stderr.write(f"More than {BAD_ROWS_NAMED_MAX} bad rows: the rest is only counted.")

    def _sum_up(self, load: Load, seconds: float) -> None:
        if load.added:
            self.stdout.write(f"Loaded {load.added:,} records in {seconds:.1f} s; {load.bad_rows:,} bad rows.")
            self.stdout.write("Run manage.py bootstrap_roles to make the groups of new branches.")
        else:
            self.stdout.write(f"Nothing to add: everything is there already; {load.bad_rows:,} bad rows.")
