"""Ends of a correction that no checker decides: the maker withdraws it, or time runs out."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _

from corrections.choices import AuditKind, State
from corrections.conf import limits
from corrections.errors import IllegalState, NotAllowed
from corrections.models import Correction, FieldHold
from corrections.services import _door, _texts

WITHDRAWABLE = (State.DRAFT, State.SUBMITTED, State.RETURNED, State.APPROVED, State.FAILED)
EXPIRING = (State.SUBMITTED, State.RETURNED, State.APPROVED)


class OnlyMakerWithdraws(NotAllowed):
    code = "only_the_maker_withdraws"
    message = _("Only the person who made a correction can withdraw it.")


def withdraw(*, actor: Any, correction: Correction, comment: str = "") -> Correction:
    """The maker takes the correction back, before it is applied."""
    text = _texts.clean(comment, field="comment", longest=limits.COMMENT_CHARS_MAX)
    with _door.opened(actor=actor, correction=correction) as act:
        act.demand_state(*WITHDRAWABLE)
        act.demand_not_held()
        if act.actor.person_id is None or act.actor.person_id != act.correction.maker_person_id:
            raise OnlyMakerWithdraws
        _close(act, State.WITHDRAWN, text)
        act.record(AuditKind.WITHDRAWN, comment=text)
    return act.correction


def expire(*, actor: Any, correction: Correction) -> Correction:
    """Ends a correction whose time is over. Silence is never permission (I-09)."""
    with _door.opened(actor=actor, correction=correction) as act:
        act.demand_state(*EXPIRING)
        act.demand_not_held()
        if act.correction.expires_at is None or act.correction.expires_at > act.now:
            raise IllegalState(_("This correction's time is not over yet."), code="not_expired_yet")
        _close(act, State.EXPIRED, "")
        act.record(AuditKind.EXPIRED)
    return act.correction


def _close(act: _door.Act, state: State, note: str) -> None:
    FieldHold.objects.filter(correction=act.correction).delete()
    act.move(state, closed_at=act.now, step=None, step_role="", outcome_note=note)
