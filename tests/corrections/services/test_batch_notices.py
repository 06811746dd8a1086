"""What becomes of a batch is told to its maker and its last approver, with numbers of rows and nothing of the rows."""

from __future__ import annotations

from typing import Any

import pytest
from django.core import mail
from django.utils.translation import override

from accounts.models import Payout
from backoffice.staff.machines import machine
from backoffice.staff.models import User
from corrections import services
from corrections.choices import AuditKind, NoticeKind
from corrections.gate import recorded_write
from corrections.models import AuditEvent, Correction, Notice
from corrections.permissions import rights_of
from corrections.selectors import inbox
from corrections.services import batch_run, mails, notices
from tests.corrections.services.batches import WORKER, begun, payouts, submitted_rows, work
from tests.corrections.services.desk import Desk

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def small_chunks(settings: Any) -> None:
    """Ten rows are large, and three make a chunk."""
    settings.CORRECTIONS_BATCH_AT_ONCE_ROWS_MAX = 10
    settings.CORRECTIONS_BATCH_CHUNK_ROWS_SQLITE = 3
    settings.CORRECTIONS_BATCH_CHUNK_ROWS_POSTGRESQL = 3


@pytest.fixture
def robot(db: None) -> User:
    return machine("run_worker")


def move(row: Payout) -> None:
    with recorded_write(source="loan-core"):
        Payout.objects.filter(pk=row.pk).update(counterparty_bank="ABC")


def told(correction: Correction, kind: NoticeKind, robot: User) -> dict[str, str]:
    """The counts by first name of whoever has such a notice."""
    notices.distribute(actor=robot)
    found = Notice.objects.filter(correction=correction, kind=kind)
    return {notice.person.name.split()[0]: notice.subject for notice in found.select_related("person")}


def about(person: User, correction: Correction) -> str:
    lines = inbox.page(actor=person, rights=rights_of(person)).lines
    return next(line.about for line in lines if line.correction_pk == correction.pk)


def test_a_large_batch_that_was_carried_out_is_told_with_what_was_left_out(desk: Desk, robot: User) -> None:
    targets = payouts(desk, 11)
    correction = begun(desk, targets, on_bad_row="skip")
    move(targets[4])
    work(robot)
    assert told(correction, NoticeKind.BATCH_APPLIED, robot) == {"Mara": "10 1 0", "Chidi": "10 1 0"}
    assert about(desk.mara, correction).startswith("rows applied: 10 · not applied: 1 · ")
    assert not Notice.objects.filter(kind=NoticeKind.APPLIED).exists()


def test_a_batch_that_was_stopped_is_told_with_what_was_never_tried(desk: Desk, robot: User) -> None:
    correction = begun(desk, payouts(desk, 11))
    batch_run.run_next(actor=robot, worker=WORKER)
    services.stop_batch(actor=desk.eve, correction=correction, comment="Wrong file.")
    assert told(correction, NoticeKind.BATCH_STOPPED, robot) == {"Mara": "3 0 8", "Chidi": "3 0 8"}
    assert about(desk.mara, correction).startswith("rows applied: 3 · never tried: 8 · ")


def test_a_batch_of_which_no_row_was_applied_is_told(desk: Desk, robot: User) -> None:
    correction = begun(desk, payouts(desk, 11))
    services.stop_batch(actor=desk.eve, correction=correction, comment="Wrong file.")
    assert set(told(correction, NoticeKind.BATCH_FAILED, robot)) == {"Mara", "Chidi"}
    assert not about(desk.mara, correction).startswith("rows applied")


def test_whoever_signs_a_small_batch_is_not_told_of_the_own_act(desk: Desk, robot: User) -> None:
    correction = submitted_rows(desk, payouts(desk, 3))
    desk.approve(correction)
    assert told(correction, NoticeKind.BATCH_APPLIED, robot) == {"Mara": "3 0 0"}


def test_its_mail_says_how_many_rows_and_no_value(desk: Desk, robot: User, settings: Any) -> None:
    settings.CORRECTIONS_MAILS = True
    User.objects.filter(pk=desk.mara.pk).update(email="mara@desk.example", language="en")
    targets = payouts(desk, 11)
    correction = begun(desk, targets)
    work(robot)
    notices.distribute(actor=robot)
    mails.send(actor=robot)
    text = next(one.body for one in mail.outbox if "was carried out" in one.subject)
    assert "rows applied: 11" in text
    for value in ("CMB", "ICBC", targets[0].number, "Zhang"):
        assert value not in text
    assert str(correction.number) in text


def test_a_pace_is_on_record_with_what_it_was_before(desk: Desk, robot: User) -> None:
    correction = begun(desk, payouts(desk, 11))
    services.pace_batch(actor=desk.eve, correction=correction, rows_per_second=500)
    services.pace_batch(actor=desk.eve, correction=correction)
    found = AuditEvent.objects.filter(correction=correction, kind=AuditKind.PACED).order_by("id")
    slow, free = {"rows_per_second": 500, "hours": ""}, {"rows_per_second": None, "hours": ""}
    assert [(one.detail["before"], one.detail["after"]) for one in found] == [(free, slow), (slow, free)]
    assert not AuditEvent.objects.filter(kind=AuditKind.RESUMED).exists()


def test_the_story_tells_a_pace_and_a_stop_in_words(desk: Desk, robot: User) -> None:
    from corrections.selectors.blind import Blind
    from corrections.selectors.timeline import timeline

    targets = payouts(desk, 11)
    correction = begun(desk, targets)
    services.pace_batch(actor=desk.eve, correction=correction, rows_per_second=500)
    services.pace_batch(actor=desk.eve, correction=correction)
    batch_run.run_next(actor=robot, worker=WORKER)
    move(targets[4])
    work(robot)
    with override("en"):
        told_by = {event.kind: event.text for event in timeline(correction, [], [], Blind())}
    assert told_by[AuditKind.PACED] == "500 rows per second → no limit"
    assert "by machine: a row can't be applied" in told_by[AuditKind.STOP_ASKED]
    assert told_by[AuditKind.STOPPED] == "rows applied: 3 · never tried: 8"
