"""What a statement is understood as: the model, the fields, the new values and the rebuilt rule."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import translation

from accounts.models import BankCard, JournalEntry, Payout
from corrections.choices import Action, Owner
from corrections.errors import CorrectionError
from corrections.registry import registry
from corrections.statements import parse
from tests.sandbox.models import Parcel

WHERE = "WHERE id = 1"


def rule_of(condition: str, table: str = "accounts_payout", setting: str = "status = 'cancelled'") -> str:
    """The rebuilt condition of a statement with this one."""
    head = f"UPDATE {table} SET {setting} WHERE "
    found = parse(head + condition).rule
    assert found.startswith(head)
    return found.removeprefix(head)


def test_statement_names_model_values_and_rule() -> None:
    found = parse("UPDATE payouts SET status='cancelled' WHERE channel='X' AND created_at < '2026-10-01'")
    assert found.entry.model is Payout
    assert found.values == {"status": "cancelled"}
    assert found.rule == (
        "UPDATE accounts_payout SET status = 'cancelled'"
        " WHERE channel = 'X' AND created_at < '2026-10-01 00:00:00+08:00'"
    )


@pytest.mark.parametrize(
    "name",
    ["payouts", "payout", "PAYOUTS", "accounts_payout", '"accounts_payout"', "accounts.payout", "Accounts . Payout"],
)
def test_table_is_called_as_people_call_it(name: str) -> None:
    assert parse(f"UPDATE {name} SET status = 'cancelled' {WHERE}").entry.model is Payout


@pytest.mark.parametrize("name", ["bankcard", "bankcards", "bank_card", "bank_cards", "accounts_bankcard"])
def test_name_of_two_words_is_written_either_way(name: str) -> None:
    assert parse(f"UPDATE {name} SET status = 'lost' {WHERE}").entry.model is BankCard


def test_chosen_language_changes_nothing() -> None:
    with translation.override("zh-hans"):
        assert parse(f"UPDATE bank_cards SET status = 'lost' {WHERE}").entry.model is BankCard


def test_table_that_several_models_are_called_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(BankCard._meta, "verbose_name_plural", "payouts")
    with pytest.raises(CorrectionError) as refused:
        parse(f"UPDATE payouts SET status = 'lost' {WHERE}")
    assert refused.value.code == "statement_table_is_ambiguous"
    assert "accounts_bankcard, accounts_payout" in str(refused.value)


@pytest.mark.parametrize("name", ["branch", "branch_id", "BRANCH_ID", '"branch_id"'])
def test_reference_is_set_by_its_field_or_column(name: str) -> None:
    found = parse(f"UPDATE payouts SET {name} = 7 {WHERE}")
    assert found.values == {"branch": "7"}
    assert found.rule == "UPDATE accounts_payout SET branch_id = 7 WHERE id = 1"


def test_every_kind_of_value_can_be_set() -> None:
    found = parse(
        "update parcels set address = 'O''Brien, 上海', price = 12.50, weight = NULL, is_lost = true,"
        " sent_at = '2026-10-01 09:30', region = NULL where code = 'P-1' ;"
    )
    assert found.entry.model is Parcel
    assert found.values == {
        "address": "O'Brien, 上海",
        "price": "12.50",
        "weight": None,
        "is_lost": "True",
        "sent_at": "2026-10-01 09:30:00+08:00",
        "region": None,
    }
    assert found.rule == (
        "UPDATE sandbox_parcel SET address = 'O''Brien, 上海', price = 12.50, weight = NULL, is_lost = TRUE,"
        " sent_at = '2026-10-01 09:30:00+08:00', region_id = NULL WHERE code = 'P-1'"
    )
    assert parse(found.rule).values == found.values


@pytest.mark.parametrize(
    ("written", "understood"),
    [
        ("id != 5", "id <> 5"),
        ("id=-5", "id = -5"),
        ("not id = 5", "id <> 5"),
        ("NOT id <= 5", "id > 5"),
        ("not(id in (1,2))", "id NOT IN (1, 2)"),
        ("NOT card_id IS NOT NULL", "card_id IS NULL"),
        ("card IS NULL", "card_id IS NULL"),
        ("NOT channel NOT LIKE 'X%'", "channel LIKE 'X%'"),
        ("amount BETWEEN 1 AND 2.50", "amount BETWEEN 1 AND 2.50"),
        ("NOT (amount BETWEEN 1 AND 2 AND id = 1)", "amount NOT BETWEEN 1 AND 2 OR id <> 1"),
        ("NOT (id = 1 OR NOT id = 2)", "id <> 1 AND id = 2"),
        ("id = 1 OR id = 2 AND id = 3", "id = 1 OR (id = 2 AND id = 3)"),
        ("(id = 1 OR id = 2) AND id = 3", "(id = 1 OR id = 2) AND id = 3"),
        ("((id = 1 OR ((id = 2))))", "id = 1 OR id = 2"),
        ("channel = 'It''s; -- no comment /* either */'", "channel = 'It''s; -- no comment /* either */'"),
        ("channel = 'UPDATE x SET y WHERE (SELECT)'", "channel = 'UPDATE x SET y WHERE (SELECT)'"),
        ("created_at = '2026-10-01T00:00:00Z'", "created_at = '2026-10-01 08:00:00+08:00'"),
        ("channel = 'X'", "channel = 'X'"),
        ("number = 'FK1' AND purpose = ''", "number = 'FK1' AND purpose = ''"),
        ("status = 'faild'", "status = 'faild'"),
    ],
)
def test_condition_is_rebuilt_in_one_spelling(written: str, understood: str) -> None:
    assert rule_of(written) == understood
    assert rule_of(understood) == understood


def test_day_is_compared_as_it_is_written() -> None:
    assert rule_of("due_on >= '2026-10-01'", "accounts_repayment", "status = 'void'") == "due_on >= '2026-10-01'"


def test_hour_that_comes_twice_is_no_single_moment(settings: Any) -> None:
    """On a desk whose clocks change, an hour in autumn stands for two moments; with its offset it is one."""
    settings.TIME_ZONE = "Europe/Prague"
    with pytest.raises(CorrectionError) as refused:
        rule_of("created_at < '2026-10-25 02:30'")
    assert refused.value.code == "statement_value_not_usable"
    assert rule_of("created_at < '2026-10-25 02:30+02:00'") == "created_at < '2026-10-25 02:30:00+02:00'"


def test_every_field_that_may_be_set_or_compared_can_be_written() -> None:
    """However a database calls them: number, value, text and role are words of some."""
    given = ("'1'", "1", "TRUE", "'2026-10-01'", "NULL")
    for entry in registry.entries():
        if Action.UPDATE not in entry.actions or entry.is_control:
            continue
        own = [name for name, spec in entry.fields.items() if spec.owner == Owner.SYSTEM and not entry.is_secret(name)]
        for name in own:
            codes = {_code(f"UPDATE {entry.table} SET {name} = {value} WHERE {name} IS NULL") for value in given}
            assert codes & {"", "value_not_usable"} or name == "details", (entry.key, name, codes)


def _code(text: str) -> str:
    try:
        parse(text)
    except CorrectionError as error:
        return error.code
    return ""


def test_records_that_are_only_ever_added_take_no_statement() -> None:
    entry = registry.get(JournalEntry)
    assert entry is not None
    assert _code(f"UPDATE {entry.table} SET kind = 'fee' {WHERE}") == "statement_table_not_updatable"


def test_masked_field_is_no_way_to_choose_records(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = registry.get(Payout)
    assert entry is not None
    masked = {**entry.fields, "purpose": type(entry.fields["status"])(mask=lambda text: "*")}
    monkeypatch.setattr(entry, "fields", masked)
    assert _code(f"UPDATE payouts SET channel = 'X' {WHERE} OR purpose LIKE 'a%'") == "statement_field_not_comparable"


def test_statement_is_read_without_a_database() -> None:
    """No test here may open one: what can be refused is refused before any record is looked at."""
    assert rule_of("branch = 999999999") == "branch_id = 999999999"
