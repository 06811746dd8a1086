"""At a large batch machines look before the act; what they found counts while all that it rests on is as it was."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import LedgerAccount, Payout
from corrections import services
from corrections.assessment import assess
from corrections.choices import State
from corrections.engine import gate
from corrections.errors import CorrectionError
from corrections.gate import recorded_write
from corrections.models import AuditEvent, Change, Correction, FlagRule, Policy, PolicyStep, RowFinding
from corrections.services import _looks
from corrections.services.check import checking
from corrections.services.decide import approving
from corrections.services.submit import submitting
from tests.corrections.services import test_token as tokens
from tests.corrections.services.batches import draft_rows, payouts, submitted_rows
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


@pytest.fixture
def draft(desk: Desk) -> Correction:
    correction = draft_rows(desk, payouts(desk, LARGE))
    desk.attach(correction)
    return correction


def rows_of(steps: Iterator[_looks.Looked]) -> list[int]:
    return [step.rows for step in steps]


def moved(correction: Correction, place: int = 5, **values: str) -> None:
    target = correction.changes.order_by("position")[place].target_pk
    with recorded_write(source="loan-core"):
        Payout.objects.filter(pk=target).update(**(values or {"counterparty_bank": "ABC"}))


def test_it_says_how_far_it_is_and_then_submits(desk: Desk, draft: Correction) -> None:
    steps = list(submitting(actor=desk.mara, correction=draft))
    assert [(step.rows, step.of) for step in steps] == [(3, 12), (6, 12), (9, 12), (12, 12)]
    assert steps[-1].seconds_left == 0
    assert draft.state == State.SUBMITTED


def test_a_small_batch_is_looked_at_within_the_act(desk: Desk) -> None:
    correction = draft_rows(desk, payouts(desk, 10))
    desk.attach(correction)
    assert list(submitting(actor=desk.mara, correction=correction)) == []
    assert correction.state == State.SUBMITTED


def test_what_is_left_alone_halfway_has_done_nothing(desk: Desk, draft: Correction) -> None:
    before = (AuditEvent.objects.count(), list(Change.objects.values()))
    for steps in (submitting(actor=desk.mara, correction=draft), checking(actor=desk.mara, correction=draft)):
        next(steps)
        steps.close()
    assert (AuditEvent.objects.count(), list(Change.objects.values())) == before
    draft.refresh_from_db()
    assert (draft.state, draft.number) == (State.DRAFT, None)


def test_whoever_may_not_submit_starts_no_look(desk: Desk, draft: Correction, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_looks, "look_in_bulk", lambda *_args, **_more: pytest.fail("machines looked"))
    with pytest.raises(CorrectionError):
        services.submit(actor=desk.chidi, correction=draft)


@pytest.mark.parametrize("what", ["policy", "rule", "row", "evidence"])
def test_what_changed_meanwhile_is_looked_at_again(desk: Desk, draft: Correction, what: str) -> None:
    steps = submitting(actor=desk.mara, correction=draft, on_bad_row="skip")
    next(steps)
    with gate.opened(actor=desk.sam):
        if what == "policy":
            Policy.objects.update(is_active=False)
            policy = Policy.objects.create(name="two eyes more", version=9)
            for position in (1, 2):
                PolicyStep.objects.create(policy=policy, position=position, role="checker")
        elif what == "rule":
            FlagRule.objects.update(window_days=5)
    if what == "row":
        moved(draft, place=0)
    elif what == "evidence":
        desk.attach(draft, text="another page")
    assert rows_of(steps) == [6, 9, 12, 3, 6, 9, 12]
    assert draft.state == State.SUBMITTED
    if what == "policy":
        assert len(draft.demand["steps"]) == 2
    if what == "row":
        assert draft.row_findings.filter(code="value_changed_since_request").count() == 1


def test_rows_that_never_stand_still_refuse(desk: Desk, draft: Correction, settings: Any) -> None:
    settings.CORRECTIONS_BATCH_LOOKS_MAX = 2
    steps = submitting(actor=desk.mara, correction=draft, on_bad_row="skip")
    with pytest.raises(CorrectionError) as refused:
        for turn, _step in enumerate(steps):
            with gate.opened(actor=desk.sam):
                FlagRule.objects.update(window_days=turn + 1)
    assert refused.value.code == "batch_keeps_changing"
    draft.refresh_from_db()
    assert (draft.state, draft.row_findings.count()) == (State.DRAFT, 0)


def test_what_a_look_stores_is_what_the_act_itself_would_find(desk: Desk, draft: Correction) -> None:
    expected = assess(draft, list(draft.changes.all()), at=timezone.now(), is_locking=False, with_external=True)
    services.submit(actor=desk.mara, correction=draft)
    stored = draft.check_results.filter(moment="submission", is_flag=False)
    assert dict(stored.values_list("check_code", "verdict")) == {
        check.code: finding.verdict for check, finding in expected.findings
    }
    assert {(change.amount, change.stake, change.currency) for change in draft.changes.all()} == {(800, 800, "CNY")}
    assert all(draft.changes.values_list("beneficiary", flat=True))


def test_what_is_stored_already_is_not_written_again(desk: Desk, draft: Correction) -> None:
    services.check_draft(actor=desk.mara, correction=draft)
    with CaptureQueriesContext(connection) as asked:
        services.submit(actor=desk.mara, correction=draft)
    puts = [query["sql"] for query in asked if "beneficiary = v.beneficiary" in query["sql"]]
    assert len(puts) == 4
    assert all("DISTINCT" in sql or "IS NOT" in sql for sql in puts)


# The token


@pytest.fixture
def waiting(desk: Desk, settings: Any) -> Correction:
    settings.CORRECTIONS_STEP_UP = tokens.__name__
    tokens.NOW.update(proved_at=None, asked=[], used=set())
    with gate.opened(actor=desk.sam):
        Policy.objects.update(is_active=False)
        policy = Policy.objects.create(name="tokens", version=9)
        PolicyStep.objects.create(policy=policy, position=1, role="checker", token="own")
    return submitted_rows(desk, payouts(desk, LARGE))


def test_a_code_that_is_given_in_time_counts_after_a_long_look(desk: Desk, waiting: Correction) -> None:
    steps = approving(actor=desk.chidi, correction=waiting, digest=waiting.digest, token=tokens.RIGHT)
    next(steps)
    assert tokens.NOW["asked"] == [("chidi", tokens.RIGHT)]  # asked at once
    tokens.NOW["used"].add(tokens.RIGHT)  # and past its time from now on
    assert rows_of(steps)[-1] == LARGE
    assert waiting.state == State.APPLYING
    assert len(tokens.NOW["asked"]) == 1


def test_a_wrong_code_is_counted_and_nothing_is_looked_at(desk: Desk, waiting: Correction) -> None:
    counted = AuditEvent.objects.filter(actor_name="counter").count()
    steps = approving(actor=desk.chidi, correction=waiting, digest=waiting.digest, token=tokens.WRONG)
    with pytest.raises(CorrectionError) as refused:
        next(steps)
    assert refused.value.code == "token_is_wrong"
    assert AuditEvent.objects.filter(actor_name="counter").count() == counted + 1
    waiting.refresh_from_db()
    assert (waiting.state, waiting.decisions.count()) == (State.SUBMITTED, 0)


def test_a_missing_code_is_asked_for_before_machines_look(desk: Desk, waiting: Correction) -> None:
    with pytest.raises(CorrectionError) as refused:
        next(approving(actor=desk.chidi, correction=waiting, digest=waiting.digest))
    assert refused.value.code == "token_is_required"


# Rows that fail


def frozen(desk: Desk) -> LedgerAccount:
    account: LedgerAccount = LedgerAccountFactory(status="frozen", branch=desk.shanghai)
    return account


def with_frozen(desk: Desk, count: int, places: tuple[int, ...]) -> list[Payout]:
    """Payouts that are about to leave, some from an account from which nothing may."""
    targets, account = payouts(desk, count, status="to_be_sent"), frozen(desk)
    with recorded_write(source="loan-core"):
        Payout.objects.filter(pk__in=[targets[place].pk for place in places]).update(source_account=account)
    return list(Payout.objects.filter(pk__in=[row.pk for row in targets]).order_by("pk"))


ANSWERS = {"payout_source_is_in_use": "verified_elsewhere"}


@pytest.mark.parametrize("count", [9, LARGE])
def test_rows_that_a_check_fails_stay_out_where_bad_rows_may(desk: Desk, count: int) -> None:
    correction = draft_rows(desk, with_frozen(desk, count, (1, 7)), bad_rows=1)
    desk.attach(correction)
    services.submit(actor=desk.mara, correction=correction, on_bad_row="skip")
    assert correction.state == State.SUBMITTED
    left = list(correction.changes.order_by("position").values_list("position", flat=True))
    assert left == [place + 2 for place in range(count) if place not in (1, 7)]
    assert correction.batch.bad_rows == 3
    told = correction.row_findings.filter(stage="staging", verdict="fail").order_by("position")
    assert list(told.values_list("position", "code")) == [(3, "account_is_not_frozen"), (9, "account_is_not_frozen")]
    assert set(correction.batch.sample["positions"]) <= set(left)
    results = correction.check_results.filter(moment="submission", check_code="account_is_not_frozen")
    assert results.get().verdict == "pass"
    assert correction.amounts == {"CNY": f"{800 * (count - 2)}.0000"} or correction.stake == 800 * (count - 2)


def test_fewer_rows_than_a_chunk_may_be_left(desk: Desk, settings: Any) -> None:
    settings.CORRECTIONS_BATCH_CHUNK_ROWS_SQLITE = settings.CORRECTIONS_BATCH_CHUNK_ROWS_POSTGRESQL = LARGE
    correction = draft_rows(desk, with_frozen(desk, LARGE, (1, 7)))
    desk.attach(correction)
    services.submit(actor=desk.mara, correction=correction, on_bad_row="skip")
    assert (correction.state, correction.changes.count()) == (State.SUBMITTED, LARGE - 2)


@pytest.mark.parametrize("count", [9, LARGE])
def test_where_bad_rows_fail_all_a_failing_row_does(desk: Desk, count: int) -> None:
    correction = draft_rows(desk, with_frozen(desk, count, (1,)))
    desk.attach(correction)
    with pytest.raises(CorrectionError) as refused:
        services.submit(actor=desk.mara, correction=correction)
    assert refused.value.code == "machine_check_failed"
    assert correction.changes.count() == count


def test_where_every_row_fails_nothing_is_left_to_submit(desk: Desk) -> None:
    correction = draft_rows(desk, with_frozen(desk, 3, (0, 1, 2)))
    desk.attach(correction)
    with pytest.raises(CorrectionError) as refused:
        services.submit(actor=desk.mara, correction=correction, on_bad_row="skip")
    assert refused.value.code == "no_row_passes_the_checks"
    assert (correction.changes.count(), RowFinding.objects.count()) == (3, 0)
