"""Who may sign the open step, and by whose right: the person's own, one lent for absence, or one by escalation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from django.contrib.auth import get_user_model
from django.utils.translation import gettext_lazy as _

from corrections.choices import StepScope
from corrections.errors import NotAllowed
from corrections.permissions import Lent, Rights, as_lent, rights_of
from corrections.permissions import holds_where as holds
from corrections.policies import StepDemand
from corrections.services._door import Act


class NotYourStep(NotAllowed):
    code = "step_is_not_yours"
    message = _("The open step needs a %(role)s of this branch. You don't hold that role there.")


@dataclass(frozen=True)
class Capacity:
    """By which right somebody signs; empty where it is simply the step's role."""

    delegation: int | None = None
    held_role: str = ""
    giver_id: int | None = None  # in whose stead, by the delegation


def capacity(act: Act, step: StepDemand) -> Capacity:
    """The right by which the actor signs this step: his or her own before one that was lent. Raises NotYourStep."""
    keys = act.scope_keys
    # Handing over widens where a role counts, but no further than the records' branches.
    was_handed = step.scope == StepScope.TARGET and act.correction.pk in act.rights.handed
    roles = [role for role in (step.role, act.correction.escalated_role) if role]
    for role in roles:
        if holds(act.rights, role, step.scope, keys) or (was_handed and role in act.rights.roles):
            return Capacity(held_role="" if role == step.role else role)
    for role in roles:
        loan = _lent(act, role, step.scope, keys)
        if loan is not None:
            return Capacity(loan.pk, "" if role == step.role else role, loan.giver_id)
    raise NotYourStep(role=step.role_label)


def _lent(act: Act, role: str, scope: str, keys: set[str]) -> Lent | None:
    """A delegation of somebody who holds the role there now, and who could sign here as an independent person."""
    for loan in act.rights.lent:
        if loan.role != role or not is_independent(act, loan.giver_id):
            continue
        if any(holds(as_lent(loan, rights), role, scope, keys) for rights in _rights_of_person(loan.giver_id)):
            return loan
    return None


def _rights_of_person(person_id: int) -> Iterator[Rights]:
    """Of each account in force; a superuser's has no role to lend."""
    accounts = get_user_model()._default_manager.select_related("person").filter(person_id=person_id)
    for account in accounts.filter(is_active=True, is_superuser=False):
        yield rights_of(account)


def is_independent(act: Act, person_id: int) -> bool:
    """I-01 and I-02 for one person: contributed nothing, and neither decided this revision nor was stood in for."""
    if person_id == act.correction.maker_person_id or person_id in act.contributors:
        return False
    return all(person_id not in decision.people for decision in act.decisions)
