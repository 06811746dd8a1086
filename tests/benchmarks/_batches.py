"""Batches as an approval leaves them, made around the guards: a million rows need no file, and nobody's signature."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tests.benchmarks._common import say, timed

LABEL = "accounts.payout"
FIRST = 2  # the line of a file after its heading


@dataclass(frozen=True)
class Spread:
    """So many rows of the whole table at equal distances: those of a real file don't lie side by side."""

    first: int
    step: int
    count: int

    @property
    def sql(self) -> str:
        end = self.first + self.step * self.count
        return f"id >= {self.first} AND id < {end} AND (id - {self.first}) % {self.step} = 0"

    def of(self, model: Any) -> Any:
        from django.db.models import F

        found = model.objects.annotate(place=(F("pk") - self.first) % self.step).filter(pk__gte=self.first, place=0)
        return found.order_by("pk")[: self.count]


class Rows:
    """Hands out rows that no way has written yet in this size; where all are wanted, the table is first packed anew.

    With `is_together` they lie side by side instead, as those of a range of keys do. None has a number that begins
    with `but`.
    """

    def __init__(self, model: Any, *, but: str, is_together: bool = False) -> None:
        from django.db.models import Max, Min

        self.model, self.is_together = model, is_together
        ends = model.objects.exclude(number__startswith=but).aggregate(first=Min("pk"), last=Max("pk"))
        self.first, self.count = ends["first"], ends["last"] - ends["first"] + 1
        self.taken = 0

    def take(self, count: int) -> Spread:
        places = max(1, self.count // count)
        if places == 1:
            compact(self.model)
        self.taken += 1
        place = self.taken % places
        if self.is_together:
            return Spread(self.first + place * count, 1, count)
        return Spread(self.first + place, places, count)


def compact(model: Any) -> None:
    """The table as if it had just been filled."""
    from django.db import connection

    from tests.benchmarks import _bulk as bulk

    if bulk.is_postgresql():
        bulk.execute(f"VACUUM FULL ANALYZE {connection.ops.quote_name(model._meta.db_table)}")


def rested(*tables: str) -> None:
    """What autovacuum does in the hours between a batch's submission and its apply; on SQLite nothing does."""
    from tests.benchmarks import _bulk as bulk

    for name in tables if bulk.is_postgresql() else ():
        bulk.execute(f"VACUUM ANALYZE {name}")


def chunk_rows() -> int:
    from corrections.conf import limits
    from tests.benchmarks import _bulk as bulk

    return limits.BATCH_CHUNK_ROWS_POSTGRESQL if bulk.is_postgresql() else limits.BATCH_CHUNK_ROWS_SQLITE


def waiting(actor: Any, rows: Spread, value: str) -> Any:
    """A signed batch that waits for workers: first images kept, fields held, chunks planned."""
    from django.utils import timezone

    from corrections.engine import gate, many
    from corrections.engine.in_sets import insert_changes
    from corrections.models import Batch, Correction

    last = FIRST + rows.count - 1
    with gate.opened(actor=actor):
        correction = Correction.objects.create(
            maker=actor, maker_person=actor.person, maker_name="Mara", reason="system_defect", created_at=timezone.now()
        )
        Batch.objects.create(correction=correction, target_model=LABEL, source="file", chunk_rows=chunk_rows())
        _told("changes inserted", rows.count, lambda: insert_changes(_changes(correction, rows, value)))
        _told("before-images kept", rows.count, lambda: many.put_before_images(correction, FIRST, last))
        _told("fields held", rows.count, lambda: many.hold_fields(correction))
    _begin(correction)
    rested("accounts_payout", "corrections_change", "corrections_fieldhold")
    return Correction.objects.get(pk=correction.pk)


def _told(what: str, count: int, work: Any) -> None:
    took, _result = timed(work)
    say(f"    {count:,} {what} in {took:.2f} s")


def _begin(correction: Any) -> None:
    """What signatures and services/apply.py do; the guards let nothing begin as anything but a draft."""
    from django.utils import timezone

    from corrections.choices import State
    from corrections.engine import gate
    from corrections.engine.pages import ranges
    from corrections.models import Batch, Chunk, Correction, Policy
    from corrections.services import _content

    planned = enumerate(ranges(correction, size=chunk_rows()), start=1)
    gate.drop()
    try:
        Chunk.objects.bulk_create(
            Chunk(
                correction=correction,
                number=number,
                first=first,
                last=last,
                root=_content.chunk_root_of(correction, first, last),
            )
            for number, (first, last) in planned
        )
        Batch.objects.filter(pk=correction.pk).update(started_at=timezone.now())
        Correction.objects.filter(pk=correction.pk).update(
            state=State.APPLYING,
            number=f"B{correction.pk}",
            digest="d" * 64,
            policy=Policy.objects.order_by("pk").first(),
        )
    finally:
        gate.install()


def _changes(correction: Any, rows: Spread, value: str) -> Iterator[Any]:
    from accounts.models import Payout
    from corrections.models import Change

    columns = ("pk", "number", "counterparty_bank", "amount", "branch")
    found = rows.of(Payout).values_list(*columns)
    for position, (pk, number, bank, amount, branch) in enumerate(found.iterator(), start=FIRST):
        yield Change(
            correction=correction,
            position=position,
            action="update",
            target_model=LABEL,
            target_pk=str(pk),
            target_label=number,
            old={"counterparty_bank": bank},
            new={"counterparty_bank": value},
            amount=amount,
            currency="CNY",
            stake=amount,
            beneficiary=f"customer:{pk % 5000}",
            scope_before=f"accounts.branch:{branch}",
            scope_after=f"accounts.branch:{branch}",
        )


def carried_out(correction: Any) -> tuple[int, float]:
    """All that a worker does: chunk after chunk with its own "done", and the end of the batch.

    Gives the rows, and for how many of the seconds machine checks were asked once more.
    """
    from backoffice.staff.machines import machine
    from corrections.services import batch_run

    actor, applied = machine("run_worker"), 0
    with checks_timed() as checks:
        while (done := batch_run.run_next(actor=actor, worker="benchmark", correction=correction)) is not None:
            applied += done.applied
            ended = done.ended
    assert ended == "applied"
    return applied, sum(checks)


@contextmanager
def checks_timed() -> Iterator[list[float]]:
    """Seconds of each time that machines look at the rows of a chunk."""
    from unittest import mock

    from corrections.services import _chunk_checks

    seconds: list[float] = []
    look = _chunk_checks._failing

    def timed_look(*arguments: Any, **options: Any) -> Any:
        took, found = timed(lambda: look(*arguments, **options))
        seconds.append(took)
        return found

    with mock.patch.object(_chunk_checks, "_failing", timed_look):
        yield seconds
