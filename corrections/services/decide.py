"""Decisions of checkers: approve, return for rework, reject; each bound to the digest that the person was shown.

I-01 nobody decides what he or she made, edited or brought evidence to; I-02 once per person and revision;
I-09 no evidence, no approval; I-10 the digest shown, the digest stored and the digest computed now must agree.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from functools import partial
from typing import Any

from django.db import IntegrityError, transaction
from django.utils.translation import gettext_lazy as _

from corrections.assessment import Assessment
from corrections.choices import AuditKind, DecisionKind, State
from corrections.conf import limits
from corrections.engine.pages import pages
from corrections.errors import Conflict, CorrectionError, IllegalState, IntegrityBroken, InvalidInput, NotAllowed
from corrections.models import CheckResult, Correction, Decision, FieldHold
from corrections.policies import StepDemand
from corrections.roles import Role
from corrections.selectors.changes import live_rows
from corrections.selectors.handled import barred
from corrections.services import _answers, _content, _door, _looks, _pinned, _rekeyed, _rows, _texts, _token
from corrections.services._confirmed import confirmed_rows
from corrections.services._judged import HandlerCannotDecide, TierRaised, demand_look, failure, reassessed
from corrections.services._nobody import tell_if_nobody
from corrections.services._signer import Capacity, capacity
from corrections.services.apply import carry_out
from corrections.services.submit import EvidenceMissing, pin, pinned_columns


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


class DelegateHasSigned(Conflict):
    """I-02: a signature in somebody's stead is that person's one signature."""

    code = "delegate_has_signed_for_you"
    message = _("Somebody has signed this revision in your stead, so you can't sign it as well.")


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
    confirmed: Any = None,
) -> Decision:
    """Signs the open step. The last signature approves, and applies where the policy says so.

    `rekeyed` is ``{(change_id, field): text}`` for the fields that are keyed blindly, `acknowledged` answers each
    warning by its check's code, `token` is a one-time password. `confirmed` are the positions of the rows drawn at
    random that the person compared with the evidence, where the policy asks for it. Machines look again: what fails
    now sends the correction back, and a tier that rose voids the signatures given before.

    Raises DigestStale, MakerCannotDecide, AlreadyDecided, NotYourStep …; and, after having committed what it says:
    the Conflict of a failed apply, CheckFailed, TierRaised, RekeyDiffers, TokenWrong.
    """
    return _looks.ended(
        approving(
            actor=actor,
            correction=correction,
            digest=digest,
            comment=comment,
            rekeyed=rekeyed,
            acknowledged=acknowledged,
            token=token,
            confirmed=confirmed,
        )
    )


def approving(
    *,
    actor: Any,
    correction: Correction,
    digest: str,
    comment: str = "",
    rekeyed: Any = None,
    acknowledged: Any = None,
    token: Any = None,
    confirmed: Any = None,
) -> _looks.Steps[Decision]:
    """The same step by step, saying how far machines are with a large batch; left alone halfway, nothing is signed."""
    proof = _token.Proof()
    answers = {
        "comment": comment,
        "rekeyed": rekeyed,
        "acknowledged": acknowledged,
        "token": token,
        "confirmed": confirmed,
    }
    work = partial(_approve, actor, correction, digest, answers, proof)
    prove = partial(_prove_at_once, actor, correction, digest, token, proof)
    return (yield from _looks.in_steps(work, before=prove))


def _prove_at_once(actor: Any, correction: Correction, digest: str, token: Any, proof: _token.Proof) -> None:
    """Before a long look, after which the code would be too old. A wrong one is counted, and nothing else is."""
    with _door.opened(actor=actor, correction=correction) as act:
        step, _capacity = _demand_may_decide(act, digest)
        act.demand_in_time()
        proof.is_given = _token.is_proved(act, step, token)


def _approve(
    actor: Any,
    correction: Correction,
    digest: str,
    answers: Mapping[str, Any],
    proof: _token.Proof,
    look: _looks.Look | None,
) -> Decision:
    with _door.opened(actor=actor, correction=correction) as act:
        step, capacity = _demand_may_decide(act, digest)
        act.demand_in_time()
        demand_look(act, look)
        signed = _content.Signed.read(act)
        demand_content(act.correction, signed)
        found = reassessed(act, look, stead_id=capacity.giver_id)
        decision = _draft_decision(act, step, capacity, DecisionKind.APPROVE, _clean(answers["comment"]))
        if _is_sound(act, signed, found, step):
            warnings = _answers.warnings_of(found, signed.verdicts)
            decision.acknowledged = _answers.answered(warnings, answers["acknowledged"], act.demand.worded_checks)
            decision.confirmed = confirmed_rows(act, answers["confirmed"])
            if not _is_proved(act, step, decision, answers, proof):
                return decision
            _sign(act, decision, capacity.giver_id)
            act.record(AuditKind.APPROVED, digest=digest, step=decision.step)
            _advance(act, step, signed, found)
    return decision


def return_for_rework(*, actor: Any, correction: Correction, digest: str, comment: str) -> Decision:
    """Sends the correction back to its maker with a comment; what was signed for this revision is void.

    An executor returns an approved correction in the same way.
    """
    with _door.opened(actor=actor, correction=correction) as act:
        text = _demand_comment(comment)
        step, capacity = _demand_may_return(act, digest)
        _demand_no_handler(act, capacity)
        decision = _sign(act, _draft_decision(act, step, capacity, DecisionKind.RETURN, text), capacity.giver_id)
        act.move(State.RETURNED, **returned(act), outcome_note=text)
        act.record(AuditKind.RETURNED, comment=text)
    return decision


def reject(*, actor: Any, correction: Correction, digest: str, comment: str) -> Decision:
    """Refuses the correction for good."""
    with _door.opened(actor=actor, correction=correction) as act:
        text = _demand_comment(comment)
        step, capacity = _demand_may_decide(act, digest)
        _demand_no_handler(act, capacity)
        decision = _sign(act, _draft_decision(act, step, capacity, DecisionKind.REJECT, text), capacity.giver_id)
        FieldHold.objects.filter(correction=act.correction).delete()
        act.move(State.REJECTED, decided_at=act.now, closed_at=act.now, step=None, step_role="", outcome_note=text)
        act.record(AuditKind.REJECTED, comment=text)
    return decision


def returned(act: _door.Act) -> dict[str, Any]:
    """Columns of a correction that goes back to its maker, and how long it may stay there."""
    hours = act.demand.rework_hours or limits.SUBMITTED_DAYS_MAX * 24
    expires = act.now + dt.timedelta(hours=hours)
    return {"decided_at": act.now, "step": None, "step_role": "", "escalated_role": "", "expires_at": expires}


def _demand_may_decide(act: _door.Act, digest: str) -> tuple[StepDemand, Capacity]:
    """The refusals of a decision, in their documented order; gives the open step, and by which right it is signed."""
    act.demand_person()
    act.demand_state(State.SUBMITTED)
    act.demand_not_held()
    demand_independent(act)
    step = open_step(act)
    by_right = capacity(act, step)
    _demand_digest_shown(act.correction, digest)
    return step, by_right


def _demand_may_return(act: _door.Act, digest: str) -> tuple[StepDemand, Capacity]:
    if act.correction.state != State.APPROVED:
        return _demand_may_decide(act, digest)
    act.demand_person()
    act.demand_not_held()
    demand_independent(act)
    act.demand_role(Role.EXECUTOR)
    _demand_digest_shown(act.correction, digest)
    return StepDemand(role=Role.EXECUTOR), Capacity()


def _demand_no_handler(act: _door.Act, by_right: Capacity) -> None:
    """Who handled the records sends nothing back and rejects nothing; an approval asks when machines look again."""
    for changes in [act.changes] if act.batch is None else pages(act.correction.changes.all()):
        if barred(changes, live_rows(changes)) & {act.actor.person_id, by_right.giver_id}:
            raise HandlerCannotDecide


def demand_independent(act: _door.Act) -> None:
    """I-01 and I-02, by person, whatever roles the account holds."""
    if act.actor.is_superuser:
        raise SuperuserCannotDecide
    demand_no_part(act)
    if any(decision.person_id == act.actor.person_id for decision in act.decisions):
        raise AlreadyDecided
    if any(decision.stead_id == act.actor.person_id for decision in act.decisions):
        raise DelegateHasSigned


def demand_no_part(act: _door.Act) -> None:
    """The person made, edited or brought nothing of this correction, and the account is not its maker's."""
    is_maker = act.actor.pk == act.correction.maker_id or act.actor.person_id == act.correction.maker_person_id
    if is_maker or act.actor.person_id in act.contributors:
        raise MakerCannotDecide


