"""What the database may be trusted with, and values that another program stored in a form of its own."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection, models

from accounts.models import LedgerAccount, Payout
from corrections.choices import State
from corrections.engine import rows
from corrections.engine.in_sets import is_settable, put_before_images
from corrections.engine.in_sets.columns import KINDS, kind_of
from corrections.gate import recorded_write
from corrections.registry import registry
from tests.corrections.engine.in_sets.batches import batch, carried_out, edges
from tests.corrections.services.desk import Desk
from tests.sandbox.models import Parcel


def entry(model: type[models.Model]) -> Any:
    return registry.get(model)


def test_models_of_plain_columns_are_set_by_sets() -> None:
    assert is_settable(entry(Payout), ["counterparty_bank", "counterparty_account_cipher", "amount"])
    assert is_settable(entry(LedgerAccount))


def test_a_model_with_json_goes_row_by_row_whatever_is_set() -> None:
    assert not is_settable(entry(Parcel), ["address"])


@pytest.mark.parametrize("column", ["id", "colour"])
def test_a_key_and_an_unknown_column_are_never_set(column: str) -> None:
    assert not is_settable(entry(Payout), [column])


def test_a_field_that_converts_its_values_is_pythons() -> None:
    class Shouted(models.CharField):
        pass

    assert kind_of(Shouted(max_length=5)) is None
    assert kind_of(models.CharField(max_length=5, db_collation="nocase")) is None
    odd = (models.JSONField, models.FloatField, models.DurationField, models.TimeField, models.BinaryField)
    assert not set(odd) & set(KINDS)


ODD: dict[str, list[Any]] = {
    "created_at": ["2026-01-02 03:04:05.123", "2026-01-02T03:04:05", "2026-01-02 03:04", "2026-01-02 03:04:05.1+0000"],
    "amount": [0.125, 9999999999999.99, 1.005, 0.1 + 0.2, 7, "00012.50"],
    "ref": ["ABCDEF00112233445566778899AABBCC", "abcdef00-1122-3344-5566-778899aabbcc"],
    "purpose": ["\x01 \x1f", "\x7f", "\u2028", "a\\u0000b", "'\"\\"],
}


@pytest.mark.django_db
@pytest.mark.skipif(connection.vendor != "sqlite", reason="SQLite keeps what it is given")
@pytest.mark.parametrize(("column", "value"), [(column, value) for column, values in ODD.items() for value in values])
def test_a_value_in_another_form_has_the_image_that_python_gives_it(desk: Desk, column: str, value: Any) -> None:
    payout = desk.payout()
    correction = batch(desk, [(payout, {"failure_code": "15"})], state=State.DRAFT)
    with recorded_write(source="loan-core"), connection.cursor() as cursor:
        cursor.execute(f"UPDATE accounts_payout SET {column} = %s WHERE id = %s", [value, payout.pk])
    with carried_out(desk, correction):
        put_before_images(correction, *edges(correction))
    expected = rows.image(entry(Payout), Payout.objects.get(pk=payout.pk))
    assert correction.changes.get().before_image == expected
