"""What a row of the bank means in our tables: unsaved instances, made from a row and what was loaded before it.

The data has no names of people and no card numbers: customers are called “Client 1234”, cards stay without number.
An order's date isn't in the data either: it counts as created when its account was opened.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time
from decimal import Decimal
from typing import NamedTuple, TypeVar
from uuid import UUID, uuid5

from django.utils import timezone

from accounts.choices import (
    AccountKind,
    ApplicationDecision,
    Currency,
    EntryKind,
    HolderRole,
    LoanStatus,
    PayoutStatus,
    Side,
)
from accounts.loaders.pkdd99.source import Row, ValueProblemError
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
)

PREFIX = "PK-"
CLEARING_PREFIX = "PK-CLR-"
CHANNEL = "clearing"
OWN_BANK = "PKDD"
CURRENCY = Currency.CZK
DECIDED_BY = "not named in the data"
# References of imported rows follow from their keys, so that a second run finds them.
NAMESPACE = UUID("5b0c7c6e-3f5d-5f51-9d5e-93d3c1a0d099")
CLEARING_OPENED_ON = date(1993, 1, 1)

KIND_OF_SYMBOL = {
    "UROK": EntryKind.INTEREST,
    "SANKC. UROK": EntryKind.INTEREST,
    "SLUZBY": EntryKind.FEE,
    "UVER": EntryKind.REPAYMENT,
}
KIND_OF_OPERATION = {
    "VKLAD": EntryKind.DEPOSIT,
    "VYBER": EntryKind.WITHDRAWAL,
    "VYBER KARTOU": EntryKind.WITHDRAWAL,
    "PREVOD Z UCTU": EntryKind.TRANSFER_IN,
    "PREVOD NA UCET": EntryKind.TRANSFER_OUT,
}
STATUS_OF_LOAN = {
    "A": LoanStatus.REPAID,
    "B": LoanStatus.DEFAULTED,
    "C": LoanStatus.ACTIVE,
    "D": LoanStatus.OVERDUE,
}
ROLE_OF_TYPE = {"OWNER": HolderRole.OWNER, "DISPONENT": HolderRole.AUTHORISED}

T = TypeVar("T")


class Holding(NamedTuple):
    """A row of disp.asc as cards and accounts refer to it."""

    client_id: int
    account_id: int


class Booking(NamedTuple):
    """An entry and its postings, which sum to zero."""

    entry: JournalEntry
    postings: tuple[Posting, Posting]


class Lending(NamedTuple):
    """An application and the loan given on it."""

    application: LoanApplication
    loan: Loan


@dataclass
class Books:
    """What is in the database so far, by the bank's own keys."""

    branches: dict[int, Branch] = field(default_factory=dict)
    clearing: dict[int, LedgerAccount] = field(default_factory=dict)  # by branch
    customers: dict[int, Customer] = field(default_factory=dict)
    accounts: dict[int, LedgerAccount] = field(default_factory=dict)
    loans: dict[int, Loan] = field(default_factory=dict)  # by account
    # Read ahead from files, not from the database:
    holdings: dict[int, Holding] = field(default_factory=dict)
    owners: dict[int, int] = field(default_factory=dict)
    last_activity: dict[int, date] = field(default_factory=dict)
    # Seen in this run, to name a row that would break a rule before the database refuses its whole batch:
    branch_names: dict[str, str] = field(default_factory=dict)
    held: set[Holding] = field(default_factory=set)


def known(rows: Mapping[int, T], row: Row, column: str, where: str) -> T:
    """The row that `column` refers to. Raises ValueProblemError when it was not loaded."""
    found = rows.get(row[column])
    if found is None:
        raise ValueProblemError(
            f"{row[column]} was not loaded", f"Look for it in {where} and mend that row first", column=column
        )
    return found


def moment(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time()))


def branch(books: Books, row: Row) -> Branch:
    code = f"{PREFIX}{row['A1']}"
    if books.branch_names.setdefault(row["A2"], code) != code:
        raise ValueProblemError("another branch has this name", "Give it a name of its own", column="A2")
    return Branch(code=code, name=row["A2"], city=row["A2"])


def clearing_account(branch: Branch) -> LedgerAccount:
    """The other side of every transaction of a branch: the data names no counter-account of the bank's own."""
    return LedgerAccount(
        number=f"{CLEARING_PREFIX}{branch.code.removeprefix(PREFIX)}",
        kind=AccountKind.INTERNAL,
        name=f"Clearing {branch.name}",
        branch=branch,
        currency=CURRENCY,
        opened_on=CLEARING_OPENED_ON,
    )


def customer(books: Books, row: Row) -> Customer:
    return Customer(  # type: ignore[misc]  # the plugin doesn't know secrets
        ref=uuid5(NAMESPACE, f"client/{row['client_id']}"),
        customer_number=f"{PREFIX}{row['client_id']}",
        name=f"Client {row['client_id']}",
        identity_number=row["birth_number"],
        branch=known(books.branches, row, "district_id", "district.asc"),
    )


