"""The list of holes: each way round maker-checker that was ever thought of, closed, with its code."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import Group
from django.db import DatabaseError, IntegrityError, transaction
from django.utils import timezone

from accounts.models import Payout
from backoffice.staff.machines import machine
from backoffice.staff.models import User
from corrections import services
from corrections.choices import PAIRS, State
from corrections.errors import CorrectionError
from corrections.gate import recorded_write
from corrections.models import Contribution, Correction, Decision, Evidence, FieldHold, Policy
from corrections.protection import evidence as store
from tests.corrections.services.desk import Desk, evidence_file, tampered
from tests.factories.staff import account, give_roles

pytestmark = pytest.mark.django_db


def refusal(call: Callable[..., Any], **arguments: Any) -> str:
    """The code with which a call is refused."""
    with pytest.raises(CorrectionError) as caught:
        call(**arguments)
    assert str(caught.value)
    return caught.value.code


def decide(correction: Correction, actor: User | None) -> str:
    return refusal(services.approve, actor=actor, correction=correction, digest=correction.digest)


class TestI01NobodyDecidesHisOwn:
    def test_maker_cannot_approve_own_correction(self, desk: Desk) -> None:
        give_roles(desk.mara, "checker", scope=desk.shanghai)
        correction = desk.submitted()
        assert decide(correction, desk.mara) == "maker_cannot_decide"
        assert (
            refusal(services.reject, actor=desk.mara, correction=correction, digest=correction.digest, comment="no")
            == "maker_cannot_decide"
        )
        assert (
            refusal(
                services.return_for_rework,
                actor=desk.mara,
                correction=correction,
                digest=correction.digest,
                comment="no",
            )
            == "maker_cannot_decide"
        )

    def test_second_account_of_the_maker_cannot_decide(self, desk: Desk) -> None:
        correction = desk.submitted()
        other = account("mara2", "checker", scope=desk.shanghai, person=desk.mara.person)
        assert decide(correction, other) == "maker_cannot_decide"

    def test_role_given_later_does_not_help(self, desk: Desk) -> None:
        correction = desk.submitted()
        desk.mara.groups.clear()
        give_roles(desk.mara, "checker", scope=desk.shanghai)
        assert decide(correction, desk.mara) == "maker_cannot_decide"

    def test_superuser_decides_nothing(self, desk: Desk) -> None:
        give_roles(desk.sam, "checker")
        assert decide(desk.submitted(), desk.sam) == "superuser_cannot_decide"

    def test_whoever_edited_cannot_decide(self, desk: Desk) -> None:
        correction = desk.draft()
        services.amend(actor=desk.max, correction=correction, note="Said more clearly.")
        desk.attach(correction)
        services.submit(actor=desk.mara, correction=correction)
        give_roles(desk.max, "checker", scope=desk.shanghai)
        assert decide(correction, desk.max) == "maker_cannot_decide"

    def test_whoever_brought_evidence_cannot_decide(self, desk: Desk) -> None:
        correction = desk.draft()
        desk.attach(correction, actor=desk.max)
        services.submit(actor=desk.mara, correction=correction)
        give_roles(desk.max, "checker", scope=desk.shanghai)
        assert decide(correction, desk.max) == "maker_cannot_decide"

    def test_whoever_submitted_cannot_decide(self, desk: Desk) -> None:
        correction = desk.draft()
        desk.attach(correction)
        services.submit(actor=desk.max, correction=correction)
        give_roles(desk.max, "checker", scope=desk.shanghai)
        assert decide(correction, desk.max) == "maker_cannot_decide"

    def test_the_database_refuses_the_makers_decision_too(self, desk: Desk) -> None:
        from corrections.engine import gate

        correction = desk.submitted()
        with pytest.raises(IntegrityError), transaction.atomic(), gate.opened(actor=desk.mara):
            Decision.objects.create(
                correction=correction,
                revision=1,
                step=1,
                role="checker",
                kind="approve",
                digest=correction.digest,
                user=desk.mara,
                person=desk.mara.person,
                person_name="Mara",
                decided_at=timezone.now(),
            )

    def test_a_machine_never_decides(self, desk: Desk) -> None:
        robot = machine("robot")
        robot.groups.add(Group.objects.get(name="checker"))
        assert decide(desk.submitted(), robot) == "actor_needs_a_person"


class TestI02OneDecisionPerPerson:
    def test_two_steps_never_by_one_person(self, desk: Desk, two_step_policy: None) -> None:
        correction = desk.submitted()
        desk.approve(correction)
        assert decide(correction, desk.chidi) == "person_has_decided_already"
        second = account("chidi2", "checker", scope=desk.shanghai, person=desk.chidi.person)
        assert decide(correction, second) == "person_has_decided_already"

    def test_the_database_refuses_a_second_decision(self, desk: Desk, two_step_policy: None) -> None:
        from corrections.engine import gate

        correction = desk.submitted()
        decision = desk.approve(correction)
        decision.pk = None
        with pytest.raises(IntegrityError), transaction.atomic(), gate.opened(actor=desk.chidi):
            decision.save(force_insert=True)


class TestI03OneOpenCorrectionPerField:
    def test_a_second_correction_of_the_field_is_refused_at_submission(self, desk: Desk) -> None:
        payout = desk.payout()
        desk.submitted(payout)
        second = desk.draft(payout)
        desk.attach(second)
        assert refusal(services.submit, actor=desk.mara, correction=second) == "field_held_by_open_correction"

    def test_another_field_of_the_same_row_is_free(self, desk: Desk) -> None:
        payout = desk.payout()
        desk.submitted(payout)
        assert desk.submitted(payout, channel="B").state == State.SUBMITTED

    def test_the_database_holds_the_field(self, desk: Desk) -> None:
        from corrections.engine import gate

        payout = desk.payout()
        desk.submitted(payout)
        hold = FieldHold.objects.get()
        other = desk.draft(payout)
        with pytest.raises(IntegrityError), transaction.atomic(), gate.opened(actor=desk.mara):
            FieldHold.objects.create(
                correction=other, target_model=hold.target_model, target_pk=hold.target_pk, field=hold.field
            )


class TestI04NothingStaleIsApplied:
    def test_a_value_that_moved_before_the_draft_is_refused(self, desk: Desk) -> None:
        seen = desk.payout()
        with recorded_write(source="loan-core"):
            Payout.objects.filter(pk=seen.pk).update(counterparty_bank="ABC")
        code = refusal(
            services.draft,
            actor=desk.mara,
            target=seen,
            values={"counterparty_bank": "CMB"},
            reason="system_defect",
            note="n",
        )
        assert code == "value_changed_since_request"

    def test_a_value_that_moved_before_submission_is_refused(self, desk: Desk) -> None:
        payout = desk.payout()
        correction = desk.draft(payout)
        desk.attach(correction)
        with recorded_write(source="loan-core"):
            Payout.objects.filter(pk=payout.pk).update(counterparty_bank="ABC")
        assert refusal(services.submit, actor=desk.mara, correction=correction) == "value_changed_since_request"

    def test_a_value_that_moved_before_apply_fails_the_correction_and_writes_nothing(self, desk: Desk) -> None:
        payout = desk.payout()
        correction = desk.submitted(payout)
        with recorded_write(source="loan-core"):
            Payout.objects.filter(pk=payout.pk).update(counterparty_bank="ABC")
        rows = payout.history.count()
        assert decide(correction, desk.chidi) == "value_changed_since_request"
        correction = Correction.objects.get(pk=correction.pk)
        assert (correction.state, correction.outcome_code) == (State.FAILED, "value_changed_since_request")
        assert correction.decisions.count() == 1  # the signature stays on record
        payout.refresh_from_db()
        assert payout.counterparty_bank == "ABC"
        assert payout.history.count() == rows
        assert correction.changes.get().after_image is None

    def test_a_failed_correction_is_reworked_and_submitted_again(self, desk: Desk) -> None:
        payout = desk.payout()
        correction = desk.submitted(payout)
        with recorded_write(source="loan-core"):
            Payout.objects.filter(pk=payout.pk).update(counterparty_bank="ABC")
        decide(correction, desk.chidi)
        correction = Correction.objects.get(pk=correction.pk)
        services.rework(actor=desk.mara, correction=correction)
        services.remove_change(actor=desk.mara, change=correction.changes.get())
        services.add_change(
            actor=desk.mara,
            correction=correction,
            target=Payout.objects.get(pk=payout.pk),
            values={"counterparty_bank": "CMB"},
        )
        services.submit(actor=desk.mara, correction=correction)
        desk.approve(correction)
        assert (correction.state, correction.revision) == (State.APPLIED, 2)


class TestI09NothingWithoutEvidencePolicyOrActor:
    def test_no_evidence_no_submission(self, desk: Desk) -> None:
        assert refusal(services.submit, actor=desk.mara, correction=desk.draft()) == "evidence_is_required"

    def test_no_evidence_no_approval_in_the_database(self, desk: Desk) -> None:
        correction = desk.submitted()
        tampered(Evidence, correction.evidence.get().pk, removed_at=timezone.now())
        assert decide(correction, desk.chidi) == "evidence_is_required"
        with pytest.raises(IntegrityError), transaction.atomic():
            _move_by_sql(desk, correction, State.APPROVED)

    def test_no_policy_no_submission(self, desk: Desk) -> None:
        from corrections.engine import gate

        correction = desk.draft()
        desk.attach(correction)
        with gate.opened(actor=desk.sam):
            Policy.objects.update(is_active=False)
        assert refusal(services.submit, actor=desk.mara, correction=correction) == "no_policy_matches"

    @pytest.mark.parametrize("actor", [None, User()])
    def test_no_actor_no_act(self, desk: Desk, actor: User | None) -> None:
        assert decide(desk.submitted(), actor) == "actor_is_required"

    def test_nobody_eligible_it_waits(self, desk: Desk) -> None:
        correction = desk.submitted()
        Group.objects.filter(name="checker: Shanghai").delete()
        assert decide(correction, desk.chidi) == "step_is_not_yours"
        assert Correction.objects.get(pk=correction.pk).state == State.SUBMITTED


class TestI10WhatWasApprovedIsApplied:
    def test_a_stale_digest_is_refused(self, desk: Desk) -> None:
        correction = desk.submitted()
        shown = correction.digest
        services.return_for_rework(actor=desk.carl, correction=correction, digest=shown, comment="More.")
        services.amend(actor=desk.mara, correction=correction, note="More.")
        services.submit(actor=desk.mara, correction=correction)
        code = refusal(services.approve, actor=desk.chidi, correction=correction, digest=shown)
        assert code == "correction_changed_since_shown"

    @pytest.mark.parametrize("digest", ["", "0" * 64, None])
    def test_another_digest_is_refused(self, desk: Desk, digest: str | None) -> None:
        correction = desk.submitted()
        code = refusal(services.approve, actor=desk.chidi, correction=correction, digest=digest)
        assert code == "correction_changed_since_shown"

    def test_content_changed_around_the_engine_is_found(self, desk: Desk) -> None:
        correction = desk.submitted()
        change = correction.changes.get()
        tampered(type(change), change.pk, new={"counterparty_bank": "EVIL"})
        assert decide(correction, desk.chidi) == "content_differs_from_what_was_submitted"

    def test_a_note_changed_around_the_engine_is_found(self, desk: Desk) -> None:
        correction = desk.submitted()
        tampered(Correction, correction.pk, note="Something else.")
        assert decide(correction, desk.chidi) == "content_differs_from_what_was_submitted"

    def test_nothing_is_edited_after_submission(self, desk: Desk) -> None:
        correction = desk.submitted()
        common = {"actor": desk.mara, "correction": correction}
        assert refusal(services.amend, **common, note="x") == "correction_is_not_editable"
        assert refusal(services.submit, **common) == "correction_is_not_editable"
        code = refusal(services.add_change, **common, target=desk.payout(), values={"channel": "B"})
        assert code == "correction_is_not_editable"
        code = refusal(services.remove_change, actor=desk.mara, change=correction.changes.get())
        assert code == "correction_is_not_editable"
        code = refusal(services.attach_evidence, **common, file=evidence_file(), kind="letter")
        assert code == "correction_is_not_editable"
        code = refusal(services.remove_evidence, actor=desk.mara, evidence=correction.evidence.get())
        assert code == "correction_is_not_editable"

    def test_evidence_swapped_on_disk_is_found(self, desk: Desk, settings: Any) -> None:
        correction = desk.submitted()
        item = correction.evidence.get()
        name = store._name(item.file.sha256, item.file.key_id)
        path = store._storage().path(name)
        with open(path, "r+b") as file:
            file.seek(-1, 2)
            file.write(b"x")
        assert decide(correction, desk.chidi) == "evidence_file_changed"


class TestI11IllegalMoves:
    @pytest.mark.parametrize("target", [state for state in State.values if (State.DRAFT, state) not in PAIRS])
    def test_the_database_refuses_moves_off_the_graph(self, desk: Desk, target: str) -> None:
        if target == State.DRAFT:
            target = State.APPLIED
        with pytest.raises(IntegrityError), transaction.atomic():
            _move_by_sql(desk, desk.draft(), target)

    def test_the_state_cannot_be_assigned(self, desk: Desk) -> None:
        correction = desk.submitted()
        with pytest.raises(AttributeError):
            correction.state = State.APPROVED

    def test_the_state_cannot_be_updated_outside_the_engine(self, desk: Desk) -> None:
        correction = desk.submitted()
        with pytest.raises(IntegrityError), transaction.atomic():
            Correction.objects.filter(pk=correction.pk).update(state=State.REJECTED)
        with pytest.raises(IntegrityError), transaction.atomic(), recorded_write(source="loan-core"):
            Correction.objects.filter(pk=correction.pk).update(state=State.REJECTED)

    def test_an_applied_correction_accepts_one_move_only(self, desk: Desk) -> None:
        correction = desk.applied()
        for verb in (services.withdraw, services.hold):
            actor = desk.ana if verb is services.hold else desk.mara
            assert refusal(verb, actor=actor, correction=correction, comment="x") == "illegal_state"
        assert decide(correction, desk.chidi) == "illegal_state"


class TestScopes:
    def test_a_maker_of_one_branch_does_not_correct_another_branch(self, desk: Desk) -> None:
        payout = desk.payout(desk.beijing)
        code = refusal(
            services.draft, actor=desk.mara, target=payout, values={"channel": "B"}, reason="process_gap", note="n"
        )
        assert code == "record_is_outside_your_scope"

    def test_moving_a_row_needs_rights_before_and_after(self, desk: Desk) -> None:
        code = refusal(
            services.draft,
            actor=desk.mara,
            target=desk.payout(),
            values={"branch": desk.beijing},
            reason="process_gap",
            note="n",
        )
        assert code == "record_is_outside_your_scope"

    def test_a_checker_of_one_branch_does_not_decide_another(self, desk: Desk) -> None:
        assert decide(desk.submitted(), desk.bea) == "step_is_not_yours"

    def test_a_right_revoked_a_moment_ago_is_gone(self, desk: Desk) -> None:
        correction = desk.submitted()
        User.objects.get(pk=desk.chidi.pk).groups.clear()
        assert decide(correction, desk.chidi) == "step_is_not_yours"

    def test_a_deactivated_person_is_out(self, desk: Desk) -> None:
        correction = desk.submitted()
        person = desk.chidi.person
        person.is_active = False
        person.save()
        assert decide(correction, desk.chidi) == "actor_is_not_active"

    def test_a_single_record_can_be_granted(self, desk: Desk) -> None:
        from guardian.shortcuts import assign_perm

        payout = desk.payout(desk.beijing)
        assign_perm("accounts.correct_payout", desk.mara, payout)
        assert desk.draft(payout, channel="B").state == State.DRAFT
        # Without the maker's function the grant is worth nothing.
        assign_perm("accounts.correct_payout", desk.chidi, payout)
        code = refusal(
            services.draft, actor=desk.chidi, target=payout, values={"channel": "B"}, reason="process_gap", note="n"
        )
        assert code == "maker_role_is_required"

    def test_a_correction_can_be_handed_to_one_person(self, desk: Desk) -> None:
        from guardian.shortcuts import assign_perm

        correction = desk.submitted()
        assign_perm("corrections.decide_correction", desk.bea, correction)
        desk.approve(correction, actor=desk.bea)
        assert correction.state == State.APPLIED

    def test_superuser_without_roles_proposes_nothing(self, desk: Desk) -> None:
        code = refusal(
            services.draft,
            actor=desk.sam,
            target=desk.payout(),
            values={"channel": "B"},
            reason="process_gap",
            note="n",
        )
        assert code == "maker_role_is_required"


class TestHold:
    def test_nobody_acts_while_compliance_holds(self, desk: Desk) -> None:
        correction = desk.submitted()
        services.hold(actor=desk.ana, correction=correction, comment="Looks odd.")
        assert decide(correction, desk.chidi) == "correction_is_on_hold"
        assert refusal(services.withdraw, actor=desk.mara, correction=correction, comment="") == "correction_is_on_hold"
        services.release(actor=desk.ana, correction=correction, comment="Explained.")
        desk.approve(correction)
        assert correction.state == State.APPLIED

    def test_only_compliance_holds(self, desk: Desk) -> None:
        correction = desk.submitted()
        assert refusal(services.hold, actor=desk.chidi, correction=correction, comment="x") == "not_allowed"


class TestEvidence:
    def test_a_file_of_another_correction_is_refused(self, desk: Desk) -> None:
        desk.attach(desk.draft(), text="the very same receipt")
        other = desk.draft()
        code = refusal(
            services.attach_evidence,
            actor=desk.mara,
            correction=other,
            file=evidence_file("the very same receipt"),
            kind="letter",
        )
        assert code == "evidence_used_on_another_correction"

    def test_corrections_of_one_incident_share_a_file(self, desk: Desk) -> None:
        incident = services.open_incident(actor=desk.mara, title="Mapping fault", defect_number="H5")
        for _ in range(2):
            correction = services.draft(
                actor=desk.mara,
                target=desk.payout(),
                values={"channel": "B"},
                reason="system_defect",
                note="n",
                incident=incident,
            )
            desk.attach(correction, text="the incident notice")
        assert Evidence.objects.count() == 2

    def test_consent_is_needed_for_what_the_customer_declared(self, desk: Desk, customer_fields_allowed: None) -> None:
        correction = desk.draft(counterparty_account="6222020000009999")
        desk.attach(correction)
        assert refusal(services.submit, actor=desk.mara, correction=correction) == "customer_consent_is_required"

    def test_staff_cannot_type_what_the_customer_declared(self, desk: Desk) -> None:
        code = refusal(
            services.draft,
            actor=desk.mara,
            target=desk.payout(),
            values={"counterparty_account": "6222020000009999"},
            reason="customer_error",
            note="n",
        )
        assert code == "customer_must_declare"

    def test_evidence_cannot_be_swapped_by_sql(self, desk: Desk) -> None:
        item = desk.submitted().evidence.get()
        for statement in (
            lambda: Evidence.objects.filter(pk=item.pk).update(filename="other.txt"),
            lambda: Evidence.objects.filter(pk=item.pk).delete(),
        ):
            with pytest.raises(DatabaseError), transaction.atomic():
                statement()


class TestInput:
    @pytest.mark.parametrize(
        "amount",
        [
            "NaN",
            "Infinity",
            "-Infinity",
            "1e400",
            "1_000",
            "１２",
            "-0",
            "-0.00",
            "0.005",
            "9" * 5000,
            "",
            " 5",
            1.5,
            True,
            Decimal("NaN"),
            Decimal("-0"),
        ],
    )
    def test_strange_amounts_are_refused(self, desk: Desk, amount: Any) -> None:
        code = refusal(
            services.draft,
            actor=desk.mara,
            target=desk.payout(),
            values={"amount": amount},
            reason="operator_error",
            note="n",
        )
        assert code.startswith(("value_", "row_would_be_invalid"))

    @pytest.mark.parametrize(
        ("values", "code"),
        [
            ({"number": "X"}, "field_not_correctable"),
            ({"id": 5}, "field_not_correctable"),
            ({"nonsense": 5}, "field_not_correctable"),
            ({"counterparty_bank": "ICBC"}, "nothing_changes"),
            ({}, "nothing_changes"),
            ({"counterparty_bank": ""}, "value_not_usable"),
            ({"counterparty_bank": "C" * 500}, "value_not_usable"),
            ({"counterparty_bank": "C\x00B"}, "value_has_invisible_character"),
            ({"counterparty_bank": "C\u202eB"}, "value_has_invisible_character"),
            ({"status": "nonsense"}, "value_not_usable"),
            ({"branch": 999999}, "reference_not_found"),
            ({"branch": "x"}, "reference_not_found"),
            ({"amount": "-5"}, "row_would_be_invalid"),
            ({"status": "paid"}, "row_would_be_invalid"),
        ],
    )
    def test_values_that_cannot_be_used(self, desk: Desk, values: dict[str, Any], code: str) -> None:
        found = refusal(
            services.draft, actor=desk.mara, target=desk.payout(), values=values, reason="operator_error", note="n"
        )
        assert found == code
        assert not Correction.objects.exists()

    @pytest.mark.parametrize(
        ("texts", "code"),
        [
            ({"reason": "because", "note": "n"}, "reason_is_required"),
            ({"reason": "operator_error", "note": "  "}, "note_is_required"),
            ({"reason": "operator_error", "note": "n" * 5000}, "text_too_long"),
            ({"reason": "operator_error", "note": "n", "ticket": "t" * 65}, "text_too_long"),
        ],
    )
    def test_texts_that_cannot_be_used(self, desk: Desk, texts: dict[str, str], code: str) -> None:
        found = refusal(services.draft, actor=desk.mara, target=desk.payout(), values={"channel": "B"}, **texts)
        assert found == code

    def test_a_model_that_is_not_registered_is_refused(self, desk: Desk) -> None:
        code = refusal(
            services.draft,
            actor=desk.mara,
            target=desk.shanghai,
            values={"name": "X"},
            reason="process_gap",
            note="n",
        )
        assert code == "model_not_correctable"


class TestOnlyTheMakerWithdraws:
    def test_another_maker_does_not_withdraw(self, desk: Desk) -> None:
        code = refusal(services.withdraw, actor=desk.max, correction=desk.submitted(), comment="")
        assert code == "only_the_maker_withdraws"

    def test_nobody_expires_a_correction_early(self, desk: Desk) -> None:
        correction = desk.submitted()
        clock = machine("clock")
        assert refusal(services.expire, actor=clock, correction=correction) == "not_expired_yet"
        with time_machine.travel(timezone.now() + dt.timedelta(days=31)):
            services.expire(actor=clock, correction=correction)
        assert correction.state == State.EXPIRED


def _move_by_sql(desk: Desk, correction: Correction, target: str) -> None:
    """The engine's flag is on, so that only the rule about moves can refuse."""
    from corrections.engine import gate

    with gate.opened(actor=desk.sam):
        fields: dict[str, Any] = {"state": target}
        if correction.number is None:
            fields |= {"number": "DZ-1", "digest": "0" * 64, "policy": Policy.objects.get(name="four eyes")}
        Correction.objects.filter(pk=correction.pk).update(**fields)


def test_contributions_outlive_the_removal_of_evidence(desk: Desk) -> None:
    correction = desk.draft()
    services.remove_evidence(actor=desk.max, evidence=desk.attach(correction, actor=desk.max))
    assert Contribution.objects.filter(correction=correction, person=desk.max.person, kind="evidence").exists()
