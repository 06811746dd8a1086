"""Machine checks of a chunk's rows right before they are written: the last signature may be days old.

On PostgreSQL they are asked within the chunk's transaction, on its rows, which are locked until they are written. On
SQLite that would keep every other writer waiting, so they are asked before the transaction begins; where a record of
that kind was written between the two, or another worker was quicker and this is the next chunk, once more within it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.db.models import Max
from django.utils import timezone

from corrections.assessment import failing_rows
from corrections.assessment.failing import Failing
from corrections.choices import OnBadRow, RowStage
from corrections.conf import limits
from corrections.engine import rows
from corrections.engine.pages import pages
from corrections.models import Batch, Chunk, Correction, RowFinding
from corrections.services._door import Act
from corrections.services._looks import row_finding
from corrections.services.submit import CheckFailed


@dataclass(frozen=True)
class Checked:
    """Rows of a chunk that fail, and the last write of their kind of record that machines saw."""

    chunk: int
    last_write: Any
    failing: Failing


def check_before(batch: Batch) -> Checked | None:
    """Looks at the chunk that will be claimed next, outside any transaction; on SQLite only."""
    chunk = Chunk.objects.filter(correction=batch.pk, done_at__isnull=True).order_by("number").first()
    if connection.vendor != "sqlite" or chunk is None:
        return None
    last_write = _last_write(batch)  # before the look: what is written during it counts
    return Checked(chunk.pk, last_write, _failing(batch.correction, chunk, is_locking=False))


def leave_out_failing(act: Act, chunk: Chunk, checked: Checked | None) -> int:
    """Gives the failing rows of a claimed chunk their code as outcome, so that they are not written; how many.

    Where one bad row fails all, raises CheckFailed.
    """
    batch = act.correction.batch
    if checked is None or checked.chunk != chunk.pk or checked.last_write != _last_write(batch):
        failing = _failing(act.correction, chunk, is_locking=True)
    else:
        failing = checked.failing
    if failing and batch.on_bad_row != OnBadRow.SKIP:
        code, finding = failing[min(failing)]
        raise CheckFailed(check=code, problem=str(finding.message))
    for code in {code for code, _finding in failing.values()}:
        places = frozenset(position for position, (of, _finding) in failing.items() if of == code)
        act.correction.changes.filter(position__among=places).update(outcome=code)
    found = [
        row_finding(act.correction.pk, position, code, finding, stage=RowStage.APPLY)
        for position, (code, finding) in sorted(failing.items())
    ]
    RowFinding.objects.bulk_create(found, batch_size=limits.BATCH_STAGE_ROWS)
    return len(failing)


def _failing(correction: Correction, chunk: Chunk, *, is_locking: bool) -> Failing:
    at = correction.submitted_at or timezone.now()
    due = correction.changes.filter(position__gte=chunk.first, position__lte=chunk.last, outcome="")
    found: Failing = {}
    for page in pages(due.defer("before_image", "after_image")):
        found |= failing_rows(correction, page, at=at, is_locking=is_locking)
    return found


def _last_write(batch: Batch) -> Any:
    history: Any = rows.entry_of(batch.target_model).history_model
    return history.objects.aggregate(last=Max("history_id"))["last"]
