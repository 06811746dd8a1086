"""Taking a batch back, and trying its failed rows once more: new batches with makers and checkers of their own."""

from __future__ import annotations

from typing import Any

import pytest

from accounts.models import Payout
from backoffice.staff.machines import machine
from corrections import services
from corrections.choices import State
from corrections.engine import rows
from corrections.errors import CorrectionError
from corrections.gate import recorded_write
from corrections.models import Correction, RowFinding
from tests.corrections.services.batches import banks, begun, payouts, submitted_rows, work
from tests.corrections.services.desk import Desk, put_policy_in_force


@pytest.fixture(autouse=True)
def one_signature(desk: Desk) -> None:
    """Whatever the maker's batches add up to."""
    put_policy_in_force(desk, [("checker", 1)])


@pytest.fixture
def small_chunks(settings: Any) -> None:
    settings.CORRECTIONS_BATCH_AT_ONCE_ROWS_MAX = 4
    settings.CORRECTIONS_BATCH_CHUNK_ROWS_SQLITE = 3
    settings.CORRECTIONS_BATCH_CHUNK_ROWS_POSTGRESQL = 3


def move(row: Payout, **values: str) -> None:
    with recorded_write(source="loan-core"):
        Payout.objects.filter(pk=row.pk).update(**values)


def images(targets: list[Payout]) -> list[dict[str, Any]]:
    entry = rows.entry_of("accounts.payout")
    found = Payout.objects.filter(pk__in=[row.pk for row in targets]).order_by("pk")
    return [rows.image(entry, row) for row in found]


def applied(desk: Desk, targets: list[Payout], **more: Any) -> Correction:
    correction = submitted_rows(desk, targets, **more)
    desk.approve(correction)
    return Correction.objects.get(pk=correction.pk)


def taken_back(desk: Desk, correction: Correction) -> Correction:
    back = desk.reverted(correction)
    desk.approve(back)
    return Correction.objects.get(pk=back.pk)


def again(desk: Desk, correction: Correction) -> Correction:
    return services.retry_failed(
        actor=desk.mara, correction=correction, reason="system_defect", note="The rows that moved on."
    )


def test_a_batch_is_taken_back_as_a_batch_and_then_counts_as_reverted(desk: Desk) -> None:
    targets = payouts(desk, 6)
    before = images(targets)
    correction = applied(desk, targets)
    back = taken_back(desk, correction)
    assert (back.state, back.batch.source, back.batch.rows) == (State.APPLIED, "revert", 6)
    assert images(targets) == before
    correction.refresh_from_db()
    assert correction.state == State.REVERTED


def test_reverting_a_revert_restores_equal_rows(desk: Desk) -> None:
    targets = payouts(desk, 4)
    correction = applied(desk, targets)
    after = images(targets)
    taken_back(desk, taken_back(desk, correction))
    assert images(targets) == after


def test_three_rows_that_moved_on_are_listed_and_the_others_restored(desk: Desk) -> None:
    targets = payouts(desk, 8)
    correction = applied(desk, targets)
    for place in (1, 3, 5):
        desk.applied(Payout.objects.get(pk=targets[place].pk), counterparty_bank="ABC")
    back = taken_back(desk, correction)
    assert [one["now"] for one in back.moved_on] == ["ABC"] * 3
    assert {one["before"] for one in back.moved_on} == {"ICBC"}
    assert {one["ours"] for one in back.moved_on} == {"CMB"}
    found = RowFinding.objects.filter(correction=back, stage="staging", code="moved_on")
    assert list(found.values_list("position", flat=True)) == [3, 5, 7]
    assert banks(targets) == ["ICBC", "ABC"] * 3 + ["ICBC"] * 2
    correction.refresh_from_db()
    assert correction.state == State.APPLIED  # not every field that it wrote was restored


def test_rows_that_are_already_so_are_counted(desk: Desk) -> None:
    targets = payouts(desk, 3)
    correction = applied(desk, targets)
    move(targets[0], counterparty_bank="ICBC")
    back = services.revert(actor=desk.mara, correction=correction, reason="operator_error", note="It was right.")
    assert (back.batch.unchanged_rows, back.changes.count()) == (1, 2)


