"""The lender's risk flags: raised and not, at the boundary, with evidence and without secrets."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from accounts.flags import (
    TAILS_MIN,
    DormantAccount,
    PriorPeriod,
    RoundingTails,
    RoundTrip,
    StaffOrRelated,
    months_before,
)
from accounts.models import JournalEntry, Posting, Repayment
from corrections.models import Correction
from corrections.registry import registry
from tests.accounts.checks.looking import create, delete, raised, update
from tests.corrections.services.desk import Desk, make_desk
from tests.factories.accounts import (
    MASTERCARD,
    UNIONPAY,
    VISA,
    BankCardFactory,
    CustomerFactory,
    InternalAccountFactory,
    LedgerAccountFactory,
    LoanApplicationFactory,
    LoanFactory,
    PayoutFactory,
    RepaymentFactory,
    StaffCardFactory,
    booked,
)

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 11, 20, 4, 0, tzinfo=UTC)  # midday in Shanghai


@pytest.mark.parametrize(
    ("day", "months", "expected"),
    [
        (date(2026, 11, 20), 12, date(2025, 11, 20)),
        (date(2024, 2, 29), 12, date(2023, 2, 28)),
        (date(2025, 2, 28), 12, date(2024, 2, 28)),
        (date(2026, 3, 31), 1, date(2026, 2, 28)),
        (date(2024, 3, 31), 1, date(2024, 2, 29)),
        (date(2026, 1, 15), 1, date(2025, 12, 15)),
        (date(2026, 1, 15), 13, date(2024, 12, 15)),
        (date(2026, 5, 1), 0, date(2026, 5, 1)),
    ],
)
def test_months_are_counted_over_leap_days_and_short_months(day: date, months: int, expected: date) -> None:
    assert months_before(day, months) == expected


# Dormant account


def of_account(**fields: Any) -> Any:
    return update(PayoutFactory(source_account=LedgerAccountFactory(**fields)), counterparty_bank="CMB")


@pytest.mark.parametrize(
    ("last", "is_raised"), [(date(2025, 11, 20), False), (date(2025, 11, 19), True), (date(2026, 11, 19), False)]
)
def test_an_account_unused_for_longer_than_the_threshold_is_dormant(last: date, is_raised: bool) -> None:
    finding = raised(DormantAccount, of_account(last_activity_on=last), at=NOON, threshold=12)
    assert (finding is not None) is is_raised
    if finding is not None:
        assert finding.looked_at["last_used"] == last.isoformat()


def test_on_a_leap_day_the_last_of_february_is_not_yet_a_year_ago() -> None:
    leap = datetime(2024, 2, 29, 4, 0, tzinfo=UTC)
    old = date(2020, 1, 1)
    for last, is_raised in ((date(2023, 2, 28), False), (date(2023, 2, 27), True)):
        part = of_account(last_activity_on=last, opened_on=old)
        assert (raised(DormantAccount, part, at=leap, threshold=12) is not None) is is_raised


def test_an_account_that_is_marked_dormant_needs_no_count() -> None:
    part = of_account(status="dormant", last_activity_on=date(2026, 11, 19))
    assert raised(DormantAccount, part, at=NOON, threshold=0) is not None
    assert raised(DormantAccount, of_account(status="active"), at=NOON, threshold=0) is None


def test_awakening_it_is_what_raises_the_flag() -> None:
    account = LedgerAccountFactory(status="dormant", last_activity_on=date(2026, 11, 1))
    assert raised(DormantAccount, update(account, status="active"), at=NOON, threshold=12) is not None
    assert raised(DormantAccount, update(LedgerAccountFactory(), status="dormant"), at=NOON, threshold=0) is None


def test_an_account_of_our_own_is_never_dormant() -> None:
    account = InternalAccountFactory(opened_on=date(2020, 1, 1))
    part = update(PayoutFactory(source_account=account), counterparty_bank="CMB")
    assert raised(DormantAccount, part, at=NOON, threshold=12) is None


def test_a_repayment_and_a_posting_awaken_an_account_too() -> None:
    application = LoanApplicationFactory()
    account = LedgerAccountFactory(customer=application.customer, status="dormant")
    row = RepaymentFactory(loan=LoanFactory(application=application, account=account))
    assert raised(DormantAccount, delete(row), at=NOON) is not None
    assert raised(DormantAccount, posting(account, "-5.00"), at=NOON) is not None


# Staff or related party


@pytest.mark.parametrize(
    ("declared", "is_raised"),
    [
        ({"number": MASTERCARD}, False),
        ({"number": UNIONPAY}, True),
        ({"number": MASTERCARD, "identity_number": "990101199003078515"}, True),
        ({"number": MASTERCARD, "mobile": "+8612000000001"}, True),
        ({"number": MASTERCARD, "mobile": "12000000009"}, False),
        ({"number": UNIONPAY, "is_active": False}, False),
    ],
)
def test_a_number_that_staff_declared_is_related(declared: Any, is_raised: bool) -> None:
    StaffCardFactory(**declared)
    part = update(PayoutFactory(counterparty_account=UNIONPAY), counterparty_bank="CMB")
    finding = raised(StaffOrRelated, part)
    assert (finding is not None) is is_raised
    if finding is not None:
        assert finding.looked_at == {"declarations": 1}


def test_a_card_and_an_account_that_staff_declared_are_related() -> None:
    StaffCardFactory(number=VISA)
    customer = CustomerFactory()
    card = BankCardFactory(customer=customer, number=VISA)
    source = LedgerAccountFactory(customer=customer)
    assert (
        raised(StaffOrRelated, update(PayoutFactory(source_account=source, card=card), amount=Decimal(5))) is not None
    )
    assert raised(StaffOrRelated, update(card, status="lost")) is not None
    assert raised(StaffOrRelated, update(LedgerAccountFactory(account_number=VISA), name="x")) is not None
    assert raised(StaffOrRelated, update(LedgerAccountFactory(account_number="62179"), name="x")) is None


@pytest.mark.parametrize(
    ("maker", "is_raised"), [("Zhang Xiaoming", True), ("ZHANG  XIAOMING", True), ("Zhang Xiao", False), ("", False)]
)
def test_the_makers_namesake_is_related(maker: str, is_raised: bool) -> None:
    finding = raised(StaffOrRelated, update(PayoutFactory(), counterparty_bank="CMB"), maker_name=maker)
    assert (finding is not None) is is_raised


def test_records_without_a_customer_are_nobodys_relatives() -> None:
    account = InternalAccountFactory()
    assert raised(StaffOrRelated, posting(account, "5.00")) is None


# Prior period


def entry(booked_on: date) -> Any:
    branch = InternalAccountFactory().branch
    return create(JournalEntry, reference="JE-9", branch=branch, booked_on=booked_on, kind="adjustment", currency="CNY")


@pytest.mark.parametrize(
    ("day", "threshold", "is_raised"),
    [
        (date(2026, 1, 1), 0, False),
        (date(2025, 12, 31), 0, True),
        (date(2026, 10, 31), 1, True),
        (date(2026, 11, 1), 1, False),
        (date(2026, 9, 30), 2, True),
        (date(2026, 10, 1), 2, False),
        (date(2025, 12, 31), 24, True),  # another year is one, however many months are asked for
    ],
)
def test_another_year_or_so_many_months_back_is_a_prior_period(day: date, threshold: int, is_raised: bool) -> None:
    repayment = RepaymentFactory(paid_on=day, loan=LoanFactory(opened_on=date(2020, 1, 1)))
    for part in (entry(day), update(repayment, status="void"), delete(repayment)):
        finding = raised(PriorPeriod, part, at=NOON, threshold=threshold)
        assert (finding is not None) is is_raised
        if finding is not None:
            assert finding.looked_at["is_prior_year"] is (day.year < 2026)
            assert finding.looked_at["day"] == day.isoformat()


def test_the_year_ends_at_the_desks_midnight() -> None:
    last_second = datetime(2025, 12, 31, 15, 59, 59, tzinfo=UTC)  # 23:59:59 in Shanghai
    payout = PayoutFactory(created_at=last_second)
    assert raised(PriorPeriod, update(payout, counterparty_bank="CMB"), at=NOON) is not None
    payout = PayoutFactory(created_at=last_second + timedelta(seconds=1))
    assert raised(PriorPeriod, update(payout, counterparty_bank="CMB"), at=NOON) is None


def test_moving_a_record_into_an_earlier_year_is_a_prior_period_too() -> None:
    repayment = RepaymentFactory(paid_on=date(2026, 1, 2), loan=LoanFactory(opened_on=date(2020, 1, 1)))
    assert raised(PriorPeriod, update(repayment, paid_on=date(2025, 12, 31)), at=NOON) is not None
    assert raised(PriorPeriod, update(repayment, paid_on=date(2026, 1, 1)), at=NOON) is None


def test_of_a_loan_only_what_was_agreed_belongs_to_its_first_year() -> None:
    loan = LoanFactory(opened_on=date(2025, 5, 1))
    assert raised(PriorPeriod, update(loan, status="repaid"), at=NOON) is None
    assert raised(PriorPeriod, update(loan, principal=Decimal(5)), at=NOON) is not None


def test_a_posting_belongs_to_its_entrys_period() -> None:
    account = InternalAccountFactory()
    for day, is_raised in ((date(2025, 12, 31), True), (date(2026, 1, 1), False)):
        old = booked(debit=account, credit=LedgerAccountFactory(), booked_on=day)
        assert (raised(PriorPeriod, posting(account, "5.00", entry=old), at=NOON) is not None) is is_raised
    assert raised(PriorPeriod, posting(account, "5.00"), at=NOON) is None


# Round trip


def posting(account: Any, amount: str, *, entry: Any = None) -> Any:
    side = "debit" if Decimal(amount) > 0 else "credit"
    return create(
        Posting,
        entry=entry or {"change": 1},
        account=account,
        side=side,
        amount=Decimal(amount),
        currency=account.currency,
    )


@pytest.mark.parametrize(
    ("fields", "is_raised"),
    [
        ({}, True),
        ({"paid_on": date(2026, 10, 21)}, True),  # thirty days before, which is inside
        ({"paid_on": date(2026, 10, 20)}, False),
        ({"amount": Decimal("79999.99")}, False),
        ({"status": "void"}, False),
    ],
)
def test_a_payout_of_what_just_came_in_is_a_round_trip(fields: Any, is_raised: bool) -> None:
    application = LoanApplicationFactory()
    loan = LoanFactory(application=application, opened_on=date(2020, 1, 1))
    values = {"amount": Decimal("80000.00"), "paid_on": date(2026, 11, 1), **fields}
    repayment = RepaymentFactory(loan=loan, **values)
    payout = PayoutFactory(source_account=LedgerAccountFactory(customer=application.customer))
    finding = raised(RoundTrip, update(payout, counterparty_bank="CMB"), at=NOON, window_days=30)
    assert (finding is not None) is is_raised
    if finding is not None:
        assert finding.looked_at["records"] == [repayment.reference]
    other = PayoutFactory()
    assert raised(RoundTrip, update(other, counterparty_bank="CMB"), at=NOON, window_days=30) is None


@pytest.fixture
def desk() -> Desk:
    return make_desk()


def test_money_that_comes_back_after_a_corrected_payout_is_a_round_trip(desk: Desk) -> None:
    application = LoanApplicationFactory(customer=CustomerFactory(branch=desk.shanghai))
    account = LedgerAccountFactory(customer=application.customer, branch=desk.shanghai)
    loan = LoanFactory(application=application, account=account, opened_on=date(2020, 1, 1))

    def back(amount: str) -> list[Any]:
        values = {"reference": "RP-9", "due_on": date(2026, 12, 1), "paid_on": date(2026, 12, 1), "currency": "CNY"}
        repaid = create(Repayment, loan=loan, amount=Decimal(amount), **values)
        return [raised(RoundTrip, part) for part in (repaid, posting(account, f"-{amount}"))]

    payout = desk.payout(source_account=account, beneficiary_name="")
    assert back("800.00") == [None, None]
    applied: Correction = desk.applied(payout)
    found = back("800.00")
    assert [finding.looked_at["records"] for finding in found] == [[applied.number]] * 2
    assert back("800.01") == [None, None]
    assert raised(RoundTrip, posting(account, "800.00")) is None  # a debit takes, it brings nothing back
    assert raised(RoundTrip, posting(account, "-800.00"), at=NOON + timedelta(days=4000)) is None


# Rounding tails


def tails(account: Any, number: int, *, amount: str = "0.01", booked_on: date = date(2026, 11, 10)) -> None:
    other = InternalAccountFactory()
    for _ in range(number):
        booked(debit=account, credit=other, amount=amount, booked_on=booked_on)


@pytest.mark.parametrize(
    ("before", "amount", "is_raised"),
    [
        (TAILS_MIN - 1, "1.00", True),
        (TAILS_MIN - 2, "1.00", False),
        (TAILS_MIN - 1, "1.01", False),
        (TAILS_MIN - 1, "-0.01", True),
    ],
)
def test_ten_small_postings_on_one_account_are_tails_that_gather(before: int, amount: str, is_raised: bool) -> None:
    account = InternalAccountFactory()
    tails(account, before)
    tails(account, 3, amount="1.01")
    tails(account, 3, booked_on=date(2026, 10, 20))  # a day too old
    finding = raised(RoundingTails, posting(account, amount), at=NOON, threshold="1.00", window_days=30)
    assert (finding is not None) is is_raised
    if finding is not None:
        assert (finding.looked_at["count"], finding.looked_at["account"]) == (TAILS_MIN, account.number)
        assert Decimal(finding.looked_at["sum"]) == Decimal("0.09") + Decimal(amount)


def test_the_postings_of_this_very_correction_count() -> None:
    parts = [posting(InternalAccountFactory(number="9001"), "0.01")]
    account = InternalAccountFactory(number="9002")
    parts += [posting(account, "0.01") for _ in range(TAILS_MIN)]
    assert raised(RoundingTails, *parts[:-1], at=NOON, threshold="1.00") is None
    finding = raised(RoundingTails, *parts, at=NOON, threshold="1.00")
    assert finding is not None
    assert finding.looked_at["account"] == "9002"


def test_small_postings_of_customers_are_no_tails() -> None:
    account = LedgerAccountFactory()
    tails(account, TAILS_MIN)
    assert raised(RoundingTails, posting(account, "0.01"), at=NOON, threshold="1.00") is None


def test_every_flag_is_registered_and_titled() -> None:
    flags = {flag for entry in registry.entries() for flag in entry.config.flags if flag.__module__ == "accounts.flags"}
    assert flags == {DormantAccount, StaffOrRelated, PriorPeriod, RoundTrip, RoundingTails}
    assert all(str(flag.title) for flag in flags)
