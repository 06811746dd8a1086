"""Rows of a batch, page by page, by the file's line: all of them, those with findings, the random sample, one record.

By keyset on the position, so that the last page of a million rows costs what the first one does.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import models
from django.db.models import Q, QuerySet
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from corrections.choices import ROW_APPLIED, RowStage, Verdict
from corrections.conf import limits
from corrections.errors import CorrectionError
from corrections.models import Batch, Change, Correction, RowFinding
from corrections.permissions import Rights
from corrections.registry import Entry, registry
from corrections.selectors import lists
from corrections.selectors.blind import Blind, blind_of
from corrections.selectors.changes import ChangeSheet, Live, change_sheets, live_rows


class Part(models.TextChoices):
    """Which rows are shown."""

    ALL = "", _("all rows")
    WARNED = "warned", _("with warnings")
    FAILED = "failed", _("not applied")
    SAMPLE = "sample", _("the random sample")


@dataclass(frozen=True)
class Finding:
    """What a machine says of one row, in the reader's language."""

    position: int
    stage: str
    verdict: str
    verdict_label: str
    code: str
    column: str
    value: str
    message: str
    pk: int = 0


@dataclass(frozen=True)
class Row:
    """One row of the batch: the change, what machines say of it, what became of it."""

    change: ChangeSheet
    findings: list[Finding]
    outcome: str  # "", "applied", or the code for which it was left out

    @property
    def position(self) -> int:
        return self.change.position

    @property
    def is_applied(self) -> bool:
        return self.outcome == ROW_APPLIED


@dataclass(frozen=True)
class RowPage:
    """A page by keys: the position that the next page starts after, and the one that the previous starts before."""

    rows: list[Row] = field(default_factory=list)
    after: int | None = None
    before: int | None = None


@dataclass(frozen=True)
class FindingPage:
    findings: list[Finding] = field(default_factory=list)
    after: str = ""
    is_first: bool = True


@dataclass(frozen=True)
class Looking:
    """Who looks at the rows of which batch, and which fields' new values are hidden from this account."""

    actor: Any
    rights: Rights
    correction: Correction
    batch: Batch
    hidden: frozenset[str] = frozenset()


def row_page(
    looking: Looking, *, part: str = "", find: str = "", after: int | None = None, before: int | None = None
) -> RowPage:
    """One page of the rows. `find` is a line of the file, or what identifies a record."""
    wanted = _positions(looking, part)
    if find:
        wanted &= _found(looking, find)
    of_it = Change.objects.filter(wanted, correction=looking.correction)
    changes, has_previous, has_next = _keyset(of_it, after, before)
    return RowPage(
        rows=rows_of(looking, changes),
        after=changes[-1].position if changes and has_next else None,
        before=changes[0].position if changes and has_previous else None,
    )


def rows_of(looking: Looking, changes: Sequence[Change], live: Live | None = None) -> list[Row]:
    """These changes as rows of a page, with their findings; in a number of queries that doesn't grow."""
    hidden: Blind = blind_of(looking.hidden, changes)
    live = live_rows(changes) if live is None else live
    sheets = change_sheets(looking.correction, changes, live, hidden, with_hanging=False)
    findings = _findings_of(looking.correction, [change.position for change in changes], hidden)
    outcomes = {change.position: change.outcome for change in changes}
    return [Row(sheet, findings.get(sheet.position, []), outcomes[sheet.position]) for sheet in sheets]


def first_warned(looking: Looking, most: int) -> list[Row]:
    """The first rows that a check says something of, failures before warnings."""
    said = RowFinding.objects.filter(correction=looking.correction, stage=RowStage.CHECK)
    told = said.exclude(verdict=Verdict.PASS).values_list("verdict", "position").distinct()
    found = list(told.order_by("verdict", "position")[: 2 * most])  # “fail” stands before “warn”
    return at_positions(looking, list(dict.fromkeys(position for _verdict, position in found))[:most])


def at_positions(looking: Looking, positions: Sequence[int]) -> list[Row]:
    """Rows by their lines, in the order given."""
    wanted = Change.objects.filter(correction=looking.correction, position__in=list(positions))
    by_position = {change.position: change for change in wanted}
    return rows_of(looking, [by_position[position] for position in positions if position in by_position])


