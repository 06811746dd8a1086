"""One person never plays two parts on one correction, and a correction is decided in its time, by its own branch."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
import time_machine
from django.db import IntegrityError, connection
from django.utils import timezone

from accounts.models import Payout
from corrections import services
from corrections.choices import State
from corrections.conf import limits
from corrections.engine import gate
from corrections.errors import CorrectionError
from corrections.gate import recorded_write
from corrections.models import AuditEvent, Change, CheckResult, Correction, Evidence, FieldHold
from corrections.services import _door
from tests.corrections.services.desk import Desk, evidence_file, put_policy_in_force, tampered
from tests.factories.staff import account, give_roles

pytestmark = pytest.mark.django_db


def refusal(call: Callable[..., Any], **arguments: Any) -> str:
    with pytest.raises(CorrectionError) as caught:
        call(**arguments)
    assert str(caught.value)
    return caught.value.code


class TestI01OnePart:
    @pytest.mark.parametrize("who", ["mara", "max"])
    def test_whoever_had_part_in_a_correction_does_not_apply_it(
        self, desk: Desk, executor_policy: None, who: str
    ) -> None:
        correction = desk.draft()
        desk.attach(correction)
        services.amend(actor=desk.max, correction=correction, note="Said more clearly.")
        services.submit(actor=desk.mara, correction=correction)
        desk.approve(correction)
        give_roles(getattr(desk, who), "executor")
        assert refusal(services.apply, actor=getattr(desk, who), correction=correction) == "maker_cannot_apply"
        assert services.apply(actor=desk.eve, correction=correction).state == State.APPLIED

    def test_whoever_had_part_in_a_correction_does_not_release_it(self, desk: Desk) -> None:
        correction = desk.submitted()
        services.hold(actor=desk.ana, correction=correction, comment="Looks odd.")
        give_roles(desk.mara, "compliance")
        code = refusal(services.release, actor=desk.mara, correction=correction, comment="It is fine.")
        assert code == "maker_cannot_decide"

    def test_the_makers_account_does_not_decide_even_for_another_person(self, desk: Desk) -> None:
        """Should an account ever be given to somebody else, what it made stays its own."""
        correction = desk.submitted()
        other = account("other", "checker", scope=desk.shanghai).person
        type(desk.mara).objects.filter(pk=desk.mara.pk).update(person=other)
        give_roles(desk.mara, "checker", scope=desk.shanghai)
        code = refusal(services.approve, actor=desk.mara, correction=correction, digest=correction.digest)
        assert code == "maker_cannot_decide"

    def test_a_person_to_whom_it_was_handed_and_who_then_edits_it_is_out(self, desk: Desk) -> None:
        correction = desk.submitted()
        services.hand_over(actor=desk.chidi, correction=correction, to=desk.carl)
        services.return_for_rework(
            actor=desk.chidi, correction=correction, digest=correction.digest, comment="More, please."
        )
        give_roles(desk.carl, "maker", scope=desk.shanghai)
        desk.attach(correction, actor=desk.carl)
        services.submit(actor=desk.mara, correction=correction)
        code = refusal(services.approve, actor=desk.carl, correction=correction, digest=correction.digest)
        assert code == "maker_cannot_decide"


class TestScopes:
    def test_an_empty_draft_is_not_open_to_other_branches(self, desk: Desk) -> None:
        correction = desk.draft()
        services.remove_change(actor=desk.mara, change=correction.changes.get())
        assert refusal(services.amend, actor=desk.bo, correction=correction, note="x") == (
            "correction_is_outside_your_scope"
        )
        assert refusal(services.submit, actor=desk.mara, correction=correction) == "correction_is_empty"


class TestTime:
    def test_what_ran_out_of_time_is_neither_approved_nor_applied(self, desk: Desk) -> None:
        """I-09: also before anybody has moved it to expired."""
        put_policy_in_force(desk, [("checker", 1)], is_applied_with_approval=False)
        waiting, approved = desk.submitted(), desk.submitted()
        desk.approve(approved)
        with time_machine.travel(timezone.now() + dt.timedelta(days=limits.SUBMITTED_DAYS_MAX, minutes=1)):
            code = refusal(services.approve, actor=desk.chidi, correction=waiting, digest=waiting.digest)
            assert code == "correction_is_out_of_time"
            assert refusal(services.apply, actor=desk.eve, correction=approved) == "correction_is_out_of_time"
            for correction in (waiting, approved):
                assert services.expire(actor=desk.eve, correction=correction).state == State.EXPIRED
        assert not FieldHold.objects.exists()

    def test_a_hold_stops_expiry(self, desk: Desk) -> None:
        correction = desk.submitted()
        services.hold(actor=desk.ana, correction=correction, comment="Looks odd.")
        with time_machine.travel(timezone.now() + dt.timedelta(days=99)):
            assert refusal(services.expire, actor=desk.eve, correction=correction) == "correction_is_on_hold"


def test_while_compliance_holds_nothing_moves(desk: Desk) -> None:
    correction = desk.submitted()
    services.return_for_rework(actor=desk.chidi, correction=correction, digest=correction.digest, comment="More.")
    services.hold(actor=desk.ana, correction=correction, comment="Looks odd.")
    common: dict[str, Any] = {"actor": desk.mara, "correction": correction}
    for call in (
        lambda: services.amend(note="x", **common),
        lambda: services.add_change(target=desk.payout(), values={"channel": "B"}, **common),
        lambda: services.remove_change(actor=desk.mara, change=correction.changes.get()),
        lambda: services.attach_evidence(file=evidence_file(), kind="letter", **common),
        lambda: services.remove_evidence(actor=desk.mara, evidence=correction.evidence.get()),
        lambda: services.submit(**common),
        lambda: services.withdraw(**common),
        lambda: services.hold(actor=desk.ana, correction=correction, comment="Again."),
    ):
        assert refusal(call) == "correction_is_on_hold"


class TestI10TheDigestCoversWhatWasShown:
    @pytest.mark.parametrize(
        ("model", "columns"),
        [
            (Correction, {"note": "x"}),
            (Correction, {"ticket": "x"}),
            (Correction, {"reason": "process_gap"}),
            (Correction, {"maker_name": "x"}),
            (Correction, {"moved_on": [{"field": "x"}]}),
            (Change, {"old": {"counterparty_bank": "x"}}),
            (Change, {"new": {"counterparty_bank": "x"}}),
            (Change, {"before_image": {"counterparty_bank": "x"}}),
            (Change, {"amount": "1"}),
            (Change, {"currency": "EUR"}),
            (Change, {"target_label": "x"}),
            (Change, {"scope_before": "", "scope_after": ""}),
            (Evidence, {"kind": "customer_consent"}),
            (Evidence, {"filename": "x"}),
            (Evidence, {"note": "x"}),
            (CheckResult, {"verdict": "warn"}),
            (CheckResult, {"message": "x"}),
            (CheckResult, {"looked_at": {"said": "x"}}),
        ],
    )
    def test_what_somebody_changed_around_the_engine_is_found(
        self, desk: Desk, model: Any, columns: dict[str, Any]
    ) -> None:
        give_roles(desk.chidi, "checker")
        correction = desk.submitted()
        row = correction if model is Correction else model.objects.filter(correction=correction).first()
        tampered(model, row.pk, **columns)
        code = refusal(services.approve, actor=desk.chidi, correction=correction, digest=correction.digest)
        assert code == "content_differs_from_what_was_submitted"


class TestI08WhatTheDatabaseRefuses:
    @pytest.mark.parametrize("unique", [{"channel_reference": "REF-1"}, {"channel_reference": "REF-1", "channel": "A"}])
    def test_a_value_that_was_taken_meanwhile_fails_the_correction_readably(
        self, desk: Desk, unique: dict[str, str]
    ) -> None:
        """On PostgreSQL the refused statement leaves the transaction usable, or `failed` could not be committed."""
        payout, rival = desk.payout(), desk.payout()
        correction = desk.submitted(payout, channel_reference="REF-1")
        with recorded_write(source="loan-core"):
            Payout.objects.filter(pk=rival.pk).update(**unique)
        code = refusal(services.approve, actor=desk.chidi, correction=correction, digest=correction.digest)
        assert code == "database_refused"
        stored = Correction.objects.get(pk=correction.pk)
        assert (stored.state, stored.outcome_code, stored.decisions.count()) == (State.FAILED, code, 1)
        assert AuditEvent.objects.filter(correction=stored, kind="failed").count() == 1
        assert payout.history.count() == 1

    def test_a_deleted_row_that_cannot_come_back_fails_its_revert_readably(self, desk: Desk) -> None:
        from tests.factories.accounts import LoanFactory, RepaymentFactory

        loan = LoanFactory(branch=desk.shanghai, account__branch=desk.shanghai, account__currency="CNY", currency="CNY")
        doubled = RepaymentFactory(loan=loan, currency="CNY", reference="RP-1")
        correction = services.draft(
            actor=desk.mara, target=doubled, action="delete", reason="operator_error", note="Booked twice."
        )
        desk.attach(correction)
        services.submit(actor=desk.mara, correction=correction)
        desk.approve(correction)
        back = desk.reverted(correction)
        RepaymentFactory(loan=loan, currency="CNY", reference="RP-1")  # somebody books the number anew
        code = refusal(services.approve, actor=desk.chidi, correction=back, digest=back.digest)
        assert code == "database_refused"
        assert Correction.objects.get(pk=back.pk).state == State.FAILED

    @pytest.mark.django_db(transaction=True)
    def test_what_the_database_refuses_at_the_commit_is_a_conflict(self, desk: Desk) -> None:
        """Deferred foreign keys are checked at the commit, after every line of the service."""
        correction = desk.draft()
        with pytest.raises(CorrectionError) as caught, _door.opened(actor=desk.mara, correction=correction) as act:
            act.correction.incident_id = 10**6
            act.correction.save(update_fields=["incident"])
        assert caught.value.code == "database_refused"
        assert isinstance(caught.value.__cause__, IntegrityError)
        assert Correction.objects.get(pk=correction.pk).incident_id is None

    def test_inside_a_callers_transaction_a_failed_apply_leaves_nothing_but_its_state(self, desk: Desk) -> None:
        from django.db import transaction

        payout = desk.payout()
        correction = desk.submitted(payout)
        with recorded_write(source="loan-core"):
            Payout.objects.filter(pk=payout.pk).update(counterparty_bank="ABC")
        with transaction.atomic():
            assert refusal(services.approve, actor=desk.chidi, correction=correction, digest=correction.digest) == (
                "value_changed_since_request"
            )
            assert Correction.objects.count() == 1  # the outer transaction is still usable
        assert Correction.objects.get().state == State.FAILED
        assert connection.in_atomic_block  # the test's own, and nothing else


def test_the_gate_is_shut_again_after_a_refusal(desk: Desk) -> None:
    correction = desk.submitted()
    refusal(services.approve, actor=desk.mara, correction=correction, digest=correction.digest)
    with pytest.raises(IntegrityError), gate_is_tried():
        Payout.objects.filter(pk=correction.changes.get().target_pk).update(channel="Z")


def gate_is_tried() -> Any:
    from django.db import transaction

    assert gate.missing() == []
    return transaction.atomic()
