"""Break-glass: a senior applies at once and alone, with a reason; another independent person signs afterwards.

Off unless every policy that holds allows it. Machines, staleness, evidence and I-01 hold as ever; what is left out is
the other steps' signatures, their blind re-keying and sampled rows, the cool-off and the separate executor. The
database holds by itself that the policy allows it and that a senior signed.
"""

from __future__ import annotations

import datetime as dt
from functools import partial
from typing import Any

from django.utils.translation import gettext_lazy as _

from corrections.assessment import Assessment
from corrections.choices import Acknowledged, AuditKind, DecisionKind, State, Verdict
from corrections.conf import limits
from corrections.engine.gate.control import GLASS_ROLES
from corrections.errors import IllegalState, InvalidInput, NotAllowed
from corrections.models import CheckResult, Correction, Decision
from corrections.policies import StepDemand
from corrections.policies.demand import TOKENS
from corrections.services import _content, _door, _looks, _pinned, _signer, _texts, _token, decide
from corrections.services._judged import HandlerCannotDecide, assessed, demand_look, failure, reassessed
from corrections.services._token import Proof as _Proof
from corrections.services.apply import carry_out


class BreakGlassOff(NotAllowed):
    code = "break_glass_is_not_allowed"
    message = _("The approval policy of this correction allows no break-glass: it waits for its signatures.")


class OnlySeniorsBreakGlass(NotAllowed):
    code = "break_glass_needs_a_senior"
    message = _("Only a senior checker or the president of this branch may break the glass.")


class ReasonTooShort(InvalidInput):
    code = "break_glass_needs_a_reason"
    message = _("Say in a whole sentence why this can't wait for the other signatures.")


class NothingToCountersign(IllegalState):
    code = "correction_needs_no_countersignature"
    message = _("This correction was not applied by break-glass, so there is nothing to countersign.")


class CountersignedAlready(IllegalState):
    code = "correction_is_countersigned_already"
    message = _("Somebody has countersigned this correction already; one signature is enough.")


def break_glass(*, actor: Any, correction: Correction, digest: str, reason: str, token: Any = None) -> Correction:
    """Signs as a senior, alone, and applies at once. A countersignature is due within BREAK_GLASS_HOURS.

    Machines look again: what fails now sends the correction back to its maker, and a tier that rose pins it anew;
    both are committed, then raised. Warnings count as answered by the reason.
    """
    proof = _Proof()
    work = partial(_break_glass, actor, correction, digest, reason, token, proof)
    prove = partial(_prove_at_once, actor, correction, digest, reason, token, proof)
    return _looks.ended(_looks.in_steps(work, before=prove))


def _prove_at_once(actor: Any, correction: Correction, digest: str, reason: str, token: Any, proof: _Proof) -> None:
    """Before a long look, after which the code would be too old. A wrong one is counted, and nothing else is."""
    with _door.opened(actor=actor, correction=correction) as act:
        role = _demand_may_break_so(act, digest, reason)[0]
        proof.is_given = _token.is_proved(act, _step(act, role), token)


def _demand_may_break_so(act: _door.Act, digest: str, reason: str) -> tuple[str, str]:
    text = _texts.clean(reason, field="reason", longest=limits.COMMENT_CHARS_MAX)
    role = _demand_may_break(act)
    decide._demand_digest_shown(act.correction, digest)
    act.demand_in_time()
    if len(text) < limits.BREAK_GLASS_REASON_CHARS_MIN:
        raise ReasonTooShort(field="reason", min=limits.BREAK_GLASS_REASON_CHARS_MIN)
    return role, text


def _break_glass(
    actor: Any,
    correction: Correction,
    digest: str,
    reason: str,
    token: Any,
    proof: _Proof,
    look: _looks.Look | None,
) -> Correction:
    with _door.opened(actor=actor, correction=correction) as act:
        role, text = _demand_may_break_so(act, digest, reason)
        demand_look(act, look)
        signed = _content.Signed.read(act)
        decide.demand_content(act.correction, signed)
        found = reassessed(act, look)
        if not found.demand.allows_break_glass:  # a stricter version came into force meanwhile
            raise BreakGlassOff
        step = _step(act, role)
        if _is_sound(act, signed, found) and (proof.is_given or _token.is_proved(act, step, token)):
            _break(act, step, text, signed, found)
    return act.correction