def open_step(act: _door.Act) -> StepDemand:
    position = act.correction.step
    if position is None or not 1 <= position <= len(act.demand.steps):
        raise IllegalState(code="no_step_is_open", state=act.correction.get_state_display())
    return act.demand.steps[position - 1]


def _demand_digest_shown(correction: Correction, digest: str) -> None:
    if not digest or digest != correction.digest:
        raise DigestStale


def demand_content(correction: Correction, signed: _content.Signed) -> None:
    """I-09 and I-10: evidence is there and unchanged, and the content is what was submitted."""
    policy = correction.policy
    if policy is None or len(signed.evidence) < policy.evidence_min:
        raise EvidenceMissing(count=policy.evidence_min if policy else 1)
    if signed.digest() != correction.digest:
        raise ContentChanged
    _content.demand_files(signed.evidence)


def _is_sound(act: _door.Act, signed: _content.Signed, found: Assessment, step: StepDemand) -> bool:
    """Nothing failed since, and the tier is still high enough. If not, the act ends otherwise, and says so.

    What fails at the last signature fails the apply, which leaves the signature on record.
    """
    problem = failure(act.correction, signed, found)
    if problem is not None and not _completes(act, step):
        _send_back(act, found, problem)
        return False
    if problem is None and not act.demand.covers(found.demand):
        _raise_tier(act, signed, found)
        return False
    return True


