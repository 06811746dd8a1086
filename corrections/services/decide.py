"""Decisions of checkers: approve, return for rework, reject; each bound to the digest that the person was shown.

I-01 nobody decides what he or she made, edited or brought evidence to; I-02 once per person and revision;
I-09 no evidence, no approval; I-10 the digest shown, the digest stored and the digest computed now must agree.
"""

from __future__ import annotations

from typing import Any

from django.db import IntegrityError, transaction
from django.utils.translation import gettext_lazy as _

from corrections.choices import AuditKind, DecisionKind, State
from corrections.conf import limits
from corrections.errors import Conflict, IllegalState, IntegrityBroken, InvalidInput, NotAllowed
from corrections.models import Correction, Decision, FieldHold, PolicyStep
from corrections.protection import evidence as store
from corrections.roles import Role
from corrections.services import _content, _door, _texts
from corrections.services.apply import carry_out
from corrections.services.submit import EvidenceMissing


class SuperuserCannotDecide(NotAllowed):
    code = "superuser_cannot_decide"
    message = _("A superuser administers the system and decides no correction.")


class MakerCannotDecide(NotAllowed):
    """I-01"""

    code = "maker_cannot_decide"
    message = _("You made, edited or brought evidence to this correction, so another person must decide it.")


class AlreadyDecided(Conflict):
    """I-02"""

    code = "person_has_decided_already"
    message = _("You have already decided this revision.")


class NotYourStep(NotAllowed):
    code = "step_is_not_yours"
    message = _("The open step needs a %(role)s of this branch. You don't hold that role there.")


class DigestStale(Conflict):
    code = "correction_changed_since_shown"
    message = _("This correction changed since you opened it. Look at it again before you decide.")


class ContentChanged(IntegrityBroken):
    """I-10"""

    code = "content_differs_from_what_was_submitted"


class CommentRequired(InvalidInput):
    code = "comment_is_required"
    message = _("Say why, so that the maker knows what to do.")


def approve(
    *,
    actor: Any,
    correction: Correction,
    digest: str,
    comment: str = "",
    rekeyed: Any = None,
    acknowledged: Any = None,
    token: Any = None,
) -> Decision:
    """Signs the open step. The last signature approves, and applies where the policy says so.

    Raises DigestStale, MakerCannotDecide, AlreadyDecided, NotYourStep …; and the Conflict of a failed apply after
    having committed the signature and the state `failed`.
    """
    with _door.opened(actor=actor, correction=correction) as act:
        step = _demand_may_decide(act, digest)
        act.demand_in_time()
        signed = _content.Signed.read(act.correction, act.changes)
        _demand_content(act.correction, signed)
        decision = _decide(act, step, DecisionKind.APPROVE, _clean(comment))
        act.record(AuditKind.APPROVED, digest=digest, step=step.position)
        _advance(act, step, signed)
    return decision


def return_for_rework(*, actor: Any, correction: Correction, digest: str, comment: str) -> Decision:
    """Sends the correction back to its maker with a comment; what was signed for this revision is void.

    An executor returns an approved correction in the same way.
    """
    with _door.opened(actor=actor, correction=correction) as act:
        text = _demand_comment(comment)
        step = _demand_may_return(act, digest)
        decision = _decide(act, step, DecisionKind.RETURN, text)
        act.move(State.RETURNED, decided_at=act.now, step=None, step_role="", outcome_note=text)
        act.record(AuditKind.RETURNED, comment=text)
    return decision


def reject(*, actor: Any, correction: Correction, digest: str, comment: str) -> Decision:
    """Refuses the correction for good."""
    with _door.opened(actor=actor, correction=correction) as act:
        text = _demand_comment(comment)
        step = _demand_may_decide(act, digest)
        decision = _decide(act, step, DecisionKind.REJECT, text)
        FieldHold.objects.filter(correction=act.correction).delete()
        act.move(State.REJECTED, decided_at=act.now, closed_at=act.now, step=None, step_role="", outcome_note=text)
        act.record(AuditKind.REJECTED, comment=text)
    return decision


