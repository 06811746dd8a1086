"""Which of the lender's records can be corrected, whose word each field is, and what money a change can move.

What a customer declared (CUSTOMER) staff can't type unless a policy allows it. Entries and postings of the journal are
only ever added. A branch is not here: people's groups are named for it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from accounts import stakes
from accounts.checks import (
    AccountIsNotFrozen,
    CardBankFitsItsNumber,
    CardIsNotAnothers,
    CardIsNotAStaffMembers,
    CardIssuerIsKnown,
    CardIsVerified,
    CardNumberIsReal,
    CardSchemeFitsItsNumber,
    HolderIsTheCustomer,
    PayoutCardIsItsCustomers,
    PayoutIsNotOnItsWay,
    PayoutSourceIsInUse,
    PayoutsStayWithinTheirLoan,
    PostingsBalance,
    PostingsFitTheirAccounts,
    RepaymentIsNotBeforeItsLoan,
    VoidedLoanLeavesNothingBehind,
)
from accounts.choices import AccountKind
from accounts.flags import DormantAccount, PriorPeriod, RoundingTails, RoundTrip, StaffOrRelated
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
    StaffCard,
)
from accounts.names import masked_name
from accounts.stakes import customer_key, larger
from corrections.choices import Impact
from corrections.money import Money
from corrections.registry import CUSTOMER, SYSTEM, ChangeView, Correctable, Field, register

IMPACT_OF_ACCOUNT = {AccountKind.INTERNAL: Impact.LEDGER, AccountKind.EQUITY: Impact.EQUITY}


def _known(*people: int | None) -> list[int]:
    return [key for key in people if key is not None]


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
    reads = ("branch",)
    list_display = ("customer_number", "name", "identity_number", "mobile", "status", "branch")
    list_filter = ("status",)
    search_fields = ("customer_number", "name", "identity_number", "mobile")
    checks = (HolderIsTheCustomer,)
    flags = (StaffOrRelated,)
    depends = ("cards", "ledger_accounts", "holdings", "applications", "loans")

    def beneficiary(self, change: ChangeView) -> str:
        row: Any = change.row
        return customer_key(row.pk)


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
    reads = ("customer__branch",)
    list_display = ("number", "holder_name", "bank_code", "scheme", "status", "customer")
    list_filter = ("scheme", "status")
    search_fields = ("number",)
    checks = (
        CardNumberIsReal,
        CardIssuerIsKnown,
        CardSchemeFitsItsNumber,
        CardBankFitsItsNumber,
        HolderIsTheCustomer,
        CardIsNotAnothers,
        CardIsNotAStaffMembers,
        CardIsVerified,
    )
    flags = (StaffOrRelated,)

    def amount_at_stake(self, change: ChangeView) -> Money | list[Money] | None:
        return stakes.of_card(change)

    def beneficiary(self, change: ChangeView) -> str:
        row: Any = change.row
        return customer_key(row.customer_id)


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
    reads = ("customer", "branch")
    list_display = ("number", "account_number", "kind", "customer", "currency", "status", "last_activity_on")
    list_filter = ("kind", "status", "currency")
    search_fields = ("number", "account_number")
    flags = (DormantAccount, StaffOrRelated, PriorPeriod)
    bars_handlers = True
    depends = ("holders", "loans", "payouts", "postings")

    def impact_of(self, change: ChangeView) -> str:
        """A customer's account is master data; ours are the ledger's own."""
        row: Any = change.row
        return IMPACT_OF_ACCOUNT.get(row.kind, Impact.MASTER)

    def beneficiary(self, change: ChangeView) -> str:
        row: Any = change.row
        return stakes.account_key(row)

    def handlers(self, row: Any) -> Iterable[int]:
        return _known(row.owner_person_id)


@register(AccountHolder)
class AccountHolderCorrections(Correctable):
    fields = {
        "account": Field(owner=SYSTEM),
        "customer": Field(owner=CUSTOMER),
        "role": Field(owner=CUSTOMER),
    }
    actions = {"update", "create", "delete"}
    scope_path = "account__branch"
    reads = ("account__branch", "customer")
    list_display = ("account", "customer", "role")
    list_filter = ("role",)
    search_fields = ("account__number", "customer__customer_number")

    def beneficiary(self, change: ChangeView) -> str:
        row: Any = change.row
        return customer_key(row.customer_id)


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
    reads = ("customer", "branch")
    list_display = ("number", "customer", "requested_amount", "currency", "decision", "decided_by", "decided_at")
    list_filter = ("decision",)
    search_fields = ("number",)
    flags = (StaffOrRelated, PriorPeriod)
    impact = Impact.CREDIT
    depends = ("loans",)

    def amount_at_stake(self, change: ChangeView) -> Money | None:
        return larger(change, "requested_amount")

    def beneficiary(self, change: ChangeView) -> str:
        row: Any = change.row
        return customer_key(row.customer_id)


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
    reads = ("customer", "branch", "account", "application")
    list_display = ("number", "customer", "principal", "currency", "instalment", "status", "opened_on")
    list_filter = ("status", "currency")
    search_fields = ("number",)
    checks = (VoidedLoanLeavesNothingBehind, PayoutsStayWithinTheirLoan, RepaymentIsNotBeforeItsLoan)
    flags = (StaffOrRelated, PriorPeriod)
    impact = Impact.CREDIT
    depends = ("repayments", "payouts")

    def amount_at_stake(self, change: ChangeView) -> Money | None:
        return stakes.of_loan(change)

    def beneficiary(self, change: ChangeView) -> str:
        row: Any = change.row
        return customer_key(row.customer_id)


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
    reads = ("loan__branch", "loan__account", "loan__customer")
    list_display = ("reference", "loan", "due_on", "paid_on", "amount", "currency", "status")
    list_filter = ("status",)
    search_fields = ("reference", "channel_reference", "loan__number")
    checks = (RepaymentIsNotBeforeItsLoan, AccountIsNotFrozen)
    flags = (DormantAccount, StaffOrRelated, PriorPeriod, RoundTrip)
    impact = Impact.CREDIT

    def amount_at_stake(self, change: ChangeView) -> Money | list[Money] | None:
        return stakes.of_repayment(change)

    def beneficiary(self, change: ChangeView) -> str:
        row: Any = change.row
        return customer_key(row.loan.customer_id) if row.loan_id else ""


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
    reads = ("source_account__customer", "loan__customer", "card__customer", "branch")
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
    checks = (
        PayoutCardIsItsCustomers,
        PayoutSourceIsInUse,
        PayoutIsNotOnItsWay,
        PayoutsStayWithinTheirLoan,
        AccountIsNotFrozen,
        HolderIsTheCustomer,
        CardIsNotAnothers,
        CardIsNotAStaffMembers,
        CardIsVerified,
    )
    flags = (DormantAccount, StaffOrRelated, PriorPeriod, RoundTrip)
    impact = Impact.MONEY

    def label(self, row: Any) -> str:
        """The number, and whom it pays as far as a checker needs to recognise."""
        return f"{row.number} {masked_name(row.beneficiary_name)}" if row.beneficiary_name else str(row.number)

    def amount_at_stake(self, change: ChangeView) -> Money | None:
        return larger(change, "amount")

    def beneficiary(self, change: ChangeView) -> str:
        row: Any = change.row
        return stakes.of_payout_to(row)


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
    reads = ("branch",)
    list_display = ("reference", "booked_on", "kind", "description", "reverses", "branch")
    list_filter = ("kind",)
    search_fields = ("reference", "source_reference")
    flags = (PriorPeriod,)
    impact = Impact.LEDGER
    bars_handlers = True
    depends = ("postings", "reversals")

    def handlers(self, row: Any) -> Iterable[int]:
        """Of an entry that takes another back, also whoever handled that one."""
        handled = [row] if row.reverses_id is None else [row, row.reverses]
        return _known(*(key for entry in handled for key in (entry.booked_by_person_id, entry.reconciled_by_person_id)))


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
    reads = ("account__branch", "entry")
    list_display = ("entry", "account", "side", "amount", "currency")
    list_filter = ("side", "currency")
    search_fields = ("entry__reference", "account__number")
    checks = (PostingsBalance, PostingsFitTheirAccounts)
    flags = (DormantAccount, StaffOrRelated, PriorPeriod, RoundTrip, RoundingTails)
    impact = Impact.LEDGER
    bars_handlers = True

    def label(self, row: Any) -> str:
        """Debit above zero, credit below: a stored label has no language."""
        return f"{row.amount:+.2f} {row.currency}"

    def amount_at_stake(self, change: ChangeView) -> Money | None:
        """An entry moves what its debits say; counting its credits too would double it."""
        row: Any = change.row
        return Money.of(row.amount, row.currency) if row.amount > 0 else None

    def impact_of(self, change: ChangeView) -> str:
        row: Any = change.row
        is_equity = row.account_id and row.account.kind == AccountKind.EQUITY
        return Impact.EQUITY if is_equity else Impact.LEDGER

    def beneficiary(self, change: ChangeView) -> str:
        row: Any = change.row
        return stakes.account_key(row.account) if row.account_id else ""

    def handlers(self, row: Any) -> Iterable[int]:
        """Whoever handled its entry, or answers for its account."""
        entry = row.entry if row.entry_id else None
        people = [] if entry is None else [entry.booked_by_person_id, entry.reconciled_by_person_id]
        return _known(*people, row.account.owner_person_id if row.account_id else None)


@register(StaffCard)
class StaffCardCorrections(Correctable):
    """What staff declared: out of use, or in use again, and never by or for the person who declared it."""

    fields = {"is_active": Field(owner=SYSTEM)}
    reads = ("person",)
    list_display = ("person", "number", "relation", "declared_on", "is_active")
    list_filter = ("relation", "is_active")
    search_fields = ("number", "person__employee_no")
    bars_handlers = True

    def handlers(self, row: Any) -> Iterable[int]:
        return _known(row.person_id)
