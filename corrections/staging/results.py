"""What became of every line of a batch's file: the file itself with a column for the verdict and one for the reason.

Who may see them is not asked here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from heapq import merge
from itertools import islice

from django.utils.translation import gettext as _

from corrections.checks import for_the_reader
from corrections.choices import ROW_APPLIED, RowStage, Verdict
from corrections.conf import limits
from corrections.engine.rows import entry_of
from corrections.files import Line, Table, open_table
from corrections.models import Batch, Correction, RowFinding
from corrections.protection import evidence
from corrections.registry import Entry
from corrections.staging.columns import LINE, PROBLEM, VERDICT, read_header
from corrections.staging.refusals import NoFile

Row = list[str]
Cells = tuple[str, ...]
Numbered = tuple[int, Cells]
RECORD = "record"
NUMBERED = "numbered"  # in Batch.reading: the file was put together by us, and says itself what each line's number is


def results(correction: Correction) -> Iterator[Row]:
    """The header, then every line of the file with its number, its verdict and what is wrong with it.

    A protected number is left out; brought back empty, it stays what the file said. A batch without a file tells of
    its records.
    """
    if not Batch.objects.filter(correction=correction, file__isnull=False).exists():
        yield from _of_records(correction)
        return
    entry, table = file_of(correction)
    columns = read_header(entry, table.reading.header)
    left_out = set(columns.ours.values())
    hidden = {place for name, place in columns.values.items() if entry.is_secret(name)}
    yield [*_without(table.reading.header, left_out, set()), LINE, VERDICT, PROBLEM]
    line_column = columns.ours.get(LINE) if correction.batch.reading.get(NUMBERED) else None
    for known, number, cells in _told(correction, numbered(table, line_column)):
        yield [*_without(cells, left_out, hidden), str(number), known.verdict(number), known.problems(number)]


def _told(correction: Correction, lines: Iterable[Numbered]) -> Iterator[tuple[_Known, int, Cells]]:
    rest = iter(lines)
    while lot := list(islice(rest, limits.BATCH_STAGE_ROWS)):
        known = _Known(correction, [number for number, _cells in lot])
        for number, cells in lot:
            yield known, number, cells


def _of_records(correction: Correction) -> Iterator[Row]:
    """A batch that came from no file: its records, in their order."""
    yield [RECORD, LINE, VERDICT, PROBLEM]
    changes = correction.changes.order_by("position").values_list("position", "target_label")
    # Findings on rows that are no change: of a record that may not be named, nothing is.
    alone = correction.row_findings.filter(stage=RowStage.STAGING).order_by("position")
    pairs = ((position, "") for position in alone.values_list("position", flat=True).distinct())
    rows = ((position, label) for position, label in changes.iterator(chunk_size=limits.BATCH_STAGE_ROWS))
    lines = ((number, (label,)) for number, label in merge(rows, pairs))
    for known, number, (label,) in _told(correction, lines):
        yield [label, str(number), known.verdict(number), known.problems(number)]


def file_of(correction: Correction) -> tuple[Entry, Table]:
    """The kind of record of a batch, and its file. Raises NoFile where it came from no file."""
    batch = Batch.objects.select_related("file").filter(correction=correction).first()
    if batch is None or batch.file is None:
        raise NoFile
    content = evidence.load(batch.file.sha256, batch.file.key_id)
    reading = batch.reading
    name = f"file.{reading.get('format', 'csv')}"
    return entry_of(batch.target_model), open_table(content, name, sheet=reading.get("sheet", ""))


def numbered(table: Table, line_column: int | None) -> Iterator[Numbered]:
    """Lines by the number under which they are known: that of the file's own column, if it has one."""
    for line in table.lines():
        yield number_of(line, line_column), line.cells


def number_of(line: Line, line_column: int | None) -> int:
    text = "" if line_column is None else line.cells[line_column]
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 9 else line.number


def _without(cells: Iterable[str], left_out: set[int], hidden: set[int]) -> Row:
    return ["" if place in hidden else cell for place, cell in enumerate(cells) if place not in left_out]


class _Known:
    """What is known of some lines, read in two statements."""

    def __init__(self, correction: Correction, numbers: list[int]) -> None:
        some = {"position__gte": min(numbers), "position__lte": max(numbers)}
        self.outcomes = dict(correction.changes.filter(**some).order_by().values_list("position", "outcome"))
        self.findings: dict[int, list[RowFinding]] = {}
        for finding in correction.row_findings.filter(**some).order_by("position", "pk"):
            self.findings.setdefault(finding.position, []).append(finding)

    def verdict(self, number: int) -> str:
        if number not in self.outcomes:
            found = self.findings.get(number, ())
            return _("bad row") if any(f.verdict == Verdict.FAIL for f in found) else _("already so")
        outcome = self.outcomes[number]
        if outcome == ROW_APPLIED:
            return _("applied")
        return _("not applied") if outcome else self._of_checks(number)

    def _of_checks(self, number: int) -> str:
        found = {finding.verdict for finding in self.findings.get(number, ()) if finding.stage == RowStage.CHECK}
        worst = Verdict.FAIL if Verdict.FAIL in found else Verdict.WARN if Verdict.WARN in found else None
        return _("good row") if worst is None else str(worst.label)

    def problems(self, number: int) -> str:
        """What was said of a line, with the column it is about."""
        found = [f for f in self.findings.get(number, ()) if f.verdict != Verdict.PASS]
        return " ".join(_said(finding) for finding in found)


def _said(finding: RowFinding) -> str:
    text = for_the_reader(finding.message, {"said": finding.said})
    return f"[{finding.column}] {text}" if finding.column else text
