"""The clock: reminders once per step, escalation to the next group, expiry of three kinds, and what is due applied."""

from __future__ import annotations

import datetime as dt
import io
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection, connections
from django.utils import timezone

from accounts.models import Payout
from backoffice.staff.machines import machine
from backoffice.staff.models import User
from corrections import services
from corrections.choices import AuditKind, State
from corrections.engine import gate
from corrections.errors import CorrectionError
from corrections.gate import recorded_write
from corrections.models import AuditEvent, CalendarDay, Correction, Notice, Policy, PolicyStep
from corrections.selectors import queue
from corrections.services import clock
from tests.corrections.services.desk import Desk, make_desk, put_policy_in_force, tampered
from tests.factories.staff import account

ROOT = Path(__file__).resolve().parents[3]
# A Monday morning in Shanghai, when the desk has just opened: hours of work are hours of the clock until the evening.
MONDAY = dt.datetime(2027, 3, 1, 2, 0, tzinfo=dt.UTC)


@pytest.fixture
def clockwork(db: None) -> User:
    return machine("expire_corrections")


@contextmanager
def at(hours: float) -> Iterator[None]:
    """So many hours of the clock after that Monday morning."""
    with time_machine.travel(MONDAY + dt.timedelta(hours=hours), tick=False):
        yield


def escalating(desk: Desk, *, to: str = "senior_checker", **fields: Any) -> None:
    """Four eyes, reminded of after 2 working hours, escalated after 4."""
    with gate.opened(actor=desk.sam):
        Policy.objects.filter(is_active=True).update(is_active=False)
        policy = Policy.objects.create(
            name="four eyes", version=2, **{"reminder_hours": 2, "escalation_hours": 4, **fields}
        )
        PolicyStep.objects.create(policy=policy, position=1, role="checker", people=1, escalates_to=to)
        PolicyStep.objects.create(policy=policy, position=2, role="checker", people=1, escalates_to=to)


def fresh(correction: Correction) -> Correction:
    return Correction.objects.get(pk=correction.pk)


def events(kind: AuditKind) -> int:
    return AuditEvent.objects.filter(kind=kind).count()


def code_of(act: Callable[..., Any], **arguments: Any) -> str:
    with pytest.raises(CorrectionError) as caught:
        act(**arguments)
    return str(caught.value.code)


# Reminders


@pytest.mark.django_db
def test_a_step_is_reminded_of_once_after_its_working_hours(desk: Desk, clockwork: User) -> None:
    escalating(desk)
    with at(0):
        correction = desk.submitted()
    with at(1.99):
        assert clock.run(actor=clockwork).reminded == 0
    with at(2):
        assert clock.run(actor=clockwork).reminded == 1
        assert fresh(correction).reminded_at == timezone.now()
    with at(3):
        assert clock.run(actor=clockwork).reminded == 0
        assert code_of(services.remind, actor=clockwork, correction=correction) == "clock_finds_nothing_due"
    assert events(AuditKind.REMINDED) == 1


@pytest.mark.django_db
def test_the_next_step_is_reminded_of_anew(desk: Desk, clockwork: User) -> None:
    escalating(desk)
    with at(0):
        correction = desk.submitted()
    with at(2):
        clock.run(actor=clockwork)
        desk.approve(correction)
        assert fresh(correction).reminded_at is None
        assert clock.run(actor=clockwork).reminded == 0
    with at(4):
        assert clock.run(actor=clockwork).reminded == 1


@pytest.mark.django_db
def test_a_night_a_weekend_and_a_holiday_are_no_working_time(desk: Desk, clockwork: User) -> None:
    escalating(desk)
    with at(-72):  # Friday 10:00
        friday = desk.submitted()
        tampered(Correction, friday.pk, step_opened_at=MONDAY - dt.timedelta(hours=72 - 6.5))  # 16:30
    with gate.opened(actor=desk.sam):
        CalendarDay.objects.create(day=dt.date(2027, 3, 1), is_working=False)
    with at(8):  # Monday evening
        assert clock.run(actor=clockwork).reminded == 0
    with at(24 + 6):  # Tuesday afternoon
        assert clock.run(actor=clockwork).reminded == 1


