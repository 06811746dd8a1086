"""Applying an approved correction: exactly once, only what was signed, only onto what the maker saw.

I-08: data, history, images and audit event commit together. A failed apply wrote no data: it commits `failed` with
the reason, then raises; the signatures stay on record.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext_lazy as _

from corrections.assessment import Assessment
from corrections.choices import ROW_APPLIED, AuditKind, DecisionKind, OnBadRow, State
from corrections.conf import limits
from corrections.engine import many
from corrections.engine.apply import apply_changes, demand_images
from corrections.engine.pages import ranges, span
from corrections.errors import Conflict, CorrectionError, IllegalState, NotAllowed
from corrections.models import Batch, Change, CheckResult, Chunk, Correction, FieldHold
from corrections.roles import Role
from corrections.services import _content, _door, _ending, _looks, _pinned, _wake
from corrections.services._judged import TierRaised, failure, reassessed

# What was recorded of an apply that came to nothing.
UNDONE = (AuditKind.APPLIED, AuditKind.REVERTED, AuditKind.APPLY_BEGUN)


class NotEnoughSignatures(NotAllowed):
    code = "signatures_are_missing"


class MakerCannotApply(NotAllowed):
    code = "maker_cannot_apply"
    message = _("You made, edited or brought evidence to this correction, so another person must apply it.")


class SignerCannotApply(NotAllowed):
    code = "signer_cannot_apply"
    message = _("You signed this correction, and its policy asks for an executor who did not.")


class CoolingOff(IllegalState):
    code = "correction_is_cooling_off"
    message = _("This correction may be applied from %(until)s on. Until then it can still be returned or withdrawn.")


class RowsMovedOn(Conflict):
    """I-04, of a batch in which one bad row fails all."""

    code = "value_changed_since_request"
    message = _("Row %(row)s, %(record)s, was changed meanwhile or is gone, so nothing of the batch was applied.")


def apply(*, actor: Any, correction: Correction) -> Correction:
    """Applies an approved correction, as an executor. An applied one is returned unchanged.

    A large batch comes back as `applying`: workers carry it out in chunks (services/batch_run.py).
    Raises ValueChanged and other Conflicts after having committed the state `failed`.
    """
    return _looks.ended(_looks.in_steps(partial(_apply, actor, correction)))


def _apply(actor: Any, correction: Correction, look: _looks.Look | None) -> Correction:
    with _door.opened(actor=actor, correction=correction) as act:
        if act.correction.state not in (State.APPLYING, State.APPLIED, State.REVERTED):
            act.demand_person()
            act.demand_state(State.APPROVED)
            act.demand_not_held()
            act.demand_in_time()
            _demand_other_person(act)
            act.demand_role(Role.EXECUTOR)
            _demand_cooled_off(act)
            _look_again_and_carry_out(act, look)
    return act.correction


def apply_due(*, actor: Any, correction: Correction) -> Correction:
    """Applies what its policy applies with the approval, once its cool-off is over; a machine may do that."""
    return _looks.ended(_looks.in_steps(partial(_apply_due, actor, correction)))


def _apply_due(actor: Any, correction: Correction, look: _looks.Look | None) -> Correction:
    with _door.opened(actor=actor, correction=correction) as act:
        act.demand_state(State.APPROVED)
        act.demand_not_held()
        act.demand_in_time()
        if not act.demand.is_applied_with_approval:
            raise NotAllowed
        _demand_cooled_off(act)
        _look_again_and_carry_out(act, look)
    return act.correction


def _look_again_and_carry_out(act: _door.Act, look: _looks.Look | None) -> None:
    signed = _content.Signed.read(act)
    found = reassessed(act, look)
    CheckResult.objects.bulk_create(_pinned.results(act, found, _content.AT_APPLY))
    carry_out(act, signed, found)


def _demand_other_person(act: _door.Act) -> None:
    """I-01: whoever made, edited or brought evidence to a correction plays no second part on it."""
    if act.actor.person_id in act.contributors:
        raise MakerCannotApply
    if act.demand.executor_is_separate and any(d.person_id == act.actor.person_id for d in act.decisions):
        raise SignerCannotApply


def _demand_cooled_off(act: _door.Act) -> None:
    ready = act.correction.apply_not_before
    if ready is not None and act.now < ready:
        raise CoolingOff(until=date_format(timezone.localtime(ready), "SHORT_DATETIME_FORMAT"))


def carry_out(act: _door.Act, signed: _content.Signed, found: Assessment) -> None:
    """Applies inside the door, onto the rows as machines looked at them just now (`found`).

    On a refusal nothing of the data remains, and the act fails after its commit.
    """
    _demand_signatures(act, signed)
    try:
        problem = failure(act.correction, signed, found)
        if problem is not None:
            raise problem
        if not act.demand.covers(found.demand):
            raise TierRaised
        with transaction.atomic():
            _write(act, signed, found)
    except CorrectionError as refusal:
        _fail(act, refusal)


def _write(act: _door.Act, signed: _content.Signed, found: Assessment) -> None:
    """All changes in this transaction; of a batch that is too large for one, the plan of its chunks."""
    if act.batch is None:
        changes = list(signed.changes)
        apply_changes(changes, found.targets)
        demand_images(changes)
        _keep(changes)
        _ending.applied(act, len(changes))
    elif act.batch.chunk_rows is None:
        done = _at_once(act, act.batch)
        _ending.applied(act, done.applied, failed=done.failed)
    else:
        _begin(act, act.batch, act.batch.chunk_rows)


def _at_once(act: _door.Act, batch: Batch) -> many.Applied:
    done = many.apply_rows(act.correction, *span(act.correction.changes.all()), on_bad_row=batch.on_bad_row)
    if not done.applied:
        raise _ending.NoRowApplied
    return done


def _begin(act: _door.Act, batch: Batch, chunk_rows: int) -> None:
    """Plans the chunks. Where one bad row fails all, every row is looked at before the first is written."""
    planned = [
        _planned(act.correction, number, first, last)
        for number, (first, last) in enumerate(ranges(act.correction, size=chunk_rows), start=1)
    ]
    if batch.on_bad_row == OnBadRow.FAIL_ALL:
        for chunk in planned:
            _demand_none_stale(act, chunk)
    Chunk.objects.bulk_create(planned, batch_size=limits.BATCH_STAGE_ROWS)
    batch.started_at = act.now
    batch.save(update_fields=["started_at"])
    act.move(State.APPLYING, step=None, step_role="")
    act.record(AuditKind.APPLY_BEGUN, chunks=len(planned), digest=act.correction.digest)
    _wake.tell(act.correction.pk)


def _planned(correction: Correction, number: int, first: int, last: int) -> Chunk:
    """A chunk of rows that were compared with what was signed, in this transaction."""
    root = _content.chunk_root_of(correction, first, last)
    return Chunk(correction=correction, number=number, first=first, last=last, root=root)


def _demand_none_stale(act: _door.Act, chunk: Chunk) -> None:
    stale = many.stale_rows(act.correction, chunk.first, chunk.last)
    if not stale:
        return
    position, code = stale[0]
    change = act.correction.changes.get(position=position)
    raise RowsMovedOn(code=code, record=change.target_label, row=position)


def _demand_signatures(act: _door.Act, signed: _content.Signed) -> None:
    """I-10: the content now is what each approval of this revision was given for. I-09: enough of them, on evidence."""
    fresh = signed.digest()
    approvals = [decision for decision in act.decisions if decision.kind == DecisionKind.APPROVE]
    if fresh != act.correction.digest or any(decision.digest != fresh for decision in approvals):
        raise _content.DigestDiffers
    if not act.demand.steps or not signed.evidence:
        raise NotEnoughSignatures
    if act.correction.broke_glass_at is not None:
        return  # a senior signed alone; the database holds who may, and the clock asks for the second signature
    for position, step in enumerate(act.demand.steps, start=1):
        people = {decision.person_id for decision in approvals if decision.step == position}
        if len(people) < step.people:
            raise NotEnoughSignatures


def _keep(changes: list[Change]) -> None:
    for change in changes:
        change.outcome = ROW_APPLIED
    Change.objects.bulk_update(changes, ["target_pk", "before_image", "after_image", "outcome"])


def _fail(act: _door.Act, refusal: CorrectionError) -> None:
    # The savepoint took the move back in the database; the instance must say so too.
    fresh = Correction.objects.get(pk=act.correction.pk)
    act.events = [event for event in act.events if event.kind not in UNDONE]
    act.correction = fresh
    FieldHold.objects.filter(correction=fresh).delete()
    act.move(
        State.FAILED,
        outcome_code=refusal.code,
        outcome_note=str(refusal),
        step=None,
        step_role="",
        # Nothing was applied, so whoever submits it again finds the glass whole.
        broke_glass_at=None,
        countersign_by=None,
    )
    act.record(AuditKind.FAILED, code=refusal.code, reason=str(refusal))
    act.fail(refusal)
