"""How far a batch is, how fast it goes, how long it will take: reckoned here alone, by its chunks, not by its rows."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.functional import Promise

from corrections.choices import State
from corrections.engine.faults import of_code
from corrections.models import Batch, Chunk, Correction

Text = str | Promise
LATEST = 10  # chunks by which the rate is told
# Rows of it may have been carried out.
BEGUN = (State.APPLYING, State.STOPPED, State.APPLIED, State.REVERTED, State.FAILED)

ENDED = (State.STOPPED, State.APPLIED)


@dataclass(frozen=True)
class Trouble:
    """A fault of the database that no chunk was done after: what it was, the how manieth in a row, what comes now."""

    code: str
    sentence: Text
    count: int
    retry_at: dt.datetime | None = None  # None: the batch is paused because of it


@dataclass(frozen=True)
class Progress:
    """Rows of the batch by what became of them, and the pace of the latest chunks."""

    rows: int
    applied: int
    failed: int
    chunks: int = 0
    chunks_done: int = 0
    rows_per_second: float = 0.0
    latest: tuple[Chunk, ...] = ()
    is_under_way: bool = False
    is_ended: bool = False
    is_paused: bool = False
    is_stopping: bool = False
    trouble: Trouble | None = None

    @property
    def done(self) -> int:
        return self.applied + self.failed

    @property
    def waiting(self) -> int:
        return max(0, self.rows - self.done)

    @property
    def percent(self) -> int:
        """Never 100 before the last row."""
        return 100 if self.done >= self.rows else self.done * 100 // self.rows

    @property
    def left(self) -> dt.timedelta | None:
        """How long the rest will take at the pace of the latest chunks; None where nobody can tell."""
        if not self.is_under_way or self.is_paused or not self.rows_per_second:
            return None
        return dt.timedelta(seconds=round(self.waiting / self.rows_per_second))

    @property
    def workers(self) -> list[str]:
        return sorted({chunk.worker for chunk in self.latest if chunk.worker})


def changes_of(batch: Batch) -> int:
    """How many rows change something: all that were read but those that are bad or already so."""
    return max(0, batch.rows - batch.bad_rows - batch.unchanged_rows)


def progress_of(batch: Batch, correction: Correction, *, failed: int = 0) -> Progress | None:
    """None before anything was carried out. Of a batch without chunks the caller knows how many rows `failed`."""
    if correction.state not in BEGUN:
        return None
    rows = changes_of(batch)
    chunks = list(Chunk.objects.filter(correction=correction).order_by("number"))
    if chunks:
        return _in_chunks(batch, correction, rows, chunks)
    if correction.state == State.FAILED:
        return None
    return Progress(rows=rows, applied=max(0, rows - failed), failed=failed, is_ended=correction.state in ENDED)


def _in_chunks(batch: Batch, correction: Correction, rows: int, chunks: Sequence[Chunk]) -> Progress:
    done = sorted((chunk for chunk in chunks if chunk.done_at), key=lambda chunk: (chunk.done_at, chunk.number))
    return Progress(
        rows=rows,
        applied=sum(chunk.applied_rows for chunk in done),
        failed=sum(chunk.failed_rows for chunk in done),
        chunks=len(chunks),
        chunks_done=len(done),
        rows_per_second=_pace(done[-LATEST:]),
        latest=tuple(reversed(done[-LATEST:])),
        is_under_way=correction.state == State.APPLYING,
        is_ended=correction.state in ENDED,
        is_paused=batch.paused_at is not None,
        is_stopping=batch.stop_asked_at is not None,
        trouble=_trouble(batch, done),
    )


def _trouble(batch: Batch, done: Sequence[Chunk]) -> Trouble | None:
    at = batch.faulted_at
    if at is None or any(chunk.done_at >= at for chunk in done if chunk.done_at):
        return None
    return Trouble(batch.fault_code, of_code(batch.fault_code).message, batch.faults, batch.retry_at)


def _pace(done: Sequence[Chunk]) -> float:
    """Rows per second from the beginning of the first of these chunks to the end of the last, whoever did them."""
    begun = [chunk.done_at - dt.timedelta(seconds=chunk.seconds) for chunk in done if chunk.done_at]
    ended = [chunk.done_at for chunk in done if chunk.done_at]
    if not begun:
        return 0.0
    seconds = (max(ended) - min(begun)).total_seconds()
    rows = sum(chunk.done_rows for chunk in done)
    return rows / seconds if seconds > 0 else 0.0
