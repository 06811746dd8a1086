"""Which of the lender's records can be corrected, whose word each field is, and what money a change can move.

What a customer declared (CUSTOMER) staff can't type unless a policy allows it. Entries and postings of the journal are
only ever added. A branch is not here: people's groups are named for it.
"""

from __future__ import annotations

from typing import Any

from accounts.checks import (
    payout_card_is_its_customers,
    payout_source_is_in_use,
    postings_balance,
    postings_fit_their_accounts,
    voided_loan_leaves_nothing_behind,
)
from accounts.models import (
    AccountHolder,
    BankCard,
    Customer,
    JournalEntry,
    LedgerAccount,
    Loan,
    LoanApplication,
    Payout,
    Posting,
    Repayment,
)
from accounts.names import masked_name
from corrections.money import Money
from corrections.registry import CUSTOMER, SYSTEM, ChangeView, Correctable, Field, register


def larger(change: ChangeView, field: str) -> Money | None:
    """The larger of the amounts before and after: lowering an amount is no way under a limit."""
    rows: list[Any] = [row for row in (change.before, change.after) if row is not None]
    biggest = max(rows, key=lambda row: getattr(row, field))
    return Money.of(getattr(biggest, field), biggest.currency)


@register(Customer)
class CustomerCorrections(Correctable):
    fields = {
        "name": Field(owner=CUSTOMER),
        "identity_number": Field(owner=CUSTOMER),
        "mobile": Field(owner=CUSTOMER),
        "status": Field(owner=SYSTEM),
        "branch": Field(owner=SYSTEM),
    }
    scope_path = "branch"
    list_display = ("customer_number", "name", "identity_number", "mobile", "status", "branch")
    list_filter = ("status",)
    search_fields = ("customer_number", "name", "identity_number", "mobile")
    depends = ("cards", "ledger_accounts", "holdings", "applications", "loans")


@register(BankCard)
class BankCardCorrections(Correctable):
    fields = {
        "number": Field(owner=CUSTOMER),
        "holder_name": Field(owner=CUSTOMER),
        "bank_code": Field(owner=SYSTEM),
        "scheme": Field(owner=SYSTEM),
        "status": Field(owner=SYSTEM),
    }
    scope_path = "customer__branch"
    list_display = ("number", "holder_name", "bank_code", "scheme", "status", "customer")
    list_filter = ("scheme", "status")
    search_fields = ("number",)


@register(LedgerAccount)
class LedgerAccountCorrections(Correctable):
    fields = {
        "account_number": Field(owner=CUSTOMER),
        "name": Field(owner=SYSTEM),
        "branch": Field(owner=SYSTEM),
        "status": Field(owner=SYSTEM),
        "opened_on": Field(owner=SYSTEM),
        "last_activity_on": Field(owner=SYSTEM),
    }
    scope_path = "branch"
    list_display = ("number", "account_number", "kind", "customer", "currency", "status", "last_activity_on")
    list_filter = ("kind", "status", "currency")
    search_fields = ("number", "account_number")
    depends = ("holders", "loans", "payouts", "postings")


@register(AccountHolder)
class AccountHolderCorrections(Correctable):
    fields = {
        "account": Field(owner=SYSTEM),
        "customer": Field(owner=CUSTOMER),
        "role": Field(owner=CUSTOMER),
    }
    actions = {"update", "create", "delete"}
    scope_path = "account__branch"
    list_display = ("account", "customer", "role")
    list_filter = ("role",)
    search_fields = ("account__number", "customer__customer_number")


@register(LoanApplication)
class LoanApplicationCorrections(Correctable):
    fields = {
        "decision": Field(owner=SYSTEM),
        "decided_by": Field(owner=SYSTEM),
        "decided_at": Field(owner=SYSTEM),
        "requested_amount": Field(owner=CUSTOMER),
        "branch": Field(owner=SYSTEM),
    }
    scope_path = "branch"
    list_display = ("number", "customer", "requested_amount", "currency", "decision", "decided_by", "decided_at")
    list_filter = ("decision",)
    search_fields = ("number",)
    depends = ("loans",)

    def amount_at_stake(self, change: ChangeView) -> Money | None:
        return larger(change, "requested_amount")


