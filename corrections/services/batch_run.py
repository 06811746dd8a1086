"""Carrying out a large batch: chunk after chunk, by any number of workers, resumable wherever one of them dies.

A chunk's data, history, images, outcomes and its own "done" commit together (I-08), so a worker that dies leaves the
chunk as if nobody had begun it, and one that wakes too late finds its transaction gone. The table of chunks is the
only plan: whoever claims a row of it by lock carries it out, and nobody else.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.db import Error, connection, transaction
from django.utils import timezone

from corrections.choices import AuditKind, OnBadRow, State
from corrections.conf import limits
from corrections.engine import gate, many, rows
from corrections.engine.apply import DatabaseRefused
from corrections.engine.faults import DatabaseFault, GuardsMissing, fault_of
from corrections.errors import CorrectionError, IllegalState, NotAllowed
from corrections.models import AuditEvent, Batch, Chunk, Correction
from corrections.roles import Role
from corrections.selectors.batch_progress import progress_of
from corrections.services import _content, _door, _ending, _turn, batch_faults
from corrections.services._chunk_checks import Checked, check_before, leave_out_failing


@dataclass(frozen=True)
class Done:
    """What one call did: a chunk of a batch, or the end of it."""

    correction: Correction
    applied: int = 0
    failed: int = 0
    seconds: float = 0.0
    ended: str = ""  # the state in which the batch ended
    fault: batch_faults.Kept | None = None  # nothing was done: what the database reported


class NothingToDo(IllegalState):
    """No chunk of this batch is free at this moment."""

    code = "no_chunk_is_due"


class _RowsRefused(Exception):
    """The rows themselves were refused: no worker gets any further with them."""

    def __init__(self, refusal: CorrectionError) -> None:
        super().__init__(refusal.code)
        self.refusal = refusal


def run_next(*, actor: Any, worker: str, correction: Correction | None = None) -> Done | None:
    """Carries out one chunk of a batch, of any that waits or of this one; None where nothing is due.

    After a fault of the database nothing of the chunk is written; it is kept on the batch, which waits for a while.
    Raises Busy and the database's own errors only where not even that can be written.
    """
    for batch in _running(correction):
        done = _carried_on(actor, batch, worker)
        if done is not None:
            return done
    return None


def _carried_on(actor: Any, batch: Batch, worker: str) -> Done | None:
    """A chunk, or the end of the batch, or what kept it from either."""
    try:
        return _end(actor, batch.correction) if _may_be_over(batch) else _run(actor, batch, worker)
    except (Error, DatabaseFault) as error:
        fault = fault_of(error)
    if not fault.passes:
        return _stopped_by(actor, batch.correction, fault)
    return Done(batch.correction, fault=batch_faults.keep(actor, batch.correction, fault))


def _running(correction: Correction | None) -> Iterator[Batch]:
    """Batches that are under way, the one that began first before the others."""
    found = Batch.objects.filter(correction__state=State.APPLYING, correction__is_held=False)
    if correction is not None:
        found = found.filter(correction=correction.pk)
    yield from list(found.select_related("correction").order_by("started_at", "pk")[: limits.CLOCK_ROWS_MAX])


def _may_be_over(batch: Batch) -> bool:
    return batch.stop_asked_at is not None or not _undone(batch.correction_id).exists()


def _undone(correction_id: int) -> Any:
    return Chunk.objects.filter(correction=correction_id, done_at__isnull=True).order_by("number")


def is_due(batch: Batch, now: dt.datetime) -> bool:
    """Whether a chunk may be begun now: not paused, within its hours, not faster than it may, not right after a
    fault."""
    is_free = batch.paused_at is None and batch.stop_asked_at is None and (batch.retry_at or now) <= now
    return is_free and _is_open(batch, now) and _is_rested(batch, now)


def _is_open(batch: Batch, now: dt.datetime) -> bool:
    since, until = batch.window_from, batch.window_until
    if since is None or until is None or since == until:
        return True
    here = timezone.localtime(now).time()
    return since <= here < until if since < until else here >= since or here < until


def _is_rested(batch: Batch, now: dt.datetime) -> bool:
    """After so many rows at so many a second the next chunk has its time."""
    if not batch.rows_per_second:
        return True
    last = Chunk.objects.filter(correction=batch.pk, done_at__isnull=False).order_by("-done_at").first()
    if last is None or last.done_at is None:
        return True
    return now >= last.done_at + dt.timedelta(seconds=max(0.0, last.done_rows / batch.rows_per_second - last.seconds))


# One chunk


def _run(actor: Any, batch: Batch, worker: str) -> Done | None:
    if not is_due(batch, timezone.now()):
        return None
    started = time.monotonic()
    checked = check_before(batch)
    begun = time.monotonic()
    try:
        writer = _released_by(batch.correction_id)
        with _door.opened(actor=actor, correction=batch.correction, is_shared=True, writer=writer) as act:
            _demand_worker(act)
            chunk = _claimed(act)
            done = _applied(act, chunk, checked)
            _demand_guarded(batch)
            many.release_holds(act.correction, chunk.first, chunk.last)
            _mark_done(chunk, done, worker, time.monotonic() - started)
    except NothingToDo:
        return None
    except _RowsRefused as refused:
        return _stopped_by(actor, batch.correction, refused.refusal)
    except DatabaseRefused as refusal:  # at the commit, by a rule between records
        return _stopped_by(actor, batch.correction, refusal)
    _turn.rest(time.monotonic() - begun)
    over = None if _undone(batch.pk).exists() else _end(actor, batch.correction)
    return Done(batch.correction, done.applied, done.failed, chunk.seconds, over.ended if over else "")


def _released_by(correction_id: int) -> Any:
    """Whoever began it, by the last signature or as an executor: history names the same one as for a single row (I-12).

    Which worker wrote a chunk stands in the chunk.
    """
    begun = AuditEvent.objects.filter(correction=correction_id, kind=AuditKind.APPLY_BEGUN)
    event = begun.select_related("actor__person").order_by("-id").first()
    return event.actor if event else None


def _demand_worker(act: _door.Act) -> None:
    """A machine's account, or an executor who had no part in the batch."""
    if getattr(act.actor, "kind", "human") != "human":
        return
    act.demand_person()
    if act.actor.person_id in act.contributors:
        raise NotAllowed
    act.demand_role(Role.EXECUTOR)


