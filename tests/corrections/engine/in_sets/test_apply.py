"""Applying a range by sets: exact rows, images, outcomes; what is stale or refused is left out or stops all."""

from __future__ import annotations

from typing import Any

import pytest

from accounts.models import Payout
from corrections.choices import ROW_APPLIED, OnBadRow, State
from corrections.engine import rows
from corrections.engine.apply import DatabaseRefused
from corrections.engine.in_sets import (
    Applied,
    apply_rows,
    put_before_images,
    rehearse_rows,
    stale_rows,
)
from corrections.errors import CorrectionError
from corrections.gate import recorded_write
from corrections.models import Change, Correction
from corrections.registry import registry
from tests.corrections.engine.in_sets.batches import batch, carried_out, edges
from tests.corrections.services.desk import Desk

pytestmark = pytest.mark.django_db

CMB = {"counterparty_bank": "CMB"}


@pytest.fixture
def payouts(desk: Desk) -> list[Payout]:
    return [desk.payout() for _ in range(5)]


def banks(payouts: list[Payout]) -> list[str]:
    found = dict(Payout.objects.values_list("pk", "counterparty_bank"))
    return [found[payout.pk] for payout in payouts]


def outcomes(correction: Correction) -> list[str]:
    return list(correction.changes.order_by("position").values_list("outcome", flat=True))


def apply(desk: Desk, correction: Correction, *, on_bad_row: str = OnBadRow.FAIL_ALL) -> Applied:
    with carried_out(desk, correction):
        return apply_rows(correction, *edges(correction), on_bad_row=on_bad_row)


def moved(payout: Payout) -> None:
    with recorded_write(source="loan-core"):
        Payout.objects.filter(pk=payout.pk).update(counterparty_bank="ABC")


def image(payout: Payout) -> dict[str, Any]:
    entry = registry.get(payout)
    assert entry is not None
    return rows.image(entry, Payout.objects.get(pk=payout.pk))


def test_every_row_is_written_with_images_outcome_and_history(desk: Desk, payouts: list[Payout]) -> None:
    correction = batch(desk, [(payout, CMB) for payout in payouts])
    before = [image(payout) for payout in payouts]
    assert apply(desk, correction) == Applied(5, 0)
    changes = list(correction.changes.order_by("position"))
    assert banks(payouts) == ["CMB"] * 5
    assert [change.outcome for change in changes] == [ROW_APPLIED] * 5
    assert [change.before_image for change in changes] == before
    assert [change.after_image for change in changes] == [image(payout) for payout in payouts]
    last = payouts[0].history.first()
    assert (last.history_correction, last.history_source, last.history_user_id) == (
        correction.pk,
        "engine",
        desk.chidi.pk,
    )
    assert all(payout.history.count() == 2 for payout in payouts)


def test_a_range_touches_its_own_rows_alone(desk: Desk, payouts: list[Payout]) -> None:
    correction = batch(desk, [(payout, CMB) for payout in payouts])
    with carried_out(desk, correction):
        assert apply_rows(correction, 3, 4, on_bad_row=OnBadRow.FAIL_ALL) == Applied(2, 0)
    assert banks(payouts) == ["ICBC", "CMB", "CMB", "ICBC", "ICBC"]


def test_what_was_applied_is_not_applied_again(desk: Desk, payouts: list[Payout]) -> None:
    correction = batch(desk, [(payout, CMB) for payout in payouts])
    apply(desk, correction)
    assert apply(desk, correction) == Applied(0, 0)
    assert payouts[0].history.count() == 2


def test_each_row_gets_the_columns_that_its_own_change_names(desk: Desk, payouts: list[Payout]) -> None:
    wanted = [CMB, {"purpose": "rent"}, {**CMB, "purpose": ""}, {"failure_code": "99"}, {"purpose": "x"}]
    correction = batch(desk, zip(payouts, wanted, strict=True))
    apply(desk, correction)
    found = [Payout.objects.get(pk=payout.pk) for payout in payouts]
    assert [(p.counterparty_bank, p.purpose, p.failure_code) for p in found] == [
        ("CMB", "", "14"),
        ("ICBC", "rent", "14"),
        ("CMB", "", "14"),
        ("ICBC", "", "99"),
        ("ICBC", "x", "14"),
    ]


@pytest.mark.parametrize("act", ["apply", "rehearse"])
def test_i04_one_stale_row_fails_all_and_is_named(desk: Desk, payouts: list[Payout], act: str) -> None:
    correction = batch(desk, [(payout, CMB) for payout in payouts])
    moved(payouts[3])
    do = {"apply": apply_rows, "rehearse": rehearse_rows}[act]
    with pytest.raises(rows.ValueChanged) as refusal, carried_out(desk, correction):
        do(correction, *edges(correction), on_bad_row=OnBadRow.FAIL_ALL)
    assert refusal.value.details["record"] == str(payouts[3])
    assert banks(payouts) == ["ICBC", "ICBC", "ICBC", "ABC", "ICBC"]
    assert outcomes(correction) == [""] * 5


def test_a_record_that_is_gone_fails_all_and_is_named(desk: Desk, payouts: list[Payout]) -> None:
    correction = batch(desk, [(payout, CMB) for payout in payouts])
    with recorded_write(source="loan-core"):
        Payout.objects.filter(pk=payouts[1].pk).delete()
    with pytest.raises(rows.RecordNotFound) as refusal:
        apply(desk, correction)
    assert refusal.value.details["record"] == str(payouts[1])
    assert payouts[0].history.count() == 1


