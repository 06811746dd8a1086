"""Applying an approved correction: exactly once, only what was signed, only onto what the maker saw.

I-08: data, history, images and audit event commit together. A failed apply wrote no data: it commits `failed` with
the reason, then raises; the signatures stay on record.
"""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from corrections.choices import AuditKind, DecisionKind, State
from corrections.engine.apply import apply_changes, demand_images
from corrections.errors import CorrectionError, IntegrityBroken, NotAllowed
from corrections.models import Change, Correction, FieldHold
from corrections.roles import Role
from corrections.services import _content, _door
from corrections.services._restored import is_restored


class NotEnoughSignatures(NotAllowed):
    code = "signatures_are_missing"


class MakerCannotApply(NotAllowed):
    code = "maker_cannot_apply"
    message = _("You made, edited or brought evidence to this correction, so another person must apply it.")


class DigestDiffers(IntegrityBroken):
    """I-10"""

    code = "content_differs_from_what_was_signed"


def apply(*, actor: Any, correction: Correction) -> Correction:
    """Applies an approved correction, as an executor. An applied one is returned unchanged.

    Raises ValueChanged and other Conflicts after having committed the state `failed`.
    """
    with _door.opened(actor=actor, correction=correction) as act:
        if act.correction.state not in (State.APPLIED, State.REVERTED):
            act.demand_person()
            act.demand_state(State.APPROVED)
            act.demand_not_held()
            act.demand_in_time()
            _demand_other_person(act)
            act.demand_role(Role.EXECUTOR)
            carry_out(act, _content.Signed.read(act.correction, act.changes))
    return act.correction


def _demand_other_person(act: _door.Act) -> None:
    """I-01: whoever made, edited or brought evidence to a correction plays no second part on it."""
    if act.correction.contributions.filter(person_id=act.actor.person_id).exists():
        raise MakerCannotApply


def carry_out(act: _door.Act, signed: _content.Signed) -> None:
    """Applies inside the door. On a refusal nothing of the data remains, and the act fails after its commit."""
    _demand_signatures(act, signed)
    changes = list(signed.changes)
    try:
        with transaction.atomic():
            apply_changes(changes)
            demand_images(changes)
            _close(act, changes)
    except CorrectionError as refusal:
        _fail(act, refusal)


def _demand_signatures(act: _door.Act, signed: _content.Signed) -> None:
    """I-10: the content now is what each approval of this revision was given for. I-09: enough of them, on evidence."""
    fresh = signed.digest()
    approvals = [decision for decision in act.decisions if decision.kind == DecisionKind.APPROVE]
    if fresh != act.correction.digest or any(decision.digest != fresh for decision in approvals):
        raise DigestDiffers
    for step in act.steps:
        people = {decision.person_id for decision in approvals if decision.step == step.position}
        if len(people) < step.people:
            raise NotEnoughSignatures
    if not act.steps or not signed.evidence:
        raise NotEnoughSignatures


def _close(act: _door.Act, changes: list[Change]) -> None:
    correction = act.correction
    Change.objects.bulk_update(changes, ["target_pk", "before_image", "after_image"])
    FieldHold.objects.filter(correction=correction).delete()
    act.move(State.APPLIED, applied_at=act.now, closed_at=act.now, step=None, step_role="")
    act.record(AuditKind.APPLIED, digest=correction.digest, rows=len(changes))
    if correction.reverts_id is not None:
        _mark_reverted(act)


def _mark_reverted(act: _door.Act) -> None:
    """The original moves to `reverted` only when every field that it wrote was restored (I-05)."""
    original = Correction.objects.select_for_update(of=("self",)).get(pk=act.correction.reverts_id)
    if original.state == State.APPLIED and all(is_restored(change) for change in original.changes.all()):
        original.move_to_reverted()
        original.save(update_fields=["state"])
        act.record(AuditKind.REVERTED, subject=str(original.number))


def _fail(act: _door.Act, refusal: CorrectionError) -> None:
    # The savepoint took the move back in the database; the instance must say so too.
    fresh = Correction.objects.get(pk=act.correction.pk)
    act.events = [event for event in act.events if event.kind not in (AuditKind.APPLIED, AuditKind.REVERTED)]
    act.correction = fresh
    FieldHold.objects.filter(correction=fresh).delete()
    act.move(
        State.FAILED,
        outcome_code=refusal.code,
        outcome_note=str(refusal),
        step=None,
        step_role="",
    )
    act.record(AuditKind.FAILED, code=refusal.code, reason=str(refusal))
    act.fail(refusal)
