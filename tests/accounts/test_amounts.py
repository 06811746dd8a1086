"""What is no amount is refused with a message that names the field; units are the currency's own."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from accounts.models import Loan, Repayment
from corrections import services
from corrections.errors import CorrectionError
from corrections.models import Change, Correction
from tests.corrections.services.desk import Desk, make_desk
from tests.factories.accounts import CustomerFactory, LedgerAccountFactory, LoanApplicationFactory, LoanFactory

pytestmark = pytest.mark.django_db

RUBBISH: list[Any] = [
    "NaN",
    "nan",
    "sNaN",
    "Infinity",
    "-Infinity",
    "inf",
    "1e400",
    "1E2",
    "1_000",
    "1,000.00",
    "1 000",
    "１２",
    "٣",
    "-0",
    "-0.00",
    "0.005",
    "0.001",
    "9" * 5000,
    "0." + "0" * 5000 + "1",
    "",
    " ",
    "5.",
    ".5",
    "+5",
    "0x10",
    "5 CNY",
    "1234567890123456.00",
    "--5",
    None,
    True,
    5.0,
    float("nan"),
    float("inf"),
    Decimal("NaN"),
    Decimal("sNaN"),
    Decimal("-Infinity"),
    Decimal("1e400"),
    Decimal("-0"),
    Decimal("0.005"),
    pytest.param(10**5000, id="an integer of 5001 digits"),
    [],
    {},
    b"5",
]
BELOW = ["0", "-5", "-0.01", Decimal(0)]


@pytest.fixture
def desk() -> Desk:
    return make_desk()


@pytest.mark.parametrize("typed", [*RUBBISH, *BELOW], ids=lambda value: repr(value)[:24])
def test_rubbish_is_refused_by_a_message_that_names_the_field(desk: Desk, typed: Any) -> None:
    with pytest.raises(CorrectionError) as refusal:
        desk.draft(amount=typed)
    assert "Amount" in str(refusal.value).title() or refusal.value.details.get("field") in {"amount", "__all__"}
    assert len(str(refusal.value)) < 300
    assert Correction.objects.count() == 0


@pytest.mark.parametrize("typed", ["5", "5.0", "5.00", "0.01", Decimal("5.00"), 5, "9999999999999.99"])
def test_a_plain_amount_is_taken_as_it_is(desk: Desk, typed: Any) -> None:
    change = Change.objects.get(correction=desk.draft(amount=typed))
    assert Decimal(change.new["amount"]) == Decimal(str(typed))


UNITS = [
    ("JPY", "800", True),
    ("JPY", "800.00", True),
    ("JPY", "800.50", False),
    ("JPY", "0.01", False),
    ("KWD", "800", True),
    ("KWD", "800.12", True),
    ("KWD", "800.125", False),
    ("CNY", "800.01", True),
    ("CNY", "800.001", False),
]


@pytest.mark.parametrize(("currency", "typed", "is_taken"), UNITS)
def test_an_amount_is_in_the_units_of_its_currency(desk: Desk, currency: str, typed: str, is_taken: bool) -> None:
    payout = desk.payout(currency=currency, amount=Decimal("700.00"))
    if is_taken:
        assert desk.draft(payout, amount=typed).pk
        return
    with pytest.raises(CorrectionError) as refusal:
        desk.draft(payout, amount=typed)
    expected = {"JPY": "row_would_be_invalid"}.get(currency, "value_has_too_many_decimals")
    assert refusal.value.code == expected
    if currency == "JPY":
        assert "must be whole" in str(refusal.value)


@pytest.fixture
def loan(desk: Desk) -> Loan:
    application = LoanApplicationFactory(customer=CustomerFactory(branch=desk.shanghai))
    found: Loan = LoanFactory(application=application, account=LedgerAccountFactory(customer=application.customer))
    return found


def missing(desk: Desk, loan: Loan, **values: Any) -> Correction:
    day = date(2026, 11, 20)
    given = {"reference": "RP-9", "loan": loan, "due_on": day, "paid_on": day, "status": "posted", **values}
    return services.draft(
        actor=desk.mara, model=Repayment, action="create", values=given, reason="system_defect", note="Missing."
    )


def test_changing_the_currency_changes_the_unit(desk: Desk, loan: Loan) -> None:
    with pytest.raises(CorrectionError, match="must be whole"):
        missing(desk, loan, amount="10.50", currency="JPY")
    assert missing(desk, loan, amount="10.50", currency="KWD").pk
    with pytest.raises(CorrectionError):
        missing(desk, loan, amount="10.50", currency="XAU")


@pytest.mark.parametrize("typed", RUBBISH, ids=lambda value: repr(value)[:24])
def test_a_new_row_with_rubbish_is_refused_too(desk: Desk, loan: Loan, typed: Any) -> None:
    with pytest.raises(CorrectionError) as refusal:
        missing(desk, loan, amount=typed, currency="CNY")
    assert refusal.value.details.get("field") in {"amount", "__all__"}
