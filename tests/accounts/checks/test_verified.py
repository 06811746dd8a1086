"""The external check: off by default, asked where a card changes, unknown is not a pass."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.cache import cache

from accounts.checks import CardIsVerified
from accounts.verifiers import setup
from tests.accounts.checks.looking import look, update, verdict
from tests.accounts.verifiers.server import says, serving
from tests.factories.accounts import (
    MASTERCARD,
    UNIONPAY,
    BankCardFactory,
    CustomerFactory,
    LedgerAccountFactory,
    PayoutFactory,
)

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(setup.Setup, "backoff_seconds", 0)
    cache.clear()


def new_number(number: str = UNIONPAY) -> Any:
    return update(BankCardFactory(number=MASTERCARD), number=number)


def test_it_is_an_external_check() -> None:
    assert CardIsVerified.is_external


def test_nothing_is_asked_where_no_verifier_is_set_up() -> None:
    assert verdict(CardIsVerified, new_number()) == "pass"


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ({"match": True}, "pass"),
        ({"match": False, "mismatch": ["mobile"]}, "fail"),
        ({"match": False}, "fail"),
        ({"perhaps": True}, "warn"),
    ],
)
def test_the_verifiers_word(told: Any, expected: str, settings: Any) -> None:
    with serving(says(told)) as verifier:
        settings.CARD_VERIFIER_URL = verifier.url
        finding = look(CardIsVerified, new_number())
    assert finding.verdict == expected
    [asked] = verifier.asked
    assert asked["card_number"] == UNIONPAY
    seen = f"{finding.message}{finding.looked_at}"
    assert not any(value in seen for value in asked.values())


def test_unknown_fails_where_the_company_says_so(settings: Any) -> None:
    settings.CARD_VERIFIER_UNKNOWN = "fail"
    with serving(says(b"?")) as verifier:
        settings.CARD_VERIFIER_URL = verifier.url
        assert verdict(CardIsVerified, new_number()) == "fail"


def test_a_customer_of_whom_too_little_is_known_is_not_verified(settings: Any) -> None:
    card = BankCardFactory(customer=CustomerFactory(mobile=""), number=MASTERCARD)
    with serving(says({"match": True})) as verifier:
        settings.CARD_VERIFIER_URL = verifier.url
        finding = look(CardIsVerified, update(card, number=UNIONPAY))
    assert (finding.verdict, verifier.asked) == ("warn", [])


def test_a_card_that_is_newly_paid_to_is_verified(settings: Any) -> None:
    customer = CustomerFactory()
    payout = PayoutFactory(source_account=LedgerAccountFactory(customer=customer))
    with serving(says({"match": False})) as verifier:
        settings.CARD_VERIFIER_URL = verifier.url
        assert verdict(CardIsVerified, update(payout, card=BankCardFactory(customer=customer))) == "fail"
        assert verdict(CardIsVerified, update(payout, counterparty_bank="CMB")) == "pass"
        assert verdict(CardIsVerified, update(BankCardFactory(), status="lost")) == "pass"
    assert len(verifier.asked) == 1


def test_who_was_just_asked_is_not_asked_again(settings: Any) -> None:
    card = BankCardFactory(number=MASTERCARD)
    with serving(says({"match": True}), says({"match": False})) as verifier:
        settings.CARD_VERIFIER_URL = verifier.url
        assert [verdict(CardIsVerified, update(card, number=UNIONPAY)) for _ in range(2)] == ["pass", "pass"]
        assert len(verifier.asked) == 1
        assert verdict(CardIsVerified, update(card, number=UNIONPAY, holder_name="Li Na")) == "fail"
        assert len(verifier.asked) == 2
    cache.clear()
    with serving(says(b"?"), says({"match": True})) as verifier:
        settings.CARD_VERIFIER_URL = verifier.url
        assert [verdict(CardIsVerified, update(card, number=UNIONPAY)) for _ in range(2)] == ["warn", "warn"]
        cache.clear()
        assert verdict(CardIsVerified, update(card, number=UNIONPAY)) == "pass"
