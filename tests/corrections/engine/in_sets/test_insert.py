"""Inserting the changes of a batch: as the ORM would, under the same guards."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal

import pytest
from django.db import IntegrityError

from corrections.choices import Action
from corrections.engine.gate import opened
from corrections.engine.in_sets import insert_changes
from corrections.engine.in_sets.insert import FIELDS, _row
from corrections.models import Change, Correction
from tests.corrections.services.desk import Desk

pytestmark = pytest.mark.django_db


def change(correction: Correction, position: int) -> Change:
    return Change(
        correction=correction,
        position=position,
        action="update",
        target_model="accounts.payout",
        target_pk=f"9{position:06d}",
        target_label='FK "1" \t\\N 张明 %s',
        old={"counterparty_bank": 'IC"BC\\', "purpose": None},
        new={"counterparty_bank": "CMB\n", "amount": 7, "is_paid": True},
        amount=Decimal("800"),
        currency="CNY",
        scope_before="1",
        scope_after="1",
    )


def stored(row: Change) -> dict[str, object]:
    found = Change.objects.get(correction=row.correction, position=row.position)
    return {field.attname: getattr(found, field.attname) for field in Change._meta.concrete_fields}


def test_inserted_changes_are_those_that_the_orm_would_insert(desk: Desk) -> None:
    correction = desk.draft()
    with opened(actor=desk.mara, correction=correction):
        Change.objects.bulk_create([change(correction, 2)])
        assert insert_changes([change(correction, 3)]) == 1
    own = {"id", "position", "target_pk"}
    by_orm, by_us = (
        {name: value for name, value in stored(change(correction, position)).items() if name not in own}
        for position in (2, 3)
    )
    assert by_us == by_orm


def test_as_many_rows_as_there_are_whatever_a_statement_takes(desk: Desk) -> None:
    correction = desk.draft()
    with opened(actor=desk.mara, correction=correction):
        for count in (1, 57, 58, 59, 116, 117):
            correction.changes.all().delete()
            assert insert_changes([change(correction, position) for position in range(2, 2 + count)]) == count
            assert sorted(correction.changes.values_list("position", flat=True)) == [*range(2, 2 + count)]


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"a": 'é\u2028"\\\n\0'},
        {"a": None, "b": True, "c": 7, "d": Action.UPDATE},
        {"a": {"change": 3}},
        {"a": ["x", 1]},
        [1, "x"],
        "text",
    ],
)
def test_json_is_written_as_the_orm_writes_it(value: object) -> None:
    row = change(Correction(pk=1), 2)
    row.new = value
    assert _row(row)[FIELDS.index(Change._meta.get_field("new"))] == json.dumps(value)


def test_a_generator_that_reads_the_database_is_taken_in_lots(desk: Desk, settings: object) -> None:
    correction = desk.draft()

    def reading() -> Iterator[Change]:
        for position in range(2, 5002):
            if position % 1000 == 0:
                assert Correction.objects.filter(pk=correction.pk).exists()
            yield change(correction, position)

    with opened(actor=desk.mara, correction=correction):
        assert insert_changes(reading()) == 5000
    assert correction.changes.count() == 5001


def test_i10_no_change_enters_a_correction_that_is_not_being_edited(desk: Desk) -> None:
    correction = desk.submitted()
    with pytest.raises(IntegrityError, match="gate_closed"), opened(actor=desk.mara, correction=correction):
        insert_changes([change(correction, 2)])


def test_i06_no_change_is_inserted_outside_the_gate(desk: Desk) -> None:
    correction = desk.draft()
    with pytest.raises(IntegrityError, match="gate_closed"):
        insert_changes([change(correction, 2)])
