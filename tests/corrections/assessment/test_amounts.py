"""The amount that policies are asked about: whose money, by which rate, as the rows stand at that moment."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from accounts.models import Payout, Repayment
from corrections import services
from corrections.assessment import RateMissing, assess
from corrections.assessment.rates import rates_for, stake_of
from corrections.engine import gate
from corrections.errors import CorrectionError
from corrections.gate import recorded_write
from corrections.models import Change, Correction, CorrectionStep, ExchangeRate
from corrections.money import Money
from corrections.services._judged import TierRaised
from tests.corrections.services.desk import Desk
from tests.factories.accounts import LoanFactory, RepaymentFactory

pytestmark = pytest.mark.django_db


def money(amount: str, currency: str) -> Money:
    return Money(currency, Decimal(amount))


def put_rate(desk: Desk, currency: str, rate: str, valid_from: str = "2026-02-01") -> None:
    with gate.opened(actor=desk.sam):
        ExchangeRate.objects.create(currency=currency, rate=rate, valid_from=valid_from)


def submitted(desk: Desk, payout: Payout, **values: Any) -> Correction:
    correction = desk.draft(payout, **(values or {"counterparty_bank": "CMB"}))
    desk.attach(correction)
    desk.attach(correction)
    return services.submit(actor=desk.mara, correction=correction, acknowledged=ANY)


class Yes(dict[str, str]):
    def get(self, key: str, default: Any = None) -> Any:
        return "looked_into"


ANY = Yes()


def roles(correction: Correction) -> list[str]:
    steps = CorrectionStep.objects.filter(correction=correction, revision=correction.revision)
    return list(steps.order_by("position").values_list("role", flat=True))


@pytest.mark.parametrize(
    ("amount", "currency", "worth"),
    [
        ("1", "JPY", "0.0480"), ("0.001", "KWD", "0.0234"), ("0.01", "CNY", "0.0100"), ("-800", "CNY", "800.0000"),
        ("-100", "JPY", "4.8000"), ("0", "USD", "0.0000"), ("6944.44", "USD", "49999.9680"),
        ("1041667", "JPY", "50000.0160"), ("2136.752", "KWD", "49999.9968"), ("0.00103", "JPY", "0.0000"),
    ],
)  # fmt: skip
def test_every_amount_counts_in_the_policy_currency_without_its_sign(
    desk: Desk, amount: str, currency: str, worth: str
) -> None:
    rates = rates_for([money(amount, currency)], timezone.now(), {})
    assert stake_of(money(amount, currency), rates) == Decimal(worth)


def test_the_policy_currency_is_worth_itself_whatever_a_row_says(desk: Desk) -> None:
    put_rate(desk, "CNY", "0.000001")
    assert rates_for([money("1", "CNY")], timezone.now(), {}) == {"CNY": 1}


def test_the_latest_rate_on_or_before_the_day_of_the_desk_holds(desk: Desk) -> None:
    put_rate(desk, "USD", "7.5", "2026-11-20")
    put_rate(desk, "USD", "9.9", "2026-11-22")
    before_midnight = dt.datetime(2026, 11, 19, 15, 59, tzinfo=dt.UTC)  # 23:59 in Shanghai
    for at, rate in ((before_midnight, "7.2"), (before_midnight + dt.timedelta(minutes=1), "7.5")):
        assert rates_for([money("1", "USD")], at, {}) == {"USD": Decimal(rate)}


def test_a_pinned_rate_holds_before_a_newer_one(desk: Desk) -> None:
    assert rates_for([money("1", "USD")], timezone.now(), {"USD": "6.5"}) == {"USD": Decimal("6.5")}


def test_no_rate_before_its_first_day_or_at_all_is_a_refusal(desk: Desk) -> None:
    put_rate(desk, "SEK", "0.7", "2099-01-01")
    for currency in ("SEK", "XXX", ""):
        with pytest.raises(RateMissing) as refused:
            rates_for([money("1", currency)], timezone.now(), {})
        assert refused.value.code == "exchange_rate_is_missing"


@pytest.mark.parametrize(
    ("amount", "currency", "wanted"),
    [
        ("49999.99", "CNY", ["checker"]),
        ("50000.00", "CNY", ["checker", "senior_checker"]),
        ("50000.01", "CNY", ["checker", "senior_checker"]),
        ("999999.99", "CNY", ["checker", "senior_checker"]),
        ("1000000.00", "CNY", ["checker", "senior_checker", "president"]),
        ("1041666.00", "JPY", ["checker"]),  # 49,999.97
        ("1041667.00", "JPY", ["checker", "senior_checker"]),  # 50,000.02
        ("6944.44", "USD", ["checker"]),
        ("6944.45", "USD", ["checker", "senior_checker"]),
        ("138888.89", "USD", ["checker", "senior_checker", "president"]),
    ],
)
def test_a_threshold_is_reached_at_its_very_amount_in_every_currency(
    desk: Desk, amount: str, currency: str, wanted: list[str]
) -> None:
    with gate.opened(actor=desk.sam):
        from corrections.models import FlagRule

        FlagRule.objects.update(raises_tier=False)
    account = desk.accounts[desk.shanghai.pk]
    with recorded_write(source="loan-core"):
        type(account).objects.filter(pk=account.pk).update(currency=currency)
    correction = submitted(desk, desk.payout(amount=Decimal(amount), currency=currency))
    assert roles(correction) == wanted
    assert correction.demand["rates"].keys() == {currency}


def test_a_rate_by_which_an_amount_is_one_ten_thousandth_above_raises_the_tier(desk: Desk) -> None:
    put_rate(desk, "USD", "0.500001")
    rates = rates_for([money("1", "USD")], timezone.now(), {})
    assert stake_of(money("99999.80", "USD"), rates) == Decimal("50000.0000")
    assert stake_of(money("99999.79", "USD"), rates) == Decimal("49999.9950")


def test_lowering_an_amount_stakes_what_it_was(desk: Desk) -> None:
    assert roles(submitted(desk, desk.payout(amount=Decimal(60_000)), amount="1.00"))[-1] == "senior_checker"


def test_amounts_of_several_records_add_up_over_currencies(desk: Desk) -> None:
    yen = desk.payout(amount=Decimal(1_000_000), currency="JPY")  # 48,000
    correction = desk.draft(yen, counterparty_bank="CMB")
    services.add_change(
        actor=desk.mara, correction=correction, target=desk.payout(amount=Decimal(2000)), values={"channel": "B"}
    )
    found = assess(correction, list(correction.changes.all()), at=timezone.now(), is_locking=False)
    assert found.case.amount == 50_000
    assert found.case.currencies == {"CNY", "JPY"}


class TestAsTheRowsStandNow:
    """What moved since the draft, or since the submission, is no way under a limit."""

    def grown(self, payout: Payout) -> None:
        with recorded_write(source="loan-core"):
            Payout.objects.filter(pk=payout.pk).update(amount="2000000.00")

    def test_an_amount_that_grew_since_the_draft_counts_at_submission_and_is_shown(self, desk: Desk) -> None:
        payout = desk.payout()
        correction = desk.draft(payout)
        desk.attach(correction)
        desk.attach(correction)
        self.grown(payout)
        services.submit(actor=desk.mara, correction=correction, acknowledged=ANY)
        assert roles(correction)[-1] == "president"
        assert correction.amounts == {"CNY": "2000000.00"}
        assert correction.changes.get().amount == correction.changes.get().stake == 2_000_000

    def test_an_amount_that_shrank_since_the_draft_counts_as_it_is(self, desk: Desk) -> None:
        payout = desk.payout(amount=Decimal(2_000_000))
        correction = desk.draft(payout)
        desk.attach(correction)
        with recorded_write(source="loan-core"):
            Payout.objects.filter(pk=payout.pk).update(amount="800.00")
        services.submit(actor=desk.mara, correction=correction, acknowledged=ANY)
        assert roles(correction) == ["checker"]

    def test_an_amount_that_grew_since_the_submission_raises_the_tier_at_the_signature(self, desk: Desk) -> None:
        payout = desk.payout()
        correction = submitted(desk, payout)
        self.grown(payout)
        with pytest.raises(TierRaised):
            services.approve(actor=desk.chidi, correction=correction, digest=correction.digest, acknowledged=ANY)
        assert roles(correction)[-1] == "president"
        payout.refresh_from_db()
        assert payout.counterparty_bank == "ICBC"

    def test_an_amount_that_shrank_since_the_submission_lowers_nothing(self, desk: Desk) -> None:
        payout = desk.payout(amount=Decimal(60_000))
        correction = submitted(desk, payout)
        with recorded_write(source="loan-core"):
            Payout.objects.filter(pk=payout.pk).update(amount="1.00")
        services.approve(actor=desk.chidi, correction=correction, digest=correction.digest, acknowledged=ANY)
        assert (correction.state, correction.step_role) == ("submitted", "senior_checker")

    def test_a_failed_correction_is_submitted_again_with_the_amount_of_that_moment(self, desk: Desk) -> None:
        payout = desk.payout()
        correction = submitted(desk, payout)
        with recorded_write(source="loan-core"):
            Payout.objects.filter(pk=payout.pk).update(counterparty_bank="ABC")
        with pytest.raises(CorrectionError):
            desk.approve(correction)
        assert correction.state == "failed"
        with recorded_write(source="loan-core"):
            Payout.objects.filter(pk=payout.pk).update(counterparty_bank="ICBC", amount="70000.00")
        services.submit(actor=desk.mara, correction=correction, acknowledged=ANY)
        assert roles(correction) == ["checker", "senior_checker"]

    def test_the_amount_of_what_is_submitted_never_changes_in_the_database(self, desk: Desk) -> None:
        change = submitted(desk, desk.payout()).changes.get()
        for columns in ({"amount": 1}, {"currency": "JPY"}, {"stake": 1}, {"beneficiary": "x"}):
            with pytest.raises(IntegrityError), transaction.atomic(), gate.opened(actor=desk.sam):
                Change.objects.filter(pk=change.pk).update(**columns)
                connection.check_constraints()


def test_of_two_currencies_the_dearer_amount_counts_whichever_number_is_larger(desk: Desk) -> None:
    loan = LoanFactory(branch=desk.shanghai)
    repayment = RepaymentFactory(loan=loan, amount="3000.00", currency="KWD")  # 70,200
    correction = services.draft(
        actor=desk.mara, target=Repayment.objects.get(pk=repayment.pk), action="update", reason="operator_error",
        values={"currency": "JPY", "amount": "3001.00"}, note="The wrong currency was booked.",
    )  # fmt: skip
    changes = list(correction.changes.all())
    found = assess(correction, changes, at=timezone.now(), is_locking=False)
    assert found.case.amount == 70_200
    assert (changes[0].amount, changes[0].currency) == (3000, "KWD")
