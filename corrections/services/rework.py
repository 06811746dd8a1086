"""A failed correction goes back to its maker, who looks at what moved and submits it again."""

from __future__ import annotations

from typing import Any

from corrections.choices import AuditKind, State
from corrections.errors import NotAllowed
from corrections.models import Correction
from corrections.permissions import may_make
from corrections.services import _door
from corrections.services.decide import returned
from corrections.services.draft import demand_maker


def rework(*, actor: Any, correction: Correction) -> Correction:
    """Moves a failed correction to `returned`, so that it can be edited and submitted as its next revision."""
    with _door.opened(actor=actor, correction=correction) as act:
        demand_maker(act)
        act.demand_state(State.FAILED)
        act.demand_not_held()
        is_maker = act.correction.maker_person_id == act.actor.person_id
        if not is_maker and not may_make(act.rights, act.scope_keys):
            raise NotAllowed
        act.move(State.RETURNED, expires_at=returned(act)["expires_at"])  # its time to be reworked begins now
        act.record(AuditKind.RETURNED, comment=act.correction.outcome_note)
    return act.correction
