"""Which acts a page offers to an account on one correction. An offer is a convenience: services decide anew."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from corrections.choices import EDITABLE, OPEN, State
from corrections.models import Batch, Correction
from corrections.permissions import Rights, holds_where, is_maker, may_make, may_sign
from corrections.policies import Demand
from corrections.roles import Role

GLASS_ROLES = (Role.SENIOR_CHECKER, Role.PRESIDENT)
WITHDRAWABLE = (State.DRAFT, State.SUBMITTED, State.RETURNED, State.APPROVED, State.FAILED)

# Of these something was applied, and can be taken back.
TAKEN_BACK = (State.APPLIED, State.STOPPED)


@dataclass(frozen=True)
class Acts:
    """Names of the verbs to offer, and why the account can't decide although the correction waits for a decision."""

    offered: frozenset[str] = field(default_factory=frozenset)
    obstacle: str = ""  # held, superuser, contributor, decided, role, handler

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
    deciders: frozenset[int]  # in this revision, with those in whose stead it was
    barred: frozenset[int] = frozenset()  # handled the records, where that bars them
    demand: Demand = field(default_factory=Demand)
    is_countersigned: bool = False
    batch: Batch | None = None
    has_failed_rows: bool = False

    @property
    def is_maker(self) -> bool:
        return self.rights.person_id is not None and self.rights.person_id == self.correction.maker_person_id

    @property
    def may_make(self) -> bool:
        """The maker's function, on all of it or as its maker."""
        return is_maker(self.rights) and (self.is_maker or may_make(self.rights, self.keys))


def acts(standing: Standing) -> Acts:
    """What to offer in the present state."""
    obstacle = _obstacle(standing, standing.correction.step_role)
    if not obstacle and standing.rights.person_id in standing.barred:
        obstacle = "handler"
    offered: set[str] = set()
    if standing.correction.state == State.SUBMITTED and not obstacle:
        offered |= {"approve", "return", "reject", "hand_over"}
    offered |= _of_executor(standing) | _of_maker(standing) | _of_compliance(standing) | _of_glass(standing)
    offered |= _of_batch(standing)
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
    if role == Role.EXECUTOR:
        return "" if person is not None and standing.rights.holds(role, standing.keys) else "role"
    without = standing.contributors | standing.deciders | standing.barred
    return "" if may_sign(standing.rights, standing.correction, standing.keys, without=without) else "role"


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
    if may_make(standing.rights, standing.keys) and correction.state in TAKEN_BACK:
        found.add("revert")
    return found


def _of_compliance(standing: Standing) -> set[str]:
    if not standing.rights.holds(Role.COMPLIANCE, standing.keys) or standing.rights.person_id is None:
        return set()
    found = set()
    is_independent = standing.rights.person_id not in standing.contributors
    if standing.correction.state in (*OPEN, State.FAILED) and is_independent and not standing.correction.referred_at:
        found.add("refer")
    if standing.correction.is_held:
        return found | {"release"}
    return found | ({"hold"} if standing.correction.state in (*OPEN, State.FAILED) else set())


def _of_batch(standing: Standing) -> set[str]:
    """Running a batch that is being applied, for who carries out or audits; trying again what failed of one."""
    correction, batch, rights = standing.correction, standing.batch, standing.rights
    if batch is None or rights.person_id is None or rights.is_superuser:
        return set()
    if correction.state in (State.APPLIED, State.STOPPED) and standing.has_failed_rows:
        return {"retry"} if may_make(rights, standing.keys) else set()
    runs = any(rights.holds(role, standing.keys) for role in (Role.EXECUTOR, Role.COMPLIANCE))
    if not runs or batch.chunk_rows is None or batch.stop_asked_at is not None:
        return set()
    if correction.state == State.APPROVED:
        return {"pace"}
    if correction.state != State.APPLYING:
        return set()
    return {"pace", "stop", "pause" if batch.paused_at is None else "resume"}


def _of_glass(standing: Standing) -> set[str]:
    """Breaking the glass, where the policy allows it, and the signature that is due afterwards."""
    correction, rights = standing.correction, standing.rights
    has_part = standing.contributors | standing.deciders | standing.barred
    if rights.is_superuser or rights.person_id is None or rights.person_id in has_part:
        return set()
    if correction.state == State.SUBMITTED and standing.demand.allows_break_glass and not correction.is_held:
        return {"break_glass"} if any(rights.holds(role, standing.keys) for role in GLASS_ROLES) else set()
    if correction.state != State.APPLIED or correction.broke_glass_at is None or standing.is_countersigned:
        return set()
    able = any(holds_where(rights, step.role, step.scope, standing.keys) for step in standing.demand.steps)
    return {"countersign"} if able else set()