def countersign(*, actor: Any, correction: Correction, digest: str, comment: str = "", token: Any = None) -> Decision:
    """Signs afterwards what was applied by break-glass, as another independent person with a role of its steps.

    One is enough. `token` is asked for where the step by whose role one signs asks for it.
    """
    text = _texts.clean(comment, field="comment", longest=limits.COMMENT_CHARS_MAX)
    with _door.opened(actor=actor, correction=correction) as act:
        act.demand_person()
        _demand_to_countersign(act)
        decide.demand_independent(act)
        position, step = _own_step(act)
        decide._demand_digest_shown(act.correction, digest)
        if act.actor.person_id in _handlers(act):
            raise HandlerCannotDecide
        decision = _decision(act, position, step, text)
        if _token.is_proved(act, step, token):
            decide._sign(act, decision)
            act.record(AuditKind.COUNTERSIGNED, digest=digest, comment=text)
    return decision


def _demand_may_break(act: _door.Act) -> str:
    """The refusals in their order; gives the role in which the senior acts, held on every scope of the correction."""
    act.demand_person()
    act.demand_state(State.SUBMITTED)
    act.demand_not_held()
    if not act.demand.allows_break_glass:
        raise BreakGlassOff
    decide.demand_independent(act)
    for role in GLASS_ROLES:
        if act.rights.holds(role, act.scope_keys):
            return str(role)
    raise OnlySeniorsBreakGlass


def _step(act: _door.Act, role: str) -> StepDemand:
    """A step of this role alone, with the strongest proof that any pinned step asks for."""
    token = max((step.token for step in act.demand.steps), key=TOKENS.index)
    return StepDemand(role=role, token=token)


def _is_sound(act: _door.Act, signed: _content.Signed, found: Assessment) -> bool:
    problem = failure(act.correction, signed, found)
    if problem is not None:
        decide._send_back(act, found, problem)
        return False
    if not act.demand.covers(found.demand):
        decide._raise_tier(act, signed, found)
        return False
    return True


def _break(act: _door.Act, step: StepDemand, reason: str, signed: _content.Signed, found: Assessment) -> None:
    decision = _decision(act, _position(act, step.role), step, reason)
    answer = {"reason": str(Acknowledged.OTHER), "words": reason}
    decision.acknowledged = {check.code: answer for check, _finding in found.of(Verdict.WARN)}
    decide._sign(act, decision)
    CheckResult.objects.bulk_create(_pinned.results(act, found, _content.AT_APPLY))
    act.record(AuditKind.BROKEN_GLASS, digest=decision.digest, reason=reason, role=step.role)
    columns = {
        **decide._approved(act),
        "apply_not_before": act.now,
        "broke_glass_at": act.now,
        "countersign_by": act.now + dt.timedelta(hours=limits.BREAK_GLASS_HOURS),
    }
    act.move(State.APPROVED, **columns)
    carry_out(act, signed, found)


def _position(act: _door.Act, role: str) -> int:
    """The first step of this role; 0 where the policy asks for none."""
    return next((place for place, step in enumerate(act.demand.steps, start=1) if step.role == role), 0)


def _decision(act: _door.Act, position: int, step: StepDemand, comment: str) -> Decision:
    decision = decide._draft_decision(act, step, _signer.Capacity(), DecisionKind.APPROVE, comment)
    decision.step, decision.token = position, step.token
    return decision


def _demand_to_countersign(act: _door.Act) -> None:
    if act.correction.broke_glass_at is None:
        raise NothingToCountersign(state=act.correction.get_state_display())
    act.demand_state(State.APPLIED)
    if is_countersigned(act.correction):
        raise CountersignedAlready


def is_countersigned(correction: Correction) -> bool:
    """Whether somebody signed after the senior did. Signatures given before don't count: that person saw no glass."""
    later = Decision.objects.filter(correction=correction, decided_at__gt=correction.broke_glass_at)
    return later.filter(kind=DecisionKind.APPROVE).exists()


def _own_step(act: _door.Act) -> tuple[int, StepDemand]:
    """The first pinned step whose role the actor holds where the step asks for it; nobody else's right counts here."""
    for position, step in enumerate(act.demand.steps, start=1):
        if _signer.holds(act.rights, step.role, step.scope, act.scope_keys):
            return position, step
    raise _signer.NotYourStep(role=", ".join(dict.fromkeys(step.role_label for step in act.demand.steps)))


def _handlers(act: _door.Act) -> frozenset[int]:
    """查核不返原岗: whoever booked, reconciled or owns the records."""
    at = act.correction.submitted_at or act.now
    return assessed(act, at=at, is_locking=False, checker_person_id=act.actor.person_id).barred
