"""The holder's name is the customer's, or the verdict says what is odd about it."""

from __future__ import annotations

from typing import Any

import pytest

from accounts.checks import HolderIsTheCustomer
from tests.accounts.checks.looking import look, update, verdict
from tests.factories.accounts import (
    MASTERCARD,
    BankCardFactory,
    CustomerFactory,
    InternalAccountFactory,
    LedgerAccountFactory,
    PayoutFactory,
)

pytestmark = pytest.mark.django_db

NAMES = [
    ("Zhang Xiaoming", "ZHANG XIAOMING", "pass"),
    ("José", "Jose\u0301", "pass"),
    ("Zhang Xiaoming", "Ｚｈａｎｇ　Ｘｉａｏｍｉｎｇ", "pass"),
    ("阿卜杜·热合曼", "阿卜杜•热合曼", "pass"),
    ("Zhang Xiaoming", "Zhang Xiaomin", "fail"),
    ("陈伟", "陳偉", "warn"),
    ("Oleg", "Оleg", "fail"),
    ("张晓明", "张\u202e晓明", "fail"),
    ("张晓明", "张\u200b晓明", "fail"),
]


@pytest.mark.parametrize(("customer", "holder", "expected"), NAMES)
def test_a_cards_holder_is_its_customer(customer: str, holder: str, expected: str) -> None:
    card = BankCardFactory(customer=CustomerFactory(name=customer), holder_name="X")
    assert verdict(HolderIsTheCustomer, update(card, holder_name=holder)) == expected
    wrong = BankCardFactory(customer=CustomerFactory(name=customer), holder_name=holder)
    assert verdict(HolderIsTheCustomer, update(wrong, number=MASTERCARD)) == expected


@pytest.mark.parametrize(("customer", "holder", "expected"), NAMES)
def test_a_payout_goes_to_a_card_in_the_customers_name(customer: str, holder: str, expected: str) -> None:
    owner = CustomerFactory(name=customer)
    card = BankCardFactory(customer=owner, holder_name=holder)
    payout = PayoutFactory(source_account=LedgerAccountFactory(customer=owner))
    assert verdict(HolderIsTheCustomer, update(payout, card=card)) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [("Zhang Xiaoming", "pass"), ("Li Na", "warn"), ("Zhаng Xiaoming", "fail"), ("Zhang\u200bXiaoming", "fail")],
)
def test_a_beneficiary_may_be_another_but_never_in_disguise(name: str, expected: str) -> None:
    assert verdict(HolderIsTheCustomer, update(PayoutFactory(beneficiary_name="X"), beneficiary_name=name)) == expected


def test_a_beneficiary_of_our_own_accounts_has_no_customer_to_equal() -> None:
    payout = PayoutFactory(source_account=InternalAccountFactory())
    assert verdict(HolderIsTheCustomer, update(payout, beneficiary_name="Li Na")) == "pass"


def test_a_customer_of_another_name_has_cards_in_the_old_one() -> None:
    customer = CustomerFactory()
    BankCardFactory(customer=customer, status="closed")
    assert verdict(HolderIsTheCustomer, update(customer, name="Zhang Daming")) == "pass"
    BankCardFactory(customer=customer, number=MASTERCARD)
    assert verdict(HolderIsTheCustomer, update(customer, name="Zhang Daming")) == "warn"
    assert verdict(HolderIsTheCustomer, update(customer, name="ZHANG XIAOMING")) == "pass"


def test_the_letters_are_named_and_the_names_are_not() -> None:
    card = BankCardFactory(customer=CustomerFactory(name="Oleg Braun"), holder_name="X")
    finding = look(HolderIsTheCustomer, update(card, holder_name="Оleg Braun"))
    assert "U+041E CYRILLIC CAPITAL LETTER O" in str(finding.message)
    assert finding.looked_at["letters"] == ["U+041E CYRILLIC CAPITAL LETTER O"]
    finding = look(HolderIsTheCustomer, update(card, holder_name="Li Xiaoming"))
    assert "Xiaoming" not in f"{finding.message}{finding.looked_at}"
    assert "Braun" not in f"{finding.message}{finding.looked_at}"


@pytest.mark.parametrize("values", [{"bank_code": "CMB"}, {"status": "lost"}])
def test_other_fields_cost_nothing(values: Any, django_assert_num_queries: Any) -> None:
    part = update(BankCardFactory(holder_name="Li Na"), **values)
    with django_assert_num_queries(0):
        assert verdict(HolderIsTheCustomer, part) == "pass"