def test_where_everything_moved_on_nothing_is_drafted(desk: Desk) -> None:
    targets = payouts(desk, 2)
    correction = applied(desk, targets)
    for row in targets:
        move(row, counterparty_bank="ABC")
    with pytest.raises(CorrectionError) as refused:
        services.revert(actor=desk.mara, correction=correction, reason="operator_error", note="It was right.")
    assert refused.value.code == "nothing_to_restore"
    assert not Correction.objects.filter(reverts=correction).exists()


def test_the_list_of_what_moved_on_has_an_end(desk: Desk, settings: Any) -> None:
    settings.CORRECTIONS_BATCH_MOVED_ON_MAX = 2
    targets = payouts(desk, 6)
    correction = applied(desk, targets)
    for row in targets[:4]:
        move(row, counterparty_bank="ABC")
    back = services.revert(actor=desk.mara, correction=correction, reason="operator_error", note="It was right.")
    assert len(back.moved_on) == 2
    assert back.batch.reading["moved_on"] == 4
    assert RowFinding.objects.filter(correction=back).count() == 4


@pytest.mark.usefixtures("small_chunks")
def test_of_a_stopped_batch_what_was_applied_is_taken_back(desk: Desk) -> None:
    robot = machine("run_worker")
    targets = payouts(desk, 8)
    correction = begun(desk, targets)
    from corrections.services import batch_run

    batch_run.run_next(actor=robot, worker="test:1")
    services.stop_batch(actor=desk.eve, correction=correction, comment="Wrong file.")
    back = taken_back(desk, correction)
    assert back.changes.count() == 3
    assert banks(targets) == ["ICBC"] * 8
    correction.refresh_from_db()
    assert correction.state == State.STOPPED


@pytest.mark.usefixtures("small_chunks")
def test_a_large_batch_is_taken_back_in_chunks(desk: Desk) -> None:
    robot = machine("run_worker")
    targets = payouts(desk, 8)
    correction = begun(desk, targets)
    work(robot)
    back = taken_back(desk, correction)
    assert back.state == State.APPLYING
    work(robot)
    assert banks(targets) == ["ICBC"] * 8
    correction.refresh_from_db()
    assert correction.state == State.REVERTED


def test_failed_rows_alone_are_tried_again(desk: Desk) -> None:
    targets = payouts(desk, 5)
    correction = submitted_rows(desk, targets, on_bad_row="skip")
    move(targets[3], counterparty_bank="ABC")
    desk.approve(correction)
    retry = again(desk, correction)
    assert retry.batch.retries_id == correction.pk
    [change] = retry.changes.all()
    assert (change.position, change.old, change.new) == (5, {"counterparty_bank": "ABC"}, {"counterparty_bank": "CMB"})
    with pytest.raises(CorrectionError) as refused:
        again(desk, correction)
    assert refused.value.code == "retry_already_open"
    desk.attach(retry)
    services.submit(actor=desk.mara, correction=retry)
    desk.approve(retry)
    assert banks(targets) == ["CMB"] * 5
    with pytest.raises(CorrectionError) as refused:
        again(desk, correction)
    assert refused.value.code == "nothing_to_retry"


def test_a_batch_without_failed_rows_is_not_tried_again(desk: Desk) -> None:
    correction = applied(desk, payouts(desk, 2))
    with pytest.raises(CorrectionError) as refused:
        again(desk, correction)
    assert refused.value.code == "nothing_to_retry"


def test_what_is_no_batch_or_not_over_is_not_tried_again(desk: Desk) -> None:
    for correction in (desk.applied(), submitted_rows(desk, payouts(desk, 2))):
        with pytest.raises(CorrectionError) as refused:
            again(desk, correction)
        assert refused.value.code == "only_an_ended_batch_is_retried"


def test_a_maker_of_another_branch_neither_takes_back_nor_tries_again(desk: Desk) -> None:
    targets = payouts(desk, 2)
    correction = submitted_rows(desk, targets, on_bad_row="skip")
    move(targets[1], counterparty_bank="ABC")
    desk.approve(correction)
    for verb in (services.revert, services.retry_failed):
        with pytest.raises(CorrectionError) as refused:
            verb(actor=desk.bo, correction=correction, reason="operator_error", note="Mine now.")
        assert refused.value.code == "record_is_outside_your_scope"
