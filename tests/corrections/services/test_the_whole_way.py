"""One correction from wrong data to corrected data and back, through the public door."""

from __future__ import annotations

import pytest

from accounts.models import Payout
from corrections import services
from corrections.choices import AuditKind, State
from corrections.errors import IllegalState
from corrections.models import FieldHold
from tests.corrections.services.desk import Desk

pytestmark = pytest.mark.django_db


def test_an_approved_correction_is_applied_with_history_images_and_audit(desk: Desk) -> None:
    payout = desk.payout()
    correction = desk.applied(payout)
    payout.refresh_from_db()
    assert payout.counterparty_bank == "CMB"
    assert correction.state == State.APPLIED

    row = payout.history.first()
    assert (row.history_type, row.counterparty_bank) == ("~", "CMB")
    assert (row.history_source, row.history_correction) == ("engine", correction.pk)
    assert row.history_user_id == desk.chidi.pk
    assert "Chidi" in row.history_actor
    assert str(correction.number) in row.history_change_reason

    change = correction.changes.get()
    assert change.before_image["counterparty_bank"] == "ICBC"
    assert change.after_image == {**change.before_image, "counterparty_bank": "CMB"}
    kinds = list(correction.audit_events.order_by("id").values_list("kind", flat=True))
    assert kinds == [
        AuditKind.DRAFTED,
        AuditKind.EVIDENCE_ATTACHED,
        AuditKind.SUBMITTED,
        AuditKind.APPROVED,
        AuditKind.APPLIED,
    ]
    assert not FieldHold.objects.exists()


def test_a_returned_correction_comes_back_as_revision_two(desk: Desk) -> None:
    correction = desk.submitted()
    first = correction.digest
    services.return_for_rework(
        actor=desk.chidi, correction=correction, digest=correction.digest, comment="No channel receipt."
    )
    assert correction.state == State.RETURNED
    assert correction.outcome_note == "No channel receipt."
    desk.attach(correction)
    services.submit(actor=desk.mara, correction=correction)
    assert (correction.state, correction.revision) == (State.SUBMITTED, 2)
    assert correction.digest != first
    assert [revision.number for revision in correction.revisions.all()] == [1, 2]
    # Whoever returned it may decide the next revision: a return is no contribution.
    desk.approve(correction)
    assert correction.state == State.APPLIED


def test_a_rejected_correction_is_closed_and_frees_its_fields(desk: Desk) -> None:
    payout = desk.payout()
    correction = desk.submitted(payout)
    services.reject(actor=desk.chidi, correction=correction, digest=correction.digest, comment="Not proven.")
    assert correction.state == State.REJECTED
    again = desk.submitted(payout)
    assert again.state == State.SUBMITTED


def test_the_maker_withdraws_before_apply(desk: Desk) -> None:
    correction = desk.submitted()
    services.withdraw(actor=desk.mara, correction=correction, comment="Asked for too early.")
    assert correction.state == State.WITHDRAWN
    with pytest.raises(IllegalState):
        desk.approve(correction)


def test_numbers_have_no_gap_and_are_given_at_submission(desk: Desk) -> None:
    draft = desk.draft()
    assert draft.number is None
    numbers = [desk.submitted().number for _ in range(3)]
    year = numbers[0].split("-")[1]
    assert numbers == [f"DZ-{year}-{n:06d}" for n in (1, 2, 3)]
    with pytest.raises(Exception, match="evidence"):
        services.submit(actor=desk.mara, correction=draft)
    assert desk.submitted().number == f"DZ-{year}-000004"


def test_applying_an_applied_correction_returns_it_unchanged(desk: Desk) -> None:
    correction = desk.applied()
    events = correction.audit_events.count()
    same = services.apply(actor=desk.eve, correction=correction)
    assert same.state == State.APPLIED
    assert correction.audit_events.count() == events
    assert correction.changes.get().after_image["counterparty_bank"] == "CMB"


def test_a_secret_is_corrected_as_ciphertext_index_and_mask(desk: Desk, customer_fields_allowed: None) -> None:
    payout = desk.payout()
    correction = desk.draft(payout, counterparty_account="6222020000009999")
    desk.attach(correction, kind="customer_consent")
    services.submit(actor=desk.mara, correction=correction)
    change = correction.changes.get()
    assert "6222020000009999" not in str(change.new) + str(correction.revisions.get().content)
    assert change.new["counterparty_account_masked"] == "****9999"
    desk.approve(correction)
    fresh = Payout.objects.get(pk=payout.pk)
    assert fresh.counterparty_account.reveal() == "6222020000009999"
    assert str(fresh.counterparty_account) == "****9999"


def test_two_step_policy_needs_two_different_people(desk: Desk, two_step_policy: None) -> None:
    correction = desk.submitted()
    desk.approve(correction)
    assert (correction.state, correction.step) == (State.SUBMITTED, 2)
    desk.approve(correction, actor=desk.carl)
    assert correction.state == State.APPLIED


def test_an_executor_applies_where_the_policy_says_so(desk: Desk, executor_policy: None) -> None:
    from tests.factories.staff import give_roles

    correction = desk.submitted()
    desk.approve(correction)
    assert correction.state == State.APPROVED
    give_roles(desk.eve, "executor")
    services.apply(actor=desk.eve, correction=correction)
    assert correction.state == State.APPLIED


def test_an_executor_returns_an_approved_correction(desk: Desk, executor_policy: None) -> None:
    correction = desk.submitted()
    desk.approve(correction)
    services.return_for_rework(
        actor=desk.eve, correction=correction, digest=correction.digest, comment="Channel is down."
    )
    assert correction.state == State.RETURNED
