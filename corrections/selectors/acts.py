"""Which acts a page offers to an account on one correction. An offer is a convenience: services decide anew."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from corrections.choices import EDITABLE, OPEN, State
from corrections.models import Correction
from corrections.permissions import Rights
from corrections.roles import Role

WITHDRAWABLE = (State.DRAFT, State.SUBMITTED, State.RETURNED, State.APPROVED, State.FAILED)


@dataclass(frozen=True)
class Acts:
    """Names of the verbs to offer, and why the account can't decide although the correction waits for a decision."""

    offered: frozenset[str] = field(default_factory=frozenset)
    obstacle: str = ""  # held, superuser, contributor, decided, role

    @property
    def may_decide(self) -> bool:
        return "approve" in self.offered


@dataclass(frozen=True)
class Standing:
    """What the offers depend on, read once for the page."""

    actor: Any
    rights: Rights
    correction: Correction
    keys: frozenset[str]
    contributors: frozenset[int]
    deciders: frozenset[int]  # in this revision

    @property
    def is_maker(self) -> bool:
        return self.rights.person_id is not None and self.rights.person_id == self.correction.maker_person_id

    @property
    def may_make(self) -> bool:
        """The maker's function, on all of it or as its maker."""
        return Role.MAKER in self.rights.roles and (self.is_maker or self.rights.holds(Role.MAKER, self.keys))


def acts(standing: Standing) -> Acts:
    """What to offer in the present state."""
    obstacle = _obstacle(standing, standing.correction.step_role)
    offered: set[str] = set()
    if standing.correction.state == State.SUBMITTED and not obstacle:
        offered |= {"approve", "return", "reject", "hand_over"}
    offered |= _of_executor(standing) | _of_maker(standing) | _of_compliance(standing)
    return Acts(frozenset(offered), obstacle if standing.correction.state == State.SUBMITTED else "")


def _obstacle(standing: Standing, role: str) -> str:
    """Why this account can't sign, in the order in which services refuse."""
    person = standing.rights.person_id
    if standing.correction.is_held:
        return "held"
    if standing.rights.is_superuser:
        return "superuser"
    if person in standing.contributors:
        return "contributor"
    if person in standing.deciders:
        return "decided"
    is_held = person is not None and standing.rights.holds(role, standing.keys)
    if is_held or (role in standing.rights.roles and standing.correction.pk in standing.rights.handed):
        return ""
    return "role"


def _of_executor(standing: Standing) -> set[str]:
    correction = standing.correction
    if correction.state != State.APPROVED or correction.is_held or standing.rights.person_id is None:
        return set()
    if not standing.rights.holds(Role.EXECUTOR, standing.keys):
        return set()
    return {"apply"} if _obstacle(standing, Role.EXECUTOR) else {"apply", "return"}


def _of_maker(standing: Standing) -> set[str]:
    correction, found = standing.correction, set()
    if standing.is_maker and correction.state in WITHDRAWABLE and not correction.is_held:
        found.add("withdraw")
    if standing.may_make and correction.state == State.FAILED and not correction.is_held:
        found.add("rework")
    if standing.may_make and correction.state in EDITABLE:
        found.add("edit")
    is_maker = Role.MAKER in standing.rights.roles and standing.rights.holds(Role.MAKER, standing.keys)
    if is_maker and correction.state == State.APPLIED:
        found.add("revert")
    return found


def _of_compliance(standing: Standing) -> set[str]:
    if not standing.rights.holds(Role.COMPLIANCE, standing.keys) or standing.rights.person_id is None:
        return set()
    if standing.correction.is_held:
        return {"release"}
    return {"hold"} if standing.correction.state in (*OPEN, State.FAILED) else set()
