"""Applies a range of a batch by sets: compare, then set, with exact row counts; both images and the outcome in one go.

I-04, I-09 and I-10 as in engine/apply.py, whose refusals these are; I-12: it leaves the same rows, history and images.
The caller has opened the gate and a transaction; on any error it rolls all of this back.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from django.db import DatabaseError, transaction
from django.utils.translation import gettext_lazy as _

from corrections.checks import in_every_language
from corrections.choices import OnBadRow, RowStage, Verdict
from corrections.conf import limits
from corrections.engine import rows
from corrections.engine.apply import AfterImageDiffers, DatabaseRefused, RowCountDiffers
from corrections.engine.faults import NOT_OF_VALUES
from corrections.engine.in_sets.sets import Range, Sets, sets_of
from corrections.errors import Conflict
from corrections.models import Change, Correction, RowFinding


class TooManyRefused(Conflict):
    """I-15: the database refuses so many rows that they are not the exception."""

    code = "too_many_rows_refused"
    message = _(
        "The database refused more than %(max)s rows: they would break rules between records. Look for one cause."
    )


# Why a row was left out, for the list of results.
BECAUSE = {
    rows.RecordNotFound.code: rows.RecordNotFound.message,
    rows.ValueChanged.code: _("The record was changed meanwhile. Look at the present values and request again."),
    DatabaseRefused.code: _("The database refused the new values: they would break a rule between records."),
}


@dataclass(frozen=True)
class Applied:
    """How many rows of a range were written, and how many were left out with a code."""

    applied: int
    failed: int


def apply_rows(correction: Correction, first: int, last: int, *, on_bad_row: str) -> Applied:
    """Applies the changes at these positions of which nothing became yet, and keeps images and outcomes.

    With `fail_all` the first row that is gone or has moved on raises RecordNotFound or ValueChanged, and what the
    database refuses raises DatabaseRefused. With `skip` such rows get their code as outcome and a finding.
    """
    attempt = Attempt(sets_of(correction), Range(first, last), keep=True)
    applied = attempt.carry_out(on_bad_row)
    _tell(correction, attempt.bad)
    return Applied(applied, len(attempt.bad))


def rehearse_rows(correction: Correction, first: int, last: int, *, on_bad_row: str) -> list[tuple[int, str]]:
    """The real writes, taken back whole, history included: what would fail then, fails now.

    Gives position and code of each row that `skip` would leave out; raises what apply would raise with `fail_all`.
    Nothing is written to the changes, so it can be asked before they may be.
    """
    attempt = Attempt(sets_of(correction), Range(first, last), keep=False)
    using = attempt.sets.connection.alias
    with transaction.atomic(using=using):
        attempt.carry_out(on_bad_row)
        transaction.set_rollback(True, using=using)
    return sorted(attempt.bad)


def stale_rows(correction: Correction, first: int, last: int) -> list[tuple[int, str]]:
    """Position and code of each row that can't be applied now: `record_not_found`, `value_changed_since_request`."""
    return sets_of(correction).stale(Range(first, last))


def put_before_images(correction: Correction, first: int, last: int) -> int:
    """Keeps the live rows as before-images; gives how many there were. A row that is gone keeps none."""
    return sets_of(correction).put_before_images(Range(first, last))


@dataclass
class Attempt:
    """One way through a range: for good, or to see what would happen. `bad` are the rows that are left out."""

    sets: Sets
    within: Range
    keep: bool
    bad: list[tuple[int, str]] = field(default_factory=list)

    def carry_out(self, on_bad_row: str) -> int:
        """Gives the number of rows that were written."""
        if on_bad_row == OnBadRow.SKIP:
            return self._write_what_fits(self.within)
        try:
            return self._write(self.within)
        except (RowCountDiffers, DatabaseRefused):
            self._demand_fresh()
            raise

    def _write(self, within: Range) -> int:
        """All rows of a range, or nothing. Raises RowCountDiffers, AfterImageDiffers or DatabaseRefused."""
        with _refusals(), transaction.atomic(using=self.sets.connection.alias):
            declared = self.sets.named("new", within).total
            if not declared:
                return 0
            written, held = self.sets.write(within, keep=self.keep)
            if written != declared:
                raise RowCountDiffers(record=_of(self.sets))
            if held != written:
                raise AfterImageDiffers(record=next(iter(self.sets.differing(within)), _of(self.sets)))
            self._demand_references(within)
        return declared

    def _demand_references(self, within: Range) -> None:
        """Deferred rules are asked now, not at a commit that could only fail with a server error."""
        if self.sets.connection.vendor == "postgresql":
            self.sets.connection.check_constraints()
            return
        # SQLite has no way to check only these rows, so each reference that was written is looked up.
        for name in self.sets.broken_references(within):
            raise DatabaseRefused(field=name)

    def _demand_fresh(self) -> None:
        """Raises RecordNotFound or ValueChanged for the first row that is gone or has moved on, as one row would."""
        for position, _code in self.sets.stale(self.within):
            change = Change.objects.get(correction=self.sets.correction, position=position)
            found = rows.locked(self.sets.entry, [change.target_pk])
            rows.demand_unchanged(self.sets.entry, change, found.get(change.target_pk))

    def _write_what_fits(self, within: Range) -> int:
        try:
            return self._write(within)
        except RowCountDiffers:
            stale = self.sets.stale(within)
            if not stale:
                raise
            self._leave_out(stale)
            return self._write_what_fits(within)
        except DatabaseRefused:
            return self._write_halves(within)

    def _write_halves(self, within: Range) -> int:
        """Finds the rows that the database refuses by halves, so that one of them costs a few statements."""
        positions = self.sets.positions(within)
        if len(positions) == 1:
            self._leave_out([(positions[0], DatabaseRefused.code)])
            return 0
        self.sets.lock(within)  # all of them in one order, before the halves take theirs
        middle = positions[len(positions) // 2]
        return self._write_what_fits(Range(within.first, middle - 1)) + self._write_what_fits(
            Range(middle, within.last)
        )

    def _leave_out(self, found: list[tuple[int, str]]) -> None:
        self.bad += found
        self.sets.left_out |= {position for position, _code in found}
        if sum(code == DatabaseRefused.code for _position, code in self.bad) > limits.BATCH_REFUSED_ROWS_MAX:
            raise TooManyRefused(max=limits.BATCH_REFUSED_ROWS_MAX)


def _of(sets: Sets) -> str:
    return str(sets.entry.model._meta.verbose_name_plural)


@contextmanager
def _refusals() -> Iterator[None]:
    """What the database says of the values, as a refusal; a busy database or a wrong statement says nothing of them."""
    try:
        yield
    except (DatabaseError, OverflowError) as error:
        if isinstance(error, NOT_OF_VALUES):
            raise
        raise DatabaseRefused(detail=type(error).__name__) from error


def _tell(correction: Correction, bad: list[tuple[int, str]]) -> None:
    """Each row that was left out says why: as its outcome, and as a finding for people."""
    by_code: dict[str, list[int]] = defaultdict(list)
    for position, code in bad:
        by_code[code].append(position)
    for code, positions in by_code.items():
        Change.objects.filter(correction=correction, position__in=positions).update(outcome=code)
        message, said = in_every_language(BECAUSE[code])
        RowFinding.objects.bulk_create(
            RowFinding(
                correction=correction,
                position=position,
                stage=RowStage.APPLY,
                verdict=Verdict.FAIL,
                code=code,
                message=message,
                said=said,
            )
            for position in sorted(positions)
        )
