"""A checker hands one correction to one other person who holds the step's function, wherever that person holds it.

The right is an object grant on this one correction. I-01 and I-02 hold for the receiver as for everybody, when the
correction is handed over and again when it is decided.
"""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user_model
from django.utils.translation import gettext_lazy as _
from guardian.shortcuts import assign_perm

from corrections.choices import AuditKind
from corrections.errors import InvalidInput
from corrections.models import Correction
from corrections.permissions import is_usable, rights_of
from corrections.policies import StepDemand
from corrections.services import _door
from corrections.services._signer import is_independent
from corrections.services.decide import _clean, _demand_may_decide


class ReceiverCannotDecide(InvalidInput):
    code = "receiver_cannot_decide"
    message = _("This person can't decide it: choose another one who holds the step's role and had no part in it.")


def hand_over(*, actor: Any, correction: Correction, to: Any, comment: str = "") -> Correction:
    """Lets one other account decide the open step. Only who could decide it may choose who does.

    Raises ReceiverCannotDecide for oneself, a contributor, a superuser, one who has decided this revision, and
    whoever lacks the step's function or is out of force.
    """
    with _door.opened(actor=actor, correction=correction) as act:
        # Nothing is signed here, so no digest was shown: the present one stands in.
        step, _right = _demand_may_decide(act, act.correction.digest)
        text = _clean(comment)
        receiver = _demand_receiver(act, step, to)
        assign_perm("corrections.decide_correction", receiver, act.correction)
        name = _door.name_of(receiver)
        act.record(AuditKind.HANDED_OVER, subject=f"account:{receiver.pk}", to_name=name, comment=text)
    return act.correction


def _demand_receiver(act: _door.Act, step: StepDemand, to: Any) -> Any:
    accounts = get_user_model()._default_manager.select_related("person")
    user: Any = accounts.filter(pk=to.pk).first() if to is not None and to.pk else None
    if not is_usable(user) or user.is_superuser or user.person_id in (None, act.actor.person_id):
        raise ReceiverCannotDecide(field="to")
    if not is_independent(act, user.person_id) or step.role not in rights_of(user).roles:
        raise ReceiverCannotDecide(field="to")
    return user
