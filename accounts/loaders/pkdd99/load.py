"""Loads the bank file by file, in batches that commit on their own; what is there already is left alone.

A run that was interrupted is simply started again: every row is recognised by its natural key. An entry commits with
its postings. Guarded rows are written through `recorded_write`, so that the database records each of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from time import monotonic
from typing import Any, TypeVar

from django.db.models import Model

from accounts.loaders.pkdd99 import mapping, source
from accounts.loaders.pkdd99.mapping import Booking, Books, Holding, Lending
from accounts.loaders.pkdd99.source import Row, RowError, SourceFile, ValueProblemError
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
from corrections.gate import recorded_write
from corrections.protection.keys import keyring

SOURCE = "pkdd99"
BATCH_ROWS = 2_000  # short enough that writers of the desk wait for milliseconds, not seconds
PROGRESS_ROWS = 10_000

T = TypeVar("T")
Say = Callable[[str], None]


@dataclass
class Counts:
    """What became of the rows of one file."""

    file: str
    added: int = 0
    there: int = 0
    bad: int = 0
    seconds: float = 0.0

    def __str__(self) -> str:
        return (
            f"{self.file:<13} {self.added:>9,} added {self.there:>9,} there already "
            f"{self.bad:>6,} bad  {self.seconds:6.1f} s"
        )


def insert_new(model: type[Model], key: Sequence[str], rows: Sequence[Any], *, sealed: bool = False) -> int:
    """Insert the rows whose natural key isn't there yet, in one transaction; gives their number."""
    with recorded_write(source=SOURCE), keyring() as ring:
        new = _absent(model, key, rows)
        if sealed:
            ring.ensure(row.secret_owner for row in new)
        model._default_manager.bulk_create(new)
    return len(new)


def _absent(model: type[Model], key: Sequence[str], rows: Sequence[Any]) -> list[Any]:
    def values(row: Any) -> tuple[Any, ...]:
        return tuple(getattr(row, name) for name in key)

    first = {f"{key[0]}__in": {values(row)[0] for row in rows}}
    there = set(model._default_manager.filter(**first).values_list(*key))
    return [row for row in rows if values(row) not in there]


def insert_bookings(bookings: Sequence[Booking]) -> int:
    """Entries commit with their postings, so that none is ever seen unbalanced."""
    with recorded_write(source=SOURCE):
        new = {id(entry) for entry in _absent(JournalEntry, ["reference"], [b.entry for b in bookings])}
        added = [booking for booking in bookings if id(booking.entry) in new]
        JournalEntry.objects.bulk_create([booking.entry for booking in added])
        Posting.objects.bulk_create([posting for booking in added for posting in booking.postings])
    return len(added)


def insert_lendings(lendings: Sequence[Lending]) -> int:
    """Applications commit with their loans."""
    with recorded_write(source=SOURCE):
        new = {id(loan) for loan in _absent(Loan, ["number"], [lending.loan for lending in lendings])}
        added = [lending for lending in lendings if id(lending.loan) in new]
        LoanApplication.objects.bulk_create([lending.application for lending in added])
        Loan.objects.bulk_create([lending.loan for lending in added])
    return len(added)


def _in_batches(rows: Iterable[T]) -> Iterator[list[T]]:
    iterator = iter(rows)
    return iter(lambda: list(islice(iterator, BATCH_ROWS)), [])


