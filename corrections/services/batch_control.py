"""What people do to a batch that is carried out: pause it, let it go on, set its pace, stop it between two chunks."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.utils.translation import gettext_lazy as _

from corrections.choices import AuditKind, State
from corrections.conf import limits
from corrections.errors import IllegalState, InvalidInput, NotAllowed
from corrections.models import Batch, Correction
from corrections.roles import Role
from corrections.services import _door, _texts, _wake, batch_faults, batch_run

MAY_CONTROL = (Role.EXECUTOR, Role.COMPLIANCE)


class NotABatch(InvalidInput):
    code = "correction_is_no_batch"
    message = _("This correction is not a batch.")


class PausedAlready(IllegalState):
    code = "batch_is_paused_already"
    message = _("This batch is paused already.")


class NotPaused(IllegalState):
    code = "batch_is_not_paused"
    message = _("This batch is not paused.")


class StopAsked(IllegalState):
    code = "batch_is_stopping"
    message = _("This batch is being stopped: it ends with the chunk that is under way.")


class PaceUnknown(InvalidInput):
    code = "pace_not_readable"
    message = _("Give rows per second as a whole number above zero, and both ends of the hours, or neither.")


def pause_batch(*, actor: Any, correction: Correction, comment: str) -> Correction:
    """No further chunk is begun until the batch is resumed; the one that is under way is finished."""
    with _door.opened(actor=actor, correction=correction) as act:
        batch, text = _demand_may_control(act, comment)
        if batch.paused_at is not None:
            raise PausedAlready
        batch.paused_at = act.now
        batch.save(update_fields=["paused_at"])
        act.record(AuditKind.PAUSED, comment=text)
    return act.correction


def resume_batch(*, actor: Any, correction: Correction, comment: str = "") -> Correction:
    """Lets a paused batch go on where it was."""
    with _door.opened(actor=actor, correction=correction) as act:
        batch, text = _demand_may_control(act, comment, needs_comment=False)
        if batch.paused_at is None:
            raise NotPaused
        batch.paused_at = None
        batch_faults.forget(batch)
        batch.save(update_fields=["paused_at", *batch_faults.COLUMNS])
        act.record(AuditKind.RESUMED, comment=text)
        _wake.tell(act.correction.pk)
    return act.correction


def stop_batch(*, actor: Any, correction: Correction, comment: str) -> Correction:
    """Cancels what is not done yet. At once where no worker is within a chunk, else when that chunk is done.

    What was applied stays, and can be taken back; the rest can be retried by a new correction.
    """
    with _door.opened(actor=actor, correction=correction) as act:
        batch, text = _demand_may_control(act, comment)
        batch.stop_asked_at = act.now
        batch.save(update_fields=["stop_asked_at"])
        act.record(AuditKind.STOP_ASKED, comment=text)
        batch_run.end(act)
    return act.correction


def pace_batch(
    *,
    actor: Any,
    correction: Correction,
    rows_per_second: int | None = None,
    window_from: dt.time | None = None,
    window_until: dt.time | None = None,
) -> Correction:
    """How fast and at which hours of the desk's clock chunks are begun; None: no limit. Hours may span midnight."""
    _demand_readable(rows_per_second, window_from, window_until)
    with _door.opened(actor=actor, correction=correction) as act:
        if act.batch is None:
            raise NotABatch
        act.demand_person()
        act.demand_state(State.APPROVED, State.APPLYING)
        _demand_role(act)
        batch, before = act.batch, _pace_of(act.batch)
        batch.rows_per_second, batch.window_from, batch.window_until = rows_per_second, window_from, window_until
        batch.save(update_fields=["rows_per_second", "window_from", "window_until"])
        act.record(AuditKind.PACED, before=before, after=_pace_of(batch))
    return act.correction


def _pace_of(batch: Batch) -> dict[str, Any]:
    since, until = batch.window_from, batch.window_until
    hours = "" if since is None or until is None else f"{since:%H:%M}-{until:%H:%M}"
    return {"rows_per_second": batch.rows_per_second, "hours": hours}


def _demand_readable(rows_per_second: Any, window_from: Any, window_until: Any) -> None:
    is_rate = rows_per_second is None or (isinstance(rows_per_second, int) and rows_per_second > 0)
    ends = [window_from, window_until]
    is_window = ends == [None, None] or all(isinstance(end, dt.time) for end in ends)
    if not is_rate or not is_window:
        raise PaceUnknown(field="rows_per_second")


def _demand_may_control(act: _door.Act, comment: Any, *, needs_comment: bool = True) -> tuple[Batch, str]:
    """The refusals in their order: the batch, its state, the role, the words."""
    act.demand_person()
    if act.batch is None:
        raise NotABatch
    act.demand_state(State.APPLYING)
    _demand_role(act)
    if act.batch.stop_asked_at is not None:
        raise StopAsked
    text = _texts.clean(comment, field="comment", longest=limits.COMMENT_CHARS_MAX)
    if needs_comment and not text:
        raise InvalidInput(_("Say why."), code="comment_is_required", field="comment")
    return act.batch, text


def _demand_role(act: _door.Act) -> None:
    if not any(act.rights.holds(role, act.scope_keys) for role in MAY_CONTROL):
        raise NotAllowed
