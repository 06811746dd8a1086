"""Branches, people and payouts of a large desk, written in bulk through the gate: every row has its history row."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from django.contrib.auth.models import Group
from django.db import transaction

from accounts.models import Branch, Customer, LedgerAccount, Payout
from backoffice.staff.machines import machine
from backoffice.staff.models import Person, User
from backoffice.staff.roles import bootstrap
from corrections.gate import recorded_write
from corrections.services.policy import install_shipped
from tests.benchmarks import _bulk as bulk
from tests.benchmarks._common import say

BRANCHES, CUSTOMERS_PER_BRANCH = 20, 1_000
CHUNK_ROWS = 100_000
SOURCE = "benchmark"
ACCOUNT_NUMBER = "6217000000000009001"  # one payout of each branch goes there


@dataclass(frozen=True)
class Firm:
    """Branches in order, and the maker and checker of each."""

    branches: list[Branch]
    makers: list[User]
    checkers: list[User]


def person(name: str, *groups: str, is_superuser: bool = False) -> User:
    """An account `name` in lower case, with its person, in these groups."""
    human = Person.objects.create(employee_no=f"E-{name.upper()}", name=name)
    user = User.objects.create(
        username=name.lower(), person=human, is_staff=True, is_superuser=is_superuser, password="!"
    )
    user.groups.add(*Group.objects.filter(name__in=groups))
    return user


@transaction.atomic
def found_firm() -> Firm:
    """Branches, roles, the shipped policy, and the people; Mara, Milo, Chidi, Cara, Ana and Sam open the pages."""
    branches = [
        Branch.objects.create(code=f"B{i:02}", name=f"Branch {i:02}", city="Shanghai") for i in range(1, BRANCHES + 1)
    ]
    bootstrap()
    install_shipped(actor=machine("bootstrap_roles"))
    makers = [person("Mara", f"maker: {branches[0]}")]
    makers += [person(f"Maker{i:02}", f"maker: {branch}") for i, branch in enumerate(branches[1:], start=2)]
    checkers = [person("Chidi", f"checker: {branches[0]}")]
    checkers += [person(f"Checker{i:02}", f"checker: {branch}") for i, branch in enumerate(branches[1:], start=2)]
    person("Milo", *(f"maker: {branch}" for branch in branches[1:4]))
    person("Otto", *(f"maker: {branch}" for branch in branches[-3:]))
    person("Cara", "checker")
    person("Ana", "compliance")
    person("Sam", is_superuser=True)
    return Firm(branches, makers, checkers)


def open_accounts(firm: Firm) -> int:
    """Customers with an account each; gives the key of the first account."""
    per = CUSTOMERS_PER_BRANCH
    source = bulk.numbers(0, BRANCHES * per - 1)
    branch = f"{firm.branches[0].pk} + n / {per}"
    nothing = "''"
    with recorded_write(source=SOURCE):
        bulk.insert(
            Customer,
            source,
            {
                "ref": bulk.uuid("'customer ' || n"),
                "customer_number": "'C-' || (1000000 + n)",
                "name": "'Customer ' || n",
                **{f"{name}_{part}": nothing for name in ("identity_number", "mobile") for part in PARTS},
                "branch_id": branch,
                "status": "'active'",
            },
        )
        first = Customer.objects.order_by("pk").values_list("pk", flat=True)[0]
        bulk.insert(
            LedgerAccount,
            source,
            {
                "ref": bulk.uuid("'account ' || n"),
                "number": "'2001-' || (1000000 + n)",
                **{f"account_number_{part}": nothing for part in PARTS},
                "kind": "'customer'",
                "customer_id": f"{first} + n",
                "name": nothing,
                "branch_id": branch,
                "currency": "'CNY'",
                "status": "'active'",
                "opened_on": "'2020-01-02'" + ("::date" if bulk.is_postgresql() else ""),
                "owner_person_id": "NULL" + ("::bigint" if bulk.is_postgresql() else ""),
                "last_activity_on": "NULL" + ("::date" if bulk.is_postgresql() else ""),
            },
        )
    return int(LedgerAccount.objects.order_by("pk").values_list("pk", flat=True)[0])


PARTS = ("cipher", "index", "masked")


ONE_IN_FIFTY, ALL = "n % 50 = 7", "n > 0"


def pay_out(firm: Firm, first_account: int, count: int, *, refused: str = ONE_IN_FIFTY) -> None:
    """Payouts over three years, one in five in the first branch; the last three branches closed long ago.

    Those that the channel refused can still go elsewhere; of the others machines let no place be changed.
    """
    for first in range(1, count + 1, CHUNK_ROWS):
        last = min(first + CHUNK_ROWS - 1, count)
        columns = _payout_columns(firm, first_account, count, refused)
        with recorded_write(source=SOURCE):
            bulk.insert(Payout, _payout_source(first, last, count), columns)
        say(f"  payouts  {last:>9,} of {count:,}")


def _payout_source(first: int, last: int, count: int) -> str:
    branch = f"CASE WHEN n % 5 = 0 THEN 0 WHEN n <= {count * 3 // 10} THEN 1 + n % 19 ELSE 1 + n % 16 END"
    return f"(SELECT n, {branch} AS b FROM {bulk.numbers(first, last)}) AS x ORDER BY n"


def _payout_columns(firm: Firm, first_account: int, count: int, refused: str) -> dict[str, str]:
    step = max(1, 3 * 365 * 24 * 3600 // count)
    return {
        "ref": bulk.uuid("'payout ' || n"),
        "number": "'PO-' || (10000000 + n)",
        "source_account_id": f"{first_account} + b * {CUSTOMERS_PER_BRANCH} + n % {CUSTOMERS_PER_BRANCH}",
        "branch_id": f"{firm.branches[0].pk} + b",
        "counterparty_bank": "'ICBC'",
        "counterparty_account_cipher": "'v1.' || md5('key ' || n) || '.' || md5('a' || n) || md5('b' || n)",
        "counterparty_account_index": bulk.hexes("'number ' || n"),
        "counterparty_account_masked": "'****' || (1000 + n % 9000)",
        "beneficiary_name": "'Payee ' || n % 5000",
        "loan_id": "NULL" + ("::bigint" if bulk.is_postgresql() else ""),
        "card_id": "NULL" + ("::bigint" if bulk.is_postgresql() else ""),
        "amount": "100 + n % 50000",
        "currency": "'CNY'",
        "purpose": "'supplier'",
        "channel": "'bank-gateway'",
        "channel_reference": "'BG' || (100000000 + n)",
        "status": f"CASE WHEN {refused} THEN 'refused' WHEN n % 50 < 3 THEN 'sent' ELSE 'paid' END",
        "failure_code": f"CASE WHEN {refused} THEN 'E14' ELSE '' END",
        "created_at": bulk.seconds_ago(f"({count} - n) * {step}"),
    }


def real_payouts(firm: Firm, first_account: int) -> Iterator[Payout]:
    """One payout of each branch, its account number really sealed: what a search for it must find."""
    for place in range(BRANCHES):
        yield _payout(firm, first_account, place, f"REAL-{place:02}", ACCOUNT_NUMBER)


def more_payouts(firm: Firm, first_account: int, count: int) -> Iterator[Payout]:
    """Payouts of the first branch, for corrections that really happen."""
    for n in range(count):
        yield _payout(firm, first_account, 0, f"MORE-{n:02}", f"62170000000001{n:05}")


def _payout(firm: Firm, first_account: int, place: int, name: str, account_number: str) -> Payout:
    """As a system of the company would write it."""
    with recorded_write(source=SOURCE):
        return Payout.objects.create(
            number=f"PO-{name}",
            source_account_id=first_account + place * CUSTOMERS_PER_BRANCH,
            branch=firm.branches[place],
            counterparty_bank="ICBC",
            counterparty_account=account_number,
            beneficiary_name="Zhang Ming",
            amount="800.00",
            currency="CNY",
            channel="bank-gateway",
            channel_reference=name,
            status="refused",
            failure_code="E14",
        )
