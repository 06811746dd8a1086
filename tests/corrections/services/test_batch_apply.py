"""A batch that fits one transaction: the same rules, evidence, signatures, images and trace as one row (I-12)."""

from __future__ import annotations

import pytest

from accounts.models import Payout
from corrections import services
from corrections.choices import ROW_APPLIED, State
from corrections.engine import many, rows
from corrections.errors import CorrectionError
from corrections.gate import recorded_write
from corrections.models import AuditEvent, Change, Correction, FieldHold, Revision, RowFinding
from corrections.services import _content
from corrections.services._rows import RowsAreBad, sample_places
from tests.corrections.services.batches import banks, draft_rows, payouts, submitted_rows
from tests.corrections.services.desk import Desk, put_policy_in_force, tampered


@pytest.fixture(params=["in sets", "row by row"], autouse=True)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both ways of carrying out rows keep every promise here."""
    if request.param == "row by row":
        monkeypatch.setattr(many.in_sets, "is_settable", lambda *args: False)
    return str(request.param)


def move(row: Payout, **values: str) -> None:
    with recorded_write(source="loan-core"):
        Payout.objects.filter(pk=row.pk).update(**values)


def test_a_batch_goes_the_whole_way(desk: Desk) -> None:
    targets = payouts(desk, 30)
    correction = submitted_rows(desk, targets)
    assert correction.state == State.SUBMITTED
    assert FieldHold.objects.filter(correction=correction).count() == 30
    desk.approve(correction)
    correction.refresh_from_db()
    assert correction.state == State.APPLIED
    assert banks(targets) == ["CMB"] * 30
    assert set(correction.changes.values_list("outcome", flat=True)) == {ROW_APPLIED}
    assert not FieldHold.objects.exists()
    events = list(AuditEvent.objects.filter(correction=correction).order_by("id").values_list("kind", flat=True))
    assert events[-2:] == ["approved", "applied"]


def test_each_row_keeps_the_images_and_history_that_a_single_correction_keeps(desk: Desk) -> None:
    one, *others = payouts(desk, 3)
    single = desk.applied(one)
    correction = submitted_rows(desk, others)
    desk.approve(correction)
    entry = rows.entry_of("accounts.payout")
    alone = single.changes.get()
    for change, row in zip(correction.changes.order_by("position"), others, strict=True):
        live = Payout.objects.get(pk=row.pk)
        assert change.after_image == rows.image(entry, live)
        assert change.before_image == rows.image(entry, row)
        assert (change.amount, change.currency, change.stake) == (alone.amount, alone.currency, alone.stake)
        last = live.history.first()
        assert last.history_correction == correction.pk
        assert last.counterparty_bank == "CMB"


def test_the_amount_of_all_rows_chooses_the_tier(desk: Desk) -> None:
    targets = payouts(desk, 5)
    correction = submitted_rows(desk, targets)
    assert correction.amounts == {"CNY": "4000.00"}
    assert correction.stake == 4000


def test_the_digest_speaks_of_every_row_through_the_root(desk: Desk) -> None:
    correction = submitted_rows(desk, payouts(desk, 4))
    content = Revision.objects.get(correction=correction).content
    assert "changes" not in content
    assert content["batch"]["root"] == _content.root_of(correction)
    assert content["batch"]["on_bad_row"] == "fail_all"
    assert content["batch"]["rows"] == 4


@pytest.mark.parametrize("columns", [{"new": {"counterparty_bank": "ABC"}}, {"target_label": "another"}])
def test_a_row_that_was_altered_around_the_guards_is_not_signed(desk: Desk, columns: dict[str, object]) -> None:
    correction = submitted_rows(desk, payouts(desk, 4))
    tampered(Change, correction.changes.order_by("position")[2].pk, **columns)
    with pytest.raises(CorrectionError) as refused:
        desk.approve(correction)
    assert refused.value.code == "content_differs_from_what_was_submitted"


def test_one_stale_row_fails_all_and_is_named(desk: Desk) -> None:
    targets = payouts(desk, 5)
    correction = submitted_rows(desk, targets)
    move(targets[3], counterparty_bank="ABC")
    with pytest.raises(CorrectionError) as refused:
        desk.approve(correction)
    assert refused.value.code == "value_changed_since_request"
    correction.refresh_from_db()
    assert correction.state == State.FAILED
    assert targets[3].number in correction.outcome_note
    assert banks(targets) == ["ICBC", "ICBC", "ICBC", "ABC", "ICBC"]
    assert not FieldHold.objects.exists()
    assert set(correction.changes.values_list("outcome", flat=True)) == {""}


def test_one_stale_row_stays_out_where_the_maker_chose_so(desk: Desk) -> None:
    targets = payouts(desk, 5)
    correction = submitted_rows(desk, targets, on_bad_row="skip")
    move(targets[3], counterparty_bank="ABC")
    desk.approve(correction)
    correction.refresh_from_db()
    assert correction.state == State.APPLIED
    assert banks(targets) == ["CMB", "CMB", "CMB", "ABC", "CMB"]
    outcomes = list(correction.changes.order_by("position").values_list("outcome", flat=True))
    assert outcomes == ["applied"] * 3 + ["value_changed_since_request", "applied"]
    finding = RowFinding.objects.get(correction=correction, stage="apply")
    assert (finding.position, finding.code) == (5, "value_changed_since_request")


def test_where_every_row_is_bad_nothing_is_applied(desk: Desk) -> None:
    targets = payouts(desk, 2)
    correction = submitted_rows(desk, targets, on_bad_row="skip")
    for row in targets:
        move(row, counterparty_bank="ABC")
    with pytest.raises(CorrectionError):
        desk.approve(correction)
    correction.refresh_from_db()
    assert correction.state in (State.FAILED, State.RETURNED)
    assert banks(targets) == ["ABC", "ABC"]


def test_bad_rows_of_the_file_are_left_out_only_where_the_maker_says_so(desk: Desk) -> None:
    correction = draft_rows(desk, payouts(desk, 2), bad_rows=3)
    desk.attach(correction)
    with pytest.raises(RowsAreBad) as refused:
        services.submit(actor=desk.mara, correction=correction)
    assert refused.value.code == "rows_are_bad"
    services.submit(actor=desk.mara, correction=correction, on_bad_row="skip")
    assert correction.state == State.SUBMITTED


def test_a_field_that_another_correction_holds_refuses_the_batch(desk: Desk) -> None:
    targets = payouts(desk, 4)
    other = desk.submitted(targets[2])
    with pytest.raises(CorrectionError) as refused:
        submitted_rows(desk, targets)
    assert other.number in str(refused.value)


def test_the_sample_can_be_drawn_again_from_its_seed(desk: Desk) -> None:
    correction = submitted_rows(desk, payouts(desk, 40))
    sample = Correction.objects.get(pk=correction.pk).batch.sample
    assert [place + 2 for place in sample_places(sample["seed"], 40)] == sample["positions"]
    assert len(sample["positions"]) == 20


def test_only_the_sample_is_keyed_blindly(desk: Desk) -> None:
    put_policy_in_force(desk, [("checker", 1)], rekey_fields=["counterparty_bank"])
    targets = payouts(desk, 30)
    correction = submitted_rows(desk, targets)
    positions = correction.batch.sample["positions"]
    keyed = {(change.pk, "counterparty_bank"): "CMB" for change in correction.changes.filter(position__in=positions)}
    assert len(keyed) == 20
    with pytest.raises(CorrectionError) as refused:
        services.approve(actor=desk.chidi, correction=correction, digest=correction.digest)
    assert refused.value.code == "value_must_be_keyed_again"
    services.approve(actor=desk.chidi, correction=correction, digest=correction.digest, rekeyed=keyed)
    assert banks(targets) == ["CMB"] * 30


def test_the_maker_of_a_batch_does_not_sign_it(desk: Desk) -> None:
    correction = submitted_rows(desk, payouts(desk, 2))
    with pytest.raises(CorrectionError) as refused:
        desk.approve(correction, actor=desk.mara)
    assert refused.value.code == "maker_cannot_decide"


def test_rows_of_another_branch_are_neither_submitted_nor_signed(desk: Desk) -> None:
    mixed = [*payouts(desk, 2), desk.payout(desk.beijing, source_account=desk.accounts[desk.beijing.pk])]
    correction = draft_rows(desk, mixed)
    desk.attach(correction)
    with pytest.raises(CorrectionError) as refused:
        services.submit(actor=desk.mara, correction=correction)
    assert refused.value.code == "record_is_outside_your_scope"


def test_a_returned_batch_is_submitted_again_as_its_next_revision(desk: Desk) -> None:
    targets = payouts(desk, 3)
    correction = submitted_rows(desk, targets)
    services.return_for_rework(actor=desk.chidi, correction=correction, digest=correction.digest, comment="Why?")
    services.submit(actor=desk.mara, correction=correction)
    assert correction.revision == 2
    desk.approve(correction)
    assert banks(targets) == ["CMB"] * 3
