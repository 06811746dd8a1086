"""Rows of a small lender, written as one of the company's own systems would write them; test numbers only."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, TypeVar

import factory
from django.db.models import Model
from factory.django import DjangoModelFactory

from accounts.choices import AccountKind, ApplicationDecision, Currency, EntryKind, HolderRole, Side
from accounts.models import (
    AccountHolder,
    BankCard,
    Branch,
    Customer,
    JournalEntry,
    LedgerAccount,
    Loan,
    LoanApplication,
    Payout,
    Posting,
    Repayment,
    StaffCard,
)
from corrections.gate import recorded_write
from corrections.protection.secrets import blind_index
from tests.factories.staff import PersonFactory

SOURCE = "test"
VISA, MASTERCARD, UNIONPAY = "4111111111111111", "5555555555554444", "6200000000000005"

M = TypeVar("M", bound=Model)


class RecordedFactory(DjangoModelFactory[M]):
    """Creates through `recorded_write`: the gate refuses anything else."""

    class Meta:
        abstract = True

    @classmethod
    def _create(cls, model_class: Any, *args: Any, **kwargs: Any) -> M:
        with recorded_write(source=SOURCE):
            row: M = super()._create(model_class, *args, **kwargs)
        return row


class BranchFactory(DjangoModelFactory[Branch]):
    class Meta:
        model = Branch
        django_get_or_create = ("name",)

    name = "Shanghai"
    code = factory.LazyAttribute(lambda branch: branch.name[:8].upper())


class CustomerFactory(RecordedFactory[Customer]):
    class Meta:
        model = Customer

    customer_number = factory.Sequence(lambda n: f"C-{n:06d}")
    name = "Zhang Xiaoming"
    branch = factory.SubFactory(BranchFactory)
    identity_number = "990101199003078515"
    mobile = "12000000001"


class BankCardFactory(RecordedFactory[BankCard]):
    class Meta:
        model = BankCard

    customer = factory.SubFactory(CustomerFactory)
    number = VISA
    holder_name = factory.SelfAttribute("customer.name")
    bank_code = "ICBC"
    scheme = "visa"


class LedgerAccountFactory(RecordedFactory[LedgerAccount]):
    """A customer's account, in the customer's branch."""

    class Meta:
        model = LedgerAccount

    number = factory.Sequence(lambda n: f"2001-{n:06d}")
    kind = AccountKind.CUSTOMER
    customer = factory.SubFactory(CustomerFactory)
    branch = factory.LazyAttribute(lambda account: account.customer.branch if account.customer else BranchFactory())
    currency = Currency.CNY
    opened_on = date(2024, 1, 2)


class InternalAccountFactory(LedgerAccountFactory):
    number = factory.Sequence(lambda n: f"1002-{n:06d}")
    kind = AccountKind.INTERNAL
    customer = None
    name = "Channel clearing"


class AccountHolderFactory(RecordedFactory[AccountHolder]):
    class Meta:
        model = AccountHolder

    account = factory.SubFactory(LedgerAccountFactory)
    customer = factory.SelfAttribute("account.customer")
    role = HolderRole.OWNER


class LoanApplicationFactory(RecordedFactory[LoanApplication]):
    """Approved by a human."""

    class Meta:
        model = LoanApplication

    number = factory.Sequence(lambda n: f"AP-{n:06d}")
    customer = factory.SubFactory(CustomerFactory)
    branch = factory.SelfAttribute("customer.branch")
    requested_amount = Decimal("80000.00")
    currency = Currency.CNY
    requested_on = date(2026, 11, 2)
    decision = ApplicationDecision.APPROVED
    decided_by = "Li Qiang"
    decided_at = datetime(2026, 11, 3, 2, 0, tzinfo=UTC)


class LoanFactory(RecordedFactory[Loan]):
    class Meta:
        model = Loan

    number = factory.Sequence(lambda n: f"LN-{n:06d}")
    application = factory.SubFactory(LoanApplicationFactory)
    customer = factory.SelfAttribute("application.customer")
    account = factory.LazyAttribute(lambda loan: LedgerAccountFactory(customer=loan.customer))
    branch = factory.SelfAttribute("customer.branch")
    principal = Decimal("80000.00")
    currency = Currency.CNY
    term_months = 12
    instalment = Decimal("6860.00")
    opened_on = date(2026, 11, 4)


class RepaymentFactory(RecordedFactory[Repayment]):
    class Meta:
        model = Repayment

    reference = factory.Sequence(lambda n: f"RP-{n:06d}")
    loan = factory.SubFactory(LoanFactory)
    due_on = date(2026, 12, 4)
    paid_on = date(2026, 12, 4)
    amount = factory.SelfAttribute("loan.instalment")
    currency = Currency.CNY


class PayoutFactory(RecordedFactory[Payout]):
    """Refused by the channel for a wrong bank code."""

    class Meta:
        model = Payout

    number = factory.Sequence(lambda n: f"PO-{n:06d}")
    source_account = factory.SubFactory(LedgerAccountFactory)
    branch = factory.SelfAttribute("source_account.branch")
    counterparty_bank = "ICBC"
    counterparty_account = "6217000000000009001"
    beneficiary_name = "Zhang Xiaoming"
    amount = Decimal("80000.00")
    currency = Currency.CNY
    channel = "bank-gateway"
    channel_reference = factory.Sequence(lambda n: f"BG{n:09d}")
    status = "refused"
    failure_code = "E14"


class StaffCardFactory(RecordedFactory[StaffCard]):
    """A member of staff's own card, as accounts/staff.py keeps it."""

    class Meta:
        model = StaffCard

    person = factory.SubFactory(PersonFactory)
    number = UNIONPAY
    account_index = factory.LazyAttribute(lambda card: blind_index("account", card.number))
    declared_on = date(2026, 11, 2)


def booked(*, debit: LedgerAccount, credit: LedgerAccount, amount: str = "100.00", **fields: Any) -> JournalEntry:
    """An entry with its two postings."""
    fields = {"kind": EntryKind.DEPOSIT, "booked_on": date(2026, 11, 20), "currency": Currency.CNY, **fields}
    fields.setdefault("reference", f"JE-{JournalEntry.objects.count():06d}")
    with recorded_write(source=SOURCE):
        entry = JournalEntry.objects.create(branch=debit.branch, **fields)
        for account, side, sign in ((debit, Side.DEBIT, 1), (credit, Side.CREDIT, -1)):
            signed = sign * Decimal(amount)
            Posting.objects.create(entry=entry, account=account, side=side, amount=signed, currency=account.currency)
    return entry