@pytest.mark.django_db
def test_what_is_on_hold_rests_until_it_is_released(desk: Desk, clockwork: User) -> None:
    escalating(desk)
    with at(0):
        correction = desk.submitted()
        services.hold(actor=desk.ana, correction=correction, comment="Wait.")
    with at(6):
        done = clock.run(actor=clockwork)
        assert (done.reminded, done.escalated, done.expired, done.refused) == (0, 0, 0, 0)
        assert code_of(services.remind, actor=clockwork, correction=correction) == "correction_is_on_hold"
        services.release(actor=desk.ana, correction=correction, comment="Go on.")
        done = clock.run(actor=clockwork)
        assert (done.reminded, done.escalated) == (1, 1)


@pytest.mark.django_db
def test_no_hours_no_reminder(desk: Desk, clockwork: User) -> None:
    escalating(desk, reminder_hours=0, escalation_hours=0)
    with at(0):
        desk.submitted()
    with at(24 * 9):
        done = clock.run(actor=clockwork)
        assert (done.reminded, done.escalated) == (0, 0)


# Escalation


@pytest.mark.django_db
def test_the_next_group_may_sign_after_the_escalation_and_not_before(desk: Desk, clockwork: User) -> None:
    escalating(desk)
    sena = account("Sena", "senior_checker", scope=desk.shanghai)
    elsewhere = account("Sol", "senior_checker", scope=desk.beijing)
    with at(0):
        correction = desk.submitted()
    with at(3.9):
        assert clock.run(actor=clockwork).escalated == 0
        assert code_of(desk.approve, correction=correction, actor=sena) == "step_is_not_yours"
        assert [line.pk for line in queue.page(actor=sena).rows] == []
    with at(4):
        assert clock.run(actor=clockwork).escalated == 1
        assert clock.run(actor=clockwork).escalated == 0
        assert fresh(correction).escalated_role == "senior_checker"
        assert AuditEvent.objects.get(kind=AuditKind.ESCALATED).detail == {"step": 1, "role": "senior_checker"}
        assert [line.pk for line in queue.page(actor=sena).rows] == [correction.pk]
        assert [line.pk for line in queue.page(actor=elsewhere).rows] == []
        assert code_of(desk.approve, correction=correction, actor=elsewhere) == "step_is_not_yours"
        decision = desk.approve(correction, actor=sena)
    assert (decision.role, decision.held_role) == ("checker", "senior_checker")


@pytest.mark.django_db
def test_escalation_lowers_neither_the_people_nor_the_exclusions(desk: Desk, clockwork: User) -> None:
    escalating(desk)
    sena = account("Sena", "senior_checker", scope=desk.shanghai)
    maker = account("Mila", "maker", "senior_checker", scope=desk.shanghai)
    with at(0):
        correction = desk.draft(actor=maker)
        desk.attach(correction, actor=maker)
        services.submit(actor=maker, correction=correction)
    with at(4):
        clock.run(actor=clockwork)
        assert code_of(desk.approve, correction=correction, actor=maker) == "maker_cannot_decide"
        desk.approve(correction, actor=sena)
        assert fresh(correction).state == State.SUBMITTED
        assert fresh(correction).escalated_role == ""  # the next step is its own
    with at(7.5):
        clock.run(actor=clockwork)
        assert code_of(desk.approve, correction=correction, actor=sena) == "person_has_decided_already"
        desk.approve(correction, actor=desk.chidi)
    assert fresh(correction).state == State.APPLIED


@pytest.mark.django_db
def test_a_step_without_a_next_group_stays_with_its_own(desk: Desk, clockwork: User) -> None:
    escalating(desk, to="")
    with at(0):
        correction = desk.submitted()
    with at(7):
        assert clock.run(actor=clockwork).escalated == 0
        assert code_of(services.escalate, actor=clockwork, correction=correction) == "clock_finds_nothing_due"


@pytest.mark.django_db
def test_only_a_machine_or_compliance_turns_the_clock(desk: Desk) -> None:
    escalating(desk)
    with at(0):
        correction = desk.submitted()
    with at(5):
        for user in (desk.mara, desk.chidi, desk.sam):
            assert code_of(services.escalate, actor=user, correction=correction) == "clock_is_for_machines"
            assert code_of(services.remind, actor=user, correction=correction) == "clock_is_for_machines"
        services.escalate(actor=desk.ana, correction=correction)


# Expiry