def test_stale_and_gone_rows_are_told_by_position(desk: Desk, payouts: list[Payout]) -> None:
    correction = batch(desk, [(payout, CMB) for payout in payouts])
    moved(payouts[3])
    with recorded_write(source="loan-core"):
        Payout.objects.filter(pk=payouts[1].pk).delete()
    expected = [(3, "record_not_found"), (5, "value_changed_since_request")]
    assert stale_rows(correction, *edges(correction)) == expected
    with carried_out(desk, correction):
        assert rehearse_rows(correction, *edges(correction), on_bad_row=OnBadRow.SKIP) == expected
    assert outcomes(correction) == [""] * 5


def test_bad_rows_are_skipped_with_their_code_where_that_was_chosen(desk: Desk, payouts: list[Payout]) -> None:
    wanted: list[Any] = [CMB] * 4 + [{"status": "refused", "failure_code": ""}]
    correction = batch(desk, zip(payouts, wanted, strict=True), on_bad_row=OnBadRow.SKIP)
    moved(payouts[3])
    assert apply(desk, correction, on_bad_row=OnBadRow.SKIP) == Applied(3, 2)
    assert banks(payouts) == ["CMB", "CMB", "CMB", "ABC", "ICBC"]
    assert outcomes(correction) == [ROW_APPLIED] * 3 + ["value_changed_since_request", "database_refused"]
    assert list(correction.row_findings.values_list("position", "stage", "verdict", "code")) == [
        (5, "apply", "fail", "value_changed_since_request"),
        (6, "apply", "fail", "database_refused"),
    ]
    assert list(correction.changes.filter(position__gt=4).values_list("after_image", flat=True)) == [None, None]
    assert payouts[3].history.count() == 2


def test_what_the_database_refuses_fails_all(desk: Desk, payouts: list[Payout]) -> None:
    correction = batch(desk, [*((p, CMB) for p in payouts[:4]), (payouts[4], {"failure_code": ""})])
    with pytest.raises(DatabaseRefused):
        apply(desk, correction)
    assert banks(payouts) == ["ICBC"] * 5


@pytest.mark.parametrize("on_bad_row", list(OnBadRow))
def test_a_reference_to_nothing_is_refused(desk: Desk, payouts: list[Payout], on_bad_row: str) -> None:
    correction = batch(desk, [(payouts[0], CMB), (payouts[1], {"loan_id": 987654})], on_bad_row=on_bad_row)
    if on_bad_row == OnBadRow.FAIL_ALL:
        with pytest.raises(DatabaseRefused):
            apply(desk, correction)
    else:
        assert apply(desk, correction, on_bad_row=on_bad_row) == Applied(1, 1)
        assert outcomes(correction) == [ROW_APPLIED, "database_refused"]


def test_i06_nothing_is_applied_outside_the_gate(desk: Desk, payouts: list[Payout]) -> None:
    correction = batch(desk, [(payout, CMB) for payout in payouts])
    with pytest.raises(DatabaseRefused):
        apply_rows(correction, *edges(correction), on_bad_row=OnBadRow.FAIL_ALL)
    assert banks(payouts) == ["ICBC"] * 5


def test_i10_images_and_outcomes_are_kept_only_while_it_is_applied(desk: Desk, payouts: list[Payout]) -> None:
    correction = batch(desk, [(payout, CMB) for payout in payouts], state=State.SUBMITTED)
    with pytest.raises(DatabaseRefused), carried_out(desk, correction):
        apply_rows(correction, *edges(correction), on_bad_row=OnBadRow.FAIL_ALL)
    assert banks(payouts) == ["ICBC"] * 5


def test_a_draft_is_rehearsed_and_nothing_of_it_remains(desk: Desk, payouts: list[Payout]) -> None:
    correction = batch(desk, [(payout, CMB) for payout in payouts], state=State.DRAFT)
    with carried_out(desk, correction):
        assert rehearse_rows(correction, *edges(correction), on_bad_row=OnBadRow.FAIL_ALL) == []
    assert banks(payouts) == ["ICBC"] * 5
    assert payouts[0].history.count() == 1
    assert outcomes(correction) == [""] * 5


def test_before_images_are_the_live_rows(desk: Desk, payouts: list[Payout]) -> None:
    correction = batch(desk, [(payout, CMB) for payout in payouts], state=State.DRAFT)
    with recorded_write(source="loan-core"):
        Payout.objects.filter(pk=payouts[1].pk).delete()
    with carried_out(desk, correction):
        assert put_before_images(correction, *edges(correction)) == 4
    found = dict(Change.objects.filter(correction=correction).values_list("target_pk", "before_image"))
    assert found.pop(str(payouts[1].pk)) is None
    assert found == {str(payout.pk): image(payout) for payout in payouts if payout is not payouts[1]}


def test_a_column_that_the_model_does_not_have_is_refused(desk: Desk, payouts: list[Payout]) -> None:
    correction = batch(desk, [(payout, CMB) for payout in payouts], state=State.DRAFT)
    with carried_out(desk, correction):
        Change.objects.filter(correction=correction, position=4).update(new={"colour": "red"})
        with pytest.raises(CorrectionError):
            rehearse_rows(correction, *edges(correction), on_bad_row=OnBadRow.FAIL_ALL)
    assert banks(payouts) == ["ICBC"] * 5