@register(Loan)
class LoanCorrections(Correctable):
    fields = {
        "principal": Field(owner=SYSTEM),
        "term_months": Field(owner=SYSTEM),
        "instalment": Field(owner=SYSTEM),
        "status": Field(owner=SYSTEM),
        "opened_on": Field(owner=SYSTEM),
        "branch": Field(owner=SYSTEM),
    }
    scope_path = "branch"
    list_display = ("number", "customer", "principal", "currency", "instalment", "status", "opened_on")
    list_filter = ("status", "currency")
    search_fields = ("number",)
    checks = (voided_loan_leaves_nothing_behind,)
    depends = ("repayments", "payouts")

    def amount_at_stake(self, change: ChangeView) -> Money | None:
        return larger(change, "principal")


@register(Repayment)
class RepaymentCorrections(Correctable):
    fields = {
        "reference": Field(owner=SYSTEM),
        "loan": Field(owner=SYSTEM),
        "due_on": Field(owner=SYSTEM),
        "paid_on": Field(owner=SYSTEM),
        "amount": Field(owner=SYSTEM),
        "currency": Field(owner=SYSTEM),
        "status": Field(owner=SYSTEM),
        "channel_reference": Field(owner=SYSTEM),
    }
    actions = {"update", "create", "delete"}
    scope_path = "loan__branch"
    list_display = ("reference", "loan", "due_on", "paid_on", "amount", "currency", "status")
    list_filter = ("status",)
    search_fields = ("reference", "channel_reference", "loan__number")

    def amount_at_stake(self, change: ChangeView) -> Money | None:
        return larger(change, "amount")


@register(Payout)
class PayoutCorrections(Correctable):
    fields = {
        "counterparty_bank": Field(owner=SYSTEM),
        "counterparty_account": Field(owner=CUSTOMER),
        "beneficiary_name": Field(owner=CUSTOMER),
        "card": Field(owner=CUSTOMER),
        "amount": Field(owner=SYSTEM),
        "channel": Field(owner=SYSTEM),
        "channel_reference": Field(owner=SYSTEM),
        "status": Field(owner=SYSTEM),
        "failure_code": Field(owner=SYSTEM),
        "branch": Field(owner=SYSTEM),
    }
    scope_path = "branch"
    list_display = (
        "number",
        "counterparty_bank",
        "counterparty_account",
        "beneficiary_name",
        "amount",
        "currency",
        "status",
        "failure_code",
        "branch",
    )
    list_filter = ("status", "branch")
    search_fields = ("number", "channel_reference", "counterparty_account")
    checks = (payout_card_is_its_customers, payout_source_is_in_use)

    def label(self, row: Any) -> str:
        """The number, and whom it pays as far as a checker needs to recognise."""
        return f"{row.number} {masked_name(row.beneficiary_name)}" if row.beneficiary_name else str(row.number)

    def amount_at_stake(self, change: ChangeView) -> Money | None:
        return larger(change, "amount")


@register(JournalEntry)
class JournalEntryCorrections(Correctable):
    fields = {
        "reference": Field(owner=SYSTEM),
        "branch": Field(owner=SYSTEM),
        "booked_on": Field(owner=SYSTEM),
        "kind": Field(owner=SYSTEM),
        "currency": Field(owner=SYSTEM),
        "description": Field(owner=SYSTEM),
        "source_reference": Field(owner=SYSTEM),
        "reverses": Field(owner=SYSTEM),
    }
    actions = {"create"}
    append_only = True
    scope_path = "branch"
    list_display = ("reference", "booked_on", "kind", "description", "reverses", "branch")
    list_filter = ("kind",)
    search_fields = ("reference", "source_reference")
    depends = ("postings", "reversals")


@register(Posting)
class PostingCorrections(Correctable):
    fields = {
        "entry": Field(owner=SYSTEM),
        "account": Field(owner=SYSTEM),
        "side": Field(owner=SYSTEM),
        "amount": Field(owner=SYSTEM),
        "currency": Field(owner=SYSTEM),
    }
    actions = {"create"}
    append_only = True
    scope_path = "account__branch"
    list_display = ("entry", "account", "side", "amount", "currency")
    list_filter = ("side", "currency")
    search_fields = ("entry__reference", "account__number")
    checks = (postings_balance, postings_fit_their_accounts)

    def label(self, row: Any) -> str:
        """Debit above zero, credit below: a stored label has no language."""
        return f"{row.amount:+.2f} {row.currency}"

    def amount_at_stake(self, change: ChangeView) -> Money | None:
        """An entry moves what its debits say; counting its credits too would double it."""
        row: Any = change.row
        return Money.of(row.amount, row.currency) if row.amount > 0 else None
