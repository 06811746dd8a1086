"""The made-up company: loaded once, with every story that the demo tells, and no number in clear."""

from __future__ import annotations

import json
import shutil
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.db.models import Count, F, Sum

from accounts.loaders.company import TABLES, UnusableFixtureError, load_company
from accounts.models import (
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
from corrections.protection.fields import secret_fields

pytestmark = pytest.mark.django_db

FOLDER = Path(settings.BASE_DIR) / "fixtures" / "company"
# Published by card schemes and payment companies for tests; no bank issues them.
TEST_CARDS = {
    "4111111111111111",
    "4012888888881881",
    "4222222222222",
    "4242424242424242",
    "4000056655665556",
    "5555555555554444",
    "5105105105105100",
    "2223003122003222",
    "6200000000000005",
    "6200000000000047",
    "6205500000000000004",
    "6250941006528599",
    "3566002020360505",
    "3530111333300000",
    "378282246310005",
    "371449635398431",
}


@pytest.fixture
def company() -> dict[str, int]:
    return load_company(FOLDER)


def read(name: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads((FOLDER / name).read_text(encoding="utf-8"))
    return rows


def test_it_loads_once(company: dict[str, int]) -> None:
    assert company["Payout"] >= 40
    assert company["Customer"] >= 12
    assert set(load_company(FOLDER).values()) == {0}
    assert Payout.objects.count() == company["Payout"]


def test_branches_speak_both_languages(company: dict[str, int]) -> None:
    assert set(Branch.objects.values_list("name", "city")) == {
        ("Shanghai", "上海"),
        ("Beijing", "北京"),
        ("Shenzhen", "深圳"),
    }
    names = "".join(Customer.objects.values_list("name", flat=True))
    assert any("\u4e00" <= letter <= "\u9fff" for letter in names)
    assert any(letter.isascii() and letter.isalpha() for letter in names)


def test_only_test_numbers_are_used() -> None:
    assert {card["number"] for card in read("cards.json")} <= TEST_CARDS
    # No region has the code 990101, and no mobile number of mainland China begins with 120.
    assert all(customer["identity_number"].startswith("990101") for customer in read("customers.json"))
    assert all(customer["mobile"].startswith("120") for customer in read("customers.json"))


def test_entries_balance(company: dict[str, int]) -> None:
    sums = Posting.objects.values("entry", "currency").annotate(total=Sum("amount"), sides=Count("id"))
    assert {row["total"] for row in sums} == {Decimal(0)}
    assert len(sums) == JournalEntry.objects.count()
    assert not Posting.objects.exclude(currency=F("account__currency")).exists()


def test_story_of_the_wrong_bank_code(company: dict[str, int]) -> None:
    refused = Payout.objects.filter(failure_code="E14", counterparty_bank="ICBC", status="refused")
    assert refused.count() >= 3
    assert refused.values("branch").distinct().count() >= 2


def test_story_of_the_wrong_card(company: dict[str, int]) -> None:
    payout = Payout.objects.get(failure_code="C41")
    assert payout.card is not None
    assert payout.card.status == "lost"
    assert BankCard.objects.filter(customer=payout.card.customer, status="active").exists()
    assert Payout.objects.filter(failure_code="C14", card__isnull=False).exists()


def test_story_of_the_approval_by_mistake(company: dict[str, int]) -> None:
    loan = Loan.objects.get(number="LN-2026-0007")
    assert loan.application is not None
    assert (loan.application.decision, loan.status) == ("approved", "active")
    assert loan.payouts.get().status == "created"
    assert JournalEntry.objects.filter(source_reference=loan.number).count() == 2


def test_story_of_the_missing_repayment(company: dict[str, int]) -> None:
    references = Repayment.objects.filter(loan__number="LN-2026-0003").values_list("reference", flat=True)
    assert "RP-2026-0003-07" not in references
    assert {"RP-2026-0003-06", "RP-2026-0003-08"} <= set(references)
    parked = LedgerAccount.objects.get(number="2241-SH").postings.get()
    assert parked.amount == Decimal("-6900.00")


def test_story_of_the_doubled_repayment(company: dict[str, int]) -> None:
    doubled = Repayment.objects.values("channel_reference", "amount").annotate(times=Count("id")).filter(times=2)
    assert len(doubled) == 1


def test_story_of_the_dormant_account(company: dict[str, int]) -> None:
    account = LedgerAccount.objects.get(status="dormant")
    assert account.payouts.filter(status="refused").exists()


def test_every_kind_of_status_is_seen(company: dict[str, int]) -> None:
    decisions = set(LoanApplication.objects.values_list("decision", flat=True))
    assert {"pending", "approved", "declined"} <= decisions
    statuses = set(Payout.objects.values_list("status", flat=True))
    assert {"created", "to_be_sent", "sent", "paid", "refused"} <= statuses


def test_history_names_the_source(company: dict[str, int]) -> None:
    assert set(Payout.history.values_list("history_source", flat=True)) == {"demo"}


def test_no_number_is_stored_in_clear(company: dict[str, int]) -> None:
    for table in TABLES:
        plain = {row[name] for row in read(table.file) for name in secret_fields(table.model) if row.get(name)}
        for model in (table.model, getattr(getattr(table.model, "history", None), "model", None)):
            if model is not None and plain:
                with connection.cursor() as cursor:
                    cursor.execute(f"SELECT * FROM {model._meta.db_table}")
                    stored = repr(cursor.fetchall())
                assert not any(number in stored for number in plain)


def test_a_broken_file_loads_nothing(tmp_path: Path) -> None:
    broken = tmp_path / "company"
    shutil.copytree(FOLDER, broken)
    rows = read("payouts.json")
    rows[3]["source_account"] = "nowhere"
    (broken / "payouts.json").write_text(json.dumps(rows), encoding="utf-8")
    with pytest.raises(UnusableFixtureError, match=r"payouts\.json, row 4"):
        load_company(broken)
    assert not Branch.objects.exists()


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnusableFixtureError, match=r"branches\.json"):
        load_company(tmp_path)
