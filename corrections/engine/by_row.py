"""A batch, row by row: for models whose columns the database can't decode by itself, with the same outcome as in sets.

Same functions, same promises as engine/in_sets; the caller has opened the gate and a transaction.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from django.db import transaction
from django.utils.text import format_lazy

from corrections.checks.base import in_every_language
from corrections.choices import ROW_APPLIED, OnBadRow, RowStage, Verdict
from corrections.engine import rows
from corrections.engine.apply import _check_deferred, apply_changes, demand_images
from corrections.engine.pages import pages
from corrections.errors import CorrectionError
from corrections.models import Change, Correction, FieldHold, RowFinding

IMAGES_PER_STATEMENT = 200


Bad = list[tuple[Change, CorrectionError]]


@dataclass(frozen=True)
class Applied:
    """How many rows of a range were written, and how many were left out."""

    applied: int
    failed: int


def _pages(correction: Correction, first: int, last: int) -> Iterator[list[Change]]:
    return pages(Change.objects.filter(correction=correction, position__gte=first, position__lte=last))


def put_before_images(correction: Correction, first: int, last: int) -> int:
    """Keeps the whole live rows as the before-images; gives how many there are."""
    count = 0
    for page in _pages(correction, first, last):
        live = rows.live_targets(page)
        there = [change for change in page if (change.target_model, change.target_pk) in live]
        for change in there:
            entry = rows.entry_of(change.target_model)
            change.before_image = rows.image(entry, live[change.target_model, change.target_pk])
        Change.objects.bulk_update(there, ["before_image"], batch_size=IMAGES_PER_STATEMENT)
        count += len(there)
    return count


def stale_rows(correction: Correction, first: int, last: int) -> list[tuple[int, str]]:
    """Positions of rows that are gone or moved on, with the code of the refusal."""
    return [
        (change.position, refusal.code)
        for page in _pages(correction, first, last)
        for change, refusal in _stale(page, rows.live_targets(page))
    ]


def _stale(page: Sequence[Change], live: rows.Live) -> Iterator[tuple[Change, CorrectionError]]:
    for change in page:
        try:
            row = live.get((change.target_model, change.target_pk))
            rows.demand_unchanged(rows.entry_of(change.target_model), change, row)
        except CorrectionError as refusal:
            yield change, refusal


def apply_rows(correction: Correction, first: int, last: int, *, on_bad_row: str) -> Applied:
    """Writes the rows with their images and outcomes. Raises what the first bad row raises, or leaves bad rows out."""
    applied = failed = 0
    for page in _pages(correction, first, last):
        bad = _carried_out(page, on_bad_row)
        _keep(page, bad)
        _leave_out(correction, bad)
        applied, failed = applied + len(page) - len(bad), failed + len(bad)
    return Applied(applied, failed)


def _carried_out(page: Sequence[Change], on_bad_row: str) -> Bad:
    """Writes the rows; the changes learn their images, and are not saved. Gives those that were left out."""
    live = rows.locked_targets(page)
    if on_bad_row != OnBadRow.SKIP:
        _write(page, live)
        return []
    bad = list(_stale(page, live))
    stale = {change.pk for change, _refusal in bad}
    return bad + _written([change for change in page if change.pk not in stale], live)


def _write(changes: Sequence[Change], live: rows.Live) -> None:
    apply_changes(changes, live)
    demand_images(changes)


def _written(changes: Sequence[Change], live: rows.Live) -> Bad:
    """Writes all but those that are refused: halves them until each bad row stands alone."""
    if not changes:
        return []
    try:
        with transaction.atomic():
            _write(changes, live)
            _check_deferred()
    except CorrectionError as refusal:
        if len(changes) == 1:
            return [(changes[0], refusal)]
        middle = len(changes) // 2
        return _written(changes[:middle], live) + _written(changes[middle:], live)
    return []


def _keep(page: Sequence[Change], bad: Bad) -> None:
    left_out = {change.pk for change, _refusal in bad}
    done = [change for change in page if change.pk not in left_out]
    for change in done:
        change.outcome = ROW_APPLIED
    fields = ["before_image", "after_image", "outcome"]
    Change.objects.bulk_update(done, fields, batch_size=IMAGES_PER_STATEMENT)


def _leave_out(correction: Correction, bad: Bad) -> None:
    for change, refusal in bad:
        Change.objects.filter(pk=change.pk).update(outcome=refusal.code[:64])
    RowFinding.objects.bulk_create(_finding(correction, change, refusal) for change, refusal in bad)


def _finding(correction: Correction, change: Change, refusal: CorrectionError) -> RowFinding:
    message, said = in_every_language(format_lazy("{}", refusal))
    return RowFinding(
        correction=correction,
        position=change.position,
        stage=RowStage.APPLY,
        verdict=Verdict.FAIL,
        code=refusal.code[:64],
        message=message,
        said=said,
    )


def hold_fields(correction: Correction) -> None:
    """I-03: holds every field that the batch writes. Raises IntegrityError where another correction holds one."""
    FieldHold.objects.filter(correction=correction).delete()
    for page in pages(Change.objects.filter(correction=correction)):
        with transaction.atomic():
            FieldHold.objects.bulk_create(
                FieldHold(correction=correction, target_model=c.target_model, target_pk=c.target_pk, field=name)
                for c in sorted(page, key=lambda change: change.target_pk)
                for name in sorted(rows.fields_of(rows.entry_of(c.target_model), c.new))
            )


def release_holds(correction: Correction, first: int, last: int) -> None:
    """Lets go of the fields of a range."""
    of_range = Change.objects.filter(correction=correction, position__gte=first, position__lte=last)
    FieldHold.objects.filter(correction=correction, target_pk__in=of_range.values("target_pk")).delete()


def rehearse_rows(correction: Correction, first: int, last: int, *, on_bad_row: str) -> list[tuple[int, str]]:
    """The real writes, taken back whole. Gives what would be left out; raises what apply would raise."""
    bad: Bad = []
    with transaction.atomic():
        for page in _pages(correction, first, last):
            bad += _carried_out(page, on_bad_row)
        _check_deferred()
        transaction.set_rollback(True)
    return sorted((change.position, refusal.code) for change, refusal in bad)
