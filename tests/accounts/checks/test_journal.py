"""Checks of the journal: what is added to it balances, and fits the accounts."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from accounts.checks import PostingsBalance, PostingsFitTheirAccounts
from accounts.models import Posting
from tests.accounts.checks.looking import create, look, verdict
from tests.factories.accounts import InternalAccountFactory, LedgerAccountFactory, booked

pytestmark = pytest.mark.django_db


def posting(account: Any, amount: str, *, entry: Any = None, currency: str = "CNY") -> Any:
    side = "debit" if Decimal(amount) > 0 else "credit"
    return create(
        Posting, entry=entry or {"change": 1}, account=account, side=side, amount=Decimal(amount), currency=currency
    )


@pytest.mark.parametrize(
    ("amounts", "expected"),
    [
        (["10.00", "-10.00"], "pass"),
        (["10.00", "-9.99"], "fail"),
        (["10.00"], "fail"),
        (["7.00", "3.00", "-10.00"], "pass"),
    ],
)
def test_debits_and_credits_are_equal(amounts: list[str], expected: str) -> None:
    account = InternalAccountFactory()
    assert verdict(PostingsBalance, *(posting(account, amount) for amount in amounts)) == expected


def test_currencies_and_entries_don_t_make_up_for_each_other() -> None:
    account = InternalAccountFactory()
    mixed = [posting(account, "10.00"), posting(account, "-10.00", currency="USD")]
    assert verdict(PostingsBalance, *mixed) == "fail"
    entry = booked(debit=account, credit=LedgerAccountFactory())
    assert verdict(PostingsBalance, posting(account, "10.00"), posting(account, "-10.00", entry=entry)) == "fail"


@pytest.mark.parametrize(
    ("status", "expected"), [("active", "pass"), ("dormant", "pass"), ("frozen", "fail"), ("closed", "fail")]
)
def test_a_frozen_account_takes_no_postings(status: str, expected: str) -> None:
    finding = look(PostingsFitTheirAccounts, posting(InternalAccountFactory(status=status), "10.00"))
    assert finding.verdict == expected


def test_a_posting_is_in_its_accounts_currency() -> None:
    assert verdict(PostingsFitTheirAccounts, posting(InternalAccountFactory(currency="USD"), "10.00")) == "fail"