@pytest.mark.django_db
def test_undecided_returned_and_not_applied_all_expire_and_nothing_else(desk: Desk, clockwork: User) -> None:
    put_policy_in_force(
        desk, [("checker", 1)], is_applied_with_approval=False, decide_hours=10, rework_hours=20, apply_hours=30
    )
    with at(0):
        undecided, returned, approved, drafted = desk.submitted(), desk.submitted(), desk.submitted(), desk.draft()
        services.return_for_rework(actor=desk.chidi, correction=returned, digest=returned.digest, comment="Why?")
        desk.approve(approved)
        applied = desk.submitted()
        desk.approve(applied)
        services.apply(actor=desk.eve, correction=applied)
    found = []
    for hours in (9.9, 10, 19.9, 20, 29.9, 30):
        with at(hours):
            found.append(clock.run(actor=clockwork).expired)
    assert found == [0, 1, 0, 1, 0, 1]
    states = [fresh(one).state for one in (undecided, returned, approved, drafted, applied)]
    assert states == [State.EXPIRED, State.EXPIRED, State.EXPIRED, State.DRAFT, State.APPLIED]
    assert not undecided.field_holds.exists()


@pytest.mark.django_db
def test_what_failed_and_is_reworked_has_its_time_anew(desk: Desk, clockwork: User) -> None:
    put_policy_in_force(desk, [("checker", 1)], decide_hours=10, rework_hours=20)
    payout = desk.payout()
    with at(0):
        correction = desk.submitted(payout)
        with recorded_write(source="loan-core"):
            Payout.objects.filter(pk=payout.pk).update(counterparty_bank="CCB")
        assert code_of(desk.approve, correction=correction) == "value_changed_since_request"
    with at(100):
        services.rework(actor=desk.mara, correction=correction)
        assert clock.run(actor=clockwork).expired == 0
    with at(120):
        assert clock.run(actor=clockwork).expired == 1


# What is due


@pytest.fixture
def cooling(desk: Desk) -> None:
    put_policy_in_force(desk, [("checker", 1)], cool_off_hours=5, apply_hours=10)


def due(**options: Any) -> tuple[str, str]:
    out, err = io.StringIO(), io.StringIO()
    try:
        call_command("apply_due", stdout=out, stderr=err, **options)
    except CommandError as error:
        err.write(f"EXIT {error}")
    return out.getvalue(), err.getvalue()


@pytest.mark.django_db
def test_what_cooled_off_is_applied_by_the_machine_once(desk: Desk, cooling: None) -> None:
    payout = desk.payout()
    with at(0):
        correction = desk.applied(payout)
        assert fresh(correction).state == State.APPROVED
    with at(4.9):
        assert "0 corrections applied" in due()[0]
    with at(5):
        assert due() == ("1 corrections applied, 0 failed or refused.\n", "")
        assert "0 corrections applied" in due()[0]
    payout.refresh_from_db()
    assert (fresh(correction).state, payout.counterparty_bank) == (State.APPLIED, "CMB")
    assert AuditEvent.objects.get(kind=AuditKind.APPLIED).actor.username == "apply_due"


@pytest.mark.django_db
def test_one_that_fails_is_told_and_the_others_go_on(desk: Desk, cooling: None) -> None:
    payout = desk.payout()
    with at(0):
        bad, good = desk.applied(payout), desk.applied()
        with recorded_write(source="loan-core"):
            Payout.objects.filter(pk=payout.pk).update(counterparty_bank="CCB")
    with at(6):
        out, err = due()
    assert "1 corrections applied, 1 failed" in out
    assert f"{bad.number}: " in err
    assert "value_changed_since_request" in err
    assert "EXIT 1 corrections could not be applied" in err
    assert (fresh(bad).state, fresh(good).state) == (State.FAILED, State.APPLIED)


@pytest.mark.django_db
def test_what_needs_an_executor_is_on_hold_or_out_of_time_is_not_applied_by_the_clock(desk: Desk) -> None:
    put_policy_in_force(desk, [("checker", 1)], is_applied_with_approval=False, apply_hours=10)
    with at(0):
        by_executor = desk.applied()
    with at(1):
        assert due()[0].startswith("0 corrections")
        assert code_of(services.apply_due, actor=machine("apply_due"), correction=by_executor) == "not_allowed"
    Policy.objects.none()
    with gate.opened(actor=desk.sam):
        Policy.objects.filter(is_active=True).update(is_active=False)
        policy = Policy.objects.create(name="four eyes", version=3, cool_off_hours=5, apply_hours=10)
        PolicyStep.objects.create(policy=policy, position=1, role="checker", people=1)
    with at(0):
        held, late = desk.applied(), desk.applied()
        services.hold(actor=desk.ana, correction=held, comment="Wait.")
    with at(16):
        assert due()[0].startswith("0 corrections")
    assert (fresh(held).state, fresh(late).state) == (State.APPROVED, State.APPROVED)


