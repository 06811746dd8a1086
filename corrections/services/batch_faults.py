"""What a worker does about a fault of the database: it keeps it on the batch, waits longer each time, and in the end
pauses the batch with the reason, so that an operator resumes it when the cause is gone.

A fault counts as passed as soon as a chunk was done after it; nobody has to write that down.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from django.db import connection

from corrections.choices import AuditKind, State
from corrections.conf import limits
from corrections.engine.faults import DatabaseFault
from corrections.models import Batch, Chunk, Correction
from corrections.services import _door

COLUMNS = ("faults", "fault_code", "faulted_at", "retry_at")


@dataclass(frozen=True)
class Kept:
    """A fault, and what is done about it: tried again at `retry_at`, or paused after so many (`is_paused`)."""

    fault: DatabaseFault
    count: int = 0
    retry_at: dt.datetime | None = None
    is_paused: bool = False


def keep(actor: Any, correction: Correction, fault: DatabaseFault) -> Kept:
    """Writes it down in a transaction of its own, on a new connection where the old one is gone."""
    if not connection.in_atomic_block:
        connection.close_if_unusable_or_obsolete()
    with _door.opened(actor=actor, correction=correction) as act:
        batch = act.batch
        if batch is None or act.correction.state != State.APPLYING or batch.paused_at is not None:
            return Kept(fault)
        _count(batch, fault, act.now)
        if batch.faults >= limits.BATCH_FAULTS_MAX:
            batch.paused_at, batch.retry_at = act.now, None
            act.record(AuditKind.PAUSED, code=fault.code, reason=str(fault), faults=batch.faults)
        batch.save(update_fields=["paused_at", *COLUMNS])
    return Kept(fault, batch.faults, batch.retry_at, batch.paused_at is not None)


def _count(batch: Batch, fault: DatabaseFault, now: dt.datetime) -> None:
    batch.faults = 1 if has_gone_on(batch) else batch.faults + 1
    batch.fault_code, batch.faulted_at = fault.code, now
    batch.retry_at = now + pause(batch.faults)


def has_gone_on(batch: Batch) -> bool:
    """Whether a chunk was done since the latest fault, by any worker."""
    return batch.faulted_at is None or Chunk.objects.filter(correction=batch.pk, done_at__gte=batch.faulted_at).exists()


def pause(faults: int) -> dt.timedelta:
    """How long nobody tries after so many faults in a row: doubled each time, up to a limit."""
    return dt.timedelta(seconds=min(limits.BATCH_FAULT_SECONDS_MAX, limits.BATCH_FAULT_SECONDS * 2 ** (faults - 1)))


def forget(batch: Batch) -> None:
    """Whoever resumes a batch lets it begin anew."""
    batch.faults, batch.fault_code, batch.faulted_at, batch.retry_at = 0, "", None, None