def _applied(act: _door.Act, chunk: Chunk, checked: Checked | None) -> many.Applied:
    try:
        _demand_as_signed(act.correction, chunk)
        failing = leave_out_failing(act, chunk, checked)
        done = many.apply_rows(act.correction, chunk.first, chunk.last, on_bad_row=_on_bad_row(act))
        return many.Applied(done.applied, done.failed + failing)
    except CorrectionError as refusal:
        raise _RowsRefused(refusal) from refusal


def _demand_as_signed(correction: Correction, chunk: Chunk) -> None:
    """I-10: days may lie between the beginning, when all rows were compared with what was signed, and this chunk."""
    if _content.chunk_root_of(correction, chunk.first, chunk.last) != chunk.root:
        raise _content.DigestDiffers


def _demand_guarded(batch: Batch) -> None:
    """I-06, I-08: a migration takes the guards off, and what is written then has no history of its own."""
    if not gate.stands_on(rows.entry_of(batch.target_model).table):
        raise GuardsMissing


def _claimed(act: _door.Act) -> Chunk:
    """The first chunk that nobody else has, locked until the commit. Asked again once it is ours: a stop locks all."""
    free = _undone(act.correction.pk)
    chunk = free.select_for_update(skip_locked=True).first()
    batch = Batch.objects.select_related("correction").get(pk=act.correction.pk)
    is_running = batch.correction.state == State.APPLYING and not batch.correction.is_held
    if chunk is None or not is_running or not is_due(batch, act.now):
        raise NothingToDo
    if batch.rows_per_second and free.first() != chunk:
        raise NothingToDo  # at a measured pace one worker at a time
    return chunk


def _on_bad_row(act: _door.Act) -> str:
    return str(OnBadRow.FAIL_ALL) if act.batch is None else act.batch.on_bad_row


def _mark_done(chunk: Chunk, done: many.Applied, worker: str, seconds: float) -> None:
    chunk.done_at = timezone.now()
    chunk.applied_rows, chunk.failed_rows = done.applied, done.failed
    chunk.seconds, chunk.worker = seconds, worker[:100]
    chunk.save(update_fields=["done_at", "applied_rows", "failed_rows", "seconds", "worker"])


# The end


def _stopped_by(actor: Any, correction: Correction, refusal: CorrectionError) -> Done:
    """A row was refused where one bad row fails all: nothing more is begun. What is done stays, and is told."""
    with _door.opened(actor=actor, correction=correction) as act:
        if act.correction.state == State.APPLYING and act.batch is not None and act.batch.stop_asked_at is None:
            act.correction.outcome_code, act.correction.outcome_note = refusal.code, str(refusal)
            act.correction.save(update_fields=["outcome_code", "outcome_note"])
            act.batch.stop_asked_at = act.now
            act.batch.save(update_fields=["stop_asked_at"])
            act.record(AuditKind.STOP_ASKED, code=refusal.code, reason=str(refusal), by="machine")
    ended = _end(actor, correction)
    return Done(correction, ended=ended.ended if ended else "")


def _end(actor: Any, correction: Correction) -> Done | None:
    """Ends a batch whose chunks are all done, or that is to stop and has nobody in a chunk; None while it goes on."""
    with _door.opened(actor=actor, correction=correction) as act:
        return end(act)


def end(act: _door.Act) -> Done | None:
    batch = act.batch
    if batch is None or act.correction.state != State.APPLYING:
        return None
    undone = _undone(act.correction.pk)
    left = undone.count()
    is_stopping = batch.stop_asked_at is not None
    if left and not (is_stopping and len(undone.select_for_update(skip_locked=True).values_list("pk")) == left):
        return None
    state = _close(act, batch, left)
    return Done(act.correction, ended=str(state))


def _close(act: _door.Act, batch: Batch, left: int) -> State:
    done = progress_of(batch, act.correction)
    if done is None or not done.applied:
        refusal = _ending.NoRowApplied()
        code = act.correction.outcome_code or refusal.code
        note = act.correction.outcome_note or str(refusal)
        _ending.free(act)
        act.move(State.FAILED, outcome_code=code, outcome_note=note, step=None, step_role="")
        act.record(AuditKind.FAILED, code=code, reason=note)
        return State.FAILED
    if not left:
        _ending.applied(act, done.applied, failed=done.failed)
        return State.APPLIED
    _ending.closed(act, State.STOPPED, applied_at=act.now)
    counts: dict[str, Any] = {"rows": done.applied, "failed": done.failed, "untried": done.waiting}
    act.record(AuditKind.STOPPED, **counts, chunks_left=left)
    return State.STOPPED


def lease() -> None:
    """PostgreSQL ends the transaction of a worker that is frozen within a chunk, so that another one takes over.

    SQLite has no such clock: there a frozen writer keeps all others waiting until it wakes or is killed.
    """
    if connection.vendor == "postgresql" and not transaction.get_connection().in_atomic_block:
        with connection.cursor() as cursor:
            cursor.execute(f"SET idle_in_transaction_session_timeout = '{int(limits.BATCH_LEASE_SECONDS)}s'")