@dataclass
class Load:
    """One run over one folder. `say` gets lines of progress, `bad` each row that was left out."""

    folder: Path
    say: Say
    bad: Callable[[RowError], None]
    books: Books = field(default_factory=Books)
    counts: list[Counts] = field(default_factory=list)

    def run(self) -> list[Counts]:
        """Loads everything. Raises UnusableSourceError before anything is written."""
        source.check_folder(self.folder)
        self._read_ahead()
        self._branches()
        self._customers()
        self._accounts()
        self._cards()
        self._loans()
        self._payouts()
        self._journal()
        return self.counts

    @property
    def added(self) -> int:
        return sum(counts.added for counts in self.counts)

    @property
    def bad_rows(self) -> int:
        return sum(counts.bad for counts in self.counts)

    def _read_ahead(self) -> None:
        """Owners and last activities, which accounts need before their own files' turn."""
        self.say("Reading ahead: owners and last activities")
        for _line, row in source.rows(self.folder, source.DISPONENTS, _ignore):
            self.books.holdings[row["disp_id"]] = Holding(row["client_id"], row["account_id"])
            if row["type"] == "OWNER":
                self.books.owners.setdefault(row["account_id"], row["client_id"])
        last = self.books.last_activity
        for _line, row in source.rows(self.folder, source.TRANSACTIONS, _ignore):
            account, day = row["account_id"], row["date"]
            last[account] = max(last.get(account, day), day)

    def _branches(self) -> None:
        self.books.branch_names = dict(Branch.objects.values_list("name", "code"))
        self._file(source.DISTRICTS, mapping.branch, lambda rows: insert_new(Branch, ["code"], rows))
        branches = Branch.objects.filter(code__startswith=mapping.PREFIX)
        self.books.branches = {_key(branch.code): branch for branch in branches}
        insert_new(LedgerAccount, ["number"], [mapping.clearing_account(branch) for branch in branches])
        clearing = LedgerAccount.objects.filter(number__startswith=mapping.CLEARING_PREFIX)
        self.books.clearing = {account.branch_id: account for account in clearing}

    def _customers(self) -> None:
        self._file(
            source.CLIENTS,
            mapping.customer,
            lambda rows: insert_new(Customer, ["customer_number"], rows, sealed=True),
        )
        customers = Customer.objects.filter(customer_number__startswith=mapping.PREFIX)
        self.books.customers = {_key(customer.customer_number): customer for customer in customers}

    def _accounts(self) -> None:
        self._file(source.ACCOUNTS, mapping.account, lambda rows: insert_new(LedgerAccount, ["number"], rows))
        accounts = LedgerAccount.objects.filter(
            number__startswith=mapping.PREFIX, customer__isnull=False
        ).select_related("customer")
        self.books.accounts = {_key(account.number): account for account in accounts}
        self._file(
            source.DISPONENTS,
            mapping.holder,
            lambda rows: insert_new(AccountHolder, ["account_id", "customer_id"], rows),
        )

    def _cards(self) -> None:
        self._file(source.CARDS, mapping.card, lambda rows: insert_new(BankCard, ["ref"], rows))

    def _loans(self) -> None:
        self._file(source.LOANS, mapping.lending, insert_lendings)
        self.books.loans = {
            _key(loan.account.number): loan
            for loan in Loan.objects.filter(number__startswith=mapping.PREFIX).select_related("account")
        }

    def _payouts(self) -> None:
        self._file(source.ORDERS, mapping.payout, lambda rows: insert_new(Payout, ["number"], rows, sealed=True))

    def _journal(self) -> None:
        self._file(source.TRANSACTIONS, mapping.booking, insert_bookings)

    def _file(
        self,
        file: SourceFile,
        build: Callable[[Books, Row], T],
        write: Callable[[list[T]], int],
    ) -> None:
        counts = Counts(file.name)
        self.counts.append(counts)
        begun, told = monotonic(), 0
        for batch in _in_batches(self._built(file, build, counts)):
            added = write(batch)
            counts.added += added
            counts.there += len(batch) - added
            counts.seconds = monotonic() - begun
            done = counts.added + counts.there
            if done - told >= PROGRESS_ROWS:
                told = done
                self.say(f"{file.name}: {done:,} rows so far, {counts.seconds:.1f} s")
        self.say(str(counts))

    def _built(self, file: SourceFile, build: Callable[[Books, Row], T], counts: Counts) -> Iterator[T]:
        def leave_out(problem: RowError) -> None:
            counts.bad += 1
            self.bad(problem)

        for line, row in source.rows(self.folder, file, leave_out):
            try:
                yield build(self.books, row)
            except ValueProblemError as value:
                leave_out(file.problem(line, value))


def _key(number: str) -> int:
    """The bank's own key at the end of one of our numbers."""
    return int(number.rpartition("-")[2])


def _ignore(problem: RowError) -> None:
    """The row is named when its file is loaded."""
