"""Checks of bank cards: both verdicts of each, and the boundary; none repeats a number."""

from __future__ import annotations

from typing import Any

import pytest

from accounts.checks import (
    CardBankFitsItsNumber,
    CardIsNotAnothers,
    CardIsNotAStaffMembers,
    CardIssuerIsKnown,
    CardNumberIsReal,
    CardSchemeFitsItsNumber,
)
from accounts.models import BankCard, StaffCard
from tests.accounts.checks.looking import look, subject, update, verdict
from tests.factories.accounts import (
    MASTERCARD,
    UNIONPAY,
    VISA,
    BankCardFactory,
    CustomerFactory,
    InternalAccountFactory,
    LedgerAccountFactory,
    PayoutFactory,
    StaffCardFactory,
)

pytestmark = pytest.mark.django_db

ICBC = "6222020000000000000"  # 19 digits
CMB = "6225880000000001"


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        (UNIONPAY, "pass"),
        (ICBC, "pass"),
        ("6222 0200 0000 0000 000", "pass"),
        ("6222-0200-0000-0000-000", "pass"),
        ("6222020000000000005", "fail"),  # the last digit
        ("6222200000000000000", "fail"),  # two digits in the wrong order
        ("4222222222222", "pass"),  # 13 digits of Visa
        ("42222222222222", "fail"),  # 14, although the check digit might be right
        ("620000000000000", "fail"),  # 15 of UnionPay
        ("", "pass"),  # imported books may hold no number
    ],
)
def test_a_number_has_its_length_and_check_digit(typed: str, expected: str) -> None:
    assert verdict(CardNumberIsReal, update(BankCardFactory(number=MASTERCARD), number=typed)) == expected


def test_no_verdict_repeats_the_number() -> None:
    card = BankCardFactory(number=MASTERCARD)
    wrong = "6222020000000000005"
    StaffCardFactory(number=UNIONPAY)
    BankCardFactory(number=UNIONPAY)
    for check in (CardNumberIsReal, CardIssuerIsKnown, CardSchemeFitsItsNumber, CardBankFitsItsNumber):
        finding = look(check, update(card, number=wrong))
        assert wrong not in f"{finding.message} {finding.looked_at}"
    for other in (CardIsNotAnothers, CardIsNotAStaffMembers):
        finding = look(other, update(card, number=UNIONPAY))
        assert finding.verdict == "fail"
        assert UNIONPAY not in f"{finding.message} {finding.looked_at}"


@pytest.mark.parametrize(("number", "expected"), [(ICBC, "pass"), (CMB, "pass"), (UNIONPAY, "warn"), (VISA, "warn")])
def test_an_issuer_that_no_list_knows_is_warned_of(number: str, expected: str) -> None:
    assert verdict(CardIssuerIsKnown, update(BankCardFactory(number=MASTERCARD), number=number)) == expected


@pytest.mark.parametrize(
    ("number", "scheme", "expected"),
    [
        (VISA, "visa", "pass"),
        (VISA, "unionpay", "fail"),
        (UNIONPAY, "unionpay", "pass"),
        (UNIONPAY, "visa", "fail"),
        ("2223003122003222", "mastercard", "pass"),
        ("3530111333300000", "jcb", "pass"),
        ("378282246310005", "amex", "pass"),
        ("378282246310005", "jcb", "fail"),
        (VISA, "unknown", "pass"),
    ],
)
def test_scheme_and_number_agree(number: str, scheme: str, expected: str) -> None:
    card = BankCardFactory(number=MASTERCARD, scheme="unknown")
    assert verdict(CardSchemeFitsItsNumber, update(card, number=number, scheme=scheme)) == expected
    assert verdict(CardSchemeFitsItsNumber, update(BankCardFactory(number=number), scheme=scheme)) == expected


@pytest.mark.parametrize(
    ("number", "bank", "expected"),
    [(ICBC, "ICBC", "pass"), (ICBC, "CMB", "warn"), (CMB, "CMB", "pass"), (VISA, "CMB", "pass")],
)
def test_bank_and_number_agree_where_the_list_knows(number: str, bank: str, expected: str) -> None:
    card = BankCardFactory(number=number, bank_code="X")
    assert verdict(CardBankFitsItsNumber, update(card, bank_code=bank)) == expected


@pytest.mark.parametrize(
    "check", [CardNumberIsReal, CardIssuerIsKnown, CardSchemeFitsItsNumber, CardBankFitsItsNumber, CardIsNotAnothers]
)
def test_other_fields_of_a_card_cost_nothing(check: Any, django_assert_num_queries: Any) -> None:
    part = update(BankCardFactory(number="6222020000000000005", scheme="visa"), status="lost")
    with django_assert_num_queries(0):
        assert verdict(check, part) == "pass"


