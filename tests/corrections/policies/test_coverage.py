"""What a set of policies leaves open: gaps, versions in vain, overlaps, and flags that nobody hears."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest
from django.core.checks import run_checks

from backoffice.staff.machines import machine
from corrections.checks.controls import report
from corrections.checks.known import flag_states, kinds, known_currencies, known_flags, words
from corrections.choices import Action, Reason
from corrections.engine import gate
from corrections.models import FlagRule, Policy, PolicyStep
from corrections.policies import Atom, Case, NoPolicy, Ruled, in_force, match
from corrections.policies.coverage import Coverage, FlagState, Kind, coverage
from corrections.policies.sound import problems
from corrections.registry import registry
from corrections.services.policy import PROFILES, install_shipped

PAYOUT = Kind("accounts.payout", {"update": ("amount", "card"), "create": ("amount",)}, ("money",))
LOAN = Kind("accounts.loan", {"update": ("principal",)}, ("credit",))
CONTROL = Kind("corrections.policy", {"update": ("priority",)}, ("control",), is_control=True)
FLAGS = [FlagState("dormant_account", is_known=True, raises_tier=True)]


def policy(name: str, priority: int = 100, *, steps: Sequence[str] = ("checker",), **columns: Any) -> Ruled:
    bounds = {key: Decimal(value) for key, value in columns.items() if key in ("amount_from", "amount_below")}
    rows = tuple(PolicyStep(position=place, role=role) for place, role in enumerate(steps, start=1))
    return Ruled(Policy(name=name, priority=priority, **{**columns, **bounds}), rows)


def found(*policies: Ruled, kinds: Sequence[Kind] = (PAYOUT, LOAN), flags: Sequence[FlagState] = ()) -> Coverage:
    return coverage(policies, kinds, flags, ["CNY", "USD"])


def said(report: Coverage) -> list[tuple[str, str, str, str | None]]:
    return [
        (gap.model, gap.action, f"{gap.amount_from:f}", None if gap.amount_below is None else f"{gap.amount_below:f}")
        for gap in report.gaps
    ]


# Gaps


def test_a_policy_for_everything_leaves_no_gap() -> None:
    assert found(policy("all")).is_clean


def test_no_policy_at_all_leaves_everything_open() -> None:
    assert said(found()) == [
        ("accounts.loan", "update", "0", None),
        ("accounts.payout", "create", "0", None),
        ("accounts.payout", "update", "0", None),
    ]


def test_the_band_between_two_policies_is_a_gap_to_the_cent() -> None:
    low, high = policy("low", amount_below="100.00"), policy("high", amount_from="100.01")
    assert ("accounts.loan", "update", "100.00", "100.01") in said(found(low, high))
    high = policy("high", amount_from="100.00")
    assert found(low, high).is_clean


def test_an_action_a_field_an_impact_and_a_reason_that_nobody_takes_are_gaps() -> None:
    updates = found(policy("updates", actions=["update"]))
    assert said(updates) == [("accounts.payout", "create", "0", None)]
    [gap] = found(policy("cards", field_names=["card"]), policy("rest", actions=["create"]), kinds=[PAYOUT]).gaps
    assert (gap.action, gap.fields) == ("update", ("amount",))
    assert [g.model for g in found(policy("money", impact_classes=["money"])).gaps] == ["accounts.loan"]
    [gap] = found(policy("some", reasons=[r for r in Reason.values if r != Reason.CHANNEL_FAILURE]), kinds=[LOAN]).gaps
    assert gap.reasons == (Reason.CHANNEL_FAILURE,)


def test_money_in_a_currency_that_nobody_takes_is_a_gap() -> None:
    [gap] = found(policy("yuan", currencies=["CNY"]), kinds=[LOAN]).gaps
    assert gap.currencies == ("", "USD")


def test_few_rows_that_nobody_takes_are_a_gap_below_a_count() -> None:
    [gap] = found(policy("many", rows_from=100), kinds=[LOAN]).gaps
    assert (gap.amount_from, gap.amount_below, gap.rows_below) == (0, None, 100)
    assert found(policy("many", 1, rows_from=100), policy("few", 2), kinds=[LOAN]).gaps == ()


def test_many_rows_fill_a_gap_only_where_a_policy_asks_for_no_amount() -> None:
    many, small = policy("many", 1, rows_from=100), policy("small", 2, amount_below="50.00")
    [gap] = found(many, small, kinds=[LOAN]).gaps
    assert (gap.amount_from, gap.amount_below, gap.rows_below) == (Decimal("50.00"), None, 100)


def test_counts_of_rows_overlap_and_shadow_like_amounts() -> None:
    more, many = policy("more", 1, rows_from=500, steps=("checker", "president")), policy("many", 2, rows_from=100)
    report = found(more, many, policy("few", 3, steps=("controller",)))
    assert report.shadowed == ()
    assert [(one.winner, one.loser) for one in report.overlaps if one.loser == many] == [(more, many)]
    behind = policy("behind", 4, rows_from=100)
    assert found(policy("any", 3), behind).shadowed == (behind,)


def test_a_policy_that_only_earlier_rows_reach_is_not_in_vain() -> None:
    added = policy("added", 2, rows_from=100, cumulate=["maker"], cumulate_days=7)
    alone = policy("alone", 1, rows_from=100)
    assert found(alone, added, policy("few", 3)).shadowed == ()


def test_what_only_adding_up_lifts_out_of_every_band_is_a_gap() -> None:
    alone = policy("small", amount_below="100.00", cumulate=["maker"], cumulate_days=7)
    assert said(found(alone, policy("large", amount_from="100.00"), kinds=[LOAN]))
    added = policy("large", amount_from="100.00", cumulate=["maker"], cumulate_days=7)
    assert found(alone, added, kinds=[LOAN]).is_clean


def test_a_flag_fills_no_gap() -> None:
    flagged = policy("dormant", flags=["dormant_account"])
    assert said(found(flagged, kinds=[LOAN], flags=FLAGS)) == [("accounts.loan", "update", "0", None)]


def test_the_desks_own_controls_must_be_named() -> None:
    assert [gap.model for gap in found(policy("all"), kinds=[CONTROL]).gaps] == ["corrections.policy"]
    assert found(policy("controls", record_kinds=["corrections.policy"]), kinds=[CONTROL]).is_clean


def test_every_case_is_a_gap_exactly_when_nothing_matches_it() -> None:
    """The report against the matching itself, amount by amount around every boundary."""
    policies = [
        policy("a", 1, amount_from="50.00", amount_below="100.00", actions=["update"]),
        policy("b", 2, amount_below="60.00", currencies=["USD"]),
        policy("c", 3, amount_from="100.00", reasons=[Reason.PROCESS_GAP, Reason.CUSTOMER_ERROR]),
    ]
    gaps = found(*policies).gaps
    for amount in map(Decimal, ("0", "0.01", "49.99", "50", "59.99", "60", "99.99", "100", "100.01", "1000000")):
        for action, reason, currency in [
            (a, r, c) for a in ("update", "create") for r in Reason for c in ("CNY", "USD")
        ]:
            atom = Atom("accounts.payout", action, "amount", "money")
            case = Case(frozenset([atom]), reason, amount, frozenset([currency]))
            try:
                match(case, policies)
                is_gap = False
            except NoPolicy:
                is_gap = True
            told = [
                gap
                for gap in gaps
                if (gap.model, gap.action) == (atom.model, action)
                and (not gap.reasons or reason in gap.reasons)
                and (not gap.currencies or currency in gap.currencies)
                and gap.amount_from <= amount
                and (gap.amount_below is None or amount < gap.amount_below)
            ]
            assert bool(told) == is_gap, (amount, action, reason, currency)


# In vain, and overlapping


def test_a_policy_behind_one_that_takes_all_of_it_never_holds() -> None:
    first, second = policy("all", 1), policy("payouts", 2, record_kinds=["accounts.payout"])
    report = found(first, second)
    assert report.shadowed == (second,)
    assert not found(second, first).shadowed


def test_a_flag_policy_in_vain_is_found_among_those_of_its_flag() -> None:
    base = policy("all", 1)
    first = policy("dormant", 2, flags=["dormant_account"])
    second = policy("dormant loans", 3, flags=["dormant_account"], record_kinds=["accounts.loan"])
    assert found(base, first, second, flags=FLAGS).shadowed == (second,)
    assert not found(base, second, first, flags=FLAGS).shadowed


def test_an_overlap_says_who_holds_and_whether_it_asks_for_less() -> None:
    strict = policy("strict", 1, steps=("checker", "president"), amount_from="100.00")
    mild = policy("mild", 2)
    [one] = found(strict, mild).overlaps
    assert (one.winner, one.loser, one.is_milder, one.is_by_name) == (strict, mild, False, False)
    [one] = found(mild, strict).overlaps
    assert (one.winner, one.is_milder) == (mild, True)
    assert not found(mild, policy("same", 3, amount_from="100.00")).overlaps  # asks for the same


def test_an_order_by_name_alone_is_told() -> None:
    report = found(policy("a", 1, amount_from="100.00", steps=("controller",)), policy("b", 1))
    assert [one.is_by_name for one in report.overlaps] == [True]
    assert not report.is_clean


# Flags


def test_flags_that_nobody_knows_raises_or_hears_are_told() -> None:
    base = policy("all", 1)
    named = policy("named", 2, flags=["dormant_account", "bad_mood"])
    states = [
        FlagState("dormant_account", is_known=True, raises_tier=False),
        FlagState("prior_period", is_known=True, raises_tier=True),
    ]
    report = found(base, named, flags=states)
    assert report.unknown_flags == ((named, "bad_mood"),)
    assert report.silent_flags == ((named, "dormant_account"),)
    assert report.unheard_flags == ("prior_period",)


def test_beyond_its_limit_it_says_so_and_calls_nothing_in_vain(settings: Any) -> None:
    settings.CORRECTIONS_COVERAGE_CASES_MAX = 1
    report = found(policy("all", 1), policy("more", 2))
    assert (report.is_capped, report.shadowed, report.is_clean) == (True, (), False)


# What is shipped


@pytest.mark.django_db
@pytest.mark.parametrize("profile", PROFILES)
def test_a_shipped_profile_is_sound_and_leaves_nothing_open(profile: str) -> None:
    install_shipped(actor=machine("test"), profile=profile)
    policies = in_force()
    known = words()
    assert [(str(r.policy), str(p)) for r in policies for p in problems(r.policy, r.steps, known)] == []
    report_ = coverage(policies, kinds(), flag_states(), known_currencies())
    assert report_.gaps == ()
    assert report_.is_clean, report_
    assert not [one for one in report_.overlaps if one.is_milder]
    assert [message for message in run_checks(databases=["default"]) if message.id[:14] == "corrections.W1"] == []


@pytest.mark.django_db
@pytest.mark.parametrize("profile", PROFILES)
def test_no_correction_of_any_registered_model_falls_through(profile: str) -> None:
    """Every model, action and field, by the matching itself; also what creates and deletes."""
    install_shipped(actor=machine("test"), profile=profile)
    policies = in_force()
    for entry in registry.entries():
        for action in entry.actions:
            names = entry.fields if action == Action.UPDATE else entry.display_fields()
            for impact in {str(entry.impact), *(() if entry.is_control else ("equity", "ledger"))}:
                atoms = frozenset(Atom(entry.key, action, name, impact, entry.is_control) for name in names)
                for amount in ("0", "49999.9999", "50000", "1000000"):
                    case = Case(atoms, Reason.SYSTEM_DEFECT, Decimal(amount), frozenset(["CNY"]))
                    assert match(case, policies).ruled


def needed(
    amount: str, *, impact: str = "money", flags: Sequence[str] = (), model: str = "accounts.payout", rows: int = 1
) -> list[str]:
    from corrections.policies import together

    atom = Atom(model, "update", "amount", impact)
    raised = frozenset(flags)
    case = Case(frozenset([atom]), "system_defect", Decimal(amount), frozenset(["CNY"]), flags=raised, rows=rows)
    return [step.role for step in together(match(case, in_force()).ruled).steps]


@pytest.mark.django_db
def test_standard_asks_for_more_people_for_more_money_and_for_the_risky_whatever_the_amount() -> None:
    install_shipped(actor=machine("test"))
    assert needed("49999.99") == ["checker"]
    assert needed("50000.00") == ["checker", "senior_checker"]
    assert needed("999999.99") == ["checker", "senior_checker"]
    assert needed("1000000.00") == ["checker", "senior_checker", "president"]
    for amount in ("0.01", "80000.00", "2000000.00"):
        assert "compliance" in needed(amount, flags=["dormant_account"])
        assert {"compliance", "senior_checker"} <= set(needed(amount, flags=["staff_or_related"]))
        assert "controller" in needed(amount, flags=["prior_period"])
        assert {"controller", "president"} <= set(needed(amount, impact="equity", model="accounts.posting"))


@pytest.mark.django_db
def test_standard_asks_for_a_senior_from_ten_thousand_rows_on_however_small_the_amount() -> None:
    install_shipped(actor=machine("test"))
    assert needed("0", rows=9_999) == ["checker"]
    assert needed("0", rows=10_000) == ["checker", "senior_checker"]
    assert needed("1000000.00", rows=10_000) == ["checker", "senior_checker", "president"]


@pytest.mark.django_db
@pytest.mark.parametrize("profile", PROFILES)
def test_no_policy_in_force_lets_staff_type_or_break_the_glass_by_default(profile: str) -> None:
    install_shipped(actor=machine("test"), profile=profile)
    shipped = [ruled.policy for ruled in in_force()]
    assert not any(policy.staff_may_type_customer_fields or policy.allows_break_glass for policy in shipped)


@pytest.mark.django_db
def test_out_of_hours_and_the_same_pair_are_only_reported() -> None:
    install_shipped(actor=machine("test"))
    raising = FlagRule.objects.filter(raises_tier=True).values_list("code", flat=True)
    assert not {"out_of_hours", "same_pair"} & set(raising)
    assert set(FlagRule.objects.values_list("code", flat=True)) == set(known_flags())


# The system check


def ids() -> set[str]:
    return {m.id for m in run_checks(databases=["default"]) if m.id.startswith("corrections.W1")}


@pytest.mark.django_db
def test_check_says_what_is_open() -> None:
    assert ids() == {"corrections.W101"}
    install_shipped(actor=machine("test"))
    assert ids() == set()
    with gate.opened(actor=machine("test")):
        Policy.objects.filter(name="four eyes").update(is_active=False)
        vain = Policy.objects.create(name="vain", priority=150, amount_from="2000000.00", rekey_fields=["colour"])
        PolicyStep.objects.create(policy=vain, position=1, role="checker")
        Policy.objects.filter(name="prior period").update(is_active=False)
    assert ids() == {"corrections.W102", "corrections.W103", "corrections.W104", "corrections.W106"}
    with gate.opened(actor=machine("test")):
        Policy.objects.filter(name="six eyes").update(priority=100)
    assert "corrections.W105" in ids()


@pytest.mark.django_db
def test_check_without_a_database_asks_none(django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0):
        assert not [m for m in run_checks() if m.id.startswith("corrections.W1")]


@pytest.mark.django_db
def test_check_is_silent_before_the_tables_are_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Policy._meta, "db_table", "a_table_that_is_not_there")
    assert ids() == set()


@pytest.mark.django_db
def test_the_pages_report_is_that_of_the_check() -> None:
    install_shipped(actor=machine("test"))
    assert report(in_force()).is_clean
