"""Machines look at the rows of a batch; at those of a large one before the act, outside every transaction.

A look at 100,000 rows takes many seconds, and on SQLite nobody else could write meanwhile. So the act begins, finds
that it needs a look, and ends without a trace; machines look; the act begins anew and demands that all that the look
rests on is as it was: revision and content, what was chosen, evidence, policies, flag rules and rates in force, and
that no other row is gone or has moved on. What happens to records that these rows only refer to is asked once more
where the rows are written (services/batch_run.py).

Everything here goes step by step and says how far it is; whoever doesn't care drains it (`ended`).
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from django.db.models import Count, Max, Sum
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from corrections import checks
from corrections.assessment import InBulk, drained, failing_in_bulk, look_in_bulk
from corrections.assessment.failing import Failing
from corrections.choices import OnBadRow, RowStage, Verdict
from corrections.conf import limits
from corrections.engine import many
from corrections.engine.pages import ranges
from corrections.errors import Conflict
from corrections.models import Change, Correction, ExchangeRate, FlagRule, RowFinding
from corrections.policies import in_force
from corrections.services._door import Act

T = TypeVar("T")
ended = drained


class KeepsChanging(Conflict):
    """I-15: somebody else changes what the look rests on, again and again."""

    code = "batch_keeps_changing"
    message = _(
        "Rows or rules changed each of the %(max)s times that machines looked at this batch. Nothing was written; "
        "try again later."
    )


@dataclass(frozen=True)
class Looked:
    """How far a look is."""

    rows: int
    of: int
    seconds: float

    @property
    def rows_per_second(self) -> int:
        return int(self.rows / self.seconds) if self.seconds > 0 else 0

    @property
    def seconds_left(self) -> int | None:
        """None before the first rows."""
        return round((self.of - self.rows) * self.seconds / self.rows) if self.rows else None


Steps = Generator[Looked, None, T]


@dataclass(frozen=True)
class Asked:
    """What is asked of machines. Without `at` the look's own moment counts, as at a submission."""

    at: dt.datetime | None = None
    checker_person_id: int | None = None
    is_first: bool = False  # at submission or before: checks that ask other systems run, and rows are told of
    leaves_out: bool = False  # rows that a check fails stay out, as other bad rows do


@dataclass(frozen=True)
class Look:
    """What machines found, what it rests on, and what is still to be written of it."""

    asked: Asked
    seen: Any
    found: InBulk
    stakes: Sequence[bytes] = ()
    told: Sequence[RowFinding] = ()
    failing: Failing = field(default_factory=dict)


class _Wanted(Exception):
    """An act needs a look, or a fresh one. What it did so far is taken back."""

    def __init__(self, correction: Correction, asked: Asked, seen: Any) -> None:
        super().__init__()
        self.correction, self.asked, self.seen = correction, asked, seen


def in_steps(work: Callable[[Look | None], T], *, before: Callable[[], Any] | None = None) -> Steps[T]:
    """Runs an act that may want looks (`look_of`). `before` runs once, before the first of them.

    Raises KeepsChanging where BATCH_LOOKS_MAX looks did not last until the act.
    """
    look: Look | None = None
    for _turn in range(limits.BATCH_LOOKS_MAX):
        try:
            return work(look)
        except _Wanted as wanted:
            asked = wanted
        if look is None and before is not None:
            before()
        look = yield from _taken(asked.correction, asked.asked, asked.seen, is_locking=False)
    try:
        return work(look)
    except _Wanted:
        raise KeepsChanging(max=limits.BATCH_LOOKS_MAX) from None


def is_large(act: Act) -> bool:
    """Whether it is a batch that is carried out in chunks."""
    return act.batch is not None and act.batch.chunk_rows is not None


def look_of(act: Act, look: Look | None, asked: Asked) -> Look:
    """The look that this act may rest on: taken here on locked rows, or, at a large batch, before it."""
    if not is_large(act):
        return drained(_taken(act.correction, asked, None, is_locking=True, at=act.now))
    seen = _seen(act)
    if look is None or look.seen != seen or look.asked != asked or _stale(act.correction) != look.found.stale:
        raise _Wanted(act.correction, asked, seen)
    return look