def test_a_card_of_another_customer_is_refused_and_ones_own_is_not() -> None:
    card = BankCardFactory(number=MASTERCARD)
    assert verdict(CardIsNotAnothers, update(card, number=UNIONPAY)) == "pass"
    mine = BankCardFactory(customer=card.customer, number=UNIONPAY)
    assert verdict(CardIsNotAnothers, update(card, number=UNIONPAY)) == "pass"
    BankCardFactory(number=UNIONPAY)
    finding = look(CardIsNotAnothers, update(card, number="6200 0000-0000 0005"))
    assert (finding.verdict, finding.looked_at["other_customers"]) == ("fail", 1)
    assert mine.customer.customer_number not in str(finding.message)


def test_one_new_number_is_not_given_to_two_customers_at_once() -> None:
    """Neither has it yet, so the stored cards tell nothing; in a batch the two may stand far apart."""
    one, other = BankCardFactory(number=MASTERCARD), BankCardFactory(number=VISA)
    parts = [update(card, number=UNIONPAY) for card in (one, other)]
    assert verdict(CardIsNotAnothers, *parts) == "fail"
    assert [verdict(CardIsNotAnothers, part) for part in parts] == ["pass", "pass"]
    keys = [CardIsNotAnothers().together(subject(part).views[part[0].pk]) for part in parts]
    assert keys[0] == keys[1] is not None
    part = update(one, status="lost")
    assert CardIsNotAnothers().together(subject(part).views[part[0].pk]) is None


def test_an_account_that_is_another_customers_card_is_refused_however_it_is_typed() -> None:
    account = LedgerAccountFactory()
    payout = PayoutFactory(source_account=account)
    BankCardFactory(number=UNIONPAY)
    for typed in (UNIONPAY, "6200 0000 0000 0005", "6200-0000-0000-0005"):
        assert verdict(CardIsNotAnothers, update(payout, counterparty_account=typed)) == "fail"
    assert verdict(CardIsNotAnothers, update(payout, counterparty_account=VISA)) == "pass"
    BankCardFactory(number=VISA, customer=account.customer)
    assert verdict(CardIsNotAnothers, update(payout, counterparty_account=VISA)) == "pass"


def test_an_internal_account_may_pay_a_customers_card() -> None:
    BankCardFactory(number=UNIONPAY)
    payout = PayoutFactory(source_account=InternalAccountFactory())
    assert verdict(CardIsNotAnothers, update(payout, counterparty_account=UNIONPAY)) == "pass"


def _new_number(number: str) -> Any:
    return update(BankCardFactory(number=MASTERCARD), number=number)


def _account(number: str) -> Any:
    return update(PayoutFactory(), counterparty_account=number)


def _other_card(number: str) -> Any:
    customer = CustomerFactory()
    card: BankCard = BankCardFactory(customer=customer, number=number)
    return update(PayoutFactory(source_account=LedgerAccountFactory(customer=customer)), card=card)


@pytest.mark.parametrize("way", [_new_number, _account, _other_card])
def test_no_money_goes_to_a_card_that_staff_declared(way: Any) -> None:
    declared: StaffCard = StaffCardFactory(number=UNIONPAY)
    finding = look(CardIsNotAStaffMembers, way(UNIONPAY))
    assert finding.verdict == "fail"
    assert declared.person.name not in f"{finding.message}{finding.looked_at}"
    assert verdict(CardIsNotAStaffMembers, way(VISA)) == "pass"


def test_a_declared_card_out_of_use_counts_no_more() -> None:
    StaffCardFactory(number=UNIONPAY, is_active=False)
    assert verdict(CardIsNotAStaffMembers, _account(UNIONPAY)) == "pass"


@pytest.mark.parametrize("typed", ["6200-0000-0000-0005", "6200 0000 0000 0005"])
def test_a_declared_card_is_known_with_spaces_and_dashes(typed: str) -> None:
    StaffCardFactory(number=UNIONPAY)
    assert verdict(CardIsNotAStaffMembers, _account(typed)) == "fail"


@pytest.mark.parametrize("check", [CardIsNotAnothers, CardIsNotAStaffMembers])
@pytest.mark.parametrize("values", [{"counterparty_bank": "CMB"}, {"status": "to_be_sent", "failure_code": ""}])
def test_an_ordinary_correction_of_a_payout_asks_nothing(
    check: Any, values: dict[str, str], django_assert_num_queries: Any
) -> None:
    StaffCardFactory(number=UNIONPAY)
    part = update(PayoutFactory(counterparty_account=UNIONPAY), **values)
    with django_assert_num_queries(0):
        assert verdict(check, part) == "pass"
