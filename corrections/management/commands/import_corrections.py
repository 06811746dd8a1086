"""`import_corrections`: a file of corrections becomes a draft, with its evidence; the work is in services/batch.py."""

from __future__ import annotations

from argparse import RawDescriptionHelpFormatter
from pathlib import Path
from time import monotonic
from typing import Any

from django.core.files import File
from django.core.management.base import BaseCommand, CommandError, CommandParser

from corrections.choices import EvidenceKind, OnBadRow, Reason, Verdict
from corrections.errors import CorrectionError
from corrections.management.commands.expire_corrections import account
from corrections.models import Correction
from corrections.services import attach_evidence, draft_batch
from corrections.services.submit import submitting

EVERY_ROWS, EVERY_SECONDS = 20_000, 5  # progress is told so often


class Command(BaseCommand):
    help = (
        "Make one correction of many records by a CSV or XLSX file: a column that says which record (its number or\n"
        "key), and one for each field to correct. An empty cell leaves a field as it is, (empty) clears it, and a\n"
        "column such as amount:now is compared with the present value.\n\n"
        "Every bad row is told with its line, its column and what to do. The correction stays a draft unless\n"
        "--submit is given; then it goes to the checkers like any other. The same file isn't taken a second time\n"
        "while the first correction is open, so the command is safe to run twice.\n\n"
        "Example: manage.py import_corrections payouts.csv --model accounts.payout --as mara --reason system_defect\n"
        '             --note "The mapping wrote the wrong bank code." --evidence receipt.pdf:channel_receipt'
    )

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        return super().create_parser(prog_name, subcommand, formatter_class=RawDescriptionHelpFormatter, **kwargs)

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", metavar="FILE", help="the CSV or XLSX file")
        parser.add_argument("--model", required=True, help="kind of record, as accounts.payout")
        parser.add_argument("--as", dest="username", required=True, metavar="USERNAME", help="the maker")
        parser.add_argument("--reason", required=True, choices=[*Reason.values], metavar="REASON", help=_any(Reason))
        parser.add_argument("--note", required=True, help="what is wrong, and how you know")
        parser.add_argument("--ticket", default="")
        parser.add_argument(
            "--evidence",
            action="append",
            default=[],
            metavar="FILE[:KIND]",
            help=f"a file that supports it, and its kind ({', '.join(EvidenceKind.values)}); may be repeated",
        )
        parser.add_argument("--expect", type=int, metavar="ROWS", help="how many rows the file must have")
        parser.add_argument("--sheet", default="", help="of a workbook with several sheets")
        parser.add_argument("--submit", action="store_true", help="ask for approval at once")
        parser.add_argument(
            "--on-bad-row",
            default=OnBadRow.FAIL_ALL.value,
            choices=[*OnBadRow.values],
            help="when a row is bad: fail_all applies nothing, skip leaves it out (default: fail_all)",
        )

    def handle(self, *, username: str, evidence: list[str], **options: Any) -> None:
        actor = account(username, "")
        papers = [_paper(given) for given in evidence]
        begun = monotonic()
        try:
            correction = self._drafted(actor, papers, options)
            self._tell(correction, monotonic() - begun)
            if options["submit"]:
                self._submit(actor, correction, options["on_bad_row"])
        except CorrectionError as refusal:
            raise CommandError(f"{refusal} ({refusal.code})") from refusal
        except OSError as problem:
            raise CommandError(f"{problem.filename}: {problem.strerror or problem}") from problem

    def _drafted(self, actor: Any, papers: list[tuple[Path, str]], options: dict[str, Any]) -> Correction:
        """The draft with its evidence, or neither."""

        def prove(correction: Correction) -> None:
            for paper, kind in papers:
                self._attach(actor, correction, paper, kind)

        path = Path(options["file"])
        with path.open("rb") as file:
            return draft_batch(
                actor=actor,
                model=options["model"],
                file=file,
                filename=path.name,
                reason=options["reason"],
                note=options["note"],
                ticket=options["ticket"],
                expected_rows=options["expect"],
                sheet=options["sheet"],
                progress=self._progress(),
                afterwards=prove,
            )

    def _progress(self) -> Any:
        """Says now and then how far it is."""
        told = 0

        def hear(rows: int) -> None:
            nonlocal told
            if rows - told >= EVERY_ROWS:
                told = rows
                self.stdout.write(f"{rows:,} rows read …")
                self.stdout.flush()

        return hear

    def _submit(self, actor: Any, correction: Correction, on_bad_row: str) -> None:
        """At a large batch it says now and then how far machines are with the rows."""
        told = monotonic()
        bad = correction.batch.bad_rows
        for step in submitting(actor=actor, correction=correction, on_bad_row=on_bad_row):
            if monotonic() - told >= EVERY_SECONDS or step.rows == step.of:
                told = monotonic()
                self.stdout.write(
                    f"{step.rows:,} of {step.of:,} rows looked at, {step.rows_per_second:,} a second, "
                    f"{step.seconds_left} s left …"
                )
                self.stdout.flush()
        failing = correction.batch.bad_rows - bad
        left = f" {failing:,} rows that a machine check fails stay out." if failing else ""
        self.stdout.write(f"Submitted as {correction.number}.{left}")

    def _attach(self, actor: Any, correction: Correction, path: Path, kind: str) -> None:
        with path.open("rb") as file:
            attach_evidence(actor=actor, correction=correction, file=File(file, name=path.name), kind=kind)

    def _tell(self, correction: Correction, seconds: float) -> None:
        bad = correction.row_findings.filter(verdict=Verdict.FAIL).order_by("position", "pk")
        for finding in bad.iterator():
            column = f" [{finding.column}]" if finding.column else ""
            self.stderr.write(f"line {finding.position}{column}: {finding.message} ({finding.code})")
        batch = correction.batch
        good = batch.rows - batch.bad_rows - batch.unchanged_rows
        self.stdout.write(
            f"Draft {correction.pk}: {batch.rows:,} rows, {good:,} to be corrected, "
            f"{batch.unchanged_rows:,} already so, {batch.bad_rows:,} bad ({seconds:.1f} s)."
        )


def _paper(given: str) -> tuple[Path, str]:
    path, colon, kind = given.rpartition(":")
    if not colon:
        return _existing(kind), EvidenceKind.DOCUMENT.value
    if kind not in EvidenceKind.values:
        if Path(given).is_file():
            return Path(given), EvidenceKind.DOCUMENT.value
        raise CommandError(f"{kind} is no kind of evidence. Known are {', '.join(EvidenceKind.values)}.")
    return _existing(path), kind


def _existing(name: str) -> Path:
    """Looked for before anything is begun."""
    path = Path(name)
    if not path.is_file():
        raise CommandError(f"{name}: there is no such file.")
    return path


def _any(choices: Any) -> str:
    return ", ".join(choices.values)
