"""What the policies that hold ask for together: never less than any one of them asks for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import reduce
from typing import Any

from corrections.choices import StepToken
from corrections.models import Policy
from corrections.policies.match import Ruled, steps_of
from corrections.roles import Role

# The order of steps where several policies come together: higher people last.
RANKS: tuple[str, ...] = (
    Role.MAKER,
    Role.EXECUTOR,
    Role.USER_ADMIN,
    Role.POLICY_ADMIN,
    Role.CHECKER,
    Role.CONTROLLER,
    Role.COMPLIANCE,
    Role.SENIOR_CHECKER,
    Role.PRESIDENT,
)
TOKENS: tuple[str, ...] = (StepToken.NONE, StepToken.RECENT, StepToken.OWN)
Key = tuple[str, str, int]


@dataclass(frozen=True)
class StepDemand:
    """One step: so many different people of a role, held on a scope."""

    role: str
    people: int = 1
    scope: str = "target"
    token: str = "none"  # noqa: S105 - which proof is asked for
    is_rekeying: bool = True
    escalates_to: str = ""

    @property
    def role_label(self) -> str:
        return str(Role(self.role).label)

    def with_(self, other: StepDemand) -> StepDemand:
        """What both ask for. An escalation that only one of them allows is none."""
        return replace(
            self,
            people=max(self.people, other.people),
            token=max(self.token, other.token, key=TOKENS.index),
            is_rekeying=self.is_rekeying or other.is_rekeying,
            escalates_to=self.escalates_to if self.escalates_to == other.escalates_to else "",
        )

    def covers(self, other: StepDemand) -> bool:
        return (
            self.people >= other.people
            and TOKENS.index(self.token) >= TOKENS.index(other.token)
            and (self.is_rekeying or not other.is_rekeying)
        )


@dataclass(frozen=True)
class Demand:
    """All that a correction needs before it is applied. Hours of 0 mean the desk's own limit."""

    steps: tuple[StepDemand, ...] = ()
    evidence_min: int = 1
    evidence_kinds: tuple[str, ...] = ()
    rekey_fields: tuple[str, ...] = ()
    worded_checks: tuple[str, ...] = ()
    is_applied_with_approval: bool = True
    executor_is_separate: bool = False
    allows_break_glass: bool = False
    reminder_hours: int = 0
    escalation_hours: int = 0
    cool_off_hours: int = 0
    sample_rows: int = 0  # of a batch: sampled rows that each approver confirms one by one
    decide_hours: int = 0
    apply_hours: int = 0
    rework_hours: int = 0

    @property
    def people(self) -> int:
        """How many different people sign, the maker not counted."""
        return sum(step.people for step in self.steps)

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {"steps": [asdict(step) for step in self.steps]}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Demand:
        known = {name: stored[name] for name in cls.__dataclass_fields__ if name in stored}
        lists = {name: tuple(value) for name, value in known.items() if isinstance(value, list)}
        steps = tuple(StepDemand(**step) for step in known.get("steps", ()))
        return cls(**{**known, **lists, "steps": steps})

    @classmethod
    def of(cls, ruled: Ruled) -> Demand:
        """What one policy asks for, in its own order of steps."""
        policy = ruled.policy
        steps = tuple(
            StepDemand(step.role, step.people, step.scope, step.token, step.is_rekeying, step.escalates_to)
            for step in ruled.steps
        )
        lists: dict[str, Any] = {name: tuple(sorted(getattr(policy, name))) for name in _LISTS}
        plain = {name: getattr(policy, name) for name in _PLAIN}
        # Whoever signs last can't be the executor who signed nothing.
        plain["is_applied_with_approval"] &= not policy.executor_is_separate
        return cls(steps=steps, **lists, **plain)

    def merged(self, other: Demand) -> Demand:
        """The least that is enough for both."""
        if self == other:
            return self
        lists: dict[str, Any] = {name: tuple(sorted({*getattr(self, name), *getattr(other, name)})) for name in _LISTS}
        deadlines: dict[str, Any] = {name: _shorter(getattr(self, name), getattr(other, name)) for name in _DEADLINES}
        return Demand(
            steps=_merged_steps(self.steps, other.steps),
            evidence_min=max(self.evidence_min, other.evidence_min),
            is_applied_with_approval=self.is_applied_with_approval and other.is_applied_with_approval,
            executor_is_separate=self.executor_is_separate or other.executor_is_separate,
            allows_break_glass=self.allows_break_glass and other.allows_break_glass,
            cool_off_hours=max(self.cool_off_hours, other.cool_off_hours),
            sample_rows=max(self.sample_rows, other.sample_rows),
            **lists,
            **deadlines,
        )

    def covers(self, other: Demand) -> bool:
        """Whether whoever satisfies this has satisfied the other: nothing that it asks for is missing here."""
        own, wanted = _keyed(self.steps), _keyed(other.steps)
        return (
            all(key in own and own[key].covers(step) for key, step in wanted.items())
            and all(set(getattr(self, name)) >= set(getattr(other, name)) for name in _LISTS)
            and self.evidence_min >= other.evidence_min
            and self.cool_off_hours >= other.cool_off_hours
            and self.sample_rows >= other.sample_rows
            and (other.is_applied_with_approval or not self.is_applied_with_approval)
            and (self.executor_is_separate or not other.executor_is_separate)
        )


_LISTS = ("evidence_kinds", "rekey_fields", "worded_checks")
_DEADLINES = ("reminder_hours", "escalation_hours", "decide_hours", "apply_hours", "rework_hours")
_PLAIN = (
    "evidence_min",
    "is_applied_with_approval",
    "executor_is_separate",
    "allows_break_glass",
    "cool_off_hours",
    "sample_rows",
    *_DEADLINES,
)


def _shorter(one: int, other: int) -> int:
    """The earlier of two deadlines; 0 is none."""
    return min(filter(None, (one, other)), default=0)


def _keyed(steps: Iterable[StepDemand]) -> dict[Key, StepDemand]:
    """Steps by role, scope and how many such stand before."""
    seen: Counter[tuple[str, str]] = Counter()
    keyed: dict[Key, StepDemand] = {}
    for step in steps:
        keyed[step.role, step.scope, seen[step.role, step.scope]] = step
        seen[step.role, step.scope] += 1
    return keyed


def _merged_steps(one: Sequence[StepDemand], other: Sequence[StepDemand]) -> tuple[StepDemand, ...]:
    """Every step of both, lower people first; the order of a policy that stands alone is its own."""
    mine, theirs = _keyed(one), _keyed(other)
    if set(mine) >= set(theirs):  # it adds no step, so the order stays
        return tuple(step.with_(theirs[key]) if key in theirs else step for key, step in mine.items())
    keys = sorted({*mine, *theirs}, key=lambda key: (RANKS.index(key[0]), key[1], key[2]))
    return tuple(
        mine[key].with_(theirs[key]) if key in mine and key in theirs else mine.get(key) or theirs[key] for key in keys
    )


def together(policies: Sequence[Ruled]) -> Demand:
    """What these policies ask for together; there is at least one."""
    return reduce(Demand.merged, map(Demand.of, policies))


def of_policy(policy: Policy) -> Demand:
    """What one stored policy asks for."""
    return Demand.of(Ruled(policy, tuple(steps_of(policy))))
