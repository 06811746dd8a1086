"""Loads the made-up company from `fixtures/company`: one JSON file per table, rows joined by their natural keys.

Numbers in those files are published test numbers; they are sealed on the way in like any other.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.db import models

from accounts.choices import Side
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
)
from corrections.gate import recorded_write
from corrections.protection.fields import secret_fields
from corrections.protection.keys import keyring

SOURCE = "demo"
FILE_BYTES_MAX = 5 * 1024 * 1024


class UnusableFixtureError(Exception):
    """A file of the company that can't be loaded; the message names file and row."""


@dataclass(frozen=True)
class Table:
    """One file: its model, the fields by which a row is recognised, and by what its foreign keys are written."""

    file: str
    model: type[models.Model]
    key: tuple[str, ...]
    references: dict[str, str] = field(default_factory=dict)


BRANCH = {"branch": "code"}
CUSTOMER = {"customer": "customer_number"}
TABLES = (
    Table("branches.json", Branch, ("code",)),
    Table("customers.json", Customer, ("customer_number",), BRANCH),
    Table("cards.json", BankCard, ("ref",), CUSTOMER),
    Table("accounts.json", LedgerAccount, ("number",), BRANCH | CUSTOMER),
    Table("holders.json", AccountHolder, ("account_id", "customer_id"), {"account": "number"} | CUSTOMER),
    Table("applications.json", LoanApplication, ("number",), BRANCH | CUSTOMER),
    Table("loans.json", Loan, ("number",), {"application": "number", "account": "number"} | BRANCH | CUSTOMER),
    Table("repayments.json", Repayment, ("reference",), {"loan": "number"}),
    Table(
        "payouts.json",
        Payout,
        ("number",),
        {"source_account": "number", "loan": "number", "card": "ref"} | BRANCH,
    ),
    Table("journal.json", JournalEntry, ("reference",), {"reverses": "reference"} | BRANCH),
)


def load_company(folder: Path) -> dict[str, int]:
    """Add what isn't there yet, in one transaction; gives the number of rows added per model.

    Raises UnusableFixtureError, and then nothing is written.
    """
    with recorded_write(source=SOURCE), keyring():
        return {table.model.__name__: _load(folder, table) for table in TABLES}


def _load(folder: Path, table: Table) -> int:
    added = 0
    for position, raw in enumerate(_read(folder / table.file), start=1):
        try:
            added += _add(table, raw)
        except (KeyError, ValueError, TypeError, models.ObjectDoesNotExist) as error:
            raise UnusableFixtureError(f"{table.file}, row {position}: {error!r}") from error
    return added


def _read(path: Path) -> list[dict[str, Any]]:
    if not path.is_file() or path.stat().st_size > FILE_BYTES_MAX:
        raise UnusableFixtureError(f"{path} is missing or larger than {FILE_BYTES_MAX:,} bytes.")
    rows: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
    return rows


def _add(table: Table, raw: dict[str, Any]) -> bool:
    sides = raw.pop("postings", [])
    row = table.model(**{name: _value(table, name, text) for name, text in raw.items()})
    natural = {name: getattr(row, name) for name in table.key}
    if table.model._default_manager.filter(**natural).exists():
        return False
    row.save(force_insert=True)
    for number, side, amount in sides:
        _post(row, number, Side(side), amount)
    return True


def _value(table: Table, name: str, text: Any) -> Any:
    if text is None or name in secret_fields(table.model):
        return text
    found = table.model._meta.get_field(name)
    if name in table.references:
        return found.related_model._default_manager.get(**{table.references[name]: text})  # type: ignore[union-attr]
    return found.to_python(text)  # type: ignore[union-attr]


def _post(entry: Any, number: str, side: Side, amount: str) -> None:
    """`amount` is written without sign; a credit is stored negative."""
    account = LedgerAccount.objects.get(number=number)
    exact = Posting._meta.get_field("amount").to_python(amount)
    signed = exact if side == Side.DEBIT else -exact
    Posting.objects.create(entry=entry, account=account, side=side, amount=signed, currency=entry.currency)
