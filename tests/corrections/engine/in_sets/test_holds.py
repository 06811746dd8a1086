"""I-03 for a whole batch: at most one open correction holds a given target field."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from corrections.choices import State
from corrections.engine.in_sets import hold_fields, holder_of, release_holds
from corrections.models import FieldHold
from tests.corrections.engine.in_sets.batches import batch, carried_out
from tests.corrections.services.desk import Desk

pytestmark = pytest.mark.django_db


def held(**wanted: object) -> set[tuple[str, str]]:
    return set(FieldHold.objects.filter(**wanted).values_list("target_pk", "field"))


def test_a_batch_holds_each_field_of_each_record_once_a_secret_under_its_own_name(desk: Desk) -> None:
    one, other = desk.payout(), desk.payout()
    secret = {f"counterparty_account_{part}": "x" for part in ("cipher", "index", "masked")}
    correction = batch(
        desk, [(one, {"counterparty_bank": "CMB", **secret}), (other, {"purpose": "rent"})], state="draft"
    )
    with carried_out(desk, correction):
        assert hold_fields(correction) == 3
        assert hold_fields(correction) == 3, "asked again, it takes its own anew"
    assert held(correction=correction) == {
        (str(one.pk), "counterparty_bank"),
        (str(one.pk), "counterparty_account"),
        (str(other.pk), "purpose"),
    }


def test_i03_a_field_that_another_open_correction_holds_is_not_held_twice(desk: Desk) -> None:
    payout = desk.payout()
    first = desk.submitted(payout)
    other = batch(desk, [(payout, {"purpose": "rent"})], state=State.DRAFT)
    second = batch(desk, [(desk.payout(), {"purpose": "x"}), (payout, {"counterparty_bank": "ABC"})], state=State.DRAFT)
    with carried_out(desk, second):
        assert hold_fields(other) == 1
        assert holder_of(other) is None
        with pytest.raises(IntegrityError), transaction.atomic():
            hold_fields(second)
        assert holder_of(second) == first
    assert not held(correction=second)


def test_holds_of_a_range_are_released_alone(desk: Desk) -> None:
    payouts = [desk.payout() for _ in range(4)]
    correction = batch(desk, [(payout, {"purpose": "rent"}) for payout in payouts], state=State.DRAFT)
    with carried_out(desk, correction):
        hold_fields(correction)
        assert release_holds(correction, 3, 4) == 2
    assert {pk for pk, _ in held(correction=correction)} == {str(payouts[0].pk), str(payouts[3].pk)}


@pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL gathers statistics by itself")
def test_a_hold_that_is_released_is_sought_by_its_record_not_among_all_of_the_batch(desk: Desk) -> None:
    """Without statistics SQLite took the batch for the narrower way: each chunk went through all holds for each row."""
    correction = batch(desk, [(desk.payout(), {"purpose": "rent"})], state=State.DRAFT)
    with carried_out(desk, correction), CaptureQueriesContext(connection) as asked:
        release_holds(correction, 2, 2)
    [sql] = [query["sql"] for query in asked if query["sql"].startswith("DELETE")]
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN {sql}")
        plan = " ".join(str(row[3]) for row in cursor.fetchall())
    assert "SEARCH h USING" in plan
    assert "(target_model=? AND target_pk=?)" in plan
