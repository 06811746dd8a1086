"""Large batches: chunk after chunk, resumable, pausable, and stopped between two chunks."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.core.management import call_command
from django.utils import timezone

from accounts.models import Payout
from backoffice.staff.machines import machine
from backoffice.staff.models import User
from corrections import services
from corrections.choices import State
from corrections.errors import CorrectionError
from corrections.gate import recorded_write
from corrections.models import AuditEvent, Batch, Change, Chunk, FieldHold
from corrections.services import batch_run
from tests.corrections.services.batches import WORKER, banks, begun, payouts, submitted_rows, work
from tests.corrections.services.desk import Desk, tampered


@pytest.fixture(autouse=True)
def small_chunks(settings: Any) -> None:
    """Ten rows are large, and three make a chunk."""
    settings.CORRECTIONS_BATCH_AT_ONCE_ROWS_MAX = 10
    settings.CORRECTIONS_BATCH_CHUNK_ROWS_SQLITE = 3
    settings.CORRECTIONS_BATCH_CHUNK_ROWS_POSTGRESQL = 3


@pytest.fixture
def robot(db: None) -> User:
    return machine("run_worker")


def move(row: Payout, **values: str) -> None:
    with recorded_write(source="loan-core"):
        Payout.objects.filter(pk=row.pk).update(**values)


def step(robot: User) -> batch_run.Done | None:
    return batch_run.run_next(actor=robot, worker=WORKER)


def test_the_last_signature_begins_and_workers_carry_out(desk: Desk, robot: User) -> None:
    targets = payouts(desk, 11)
    correction = begun(desk, targets)
    correction.refresh_from_db()
    assert correction.state == State.APPLYING
    assert banks(targets) == ["ICBC"] * 11
    done = work(robot)
    assert [one.applied for one in done] == [3, 3, 3, 2]
    assert done[-1].ended == State.APPLIED
    correction.refresh_from_db()
    assert correction.state == State.APPLIED
    assert banks(targets) == ["CMB"] * 11
    assert not FieldHold.objects.exists()
    chunks = list(correction.chunks.values_list("first", "last", "applied_rows", "failed_rows"))
    assert chunks == [(2, 4, 3, 0), (5, 7, 3, 0), (8, 10, 3, 0), (11, 12, 2, 0)]
    events = list(AuditEvent.objects.filter(correction=correction).order_by("id").values_list("kind", flat=True))
    assert events[-3:] == ["approved", "apply_begun", "applied"]


def test_a_batch_that_is_just_small_enough_is_applied_at_once(desk: Desk, robot: User) -> None:
    targets = payouts(desk, 10)
    begun(desk, targets)
    assert banks(targets) == ["CMB"] * 10
    assert not Chunk.objects.exists()


def test_a_chunk_that_is_done_frees_its_fields(desk: Desk, robot: User) -> None:
    targets = payouts(desk, 11)
    begun(desk, targets)
    step(robot)
    assert FieldHold.objects.count() == 8
    another = desk.submitted(Payout.objects.get(pk=targets[0].pk), counterparty_bank="ABC")
    assert another.state == State.SUBMITTED


def test_applying_it_again_changes_nothing(desk: Desk, robot: User) -> None:
    correction = begun(desk, payouts(desk, 11))
    again = services.apply(actor=desk.eve, correction=correction)
    assert again.state == State.APPLYING
    assert correction.chunks.count() == 4


def test_where_one_bad_row_fails_all_every_row_is_looked_at_first(desk: Desk, robot: User) -> None:
    targets = payouts(desk, 11)
    correction = submitted_rows(desk, targets)
    move(targets[10], counterparty_bank="ABC")
    with pytest.raises(CorrectionError) as refused:
        desk.approve(correction)
    assert refused.value.code == "value_changed_since_request"
    correction.refresh_from_db()
    assert correction.state == State.FAILED
    assert not Chunk.objects.exists()
    assert step(robot) is None


def test_a_row_that_goes_stale_later_stops_the_rest(desk: Desk, robot: User) -> None:
    targets = payouts(desk, 11)
    correction = begun(desk, targets)
    step(robot)
    move(targets[4], counterparty_bank="ABC")
    work(robot)
    correction.refresh_from_db()
    assert correction.state == State.STOPPED
    assert correction.outcome_code == "value_changed_since_request"
    assert targets[4].number in correction.outcome_note
    assert banks(targets) == ["CMB"] * 3 + ["ICBC", "ABC"] + ["ICBC"] * 6
    assert not FieldHold.objects.exists()


def test_stale_rows_stay_out_where_the_maker_chose_so(desk: Desk, robot: User) -> None:
    targets = payouts(desk, 11)
    correction = begun(desk, targets, on_bad_row="skip")
    move(targets[4], counterparty_bank="ABC")
    done = work(robot)
    assert sum(one.failed for one in done) == 1
    correction.refresh_from_db()
    assert correction.state == State.APPLIED
    assert correction.changes.get(position=6).outcome == "value_changed_since_request"
    assert correction.changes.filter(outcome="applied").count() == 10


def test_where_no_row_could_be_applied_it_failed(desk: Desk, robot: User) -> None:
    targets = payouts(desk, 11)
    correction = begun(desk, targets, on_bad_row="skip")
    with recorded_write(source="loan-core"):
        Payout.objects.update(counterparty_bank="ABC")
    work(robot)
    correction.refresh_from_db()
    assert (correction.state, correction.outcome_code) == (State.FAILED, "no_row_was_applied")
    with pytest.raises(CorrectionError) as refused:
        services.submit(actor=desk.mara, correction=correction)
    assert refused.value.code == "batch_was_begun"


def test_a_row_that_was_altered_before_it_begins_stops_the_beginning(desk: Desk, robot: User) -> None:
    correction = submitted_rows(desk, payouts(desk, 11))
    tampered(Change, correction.changes.order_by("position")[8].pk, new={"counterparty_bank": "ABC"})
    with pytest.raises(CorrectionError):
        desk.approve(correction)
    assert not Chunk.objects.exists()


@pytest.mark.parametrize(
    "altered",
    [{"new": {"counterparty_bank": "ABC"}}, {"old": {"counterparty_bank": "CMB"}}, {"target_pk": "999999999"}],
)
def test_a_row_that_was_altered_between_two_chunks_stops_the_rest(
    desk: Desk, robot: User, altered: dict[str, Any]
) -> None:
    targets = payouts(desk, 11)
    correction = begun(desk, targets)
    step(robot)
    tampered(Change, correction.changes.order_by("position")[8].pk, **altered)
    work(robot)
    correction.refresh_from_db()
    assert (correction.state, correction.outcome_code) == (State.STOPPED, "content_differs_from_what_was_signed")
    assert banks(targets) == [*["CMB"] * 6, *["ICBC"] * 5]


def test_it_is_paused_and_goes_on_where_it_was(desk: Desk, robot: User) -> None:
    targets = payouts(desk, 11)
    correction = begun(desk, targets)
    step(robot)
    services.pause_batch(actor=desk.eve, correction=correction, comment="The channel is busy.")
    assert step(robot) is None
    with pytest.raises(CorrectionError) as refused:
        services.pause_batch(actor=desk.eve, correction=correction, comment="Again.")
    assert refused.value.code == "batch_is_paused_already"
    services.resume_batch(actor=desk.eve, correction=correction)
    assert len(work(robot)) == 3
    assert banks(targets) == ["CMB"] * 11


def test_a_hold_stops_the_workers(desk: Desk, robot: User) -> None:
    correction = begun(desk, payouts(desk, 11))
    services.hold(actor=desk.ana, correction=correction, comment="Let me look.")
    assert step(robot) is None
    services.release(actor=desk.ana, correction=correction, comment="In order.")
    assert step(robot) is not None


def test_it_is_stopped_between_two_chunks(desk: Desk, robot: User) -> None:
    targets = payouts(desk, 11)
    correction = begun(desk, targets)
    step(robot)
    services.stop_batch(actor=desk.eve, correction=correction, comment="Wrong file.")
    assert correction.state == State.STOPPED
    assert step(robot) is None
    assert banks(targets) == ["CMB"] * 3 + ["ICBC"] * 8
    assert not FieldHold.objects.exists()
    assert set(correction.changes.filter(position__gt=4).values_list("outcome", flat=True)) == {""}


def test_stopped_before_its_first_chunk_it_failed(desk: Desk, robot: User) -> None:
    correction = begun(desk, payouts(desk, 11))
    services.stop_batch(actor=desk.eve, correction=correction, comment="Wrong file.")
    assert correction.state == State.FAILED


@pytest.mark.parametrize("verb", ["pause_batch", "resume_batch", "stop_batch"])
def test_only_executors_and_compliance_control_a_batch(desk: Desk, verb: str) -> None:
    correction = begun(desk, payouts(desk, 11))
    for person in (desk.mara, desk.chidi, desk.sam):
        with pytest.raises(CorrectionError) as refused:
            getattr(services, verb)(actor=person, correction=correction, comment="Why not?")
        assert refused.value.code == "not_allowed"


def test_only_machines_and_executors_without_a_part_carry_out(desk: Desk, robot: User) -> None:
    targets = payouts(desk, 11)
    correction = begun(desk, targets)
    for person in (desk.mara, desk.chidi, desk.sam):
        with pytest.raises(CorrectionError):
            batch_run.run_next(actor=person, worker=WORKER)
    correction.refresh_from_db()
    assert correction.state == State.APPLYING  # that somebody may not is no reason to stop
    assert batch_run.run_next(actor=desk.eve, worker=WORKER) is not None
    work(robot)
    assert banks(targets) == ["CMB"] * 11


def test_what_is_no_batch_or_not_under_way_is_not_controlled(desk: Desk) -> None:
    with pytest.raises(CorrectionError) as refused:
        services.pause_batch(actor=desk.eve, correction=desk.submitted(), comment="Wait.")
    assert refused.value.code == "correction_is_no_batch"
    waiting = submitted_rows(desk, payouts(desk, 2))
    with pytest.raises(CorrectionError) as refused:
        services.stop_batch(actor=desk.eve, correction=waiting, comment="Wait.")
    assert refused.value.code == "illegal_state"


def test_a_pace_makes_the_next_chunk_wait(desk: Desk, robot: User) -> None:
    correction = begun(desk, payouts(desk, 11))
    services.pace_batch(actor=desk.eve, correction=correction, rows_per_second=1)
    assert step(robot) is not None
    assert step(robot) is None
    batch = Batch.objects.get(correction=correction)
    assert batch_run.is_due(batch, timezone.now() + dt.timedelta(seconds=3))


@pytest.mark.parametrize(
    ("since", "until", "now", "expected"),
    [
        ("08:00", "12:00", "09:00", True),
        ("08:00", "12:00", "12:00", False),
        ("22:00", "06:00", "23:30", True),
        ("22:00", "06:00", "05:59", True),
        ("22:00", "06:00", "12:00", False),
    ],
)
def test_a_window_keeps_it_to_its_hours(since: str, until: str, now: str, expected: bool) -> None:
    batch = Batch(window_from=dt.time.fromisoformat(since), window_until=dt.time.fromisoformat(until))
    here = timezone.make_aware(dt.datetime.combine(dt.date(2026, 11, 23), dt.time.fromisoformat(now)))
    assert batch_run.is_due(batch, here) is expected


@pytest.mark.parametrize("pace", [{"rows_per_second": 0}, {"rows_per_second": "1"}, {"window_from": dt.time(8)}])
def test_a_pace_that_says_nothing_is_refused(desk: Desk, pace: dict[str, Any]) -> None:
    correction = begun(desk, payouts(desk, 11))
    with pytest.raises(CorrectionError) as refused:
        services.pace_batch(actor=desk.eve, correction=correction, **pace)
    assert refused.value.code == "pace_not_readable"


def test_the_command_carries_out_what_waits(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    targets = payouts(desk, 11)
    correction = begun(desk, targets)
    call_command("run_worker", "--once")
    said = capsys.readouterr().out
    assert f"{correction.number}: 3 of 11 rows" in said
    assert f"{correction.number}: applied." in said
    assert banks(targets) == ["CMB"] * 11
    call_command("run_worker", "--once")
    assert capsys.readouterr().out == ""


def test_only_one_worker_claims_a_batch_that_another_correction_waits_behind(desk: Desk, robot: User) -> None:
    first = begun(desk, payouts(desk, 11))
    second = begun(desk, payouts(desk, 11))
    done = work(robot)
    assert [one.correction.pk for one in done] == [first.pk] * 4 + [second.pk] * 4