# Twice, two at once, and for as long as it is let


def at_once(calls: list[Callable[[], Any]]) -> list[Any]:
    """Runs the calls in threads that start together."""
    gate_, found = threading.Barrier(len(calls)), [None] * len(calls)

    def run(index: int, call: Callable[[], Any]) -> None:
        gate_.wait()
        try:
            found[index] = call()
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(index, call)) for index, call in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


@pytest.mark.django_db(transaction=True)
def test_two_workers_at_once_do_everything_once_and_neither_fails() -> None:
    desk, actor = make_desk(), machine("expire_corrections")
    put_policy_in_force(desk, [("checker", 1)], reminder_hours=1, decide_hours=2)
    since = timezone.now() - dt.timedelta(days=30)
    over, waiting = [desk.submitted() for _ in range(4)], [desk.submitted() for _ in range(4)]
    for correction in over:
        tampered(Correction, correction.pk, expires_at=since)
    for correction in waiting:
        tampered(Correction, correction.pk, step_opened_at=since)
    rounds = at_once([lambda: clock.run(actor=actor) for _ in range(2)])
    assert sum(done.expired for done in rounds) == 4
    assert sum(done.reminded for done in rounds) == 4
    assert [done.refused for done in rounds] == [0, 0]
    assert (events(AuditKind.EXPIRED), events(AuditKind.REMINDED)) == (4, 4)
    clock.run(actor=actor)
    keys = list(Notice.objects.values_list("key", flat=True))
    assert len(keys) == len(set(keys)) > 0
    assert Notice.objects.filter(kind="expired", person=desk.mara.person).count() == 4


@pytest.mark.django_db(transaction=True)
def test_two_workers_at_once_apply_once() -> None:
    desk, actor = make_desk(), machine("apply_due")
    put_policy_in_force(desk, [("checker", 1)], cool_off_hours=1)
    payouts = [desk.payout() for _ in range(3)]
    corrections = [desk.applied(payout) for payout in payouts]
    for correction in corrections:
        tampered(Correction, correction.pk, apply_not_before=timezone.now() - dt.timedelta(hours=1))
    rounds = at_once([lambda: clock.run_due(actor=actor) for _ in range(2)])
    assert (sum(done.applied for done in rounds), sum(done.refused for done in rounds)) == (3, 0)
    assert events(AuditKind.APPLIED) == 3
    assert [payout.history.count() for payout in payouts] == [2, 2, 2]


@pytest.mark.django_db(transaction=True)
def test_the_command_stays_with_every_and_ends_cleanly_when_told() -> None:
    desk = make_desk()
    timed_out(desk, desk.submitted())
    connections.close_all()
    name = settings.DATABASES["default"]["NAME"]
    url = f"sqlite:///{name}" if connection.vendor == "sqlite" else _postgres(name)
    with subprocess.Popen(
        [sys.executable, "manage.py", "expire_corrections", "--every", "1"],
        cwd=ROOT,
        env={**os.environ, "DATABASE_URL": url, "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            assert "1 corrections expired" in process.stdout.readline()
            second = desk.submitted()
            timed_out(desk, second)
            deadline = time.monotonic() + 60
            while fresh(second).state != State.EXPIRED and time.monotonic() < deadline:
                time.sleep(0.2)
            assert fresh(second).state == State.EXPIRED
            process.send_signal(signal.SIGTERM)
            said, _ = process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == 0
    assert said.endswith("Ended.\n")


def timed_out(desk: Desk, correction: Correction) -> None:
    """Its time is over; no guard is taken down for that, since another process looks at the tables."""
    with gate.opened(actor=desk.sam):
        Correction.objects.filter(pk=correction.pk).update(expires_at=timezone.now() - dt.timedelta(hours=1))


def _postgres(name: str) -> str:
    """The test database's own address: the one of this run with another name behind the last slash."""
    return f"{os.environ['DATABASE_URL'].rpartition('/')[0]}/{name}"


@pytest.mark.parametrize("wrong", ["0", "-1", "90000", "soon"])
def test_every_takes_seconds_up_to_a_day(wrong: str) -> None:
    with pytest.raises(CommandError, match="--every"):
        call_command("expire_corrections", "--every", wrong)
