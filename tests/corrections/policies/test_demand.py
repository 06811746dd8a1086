"""What policies ask for together: never less than any one of them asks for alone."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corrections.models import Policy, PolicyStep
from corrections.policies import Demand, Ruled, StepDemand, together

CHECKER, SENIOR, PRESIDENT = (StepDemand(role) for role in ("checker", "senior_checker", "president"))
CONTROLLER = StepDemand("controller", scope="company")


def roles(demand: Demand) -> list[str]:
    return [step.role for step in demand.steps]


def ruled(*steps: StepDemand, **fields: object) -> Ruled:
    policy = Policy(name="x", **fields)
    rows = [
        PolicyStep(policy=policy, position=n, role=step.role, people=step.people, scope=step.scope, token=step.token)
        for n, step in enumerate(steps, start=1)
    ]
    return Ruled(policy, tuple(rows))


def test_the_steps_of_both_policies_are_asked_for_lower_people_first() -> None:
    both = Demand((CHECKER, PRESIDENT)).merged(Demand((CONTROLLER, SENIOR, CHECKER)))
    assert roles(both) == ["checker", "controller", "senior_checker", "president"]


def test_a_policy_that_adds_no_step_leaves_the_order_of_the_other_as_it_is() -> None:
    assert roles(Demand((PRESIDENT, CHECKER)).merged(Demand((CHECKER,)))) == ["president", "checker"]


def test_the_same_role_on_another_scope_is_another_step() -> None:
    both = Demand((CHECKER,)).merged(Demand((replace(CHECKER, scope="company"),)))
    assert both.people == 2
    assert not Demand((CHECKER,)).covers(Demand((replace(CHECKER, scope="company"),)))


def test_a_role_that_signs_twice_is_two_steps_and_two_people() -> None:
    twice, once = Demand((CHECKER, CHECKER)), Demand((CHECKER,))
    assert once.merged(twice).people == 2
    assert not once.covers(twice)
    assert not Demand((replace(CHECKER, people=2),)).covers(twice)


@pytest.mark.parametrize(
    ("strict", "mild"),
    [
        ({"steps": (replace(CHECKER, people=2),)}, {"steps": (CHECKER,)}),
        ({"steps": (replace(CHECKER, token="own"),)}, {"steps": (replace(CHECKER, token="recent"),)}),
        ({"steps": (replace(CHECKER, token="recent"),)}, {"steps": (CHECKER,)}),
        ({"steps": (CHECKER,)}, {"steps": (replace(CHECKER, is_rekeying=False),)}),
        ({"steps": (CHECKER, SENIOR)}, {"steps": (CHECKER,)}),
        ({"evidence_min": 2}, {"evidence_min": 1}),
        ({"evidence_kinds": ("letter",)}, {}),
        ({"rekey_fields": ("amount",)}, {}),
        ({"worded_checks": ("x",)}, {}),
        ({"is_applied_with_approval": False}, {}),
        ({"executor_is_separate": True}, {}),
        ({"cool_off_hours": 2}, {"cool_off_hours": 1}),
        ({"sample_rows": 6}, {"sample_rows": 5}),
        ({"sample_rows": 1}, {}),
    ],
    ids=str,
)
def test_the_stricter_of_two_holds_and_the_milder_does_not_cover_it(
    strict: dict[str, object], mild: dict[str, object]
) -> None:
    base = {"steps": (CHECKER,)}
    high, low = Demand(**{**base, **strict}), Demand(**{**base, **mild})  # type: ignore[arg-type]
    assert high.covers(low)
    assert not low.covers(high)
    assert low.merged(high) == high.merged(low) == high


def test_break_glass_and_an_escalation_need_both_policies_to_allow_them() -> None:
    allowing = Demand((replace(CHECKER, escalates_to="president"),), allows_break_glass=True)
    both = allowing.merged(Demand((CHECKER,)))
    assert not both.allows_break_glass
    assert both.steps[0].escalates_to == ""


def test_the_earlier_deadline_holds_and_0_is_none() -> None:
    both = Demand((CHECKER,), decide_hours=0, apply_hours=5).merged(Demand((CHECKER,), decide_hours=8, apply_hours=3))
    assert (both.decide_hours, both.apply_hours, both.rework_hours) == (8, 3, 0)


def test_an_executor_who_signed_nothing_never_is_the_last_signer() -> None:
    demand = Demand.of(ruled(CHECKER, executor_is_separate=True, is_applied_with_approval=True))
    assert demand.executor_is_separate
    assert not demand.is_applied_with_approval


def test_a_policy_and_its_demand_ask_for_the_same() -> None:
    policy = ruled(PRESIDENT, replace(CHECKER, people=3), evidence_min=2, rekey_fields=["b", "a"], cool_off_hours=4)
    demand = Demand.of(policy)
    assert roles(demand) == ["president", "checker"]
    assert (demand.people, demand.evidence_min, demand.rekey_fields, demand.cool_off_hours) == (4, 2, ("a", "b"), 4)


steps = st.builds(
    StepDemand,
    role=st.sampled_from(["checker", "controller", "senior_checker", "president"]),
    people=st.integers(1, 3),
    scope=st.sampled_from(["target", "company", "other"]),
    token=st.sampled_from(["none", "recent", "own"]),
    is_rekeying=st.booleans(),
    escalates_to=st.sampled_from(["", "president"]),
)
hours = st.sampled_from([0, 1, 8])
names = st.lists(st.sampled_from(["a", "b"]), unique=True).map(sorted).map(tuple)
demands = st.builds(
    Demand,
    steps=st.lists(steps, min_size=1, max_size=3).map(tuple),
    evidence_min=st.integers(1, 3),
    evidence_kinds=names,
    rekey_fields=names,
    worded_checks=names,
    is_applied_with_approval=st.booleans(),
    executor_is_separate=st.booleans(),
    allows_break_glass=st.booleans(),
    cool_off_hours=hours,
    sample_rows=hours,
    decide_hours=hours,
)


@given(st.lists(demands, min_size=1, max_size=3))
def test_whatever_comes_together_covers_each_in_every_order(parts: list[Demand]) -> None:
    for order in permutations(parts):
        both = order[0]
        for other in order[1:]:
            both = both.merged(other)
        assert all(both.covers(part) for part in parts)
        assert both.people >= max(part.people for part in parts)
        assert both.merged(both) == both


@given(demands)
def test_a_demand_survives_being_stored(demand: Demand) -> None:
    assert Demand.from_json(demand.as_json()) == demand


def test_a_demand_that_was_pinned_before_rows_were_sampled_asks_for_none() -> None:
    stored = {name: value for name, value in Demand((CHECKER,)).as_json().items() if name != "sample_rows"}
    assert Demand.from_json(stored).sample_rows == 0


def test_a_policy_that_samples_rows_demands_them() -> None:
    assert together([ruled(CHECKER, sample_rows=3), ruled(CHECKER, sample_rows=7)]).sample_rows == 7


def test_what_is_stored_beside_the_demand_is_not_read_as_part_of_it() -> None:
    assert Demand.from_json({**Demand((CHECKER,)).as_json(), "rates": {}, "policies": []}) == Demand((CHECKER,))


def test_several_policies_come_together() -> None:
    assert together([ruled(CHECKER), ruled(CHECKER, SENIOR), ruled(CONTROLLER)]).people == 3
