"""Checks of loans and repayments: nothing before the loan opened, nothing on a frozen account."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from accounts.checks import AccountIsNotFrozen, RepaymentIsNotBeforeItsLoan
from accounts.models import Repayment
from tests.accounts.checks.looking import create, delete, look, update, verdict
from tests.factories.accounts import LedgerAccountFactory, LoanApplicationFactory, LoanFactory, RepaymentFactory

pytestmark = pytest.mark.django_db


def repayment(loan: Any, paid_on: date, **fields: Any) -> Any:
    values = {"reference": "RP-9", "due_on": paid_on, "amount": Decimal("10.00"), "currency": "CNY", **fields}
    return create(Repayment, loan=loan, paid_on=paid_on, **values)


@pytest.mark.parametrize(
    ("opened_on", "paid_on", "expected"),
    [
        (date(2026, 11, 4), date(2026, 11, 4), "pass"),  # the same day
        (date(2026, 11, 4), date(2026, 11, 3), "fail"),
        (date(2024, 2, 29), date(2024, 2, 29), "pass"),
        (date(2024, 2, 29), date(2024, 2, 28), "fail"),
        (date(2024, 3, 1), date(2024, 2, 29), "fail"),
        (date(2025, 12, 31), date(2026, 1, 1), "pass"),
    ],
)
def test_nothing_is_repaid_before_the_loan_opened(opened_on: date, paid_on: date, expected: str) -> None:
    loan = LoanFactory(opened_on=opened_on)
    assert verdict(RepaymentIsNotBeforeItsLoan, repayment(loan, paid_on)) == expected
    row = RepaymentFactory(loan=loan)
    assert verdict(RepaymentIsNotBeforeItsLoan, update(row, paid_on=paid_on)) == expected
    elsewhere = RepaymentFactory(paid_on=paid_on, loan=LoanFactory(opened_on=date(2020, 1, 1)))
    assert verdict(RepaymentIsNotBeforeItsLoan, update(elsewhere, loan=loan)) == expected


@pytest.mark.parametrize(("opened_on", "expected"), [(date(2026, 11, 20), "pass"), (date(2026, 11, 21), "fail")])
def test_a_loan_is_not_opened_after_its_first_repayment(opened_on: date, expected: str) -> None:
    loan = LoanFactory()
    RepaymentFactory(loan=loan, paid_on=date(2026, 11, 5), status="void")
    first = RepaymentFactory(loan=loan, paid_on=date(2026, 11, 20))
    finding = look(RepaymentIsNotBeforeItsLoan, update(loan, opened_on=opened_on))
    assert finding.verdict == expected
    assert expected == "pass" or finding.looked_at["repayment"] == first.reference


def on_account(status: str) -> Any:
    application = LoanApplicationFactory()
    return LoanFactory(
        application=application, account=LedgerAccountFactory(customer=application.customer, status=status)
    )


@pytest.mark.parametrize(
    ("status", "expected"), [("active", "pass"), ("dormant", "pass"), ("frozen", "fail"), ("closed", "fail")]
)
def test_no_repayment_is_added_or_taken_away_on_a_frozen_account(status: str, expected: str) -> None:
    loan = on_account(status)
    row = RepaymentFactory(loan=loan)
    assert verdict(AccountIsNotFrozen, repayment(loan, date(2026, 12, 4))) == expected
    assert verdict(AccountIsNotFrozen, delete(row)) == expected
    assert verdict(AccountIsNotFrozen, update(row, status="void")) == expected
    assert verdict(AccountIsNotFrozen, update(row, amount=Decimal("1.00"))) == expected
    assert verdict(AccountIsNotFrozen, update(row, channel_reference="QP1")) == "pass"


@pytest.mark.parametrize("check", [RepaymentIsNotBeforeItsLoan, AccountIsNotFrozen])
def test_an_ordinary_correction_asks_the_database_nothing(check: Any, django_assert_num_queries: Any) -> None:
    part = update(RepaymentFactory(), status="void")
    with django_assert_num_queries(0):
        assert verdict(check, part) == "pass"