def _send_back(act: _door.Act, found: Assessment, problem: CorrectionError) -> None:
    """A check that passed has become a fail: the maker sees to it, and what was signed for this revision is void."""
    CheckResult.objects.bulk_create(_pinned.results(act, found, _content.AT_DECISION))
    act.move(State.RETURNED, **returned(act), outcome_code=problem.code, outcome_note=str(problem))
    act.record(AuditKind.RETURNED, code=problem.code, comment=str(problem), by="machine")
    act.fail(problem)


def _raise_tier(act: _door.Act, signed: _content.Signed, found: Assessment) -> None:
    """The same content as the next revision, pinned to all that is demanded now: every signature is given anew."""
    demand = act.demand.merged(found.demand)
    act.correction.revision += 1
    results = _pinned.results(act, found, _content.AT_SUBMISSION)
    if act.batch is not None:
        act.batch.sample = _rows.draw(act, demand)
    pin(act, list(signed.changes), list(signed.evidence), found, demand, results)
    if act.batch is not None:
        act.batch.save(update_fields=["sample"])
    columns = {**pinned_columns(act), "revision": act.correction.revision}
    for name, value in columns.items():
        setattr(act.correction, name, value)
    act.correction.save(update_fields=[*columns])
    act.record(AuditKind.TIER_RAISED, steps=[f"{step.people} × {step.role}" for step in demand.steps])
    tell_if_nobody(act, found, demand)
    act.fail(TierRaised())


