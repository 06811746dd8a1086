"""Which policies hold: the first by priority for each field, bounds as documented, flags only add."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from corrections.models import Policy, PolicyStep
from corrections.policies import Atom, Case, NoPolicy, Ruled, amount_under, in_force, match, may_be_typed, rows_under
from tests.corrections.services.desk import Desk

AMOUNT = Atom("accounts.payout", "update", "amount", "money")
CHANNEL = Atom("accounts.payout", "update", "channel", "money")
NAME = Atom("accounts.customer", "update", "name", "master")
POLICY = Atom("corrections.policy", "create", "name", "control", is_control=True)


def rule(number: int, people: int = 1, **fields: Any) -> Ruled:
    policy = Policy(pk=number, name=f"rule {number}", priority=number, **fields)
    return Ruled(policy, (PolicyStep(policy=policy, position=1, role="checker", people=people),))


def case(*atoms: Atom, amount: str = "0", **fields: Any) -> Case:
    return Case(frozenset(atoms or {CHANNEL}), fields.pop("reason", "system_defect"), Decimal(amount), **fields)


def numbers(found: Case, *policies: Ruled) -> list[int]:
    return sorted(one.policy.pk for one in match(found, policies).ruled)


def test_the_first_that_fits_holds_and_the_others_do_not() -> None:
    assert numbers(case(), rule(1, reasons=["process_gap"]), rule(2), rule(3)) == [2]


def test_no_policy_that_fits_is_a_refusal() -> None:
    for policies in ([], [rule(1, reasons=["process_gap"])], [rule(1, flags=["x"])]):
        with pytest.raises(NoPolicy):
            match(case(flags=frozenset({"x"})), policies)


def test_one_field_that_no_policy_rules_refuses_the_whole_correction() -> None:
    with pytest.raises(NoPolicy):
        match(case(CHANNEL, NAME), [rule(1, record_kinds=["accounts.payout"])])


def test_a_correction_of_nothing_is_ruled_by_none() -> None:
    with pytest.raises(NoPolicy):
        match(Case(frozenset(), "system_defect"), [rule(1)])


@pytest.mark.parametrize(
    ("fields", "atom", "does"),
    [
        ({}, CHANNEL, True),
        ({"record_kinds": ["accounts.payout"]}, CHANNEL, True),
        ({"record_kinds": ["accounts.payout"]}, NAME, False),
        ({"field_names": ["channel"]}, CHANNEL, True),
        ({"field_names": ["channel"]}, AMOUNT, False),
        ({"field_names": ["accounts.payout.channel"]}, CHANNEL, True),
        ({"field_names": ["accounts.customer.channel"]}, CHANNEL, False),
        ({"field_names": ["payout.channel"]}, CHANNEL, False),
        ({"actions": ["update"]}, CHANNEL, True),
        ({"actions": ["create", "delete"]}, CHANNEL, False),
        ({"actions": ["delete"]}, Atom("a.b", "delete", "x"), True),
        ({"actions": ["create"]}, Atom("a.b", "create", "x"), True),
        ({"impact_classes": ["money"]}, CHANNEL, True),
        ({"impact_classes": ["equity"]}, CHANNEL, False),
        ({"reasons": ["system_defect"]}, CHANNEL, True),
        ({"reasons": ["process_gap"]}, CHANNEL, False),
        # The desk's own controls are meant only where they are named.
        ({}, POLICY, False),
        ({"impact_classes": ["control"]}, POLICY, False),
        ({"record_kinds": ["corrections.policystep"]}, POLICY, False),
        ({"record_kinds": ["corrections.policy"]}, POLICY, True),
    ],
    ids=str,
)
def test_what_a_policy_speaks_of(fields: dict[str, Any], atom: Atom, does: bool) -> None:
    if does:
        assert numbers(case(atom), rule(1, **fields)) == [1]
    else:
        with pytest.raises(NoPolicy):
            match(case(atom), [rule(1, **fields)])


BANDS = {1: ("1000000", None), 2: ("50000", "1000000"), 3: (None, "50000")}


@pytest.mark.parametrize(
    ("amount", "number"),
    [
        ("0", 3), ("49999.99", 3), ("49999.9999", 3), ("50000", 2), ("50000.0000", 2), ("50000.0001", 2),
        ("999999.99", 2), ("999999.9999", 2), ("1000000", 1), ("1000000.0001", 1), ("9" * 16, 1),
    ],
)  # fmt: skip
def test_from_is_in_the_band_and_below_is_not(amount: str, number: int) -> None:
    bands = [
        rule(n, amount_from=low and Decimal(low), amount_below=high and Decimal(high))
        for n, (low, high) in BANDS.items()
    ]
    assert numbers(case(amount=amount), *bands) == [number]


def test_a_band_that_ends_where_nothing_begins_leaves_a_gap_and_refuses() -> None:
    with pytest.raises(NoPolicy):
        match(case(amount="50000"), [rule(1, amount_below=Decimal(50_000))])


def test_currencies_fit_when_one_at_stake_is_named_and_never_without_money() -> None:
    euro = rule(1, currencies=["EUR"])
    assert numbers(case(currencies=frozenset({"CNY", "EUR"})), euro, rule(2)) == [1]
    assert numbers(case(currencies=frozenset({"CNY"})), euro, rule(2)) == [2]
    assert numbers(case(), euro, rule(2)) == [2]


def test_a_strict_field_gains_nothing_from_standing_beside_a_mild_one() -> None:
    strict, mild = rule(1, people=3, field_names=["amount"]), rule(2)
    assert numbers(case(CHANNEL, AMOUNT), strict, mild) == [1, 2]
    assert numbers(case(CHANNEL), strict, mild) == [2]


def test_a_strict_kind_of_record_gains_nothing_from_standing_beside_a_mild_one() -> None:
    assert numbers(case(CHANNEL, NAME), rule(1, record_kinds=["accounts.customer"]), rule(2)) == [1, 2]


@pytest.mark.parametrize("by", [["maker"], ["maker", "target"], ["day", "maker", "beneficiary"]])
def test_the_dimension_that_adds_most_counts(by: list[str]) -> None:
    earlier = {("maker", 7): Decimal(60), ("target", 7): Decimal(50), ("maker", 30): Decimal(999)}
    policy = Policy(cumulate=by, cumulate_days=7)
    assert amount_under(policy, case(amount="40", earlier=earlier)) == 100


def test_a_policy_that_adds_nothing_up_hears_nothing_of_before() -> None:
    assert amount_under(Policy(), case(amount="40", earlier={("maker", 7): Decimal(60)})) == 40


@pytest.mark.parametrize(("rows", "number"), [(1, 3), (9_999, 3), (10_000, 2), (49_999, 2), (50_000, 1), (10**6, 1)])
def test_a_policy_holds_from_its_count_of_rows_on(rows: int, number: int) -> None:
    policies = [rule(1, rows_from=50_000), rule(2, rows_from=10_000), rule(3)]
    assert numbers(case(rows=rows), *policies) == [number]


def test_fewer_rows_than_any_policy_takes_are_refused() -> None:
    with pytest.raises(NoPolicy):
        match(case(rows=4), [rule(1, rows_from=5)])


def test_rows_and_amount_must_both_be_reached() -> None:
    both = rule(1, rows_from=5, amount_from=Decimal(100))
    assert numbers(case(rows=5, amount="100"), both, rule(2)) == [1]
    assert numbers(case(rows=4, amount="100"), both, rule(2)) == [2]
    assert numbers(case(rows=5, amount="99.99"), both, rule(2)) == [2]


def test_rows_of_earlier_corrections_count_by_the_dimension_that_adds_most() -> None:
    earlier = {("maker", 7): 6, ("target", 7): 5, ("maker", 30): 999}
    policy = Policy(rows_from=10, cumulate=["maker", "target"], cumulate_days=7)
    assert rows_under(policy, case(rows=4, earlier_rows=earlier)) == 10
    assert rows_under(Policy(rows_from=10), case(rows=4, earlier_rows=earlier)) == 4


class TestFlags:
    flagged = rule(5, flags=["dormant", "staff"], people=2)

    def test_a_flag_adds_its_policy_to_what_holds_without_it(self) -> None:
        assert numbers(case(flags=frozenset({"dormant"})), rule(9), self.flagged) == [5, 9]
        assert numbers(case(), rule(9), self.flagged) == [9]

    def test_a_flag_that_no_policy_names_changes_nothing(self) -> None:
        assert numbers(case(flags=frozenset({"other"})), rule(9), self.flagged) == [9]

    def test_a_milder_policy_of_a_flag_never_takes_the_place_of_what_holds(self) -> None:
        assert numbers(case(flags=frozenset({"staff"})), rule(1, flags=["staff"]), rule(9, people=4)) == [1, 9]

    def test_the_first_policy_of_each_flag_is_added(self) -> None:
        policies = [rule(n, flags=flags) for n, flags in ((1, ["a"]), (2, ["b"]), (3, ["a", "b"]))]
        assert numbers(case(flags=frozenset({"a", "b"})), *policies, rule(9)) == [1, 2, 9]

    def test_a_policy_of_a_flag_speaks_only_of_its_own_records_and_amounts(self) -> None:
        policies = [rule(1, flags=["a"], record_kinds=["accounts.customer"]), rule(2, flags=["a"], amount_from=5)]
        raised = frozenset({"a"})
        assert numbers(case(flags=raised, amount="4"), *policies, rule(9)) == [9]
        assert numbers(case(flags=raised, amount="5"), *policies, rule(9)) == [2, 9]
        assert numbers(case(CHANNEL, NAME, flags=raised), *policies, rule(9)) == [1, 9]

    def test_a_policy_of_a_flag_lets_nobody_type_what_a_customer_declared(self) -> None:
        atom = Atom("accounts.bankcard", "update", "number", "master")
        assert not may_be_typed([rule(1, flags=["a"], staff_may_type_customer_fields=True)], atom)
        assert may_be_typed([rule(1), rule(2, staff_may_type_customer_fields=True)], atom)


def test_the_policy_with_most_signatures_stands_first() -> None:
    found = match(case(CHANNEL, AMOUNT), [rule(1, field_names=["amount"]), rule(2, people=2)])
    assert [one.policy.pk for one in found.ruled] == [2, 1]


@pytest.mark.django_db
class TestInForce:
    def test_policies_come_by_priority_with_their_steps_in_order_in_one_statement(
        self, desk: Desk, django_assert_num_queries: Any
    ) -> None:
        with django_assert_num_queries(1):
            found = in_force()
        priorities = [one.policy.priority for one in found]
        assert priorities == sorted(priorities)
        president = next(one for one in found if one.policy.name == "president")
        assert [step.role for step in president.steps] == ["checker", "senior_checker", "president"]

    def test_one_out_of_force_or_without_steps_counts_for_nothing(self, desk: Desk) -> None:
        from corrections.engine import gate

        with gate.opened(actor=desk.sam):
            Policy.objects.create(name="nobody signs", priority=1)
            Policy.objects.filter(name="four eyes").update(is_active=False)
        assert not {"nobody signs", "four eyes"} & {one.policy.name for one in in_force()}
