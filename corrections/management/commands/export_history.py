"""`export_history`: the history report as a file, for somebody of compliance; the work is in services/export.py."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from argparse import RawDescriptionHelpFormatter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import IO, Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import translation

from corrections.choices import Reason, State
from corrections.errors import CorrectionError
from corrections.reports.filters import WRITTEN_BY, parse
from corrections.reports.writers import CSV, FORMATS
from corrections.services.export import Export, export_history

STDOUT = "-"


class Command(BaseCommand):
    help = (
        "Write the history report: one line per field change with before, after (masked), who made it, each\n"
        "signature, the evidence and the policy. Only compliance may; each export is an audit event.\n\n"
        "Days are days of the desk and both included. By a state in which nothing was written (rejected, say) the\n"
        "lines are what was asked for. CSV has stable codes, XLSX the words of --language.\n\n"
        "A cell that a spreadsheet would evaluate or convert begins with an apostrophe; invisible characters are\n"
        "written as \\uXXXX. Take away the one, replace the other, and the text is what it was.\n\n"
        "Example: manage.py export_history --as ana --from 2026-01-01 --to 2026-03-31 --branch Shanghai\n"
        "             --model accounts.payout --format xlsx --output quarter.xlsx"
    )

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        return super().create_parser(prog_name, subcommand, formatter_class=RawDescriptionHelpFormatter, **kwargs)

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--as", dest="username", required=True, metavar="USERNAME", help="who exports")
        parser.add_argument("--from", dest="since", default="", metavar="DAY", help="first day, as 2026-01-31")
        parser.add_argument("--to", dest="until", default="", metavar="DAY", help="last day")
        parser.add_argument("--branch", dest="scope", default="", help="name, code or key of a branch")
        parser.add_argument("--model", default="", help="kind of record, as accounts.payout")
        parser.add_argument("--record", default="", help="number or key of one record of that kind")
        parser.add_argument("--maker", default="", help="employee number or name")
        parser.add_argument("--checker", default="", help="employee number or name of anyone who decided")
        parser.add_argument("--reason", default="", choices=["", *Reason.values], metavar="REASON", help=_any(Reason))
        parser.add_argument("--state", default="", choices=["", *State.values], metavar="STATE", help=_any(State))
        parser.add_argument("--written-by", default="", choices=["", *WRITTEN_BY], help="corrections or systems")
        parser.add_argument("--format", default=CSV, choices=[*FORMATS], help="csv (default) or xlsx")
        parser.add_argument("--language", default=settings.LANGUAGE_CODE, choices=[*dict(settings.LANGUAGES)])
        parser.add_argument("--output", required=True, metavar="FILE", help="the file to make; - for standard output")
        parser.add_argument("--force", action="store_true", help="overwrite the file")

    def handle(self, *, username: str, output: str, force: bool, language: str, **options: Any) -> None:
        begun = monotonic()
        try:
            with translation.override(language), _published(output, force) as file:
                export = export_history(
                    actor=_account(username),
                    filters=parse(options),
                    format=options["format"],
                    file=file,
                    say=lambda count: self._say(options, f"{count:,} lines …"),
                )
        except CorrectionError as refusal:
            raise CommandError(f"{refusal} ({refusal.code})") from refusal
        except OSError as problem:
            raise CommandError(f"{output}: {problem.strerror or problem}") from problem
        self._say(options, _summary(export, monotonic() - begun))

    def _say(self, options: dict[str, Any], text: str) -> None:
        """On the error stream: standard output may be the report itself."""
        if options["verbosity"]:
            self.stderr.write(text, lambda text: text)


def _any(choices: Any) -> str:
    return "one of " + ", ".join(choices.values)


def _account(username: str) -> Any:
    found = get_user_model()._default_manager.filter(username=username).first()
    if found is None:
        raise CommandError(f"There is no account {username!r}.")
    return found


def _summary(export: Export, seconds: float) -> str:
    return f"{export.rows:,} lines, {export.size:,} bytes in {seconds:.1f} s, SHA-256 {export.sha256}"


@contextmanager
def _published(output: str, force: bool) -> Iterator[IO[bytes]]:
    """A private file that becomes `output` in one step once the block has ended well, and else disappears."""
    if output == STDOUT:
        with tempfile.TemporaryFile() as file:
            yield file
            file.seek(0)
            sys.stdout.flush()
            shutil.copyfileobj(file, sys.stdout.buffer)
            sys.stdout.buffer.flush()
        return
    target = Path(output)
    if target.is_dir():
        raise CommandError(f"{output} is a folder.")
    if target.exists() and not force:
        raise CommandError(f"{output} exists already; --force overwrites it.")
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=".part")
    try:
        with os.fdopen(handle, "w+b") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        _put(Path(name), target, force)
    finally:
        Path(name).unlink(missing_ok=True)


def _put(made: Path, target: Path, force: bool) -> None:
    if force:
        made.replace(target)
        return
    try:
        os.link(made, target)  # fails where something came there meanwhile, as a rename would not
    except FileExistsError:
        raise CommandError(f"{target} exists already; --force overwrites it.") from None
