"""Checks of payouts: whose card, which account, on its way or not, and within the loan."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from accounts.checks import (
    AccountIsNotFrozen,
    PayoutCardIsItsCustomers,
    PayoutIsNotOnItsWay,
    PayoutSourceIsInUse,
    PayoutsStayWithinTheirLoan,
)
from tests.accounts.checks.looking import look, update, verdict
from tests.factories.accounts import (
    BankCardFactory,
    CustomerFactory,
    InternalAccountFactory,
    LedgerAccountFactory,
    LoanFactory,
    PayoutFactory,
)

pytestmark = pytest.mark.django_db

RESENT = {"status": "to_be_sent", "failure_code": ""}
PAID = {"status": "paid", "failure_code": ""}


def test_a_payout_goes_to_its_own_customers_card_that_works() -> None:
    customer = CustomerFactory()
    payout = PayoutFactory(source_account=LedgerAccountFactory(customer=customer))
    own, lost = BankCardFactory(customer=customer), BankCardFactory(customer=customer, number="", status="lost")
    assert verdict(PayoutCardIsItsCustomers, update(payout, card=own)) == "pass"
    assert verdict(PayoutCardIsItsCustomers, update(payout, card=lost)) == "warn"
    assert verdict(PayoutCardIsItsCustomers, update(payout, card=BankCardFactory())) == "fail"


@pytest.mark.parametrize(
    ("status", "expected"), [("active", "pass"), ("dormant", "warn"), ("frozen", "warn"), ("closed", "warn")]
)
def test_the_source_of_a_payout_is_in_use(status: str, expected: str) -> None:
    payout = PayoutFactory(source_account=LedgerAccountFactory(status=status))
    assert verdict(PayoutSourceIsInUse, update(payout, counterparty_bank="CMB")) == expected


@pytest.mark.parametrize("account", ["active", "dormant", "frozen", "closed"])
@pytest.mark.parametrize("status", ["created", "to_be_sent", "refused", "cancelled"])
def test_nothing_leaves_a_frozen_or_closed_account(account: str, status: str) -> None:
    code = "E14" if status == "refused" else ""
    payout = PayoutFactory(source_account=LedgerAccountFactory(status=account), status=status, failure_code=code)
    leaves = status in {"created", "to_be_sent"} and account in {"frozen", "closed"}
    assert verdict(AccountIsNotFrozen, update(payout, counterparty_bank="CMB")) == ("fail" if leaves else "pass")


def test_a_refused_payout_is_not_sent_again_from_a_frozen_account() -> None:
    payout = PayoutFactory(source_account=LedgerAccountFactory(status="frozen"))
    assert verdict(AccountIsNotFrozen, update(payout, counterparty_bank="CMB")) == "pass"
    assert verdict(AccountIsNotFrozen, update(payout, **RESENT)) == "fail"


@pytest.mark.parametrize(
    "field", ["counterparty_bank", "counterparty_account", "beneficiary_name", "amount", "channel"]
)
@pytest.mark.parametrize(
    ("status", "expected"),
    [("created", "pass"), ("to_be_sent", "pass"), ("refused", "pass"), ("sent", "fail"), ("paid", "fail")],
)
def test_where_money_went_cant_be_changed_once_it_left(status: str, expected: str, field: str) -> None:
    payout = PayoutFactory(status=status, failure_code="E14" if status == "refused" else "")
    value: Any = Decimal("5.00") if field == "amount" else "6217000000000009002"
    assert (
        verdict(PayoutIsNotOnItsWay, update(payout, **{field: value[:16] if field == "counterparty_bank" else value}))
        == expected
    )


@pytest.mark.parametrize(
    ("status", "expected"),
    [("created", "fail"), ("to_be_sent", "fail"), ("refused", "pass"), ("cancelled", "pass"), ("sent", "pass")],
)
def test_what_was_paid_is_not_sent_again(status: str, expected: str) -> None:
    payout = PayoutFactory(**PAID)
    code = "E14" if status == "refused" else ""
    assert verdict(PayoutIsNotOnItsWay, update(payout, status=status, failure_code=code)) == expected


def test_what_the_channel_told_of_a_sent_payout_can_be_corrected() -> None:
    payout = PayoutFactory(status="sent", failure_code="")
    assert verdict(PayoutIsNotOnItsWay, update(payout, channel_reference="BG1")) == "pass"
    assert verdict(PayoutIsNotOnItsWay, update(payout, status="refused", failure_code="E14")) == "pass"


def _of_loan(amount: str, **fields: Any) -> Any:
    fields = {"status": "created", "failure_code": "", **fields}
    return PayoutFactory(amount=Decimal(amount), **fields)


@pytest.mark.parametrize(("amount", "expected"), [("30000.00", "pass"), ("30000.01", "fail"), ("29999.99", "pass")])
def test_payouts_of_a_loan_together_are_no_more_than_its_principal(amount: str, expected: str) -> None:
    loan = LoanFactory(principal=Decimal("80000.00"))
    _of_loan("50000.00", loan=loan, **PAID)
    _of_loan("70000.00", loan=loan, status="refused", failure_code="E14")
    _of_loan("70000.00", loan=loan, status="cancelled")
    payout = _of_loan("10000.00", loan=loan)
    finding = look(PayoutsStayWithinTheirLoan, update(payout, amount=Decimal(amount)))
    assert finding.verdict == expected
    if expected == "fail":
        assert (finding.looked_at["total"], finding.looked_at["principal"]) == ("80000.01", "80000.00")


def test_a_refused_payout_that_was_replaced_is_not_sent_again() -> None:
    loan = LoanFactory(principal=Decimal("80000.00"))
    refused = _of_loan("80000.00", loan=loan, status="refused", failure_code="E14")
    assert verdict(PayoutsStayWithinTheirLoan, update(refused, **RESENT)) == "pass"
    replacement = _of_loan("80000.00", loan=loan, **PAID)
    assert verdict(PayoutsStayWithinTheirLoan, update(refused, **RESENT)) == "fail"
    cancelled = update(replacement, status="cancelled")
    assert verdict(PayoutsStayWithinTheirLoan, update(refused, **RESENT), cancelled) == "pass"


@pytest.mark.parametrize(("principal", "expected"), [("50000.00", "pass"), ("49999.99", "fail")])
def test_a_principal_is_not_lowered_below_what_was_paid_out(principal: str, expected: str) -> None:
    loan = LoanFactory(principal=Decimal("80000.00"))
    _of_loan("50000.00", loan=loan, **PAID)
    assert verdict(PayoutsStayWithinTheirLoan, update(loan, principal=Decimal(principal))) == expected


def test_a_payout_in_another_currency_than_its_loan_is_warned_of() -> None:
    payout = _of_loan(
        "100.00", loan=LoanFactory(), currency="USD", source_account=InternalAccountFactory(currency="USD")
    )
    assert verdict(PayoutsStayWithinTheirLoan, update(payout, amount=Decimal("101.00"))) == "warn"


@pytest.mark.parametrize(
    "check",
    [
        PayoutCardIsItsCustomers,
        PayoutSourceIsInUse,
        PayoutIsNotOnItsWay,
        PayoutsStayWithinTheirLoan,
        AccountIsNotFrozen,
    ],
)
def test_an_ordinary_correction_asks_the_database_nothing(check: Any, django_assert_num_queries: Any) -> None:
    customer = CustomerFactory()
    source, card = LedgerAccountFactory(customer=customer), BankCardFactory(customer=customer)
    part = update(PayoutFactory(source_account=source, card=card, loan=LoanFactory()), counterparty_bank="CMB")
    with django_assert_num_queries(0):
        assert verdict(check, part) == "pass"
