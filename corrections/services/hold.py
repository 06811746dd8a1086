"""Compliance stops an open correction, and releases it. While a hold stands nobody decides, edits or applies."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _

from corrections.choices import OPEN, AuditKind, State
from corrections.errors import IllegalState
from corrections.models import Correction
from corrections.roles import Role
from corrections.services import _door
from corrections.services.decide import _demand_comment, demand_no_part


class ReferredAlready(IllegalState):
    code = "correction_is_referred_already"
    message = _("This correction was referred to anti-money-laundering before.")


def hold(*, actor: Any, correction: Correction, comment: str) -> Correction:
    """Puts an open correction on hold, with a reason."""
    with _door.opened(actor=actor, correction=correction) as act:
        text = _demand_may_hold(act, comment)
        act.demand_not_held()
        act.demand_state(*OPEN, State.FAILED)
        _set(act, is_held=True, comment=text)
        act.record(AuditKind.HELD, comment=text)
    return act.correction


def release(*, actor: Any, correction: Correction, comment: str) -> Correction:
    """Takes the hold off, with a reason; the correction goes on where it was. Never by one who had part in it."""
    with _door.opened(actor=actor, correction=correction) as act:
        text = _demand_may_hold(act, comment)
        demand_no_part(act)
        if not act.correction.is_held:
            raise IllegalState(code="correction_is_not_on_hold", state=act.correction.get_state_display())
        _set(act, is_held=False, comment="")
        act.record(AuditKind.RELEASED, comment=text)
    return act.correction


def refer(*, actor: Any, correction: Correction, comment: str) -> Correction:
    """Refers an open correction to anti-money-laundering, and puts it on hold; compliance alone is told why.

    For everybody else it is on hold, with no reason: nobody is tipped off.
    """
    with _door.opened(actor=actor, correction=correction) as act:
        text = _demand_may_hold(act, comment)
        demand_no_part(act)
        act.demand_state(*OPEN, State.FAILED)
        if act.correction.referred_at is not None:
            raise ReferredAlready
        if not act.correction.is_held:
            _set(act, is_held=True, comment="")
            act.record(AuditKind.HELD)
        act.correction.referred_at = act.now
        act.correction.save(update_fields=["referred_at"])
        act.record(AuditKind.REFERRED, comment=text)
    return act.correction


def _demand_may_hold(act: _door.Act, comment: str) -> str:
    act.demand_person()
    act.demand_role(Role.COMPLIANCE)
    return _demand_comment(comment)


def _set(act: _door.Act, *, is_held: bool, comment: str) -> None:
    act.correction.is_held, act.correction.hold_comment = is_held, comment
    act.correction.save(update_fields=["is_held", "hold_comment"])