def account(books: Books, row: Row) -> LedgerAccount:
    key, opened_on = row["account_id"], row["date"]
    owner = known(books.owners, row, "account_id", "the OWNER rows of disp.asc")
    last = books.last_activity.get(key)
    return LedgerAccount(
        ref=uuid5(NAMESPACE, f"account/{key}"),
        number=f"{PREFIX}{key}",
        kind=AccountKind.CUSTOMER,
        customer=known(books.customers, {"account_id": owner}, "account_id", "client.asc, as its owner,"),
        branch=known(books.branches, row, "district_id", "district.asc"),
        currency=CURRENCY,
        opened_on=opened_on,
        last_activity_on=last if last and last >= opened_on else None,
    )


def holder(books: Books, row: Row) -> AccountHolder:
    account = known(books.accounts, row, "account_id", "account.asc")
    customer = known(books.customers, row, "client_id", "client.asc")
    holding = Holding(row["client_id"], row["account_id"])
    if holding in books.held:
        raise ValueProblemError("this client already holds this account", "Remove the second row", column="client_id")
    if row["type"] == "OWNER" and books.owners[holding.account_id] != holding.client_id:
        raise ValueProblemError("this account already has an owner", "Keep one OWNER row", column="type")
    books.held.add(holding)
    return AccountHolder(account=account, customer=customer, role=ROLE_OF_TYPE[row["type"]])


def card(books: Books, row: Row) -> BankCard:
    holding = known(books.holdings, row, "disp_id", "disp.asc")
    customer = known(books.customers, {"disp_id": holding.client_id}, "disp_id", "client.asc")
    return BankCard(
        ref=uuid5(NAMESPACE, f"card/{row['card_id']}"),
        customer=customer,
        holder_name=customer.name,
        bank_code=OWN_BANK,
    )


def lending(books: Books, row: Row) -> Lending:
    """Only loans that were given are in the data: each becomes an approved application and its loan."""
    account = known(books.accounts, row, "account_id", "account.asc")
    common = {"customer_id": account.customer_id, "branch_id": account.branch_id, "currency": CURRENCY}
    application = LoanApplication(
        number=f"{PREFIX}A-{row['loan_id']}",
        requested_amount=row["amount"],
        requested_on=row["date"],
        decision=ApplicationDecision.APPROVED,
        decided_by=DECIDED_BY,
        decided_at=moment(row["date"]),
        **common,
    )
    loan = Loan(
        number=f"{PREFIX}{row['loan_id']}",
        application=application,
        account=account,
        principal=row["amount"],
        term_months=row["duration"],
        instalment=row["payments"],
        status=STATUS_OF_LOAN[row["status"]],
        opened_on=row["date"],
        **common,
    )
    return Lending(application, loan)


def payout(books: Books, row: Row) -> Payout:
    source = known(books.accounts, row, "account_id", "account.asc")
    return Payout(  # type: ignore[misc]
        ref=uuid5(NAMESPACE, f"order/{row['order_id']}"),
        number=f"{PREFIX}{row['order_id']}",
        source_account=source,
        branch_id=source.branch_id,
        counterparty_bank=row["bank_to"],
        counterparty_account=row["account_to"],
        loan=books.loans.get(row["account_id"]) if row["k_symbol"] == "UVER" else None,
        amount=row["amount"],
        currency=CURRENCY,
        purpose=row["k_symbol"],
        channel=CHANNEL,
        status=PayoutStatus.TO_BE_SENT,  # a permanent order: its next payment still waits
        created_at=moment(source.opened_on),
    )


def entry_kind(row: Row) -> EntryKind:
    kind = KIND_OF_SYMBOL.get(row["k_symbol"]) or KIND_OF_OPERATION.get(row["operation"])
    if kind is None:
        raise ValueProblemError(
            f"operation “{row['operation']}” with symbol “{row['k_symbol']}” is not known",
            f"Write one of {', '.join(KIND_OF_OPERATION)}",
            column="operation",
        )
    return kind


def booking(books: Books, row: Row) -> Booking:
    """A credit raises what we owe the customer; the branch's clearing account takes the other side."""
    account = known(books.accounts, row, "account_id", "account.asc")
    entry = JournalEntry(
        reference=f"{PREFIX}{row['trans_id']}",
        branch_id=account.branch_id,
        booked_on=row["date"],
        kind=entry_kind(row),
        currency=CURRENCY,
        description=" ".join(filter(None, (row["type"], row["operation"], row["k_symbol"]))),
        source_reference=f"trans/{row['trans_id']}",
        counterparty_bank=row["bank"],
    )
    amount = -row["amount"] if row["type"] == "PRIJEM" else row["amount"]
    clearing = books.clearing[account.branch_id]
    return Booking(entry, (posting(entry, account, amount), posting(entry, clearing, -amount)))


def posting(entry: JournalEntry, account: LedgerAccount, amount: Decimal) -> Posting:
    side = Side.DEBIT if amount > 0 else Side.CREDIT
    return Posting(entry=entry, account_id=account.pk, side=side, amount=amount, currency=CURRENCY)
