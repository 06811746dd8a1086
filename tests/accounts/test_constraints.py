"""What the database holds about the lender's business data, by itself: both sides, accepted and refused."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from accounts.models import LedgerAccount, Posting
from corrections.gate import recorded_write
from tests.factories.accounts import (
    MASTERCARD,
    VISA,
    AccountHolderFactory,
    BankCardFactory,
    BranchFactory,
    CustomerFactory,
    InternalAccountFactory,
    LedgerAccountFactory,
    LoanApplicationFactory,
    LoanFactory,
    PayoutFactory,
    RepaymentFactory,
    booked,
)

pytestmark = pytest.mark.django_db

REFUSED: list[tuple[Any, dict[str, Any], str]] = [
    (BranchFactory, {"name": "", "code": "X"}, "branch_is_named"),
    (CustomerFactory, {"name": ""}, "customer_is_named"),
    (CustomerFactory, {"customer_number": ""}, "customer_is_named"),
    (CustomerFactory, {"status": "gone"}, "customer_status_is_known"),
    (BankCardFactory, {"bank_code": ""}, "card_is_named"),
    (BankCardFactory, {"scheme": "diners"}, "card_scheme_is_known"),
    (BankCardFactory, {"status": "stolen"}, "card_status_is_known"),
    (LedgerAccountFactory, {"number": ""}, "ledger_account_is_numbered"),
    (LedgerAccountFactory, {"currency": "XXX"}, "ledger_account_currency_is_known"),
    (LedgerAccountFactory, {"kind": "other"}, "ledger_account_"),
    (LedgerAccountFactory, {"status": "odd"}, "ledger_account_status_is_known"),
    (LedgerAccountFactory, {"customer": None}, "ledger_account_has_its_customer"),
    (InternalAccountFactory, {"name": ""}, "ledger_account_internal_is_named"),
    (LedgerAccountFactory, {"last_activity_on": date(2023, 12, 31)}, "ledger_account_active_after_opening"),
    (AccountHolderFactory, {"role": "guest"}, "holder_role_is_known"),
    (LoanApplicationFactory, {"number": ""}, "application_is_numbered"),
    (LoanApplicationFactory, {"requested_amount": 0}, "application_amount_above_zero"),
    (LoanApplicationFactory, {"currency": "JPY", "requested_amount": "0.50"}, "application_amount_in_whole_units"),
    (LoanFactory, {"currency": "JPY", "principal": "100.01"}, "loan_principal_in_whole_units"),
    (LoanFactory, {"currency": "JPY", "instalment": "100.10"}, "loan_instalment_in_whole_units"),
    (RepaymentFactory, {"currency": "JPY", "amount": "6860.99"}, "repayment_amount_in_whole_units"),
    (PayoutFactory, {"currency": "JPY", "amount": "999999999999.50"}, "payout_amount_in_whole_units"),
    (InternalAccountFactory, {"kind": "equity", "name": ""}, "ledger_account_internal_is_named"),
    (LedgerAccountFactory, {"kind": "equity", "name": "Capital"}, "ledger_account_has_its_customer"),
    (LoanApplicationFactory, {"currency": "XAU"}, "application_currency_is_known"),
    (LoanApplicationFactory, {"decision": "perhaps"}, "application_decision_is_known"),
    (LoanApplicationFactory, {"decided_by": ""}, "application_decision_has_its_decider"),
    (LoanApplicationFactory, {"decided_at": None}, "application_decision_has_its_decider"),
    (LoanApplicationFactory, {"decision": "pending"}, "application_decision_has_its_decider"),
    (LoanFactory, {"number": ""}, "loan_is_numbered"),
    (LoanFactory, {"principal": -1}, "loan_principal_above_zero"),
    (LoanFactory, {"instalment": 0}, "loan_instalment_above_zero"),
    (LoanFactory, {"currency": ""}, "loan_currency_is_known"),
    (LoanFactory, {"status": "lost"}, "loan_status_is_known"),
    (LoanFactory, {"term_months": 0}, "loan_term_is_real"),
    (LoanFactory, {"term_months": 601}, "loan_term_is_real"),
    (RepaymentFactory, {"reference": ""}, "repayment_is_referenced"),
    (RepaymentFactory, {"amount": 0}, "repayment_amount_above_zero"),
    (RepaymentFactory, {"currency": "ABC"}, "repayment_currency_is_known"),
    (RepaymentFactory, {"status": "maybe"}, "repayment_status_is_known"),
    (PayoutFactory, {"number": ""}, "payout_is_numbered"),
    (PayoutFactory, {"counterparty_bank": ""}, "payout_is_numbered"),
    (PayoutFactory, {"amount": 0}, "payout_amount_above_zero"),
    (PayoutFactory, {"amount": -5}, "payout_amount_above_zero"),
    (PayoutFactory, {"currency": "cny"}, "payout_currency_is_known"),
    (PayoutFactory, {"status": "lost"}, "payout_status_is_known"),
    (PayoutFactory, {"counterparty_account": ""}, "payout_goes_somewhere"),
    (PayoutFactory, {"failure_code": ""}, "payout_refusal_has_its_code"),
    (PayoutFactory, {"status": "paid"}, "payout_paid_without_failure"),
]

ACCEPTED: list[tuple[Any, dict[str, Any]]] = [
    (CustomerFactory, {"status": "closed", "identity_number": "", "mobile": ""}),
    (BankCardFactory, {"number": ""}),
    (BankCardFactory, {"scheme": "unionpay", "status": "lost"}),
    (LedgerAccountFactory, {"status": "dormant", "last_activity_on": date(2024, 1, 2)}),
    (InternalAccountFactory, {}),
    (AccountHolderFactory, {"role": "authorised"}),
    (LoanApplicationFactory, {"decision": "pending", "decided_by": "", "decided_at": None}),
    (LoanApplicationFactory, {"decision": "voided"}),
    (LoanFactory, {"term_months": 600, "status": "overdue"}),
    (RepaymentFactory, {"status": "void"}),
    (PayoutFactory, {"status": "paid", "failure_code": ""}),
    (PayoutFactory, {"status": "to_be_sent"}),
    (PayoutFactory, {"currency": "JPY", "amount": "999999999999.00"}),
    (PayoutFactory, {"currency": "KWD", "amount": "1.23"}),
    (LoanFactory, {"currency": "JPY", "principal": "100.00", "instalment": "10.00"}),
    (InternalAccountFactory, {"kind": "equity", "name": "Share capital"}),
]


def refused(constraint: str) -> Any:
    return pytest.raises(IntegrityError, match=constraint)


@pytest.mark.parametrize(("factory", "fields", "constraint"), REFUSED, ids=lambda value: str(value)[-60:])
def test_database_refuses(factory: Any, fields: dict[str, Any], constraint: str) -> None:
    with refused(constraint), transaction.atomic():
        factory(**fields)


@pytest.mark.parametrize(("factory", "fields"), ACCEPTED, ids=lambda value: str(value)[-60:])
def test_database_accepts(factory: Any, fields: dict[str, Any]) -> None:
    assert factory(**fields).pk


def test_payout_to_a_card_needs_no_account() -> None:
    assert PayoutFactory(counterparty_account="", card=BankCardFactory()).pk


def test_customer_has_a_card_number_once() -> None:
    card = BankCardFactory(number=VISA)
    BankCardFactory(number=MASTERCARD, customer=card.customer)
    BankCardFactory(number=VISA)  # another customer's
    with pytest.raises(IntegrityError), transaction.atomic():
        BankCardFactory(number="4111 1111 1111 1111", customer=card.customer)


def test_cards_without_number_are_not_equal() -> None:
    card = BankCardFactory(number="")
    assert BankCardFactory(number="", customer=card.customer).pk


@pytest.mark.parametrize(
    ("factory", "field"),
    [
        (CustomerFactory, "customer_number"),
        (LedgerAccountFactory, "number"),
        (LoanApplicationFactory, "number"),
        (LoanFactory, "number"),
        (RepaymentFactory, "reference"),
        (PayoutFactory, "number"),
    ],
)
def test_numbers_are_unique(factory: Any, field: str) -> None:
    row = factory()
    with pytest.raises(IntegrityError), transaction.atomic():
        factory(**{field: getattr(row, field)})


def test_channel_gives_a_reference_once() -> None:
    payout = PayoutFactory()
    assert PayoutFactory(channel="card-payout", channel_reference=payout.channel_reference).pk
    assert PayoutFactory(channel_reference="").pk
    assert PayoutFactory(channel_reference="").pk
    with pytest.raises(IntegrityError), transaction.atomic():
        PayoutFactory(channel_reference=payout.channel_reference)


def test_account_has_one_owner_and_many_authorised() -> None:
    owner = AccountHolderFactory()
    AccountHolderFactory(account=owner.account, customer=CustomerFactory(), role="authorised")
    AccountHolderFactory(account=owner.account, customer=CustomerFactory(), role="authorised")
    with pytest.raises(IntegrityError), transaction.atomic():
        AccountHolderFactory(account=owner.account, customer=CustomerFactory())


def test_application_has_one_loan_that_is_not_voided() -> None:
    loan = LoanFactory(status="voided")
    LoanFactory(application=loan.application)
    with pytest.raises(IntegrityError), transaction.atomic():
        LoanFactory(application=loan.application)


def test_posting_has_the_sign_of_its_side() -> None:
    account = LedgerAccountFactory()
    entry = booked(debit=InternalAccountFactory(), credit=account)
    for side, amount in (("debit", -1), ("credit", 1), ("debit", 0), ("other", 1)):
        with refused("posting_side_has_its_sign"), recorded_write(source="test"):
            Posting.objects.create(entry=entry, account=account, side=side, amount=amount, currency="CNY")


def test_reversal_names_its_original_and_nothing_else_does() -> None:
    clearing, account = InternalAccountFactory(), LedgerAccountFactory()
    entry = booked(debit=clearing, credit=account)
    assert booked(debit=account, credit=clearing, kind="reversal", reverses=entry).pk
    with refused("entry_reversal_names_its_original"), transaction.atomic():
        booked(debit=account, credit=clearing, kind="reversal")
    with refused("entry_reversal_names_its_original"), transaction.atomic():
        booked(debit=account, credit=clearing, kind="deposit", reverses=entry)


@pytest.mark.parametrize("statement", ["update", "delete"])
def test_entries_and_postings_never_change_even_in_a_recorded_write(statement: str) -> None:
    entry = booked(debit=InternalAccountFactory(), credit=LedgerAccountFactory())
    for rows in (entry.postings.all(), type(entry).objects.filter(reference=entry.reference, postings=None)):
        assert rows.count() in (0, 2)
    with pytest.raises(IntegrityError, match="gate_closed"), recorded_write(source="test"):
        entry.postings.update(amount=5) if statement == "update" else entry.postings.all().delete()


def test_a_broken_rule_is_a_sentence_for_a_clerk() -> None:
    account = LedgerAccountFactory()
    account.last_activity_on = date(2000, 1, 1)
    with pytest.raises(ValidationError, match="can't be before the account was opened"):
        account.full_clean()
    assert LedgerAccount.objects.get(pk=account.pk).last_activity_on is None


def test_postings_in_yen_are_whole() -> None:
    yen = {"currency": "JPY"}
    debit, credit = InternalAccountFactory(**yen), InternalAccountFactory(**yen)
    assert booked(debit=debit, credit=credit, amount="7.00", **yen).pk
    with refused("posting_amount_in_whole_units"), transaction.atomic():
        booked(debit=debit, credit=credit, amount="7.01", **yen)
