"""What voids a signature: a check that became a fail, a tier that rose; and what doesn't."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from accounts.correctable import PayoutCorrections
from backoffice.staff.models import User
from corrections import services
from corrections.checks import Check, Finding, Flag, Subject, failed, passed, warned
from corrections.checks import built_in as known
from corrections.engine import gate
from corrections.errors import CorrectionError
from corrections.gate import recorded_write
from corrections.models import (
    Change,
    Correction,
    CorrectionStep,
    Decision,
    FlagRule,
    Policy,
    PolicyStep,
    Revision,
)
from tests.corrections.services.desk import Desk, put_policy_in_force
from tests.factories.staff import account

pytestmark = pytest.mark.django_db

MOOD: dict[str, bool] = {}


class Bad(Check):
    code = "is_bad"
    title = "is bad"

    def look(self, subject: Subject) -> Finding:
        return failed("It is bad.") if MOOD["fails"] else passed("fine")


class Smell(Flag):
    code = "smells"
    title = "smells"

    def look(self, subject: Subject, rule: FlagRule, past: Any) -> Finding | None:
        return warned("It smells.") if MOOD["smells"] else None


@pytest.fixture(autouse=True)
def moods(monkeypatch: pytest.MonkeyPatch) -> None:
    MOOD.update(fails=False, smells=False)
    monkeypatch.setattr("corrections.checks.BUILT_IN", (*known.BUILT_IN, Bad))
    monkeypatch.setattr("corrections.checks.BUILT_IN_FLAGS", (Smell,))


@pytest.fixture
def cho(desk: Desk) -> User:
    return account("Cho", "checker")


@pytest.fixture
def sena(desk: Desk) -> User:
    return account("Sena", "senior_checker")


def put(desk: Desk, name: str, *steps: tuple[str, int], **fields: Any) -> Policy:
    """Another policy, beside those in force."""
    with gate.opened(actor=desk.sam):
        policy = Policy.objects.create(name=name, version=7, **{"priority": 1, **fields})
        for position, (role, people) in enumerate(steps, start=1):
            PolicyStep.objects.create(policy=policy, position=position, role=role, people=people)
    return policy


def out_of_force(desk: Desk, **which: Any) -> None:
    with gate.opened(actor=desk.sam):
        Policy.objects.filter(**which).update(is_active=False)


def refusal(desk: Desk, correction: Correction, actor: User, digest: str | None = None) -> str:
    with pytest.raises(CorrectionError) as refused:
        services.approve(actor=actor, correction=correction, digest=digest or correction.digest)
    return refused.value.code


def fresh(correction: Correction) -> Correction:
    return Correction.objects.get(pk=correction.pk)


def test_a_check_that_became_a_fail_at_the_second_of_three_steps_sends_it_back_and_voids_the_first(
    desk: Desk, cho: User
) -> None:
    put_policy_in_force(desk, [("checker", 1)] * 3)
    correction = desk.submitted()
    desk.approve(correction)
    MOOD["fails"] = True
    assert refusal(desk, correction, desk.carl) == "machine_check_failed"
    found = fresh(correction)
    assert (found.state, found.step, found.outcome_code) == ("returned", None, "machine_check_failed")
    assert found.audit_events.latest("id").kind == "returned"
    MOOD["fails"] = False
    services.submit(actor=desk.mara, correction=correction)
    for actor in (desk.chidi, desk.carl):
        desk.approve(correction, actor=actor)
        assert correction.state == "submitted"
    desk.approve(correction, actor=cho)
    assert correction.state == "applied"


def test_a_check_that_became_a_fail_at_the_last_signature_fails_the_apply(desk: Desk) -> None:
    correction = desk.submitted()
    MOOD["fails"] = True
    assert refusal(desk, correction, desk.chidi) == "machine_check_failed"
    assert (fresh(correction).state, correction.decisions.count()) == ("failed", 1)


def test_a_check_that_became_a_fail_before_the_executor_fails_the_apply(desk: Desk, executor_policy: None) -> None:
    correction = desk.submitted()
    desk.approve(correction)
    MOOD["fails"] = True
    with pytest.raises(CorrectionError):
        services.apply(actor=desk.eve, correction=correction)
    assert fresh(correction).state == "failed"


def test_a_stricter_policy_between_two_signatures_voids_them_and_pins_the_next_revision_to_more(
    desk: Desk, two_step_policy: None, sena: User
) -> None:
    correction = desk.submitted()
    desk.approve(correction)
    before = correction.digest
    put(desk, "strict", ("checker", 2), ("senior_checker", 1))
    assert refusal(desk, correction, desk.carl) == "tier_was_raised"
    found = fresh(correction)
    assert (found.state, found.revision, found.step) == ("submitted", 2, 1)
    assert found.digest == correction.digest != before
    assert found.audit_events.filter(kind="tier_raised").count() == 1
    assert Revision.objects.filter(correction=found).count() == 2
    # What was shown before is stale, and whoever signed before may sign again.
    assert refusal(desk, correction, desk.chidi, digest=before) == "correction_changed_since_shown"
    roles = [step.role for step in CorrectionStep.objects.filter(correction=found, revision=2).order_by("position")]
    assert roles == ["checker", "checker", "senior_checker"]
    assert refusal(desk, correction, sena) == "step_is_not_yours"
    for actor in (desk.chidi, desk.carl):
        desk.approve(correction, actor=actor)
    assert fresh(correction).state == "submitted"


def test_a_tier_is_never_raised_twice_by_the_same_policies(desk: Desk, cho: User) -> None:
    correction = desk.submitted()
    put(desk, "strict", ("checker", 3))
    assert refusal(desk, correction, desk.chidi) == "tier_was_raised"
    for actor in (desk.chidi, desk.carl, cho):
        desk.approve(correction, actor=actor)
    assert (fresh(correction).state, fresh(correction).revision) == ("applied", 2)


def test_a_flag_that_is_raised_later_raises_the_tier_and_one_that_passes_lowers_nothing(desk: Desk, sena: User) -> None:
    with gate.opened(actor=desk.sam):
        FlagRule.objects.create(code="smells")
    put(desk, "smelly", ("senior_checker", 1), flags=["smells"])
    correction = desk.submitted()
    MOOD["smells"] = True
    assert refusal(desk, correction, desk.chidi) == "tier_was_raised"
    MOOD["smells"] = False
    desk.approve(correction)
    assert fresh(correction).state == "submitted"
    desk.approve(correction, actor=sena)
    assert fresh(correction).state == "applied"


def test_a_milder_policy_lowers_nothing_that_was_submitted(desk: Desk, two_step_policy: None) -> None:
    correction = desk.submitted()
    put(desk, "mild", ("checker", 1))
    desk.approve(correction)
    assert (fresh(correction).state, fresh(correction).step) == ("submitted", 2)
    desk.approve(correction, actor=desk.carl)
    assert fresh(correction).state == "applied"


@pytest.mark.parametrize(
    "more",
    [
        {"executor_is_separate": True}, {"is_applied_with_approval": False}, {"cool_off_hours": 3},
        {"rekey_fields": ["counterparty_bank"]}, {"worded_checks": ["x"]},
    ],
    ids=str,
)  # fmt: skip
def test_what_else_a_stricter_policy_asks_for_counts_too(desk: Desk, more: dict[str, Any]) -> None:
    correction = desk.submitted()
    put(desk, "strict", ("checker", 1), **more)
    assert refusal(desk, correction, desk.chidi) == "tier_was_raised"
    assert fresh(correction).state == "submitted"


@pytest.mark.parametrize("more", [{"evidence_min": 2}, {"evidence_kinds": ["letter"]}], ids=str)
def test_evidence_that_is_asked_for_since_sends_it_back_or_fails_it(desk: Desk, more: dict[str, Any]) -> None:
    correction = desk.submitted()
    put(desk, "strict", ("checker", 2), **more)
    refusal(desk, correction, desk.chidi)
    assert fresh(correction).state in ("returned", "failed")
    assert fresh(correction).applied_at is None


def test_no_policy_at_the_decision_refuses_without_moving_it(desk: Desk) -> None:
    correction = desk.submitted()
    out_of_force(desk)
    assert refusal(desk, correction, desk.chidi) == "no_policy_matches"
    found = fresh(correction)
    assert (found.state, found.step, found.revision, found.decisions.count()) == ("submitted", 1, 1, 0)
    with gate.opened(actor=desk.sam):
        Policy.objects.filter(name="four eyes").update(is_active=True)
    desk.approve(correction)
    assert fresh(correction).state == "applied"


def test_no_policy_at_the_apply_refuses_without_moving_it(desk: Desk, executor_policy: None) -> None:
    correction = desk.submitted()
    desk.approve(correction)
    out_of_force(desk)
    with pytest.raises(CorrectionError):
        services.apply(actor=desk.eve, correction=correction)
    assert fresh(correction).state == "approved"


def test_a_stricter_policy_at_the_apply_fails_it_and_it_must_be_signed_anew(desk: Desk, executor_policy: None) -> None:
    correction = desk.submitted()
    desk.approve(correction)
    put(desk, "strict", ("checker", 2), is_applied_with_approval=False)
    with pytest.raises(CorrectionError) as refused:
        services.apply(actor=desk.eve, correction=correction)
    assert (refused.value.code, fresh(correction).state) == ("tier_was_raised", "failed")
    services.submit(actor=desk.mara, correction=correction)
    desk.approve(correction)
    assert fresh(correction).state == "submitted"


def test_whoever_signs_last_never_is_the_separate_executor(desk: Desk) -> None:
    put_policy_in_force(desk, [("checker", 1)], executor_is_separate=True)
    correction = desk.submitted()
    desk.approve(correction)
    assert fresh(correction).state == "approved"
    services.apply(actor=desk.eve, correction=correction)
    assert fresh(correction).state == "applied"


class TestAroundTheServices:
    """Writes by somebody who has opened the gate: the database holds the number of people by itself."""

    @pytest.fixture
    def waiting(self, desk: Desk) -> Correction:
        put_policy_in_force(desk, [("checker", 2)])
        return desk.submitted()

    def refused(self, desk: Desk, write: Callable[[], Any]) -> None:
        with pytest.raises(IntegrityError), transaction.atomic(), gate.opened(actor=desk.sam):
            write()

    def force(self, correction: Correction, **columns: Any) -> Callable[[], Any]:
        return lambda: Correction.objects.filter(pk=correction.pk).update(**columns)

    def signed(self, desk: Desk, correction: Correction, actor: User, **columns: Any) -> Callable[[], Any]:
        given = {"revision": correction.revision, "step": 1, "role": "checker", "kind": "approve",
                 "digest": correction.digest, "person_name": "x", "decided_at": correction.submitted_at}  # fmt: skip
        return lambda: Decision.objects.create(
            correction=correction, user=actor, person=actor.person, **{**given, **columns}
        )

    def test_nothing_is_approved_by_fewer_than_its_steps_ask_for(self, desk: Desk, waiting: Correction) -> None:
        desk.approve(waiting)
        self.refused(desk, self.force(waiting, state="approved"))

    def test_pinned_steps_never_change_or_go(self, desk: Desk, waiting: Correction) -> None:
        steps = CorrectionStep.objects.filter(correction=waiting)
        self.refused(desk, lambda: steps.update(people=1))
        self.refused(desk, lambda: steps._raw_delete("default"))
        self.refused(desk, steps.delete)

    def test_weak_steps_of_a_forged_revision_are_no_way_past_the_policy(self, desk: Desk, waiting: Correction) -> None:
        desk.approve(waiting)

        def forge() -> None:
            step = {"role": "checker", "people": 1, "scope": "target", "token": "none", "is_rekeying": False}
            CorrectionStep.objects.create(correction=waiting, revision=2, position=1, **step)
            self.force(waiting, revision=2)()
            self.signed(desk, waiting, desk.chidi, revision=2)()
            self.force(waiting, state="approved")()

        self.refused(desk, forge)

    @pytest.mark.parametrize(
        "columns", [{"demand": {}}, {"stake": 1}, {"amounts": {}}, {"digest": "0" * 64}, {"policy_id": None},
                    {"acknowledged": {"x": 1}}, {"number": "DZ-1"}, {"revision": 5}, {"revision": 0}], ids=str,
    )  # fmt: skip
    def test_what_was_submitted_is_pinned(self, desk: Desk, waiting: Correction, columns: dict[str, Any]) -> None:
        self.refused(desk, self.force(waiting, **columns))

    def test_a_milder_policy_is_not_put_in_its_place(self, desk: Desk, waiting: Correction) -> None:
        mild = put(desk, "mild", ("checker", 1))
        self.refused(desk, self.force(waiting, policy_id=mild.pk))
        self.refused(desk, self.force(waiting, policy_id=mild.pk, revision=2))

    def test_no_signature_of_somebody_who_took_part_or_for_something_else(
        self, desk: Desk, waiting: Correction
    ) -> None:
        self.refused(desk, self.signed(desk, waiting, desk.mara))
        self.refused(desk, self.signed(desk, waiting, desk.chidi, digest="0" * 64))
        self.refused(desk, self.signed(desk, waiting, desk.chidi, revision=2))
        desk.approve(waiting)
        self.refused(desk, self.signed(desk, waiting, desk.chidi))

    @pytest.mark.parametrize("state", ["draft", "returned", "withdrawn", "applied", "failed"])
    def test_no_signature_on_what_is_not_submitted(self, desk: Desk, state: str) -> None:
        correction = desk.draft() if state == "draft" else desk.submitted()
        if state == "returned":
            services.return_for_rework(
                actor=desk.chidi, correction=correction, digest=correction.digest, comment="More."
            )
        elif state == "withdrawn":
            services.withdraw(actor=desk.mara, correction=correction, comment="No.")
        elif state == "applied":
            desk.approve(correction)
        elif state == "failed":
            MOOD["fails"] = True
            refusal(desk, correction, desk.chidi)
        self.refused(desk, self.signed(desk, correction, desk.carl, decided_at=correction.created_at))

    def test_no_signature_while_it_is_held(self, desk: Desk, waiting: Correction) -> None:
        services.hold(actor=desk.ana, correction=waiting, comment="Looks odd.")
        self.refused(desk, self.signed(desk, waiting, desk.chidi))

    def test_what_is_at_stake_never_changes(self, desk: Desk, waiting: Correction) -> None:
        for columns in ({"stake": 1}, {"amount": 1}, {"beneficiary": "x"}, {"new": {}}):
            self.refused(desk, lambda columns=columns: Change.objects.filter(correction=waiting).update(**columns))


def test_a_handler_has_no_part_in_it_whoever_submits(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """查核不返原岗: not as the maker whose draft another submits, and not as the signer."""
    monkeypatch.setattr(PayoutCorrections, "bars_handlers", True)
    monkeypatch.setattr(PayoutCorrections, "handlers", lambda self, row: [desk.max.person_id, desk.carl.person_id])
    correction = desk.draft(actor=desk.max)
    desk.attach(correction, actor=desk.max)
    with pytest.raises(CorrectionError) as refused:
        services.submit(actor=desk.mara, correction=correction)
    assert refused.value.code == "handler_cannot_correct"
    edited = desk.draft()
    desk.attach(edited)
    services.amend(actor=desk.max, correction=edited, note="Edited.")
    with pytest.raises(CorrectionError) as refused:
        services.submit(actor=desk.mara, correction=edited)
    assert refused.value.code == "handler_cannot_correct"
    own = desk.draft()
    desk.attach(own, actor=desk.max)  # a handler may bring the voucher
    services.submit(actor=desk.mara, correction=own)
    assert refusal(desk, own, desk.carl) == "handler_cannot_decide"
    desk.approve(own)
    assert fresh(own).state == "applied"


def test_a_record_that_went_to_another_branch_is_not_signed_by_the_old_ones_people(desk: Desk) -> None:
    payout = desk.payout()
    correction = desk.submitted(payout)
    with recorded_write(source="loan-core"):
        type(payout).objects.filter(pk=payout.pk).update(branch=desk.beijing)
    with pytest.raises(CorrectionError) as caught:
        desk.approve(correction)
    assert caught.value.code == "machine_check_failed"
    assert caught.value.details["check"] == "scope_is_unchanged"
    payout.refresh_from_db()
    assert payout.counterparty_bank == "ICBC"