def _is_proved(
    act: _door.Act,
    step: StepDemand,
    decision: Decision,
    answers: Mapping[str, Any],
    proof: _token.Proof,
) -> bool:
    """Token proved, fields keyed. A wrong token or keying is kept, and the act fails after it."""
    decision.token = step.token
    is_proved = proof.is_given or _token.is_proved(act, step, answers["token"])
    return is_proved and _rekeyed.agrees(act, step, answers["rekeyed"])


def _draft_decision(act: _door.Act, step: StepDemand, by_right: Capacity, kind: DecisionKind, comment: str) -> Decision:
    return Decision(
        correction=act.correction,
        revision=act.correction.revision,
        step=act.correction.step or 0,
        role=step.role,
        kind=kind,
        digest=act.correction.digest,
        comment=comment,
        user=act.actor,
        person_id=act.actor.person_id,
        person_name=act.actor_name,
        decided_at=act.now,
        delegation_id=by_right.delegation,
        held_role=by_right.held_role,
    )


def _sign(act: _door.Act, decision: Decision, stead_id: int | None = None) -> Decision:
    try:
        with transaction.atomic():
            decision.save(force_insert=True)
    except IntegrityError:
        # The person's other account decided in this moment; anything else is the door's to tell.
        if act.correction.decisions.filter(revision=decision.revision, person_id=decision.person_id).exists():
            raise AlreadyDecided from None
        raise
    signature = _door.Signature(decision.person_id, decision.step, decision.kind, decision.digest, stead_id)
    act.decisions.append(signature)
    return decision


def _signed_here(act: _door.Act) -> int:
    return sum(1 for d in act.decisions if d.step == act.correction.step and d.kind == DecisionKind.APPROVE)


def _completes(act: _door.Act, step: StepDemand) -> bool:
    """Whether one more signature approves the correction and applies it at once."""
    is_last = act.correction.step == len(act.demand.steps) and _signed_here(act) + 1 >= step.people
    return is_last and applies_at_once(act)


def applies_at_once(act: _door.Act) -> bool:
    return act.demand.is_applied_with_approval and not act.demand.cool_off_hours


def _advance(act: _door.Act, step: StepDemand, signed: _content.Signed, found: Assessment) -> None:
    """Opens the next step, or approves; applies at once where the policy says so."""
    correction = act.correction
    is_applied = _signed_here(act) >= step.people and correction.step == len(act.demand.steps) and applies_at_once(act)
    CheckResult.objects.bulk_create(
        _pinned.results(act, found, _content.AT_APPLY if is_applied else _content.AT_DECISION)
    )
    if _signed_here(act) < step.people:
        return
    position = correction.step or 0
    if position < len(act.demand.steps):
        columns = {
            "step": position + 1,
            "step_role": act.demand.steps[position].role,
            "step_opened_at": act.now,
            "reminded_at": None,
            "escalated_role": "",
        }
        for name, value in columns.items():
            setattr(correction, name, value)
        correction.save(update_fields=[*columns])
        return
    act.move(State.APPROVED, **_approved(act))
    if is_applied:
        carry_out(act, signed, found)


def _approved(act: _door.Act) -> dict[str, Any]:
    """Columns of an approved correction: its cool-off, and until when it must be applied."""
    ready = act.now + dt.timedelta(hours=act.demand.cool_off_hours)
    hours = act.demand.apply_hours or limits.SUBMITTED_DAYS_MAX * 24
    return {
        "decided_at": act.now,
        "step": None,
        "step_role": "",
        "escalated_role": "",
        "apply_not_before": ready,
        "expires_at": ready + dt.timedelta(hours=hours),
    }


def _demand_comment(comment: Any) -> str:
    text = _clean(comment)
    if not text:
        raise CommentRequired(field="comment")
    return text


def _clean(comment: Any) -> str:
    return _texts.clean(comment, field="comment", longest=limits.COMMENT_CHARS_MAX)