def _demand_may_decide(act: _door.Act, digest: str) -> PolicyStep:
    """The refusals of a decision, in their documented order; gives the open step."""
    act.demand_person()
    act.demand_state(State.SUBMITTED)
    act.demand_not_held()
    demand_independent(act)
    step = _open_step(act)
    role_is_held = act.rights.holds(step.role, act.scope_keys)
    if not role_is_held and not (step.role in act.rights.roles and act.correction.pk in act.rights.handed):
        raise NotYourStep(role=step.get_role_display())
    _demand_digest_shown(act.correction, digest)
    return step


def _demand_may_return(act: _door.Act, digest: str) -> PolicyStep:
    if act.correction.state != State.APPROVED:
        return _demand_may_decide(act, digest)
    act.demand_person()
    act.demand_not_held()
    demand_independent(act)
    act.demand_role(Role.EXECUTOR)
    _demand_digest_shown(act.correction, digest)
    return PolicyStep(position=0, role=Role.EXECUTOR)


def demand_independent(act: _door.Act) -> None:
    """I-01 and I-02, by person, whatever roles the account holds."""
    if act.actor.is_superuser:
        raise SuperuserCannotDecide
    demand_no_part(act)
    if any(decision.person_id == act.actor.person_id for decision in act.decisions):
        raise AlreadyDecided


def demand_no_part(act: _door.Act) -> None:
    """The person made, edited or brought nothing of this correction, and the account is not its maker's."""
    is_maker = act.actor.pk == act.correction.maker_id or act.actor.person_id == act.correction.maker_person_id
    if is_maker or act.correction.contributions.filter(person_id=act.actor.person_id).exists():
        raise MakerCannotDecide


def _open_step(act: _door.Act) -> PolicyStep:
    for step in act.steps:
        if step.position == act.correction.step:
            return step
    raise IllegalState(code="no_step_is_open", state=act.correction.get_state_display())


def _demand_digest_shown(correction: Correction, digest: str) -> None:
    if not digest or digest != correction.digest:
        raise DigestStale


def _demand_content(correction: Correction, signed: _content.Signed) -> None:
    """I-09 and I-10: evidence is there and unchanged, and the content is what was submitted."""
    policy = correction.policy
    if policy is None or len(signed.evidence) < policy.evidence_min:
        raise EvidenceMissing(count=policy.evidence_min if policy else 1)
    if signed.digest() != correction.digest:
        raise ContentChanged
    for item in signed.evidence:
        store.load(item.file.sha256, item.file.key_id)


def _decide(act: _door.Act, step: PolicyStep, kind: DecisionKind, comment: str) -> Decision:
    decision = Decision(
        correction=act.correction,
        revision=act.correction.revision,
        step=step.position,
        role=step.role,
        kind=kind,
        digest=act.correction.digest,
        comment=comment,
        user=act.actor,
        person_id=act.actor.person_id,
        person_name=act.actor_name,
        decided_at=act.now,
    )
    try:
        with transaction.atomic():
            decision.save(force_insert=True)
    except IntegrityError:
        # The person's other account decided in this moment; anything else is the door's to tell.
        if act.correction.decisions.filter(revision=decision.revision, person_id=decision.person_id).exists():
            raise AlreadyDecided from None
        raise
    act.decisions.append(decision)
    return decision


def _advance(act: _door.Act, step: PolicyStep, signed: _content.Signed) -> None:
    """Opens the next step, or approves; applies at once where the policy says so."""
    correction = act.correction
    here = [d for d in act.decisions if d.step == step.position and d.kind == DecisionKind.APPROVE]
    if len(here) < step.people:
        return
    later = [following for following in act.steps if following.position > step.position]
    if later:
        correction.step, correction.step_role = later[0].position, later[0].role
        correction.save(update_fields=["step", "step_role"])
        return
    act.move(State.APPROVED, decided_at=act.now, step=None, step_role="")
    if correction.policy is not None and correction.policy.is_applied_with_approval:
        carry_out(act, signed)


def _demand_comment(comment: Any) -> str:
    text = _clean(comment)
    if not text:
        raise CommentRequired(field="comment")
    return text


def _clean(comment: Any) -> str:
    return _texts.clean(comment, field="comment", longest=limits.COMMENT_CHARS_MAX)