def sampled(batch: Batch) -> list[int]:
    """Positions of the random sample, in order."""
    return sorted((batch.sample or {}).get("positions", []))


def _positions(looking: Looking, part: str) -> Q:
    if part == Part.SAMPLE:
        return Q(position__in=sampled(looking.batch))
    stage = {Part.WARNED.value: RowStage.CHECK, Part.FAILED.value: RowStage.APPLY}.get(part)
    if stage is None:
        return Q()
    said = RowFinding.objects.filter(correction=looking.correction, stage=stage).exclude(verdict=Verdict.PASS)
    return Q(position__in=said.order_by().values("position"))


def _found(looking: Looking, text: str) -> Q:
    """A line of the file by its number, and records by what their own list searches; none that one may not see."""
    entry = registry.get(looking.batch.target_model)
    positions = [int(text)] if text.isascii() and text.isdigit() and len(text) < 10 else []
    if entry is not None:
        positions += _of_records(looking, entry, text)
    return Q(position__in=positions)


def _of_records(looking: Looking, entry: Entry, text: str) -> list[int]:
    """Sought by the record alone: given the correction too, SQLite would rather walk through all of its rows."""
    try:
        records = lists.find(looking.actor, looking.rights, entry, text)
    except CorrectionError:
        return []
    keys = [str(record.pk) for record in records]
    if not keys:
        return []
    found = Change.objects.filter(target_model=entry.key, target_pk__in=keys).order_by()
    lines = found.values_list("correction_id", "position")
    return [position for correction, position in lines if correction == looking.correction.pk]


def _keyset(of_it: QuerySet[Change], after: int | None, before: int | None) -> tuple[list[Change], bool, bool]:
    """One page in order of position, and whether there are rows before and after it."""
    size = limits.PAGE_ROWS
    if before is not None:
        found = list(of_it.filter(position__lt=before).order_by("-position")[: size + 1])
        return found[:size][::-1], len(found) > size, True
    if after is not None:
        of_it = of_it.filter(position__gt=after)
    found = list(of_it.order_by("position")[: size + 1])
    return found[:size], after is not None and bool(found), len(found) > size


# Findings


def finding_page(
    correction: Correction, *, stage: str, code: str = "", column: str = "", after: str = "", is_bad: bool = False
) -> FindingPage:
    """One page of what machines say of rows at one stage; `after` is the key that a page before gave."""
    found = RowFinding.objects.filter(correction=correction, stage=stage)
    if is_bad:
        found = found.filter(verdict=Verdict.FAIL)
    if code:
        found = found.filter(code=code)
    if column:
        found = found.filter(column=column)
    position, pk = _finding_key(after)
    size = limits.PAGE_ROWS
    rest = found.filter(Q(position__gt=position) | Q(position=position, pk__gt=pk), position__gte=position)
    rows = list(rest.order_by("position", "pk")[: size + 1])
    shown = rows[:size]
    following = f"{shown[-1].position}-{shown[-1].pk}" if len(rows) > size else ""
    return FindingPage([_finding(row) for row in shown], following, is_first=not after)


def _finding_key(text: str) -> tuple[int, int]:
    position, _dash, pk = text.partition("-")
    are_numbers = all(part.isascii() and part.isdigit() and len(part) < 19 for part in (position, pk))
    return (int(position), int(pk)) if are_numbers else (0, 0)


def _findings_of(correction: Correction, positions: Iterable[int], hidden: Blind) -> dict[int, list[Finding]]:
    found: dict[int, list[Finding]] = defaultdict(list)
    wanted = RowFinding.objects.filter(correction=correction, position__in=list(positions))
    for row in wanted.order_by("position", "pk"):
        found[row.position].append(_finding(row, hidden))
    return found


def _finding(row: RowFinding, hidden: Blind | None = None) -> Finding:
    clean = hidden.clean if hidden is not None else str
    return Finding(
        position=row.position,
        stage=row.stage,
        verdict=row.verdict,
        verdict_label=row.get_verdict_display(),
        code=row.code,
        column=row.column,
        value=clean(row.value),
        message=clean(str((row.said or {}).get(get_language(), row.message))),
        pk=row.pk,
    )
