"""The rows of a batch at its submission: whether it may be submitted with them, what stands in them, and the sample."""

from __future__ import annotations

import random
import secrets
from typing import Any

from django.db import connection
from django.utils.translation import gettext_lazy as _

from corrections.choices import OnBadRow, RowStage
from corrections.conf import limits
from corrections.engine import many, rows
from corrections.engine.pages import ranges, span
from corrections.errors import Conflict, IllegalState, InvalidInput, NotAllowed
from corrections.models import Batch, RowFinding
from corrections.permissions import may_propose
from corrections.policies import Demand
from corrections.selectors.batch_totals import totals_of
from corrections.services import _content
from corrections.services._door import Act
from corrections.services._looks import Look, row_finding
from corrections.staging.refusals import TooManyBadRows


class RowsAreBad(InvalidInput):
    code = "rows_are_bad"
    message = _(
        "%(count)s rows of the file can't be used. Correct them and upload the file again, or choose that bad rows "
        "are left out."
    )


class NoRowPasses(Conflict):
    code = "no_row_passes_the_checks"
    message = _("Machine checks fail every row, so there is nothing left to submit. The first says: %(problem)s")


class BatchWasBegun(IllegalState):
    code = "batch_was_begun"
    message = _("This batch was begun, so it can't be submitted again. Retry its failed rows in a new one.")


def demand_submittable(act: Act, batch: Batch, on_bad_row: str) -> None:
    """Rows are there and may be proposed, and bad ones are left out only where the maker said so."""
    if act.correction.chunks.exists():
        raise BatchWasBegun(state=act.correction.get_state_display())
    if not act.correction.changes.exists():
        raise InvalidInput(_("There is nothing to change: add a record first."), code="correction_is_empty")
    if batch.bad_rows and on_bad_row != OnBadRow.SKIP:
        raise RowsAreBad(field="on_bad_row", count=batch.bad_rows)
    demand_may_propose(act, batch)


def demand_may_propose(act: Act, batch: Batch) -> None:
    """By scope for all rows together; where a scope is not held, by the grant of every single record."""
    entry = rows.entry_of(batch.target_model)
    for before, after in act.scope_pairs:
        if may_propose(act.actor, act.rights, entry, {before, after}, None):
            continue
        there = act.correction.changes.filter(scope_before=before, scope_after=after)
        if not all(may_propose(act.actor, act.rights, entry, {before, after}, pk) for pk in _pks(there)):
            raise NotAllowed(code="record_is_outside_your_scope")


def _pks(changes: Any) -> Any:
    return changes.order_by("position").values_list("target_pk", flat=True).iterator(limits.BATCH_STAGE_ROWS)


def prepare(act: Act, batch: Batch, on_bad_row: str) -> None:
    """How this revision is carried out: fixed and signed with it."""
    count = act.correction.changes.count()
    batch.on_bad_row = on_bad_row
    batch.chunk_rows = None if count <= limits.BATCH_AT_ONCE_ROWS_MAX else chunk_rows()


def chunk_rows() -> int:
    is_server = connection.vendor == "postgresql"
    return limits.BATCH_CHUNK_ROWS_POSTGRESQL if is_server else limits.BATCH_CHUNK_ROWS_SQLITE


def draw(act: Act, demand: Demand) -> dict[str, Any]:
    """Rows that chance chose for people to look at, at least as many as are to be confirmed.

    The seed is kept, so that anybody can draw them again.
    """
    seed, count = secrets.token_hex(16), act.correction.changes.count()
    positions = act.correction.changes.order_by("position").values_list("position", flat=True)
    drawn = sample_places(seed, count, demand.sample_rows)
    return {"seed": seed, "positions": [positions[place] for place in drawn]}


def sample_places(seed: str, count: int, least: int = 0) -> list[int]:
    """Places among so many rows, counted from 0 in order of position; at least so many of them, if they are there."""
    drawn = max(limits.BATCH_SAMPLE_ROWS, least)
    return sorted(random.Random(seed).sample(range(count), min(count, drawn)))  # noqa: S311


def take_in(act: Act, batch: Batch, look: Look) -> None:
    """Stores what machines found of single rows; those that stay out because they fail become bad rows."""
    RowFinding.objects.filter(correction=act.correction, stage=RowStage.CHECK).delete()
    if look.failing:
        _leave_out(act, batch, look)
    for packed in look.stakes:
        many.put_stakes(packed)
    RowFinding.objects.bulk_create(look.told, batch_size=limits.BATCH_STAGE_ROWS)


def _leave_out(act: Act, batch: Batch, look: Look) -> None:
    bad = look.failing
    if len(bad) + batch.bad_rows > limits.BATCH_FINDINGS_MAX:
        _code, first = bad[min(bad)]
        raise TooManyBadRows(max=limits.BATCH_FINDINGS_MAX, first=first.message)
    if len(bad) >= act.correction.changes.count():
        code, finding = bad[min(bad)]
        raise NoRowPasses(check=code, problem=str(finding.message))
    act.correction.changes.filter(position__among=frozenset(bad)).delete()
    RowFinding.objects.bulk_create(
        (
            row_finding(act.correction.pk, position, code, finding, stage=RowStage.STAGING)
            for position, (code, finding) in sorted(bad.items())
        ),
        batch_size=limits.BATCH_STAGE_ROWS,
    )
    batch.bad_rows += len(bad)


def fix(act: Act, batch: Batch, demand: Demand) -> None:
    """The rows that people look at, the whole rows as they are now, and the root over all changes with them."""
    batch.sample = draw(act, demand)
    for first, last in ranges(act.correction, size=chunk_rows()):
        many.put_before_images(act.correction, first, last)
    batch.root = _content.root_of(act.correction)
    batch.totals = totals_of(act.correction)
    batch.save(update_fields=["on_bad_row", "chunk_rows", "bad_rows", "sample", "root", "totals"])


def rehearse(act: Act, batch: Batch) -> None:
    """The real apply, taken back: of a batch that is applied in chunks the first one, so that nobody waits for long."""
    first, last = span(act.correction.changes.all())
    if batch.chunk_rows is not None:
        positions = act.correction.changes.order_by("position").values_list("position", flat=True)
        # Fewer than a chunk are left where failing rows stay out.
        last = next(iter(positions[batch.chunk_rows - 1 : batch.chunk_rows]), last)
    many.rehearse_rows(act.correction, first, last, on_bad_row=batch.on_bad_row)