def demand_look(act: Act, look: Look | None, asked: Asked) -> None:
    """Ends the act at once where it needs a look that it hasn't got: nothing long is done twice."""
    if look is None and is_large(act):
        raise _Wanted(act.correction, asked, _seen(act))


def _seen(act: Act) -> Any:
    """All that a look rests on, but for the rows themselves."""
    correction, batch = act.correction, act.correction.batch
    rows = correction.changes.order_by().aggregate(count=Count("pk"), last=Max("pk"), places=Sum("position"))
    evidence = correction.evidence.filter(removed_at__isnull=True).order_by("pk").values_list("file", flat=True)
    return (
        (correction.revision, correction.digest, str(correction.state), correction.reason, correction.demand),
        (batch.on_bad_row, batch.bad_rows, sorted(rows.items())),
        list(evidence),
        [(ruled.policy.pk, ruled.policy.version, len(ruled.steps)) for ruled in in_force()],
        list(FlagRule.objects.filter(is_active=True).order_by("pk").values_list()),
        list(ExchangeRate.objects.order_by("pk").values_list()),
    )


def _stale(correction: Correction) -> tuple[int, ...]:
    size = limits.BATCH_ROWS_MAX  # all in one statement
    found = [many.stale_rows(correction, first, last) for first, last in ranges(correction, size=size)]
    return tuple(sorted(position for some in found for position, _code in some))


def _taken(
    correction: Correction, asked: Asked, seen: Any, *, is_locking: bool, at: dt.datetime | None = None
) -> Steps[Look]:
    """Machines look at all rows; where failing ones stay out, once more at the others."""
    started, count = time.monotonic(), correction.changes.count()
    moment = asked.at or at or timezone.now()
    failing: Failing = {}
    while True:
        stakes: list[bytes] = []
        told: list[RowFinding] = []
        steps = look_in_bulk(
            correction,
            at=moment,
            is_locking=is_locking,
            checker_person_id=asked.checker_person_id,
            with_external=asked.is_first,
            skips_stale=correction.batch.on_bad_row == OnBadRow.SKIP,
            keep=_keeper(stakes) if asked.is_first else None,
            tell=_teller(told) if asked.is_first else None,
            without=failing,
        )
        found = yield from _said(steps, count, started)
        codes = {check.code for check, _finding in found.of(Verdict.FAIL)} if asked.leaves_out else set()
        more = failing_in_bulk(correction, at=moment, codes=codes, without=failing) if codes else {}
        failing |= more
        if not more or len(failing) > limits.BATCH_FINDINGS_MAX or len(failing) >= count:
            return Look(asked, seen, found, stakes, told, failing)


def _said(steps: Generator[int, None, InBulk], count: int, started: float) -> Steps[InBulk]:
    while True:
        try:
            rows = next(steps)
        except StopIteration as end:
            found: InBulk = end.value
            return found
        yield Looked(rows, count, time.monotonic() - started)


def _keeper(stakes: list[bytes]) -> Callable[[Sequence[Change]], None]:
    return lambda page: stakes.append(many.packed_stakes(page))


def _teller(told: list[RowFinding]) -> Callable[[Change, str, checks.Finding], None]:
    def tell(change: Change, code: str, finding: checks.Finding) -> None:
        told.append(row_finding(change.correction_id, change.position, code, finding, stage=RowStage.CHECK))

    return tell


def row_finding(correction_id: int, position: int, code: str, finding: checks.Finding, *, stage: str) -> RowFinding:
    """What is kept of a verdict on a single row, in every language."""
    message, said = checks.in_every_language(finding.message)
    return RowFinding(
        correction_id=correction_id,
        position=position,
        stage=stage,
        verdict=finding.verdict,
        code=code,
        message=message,
        said=said,
    )
