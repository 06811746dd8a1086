"""Machine checks are asked once more for the rows of a chunk, right before they are written."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection

from accounts.models import LedgerAccount, Payout
from backoffice.staff.machines import machine
from corrections.choices import ROW_APPLIED, State
from corrections.gate import recorded_write
from corrections.services import _chunk_checks, batch_run
from tests.corrections.services.batches import begun, payouts, work
from tests.corrections.services.desk import Desk
from tests.factories.accounts import LedgerAccountFactory

pytestmark = pytest.mark.django_db
LARGE = 12


@pytest.fixture(autouse=True)
def small_numbers(settings: Any) -> None:
    """Ten rows are large, four make a chunk, and machines look at three together."""
    settings.CORRECTIONS_BATCH_AT_ONCE_ROWS_MAX = 10
    settings.CORRECTIONS_BATCH_CHUNK_ROWS_SQLITE = 4
    settings.CORRECTIONS_BATCH_CHUNK_ROWS_POSTGRESQL = 4
    settings.CORRECTIONS_BATCH_STAGE_ROWS = 3


@pytest.mark.parametrize("way", ["skip", "fail_all"])
def test_an_account_that_is_frozen_after_the_approval_stops_its_row(desk: Desk, way: str) -> None:
    targets = payouts(desk, LARGE, status="to_be_sent")
    fine: LedgerAccount = LedgerAccountFactory(branch=desk.shanghai)
    with recorded_write(source="loan-core"):
        Payout.objects.filter(pk=targets[5].pk).update(source_account=fine)
    correction = begun(desk, targets, on_bad_row=way)
    robot = machine("run_worker")
    first = batch_run.run_next(actor=robot, worker="test:1")
    assert first is not None
    assert first.applied == 4
    with recorded_write(source="loan-core"):
        LedgerAccount.objects.filter(pk=fine.pk).update(status="frozen")
    done = work(robot)
    correction.refresh_from_db()
    outcomes = list(correction.changes.order_by("position").values_list("outcome", flat=True))
    if way == "skip":
        assert [(one.applied, one.failed) for one in done[:2]] == [(3, 1), (4, 0)]
        assert outcomes == [ROW_APPLIED] * 5 + ["account_is_not_frozen"] + [ROW_APPLIED] * 6
        assert correction.state == State.APPLIED
        assert correction.row_findings.get(stage="apply").position == 7
    else:
        assert correction.state == State.STOPPED
        assert correction.outcome_code == "machine_check_failed"
        assert outcomes == [ROW_APPLIED] * 4 + [""] * 8


@pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL asks within the transaction")
def test_what_is_written_between_look_and_chunk_is_seen(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    targets = payouts(desk, LARGE)
    correction = begun(desk, targets, on_bad_row="skip")
    look = _chunk_checks.check_before

    def then_sent(*batch: Any) -> Any:
        found = look(*batch)
        with recorded_write(source="loan-core"):
            Payout.objects.filter(pk=targets[1].pk).update(status="sent", failure_code="")
        return found

    monkeypatch.setattr(batch_run, "check_before", then_sent)
    first = batch_run.run_next(actor=machine("run_worker"), worker="test:1")
    assert first is not None
    assert (first.applied, first.failed) == (3, 1)
    assert correction.changes.get(position=3).outcome == "payout_is_not_on_its_way"
