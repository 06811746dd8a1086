"""Break-glass: a senior applies at once and alone where the policy allows it; another person signs afterwards."""

from __future__ import annotations

import datetime as dt
import sys
from typing import Any

import pytest
import time_machine
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.models import Payout
from backoffice.staff.models import User
from corrections import services
from corrections.choices import AuditKind, DecisionKind, State
from corrections.engine import gate
from corrections.errors import CorrectionError
from corrections.gate import recorded_write
from corrections.models import AuditEvent, Correction, Decision
from corrections.registry import registry
from corrections.selectors import corrections as register
from corrections.selectors.views import View
from tests.corrections.services.desk import Desk, put_policy_in_force
from tests.factories.staff import account, give_roles

pytestmark = pytest.mark.django_db

STEPS = [("checker", 1), ("president", 1)]
REASON = "The bank closes in ten minutes, and the payout would bounce again."


@pytest.fixture
def allowed(desk: Desk) -> None:
    put_policy_in_force(desk, STEPS, allows_break_glass=True)


@pytest.fixture
def sena(desk: Desk) -> User:
    return account("Sena", "senior_checker", scope=desk.shanghai)


def broken(correction: Correction, actor: User, **more: Any) -> Correction:
    return services.break_glass(
        **{"actor": actor, "correction": correction, "digest": correction.digest, "reason": REASON, **more}
    )


def countersigned(correction: Correction, actor: User, **more: Any) -> Decision:
    return services.countersign(actor=actor, correction=correction, **{"digest": correction.digest, **more})


def code_of(act: Any, *arguments: Any, **more: Any) -> str:
    with pytest.raises(CorrectionError) as caught:
        act(*arguments, **more)
    assert "%(" not in str(caught.value)
    return str(caught.value.code)


def in_view(view: str, user: User) -> list[int]:
    found = register.register(actor=user, filters=register.Filters(view=view))
    return [row.pk for row in found.rows]


def test_a_senior_applies_at_once_and_a_countersignature_is_due(desk: Desk, sena: User, allowed: None) -> None:
    payout = desk.payout()
    correction = broken(desk.submitted(payout), sena)
    payout.refresh_from_db()
    assert (correction.state, payout.counterparty_bank) == (State.APPLIED, "CMB")
    assert correction.broke_glass_at is not None
    assert correction.countersign_by == correction.broke_glass_at + dt.timedelta(hours=24)
    decision = correction.decisions.get()
    assert (decision.person_id, decision.role, decision.step, decision.comment) == (
        sena.person_id,
        "senior_checker",
        0,
        REASON,
    )
    kinds = list(correction.audit_events.order_by("id").values_list("kind", flat=True))
    assert kinds[-2:] == [AuditKind.BROKEN_GLASS, AuditKind.APPLIED]


def test_a_president_signs_as_the_first_step_of_the_role(desk: Desk, allowed: None) -> None:
    correction = broken(desk.submitted(), account("Pia", "president"))
    assert (correction.decisions.get().step, correction.decisions.get().role) == (2, "president")


def test_off_by_default(desk: Desk, sena: User) -> None:
    correction = desk.submitted()
    assert code_of(broken, correction, sena) == "break_glass_is_not_allowed"
    assert Correction.objects.get(pk=correction.pk).state == State.SUBMITTED
    assert not correction.decisions.exists()


def test_a_stricter_version_that_forbids_it_holds(desk: Desk, sena: User, allowed: None) -> None:
    correction = desk.submitted()
    with gate.opened(actor=desk.sam):
        from corrections.models import Policy, PolicyStep

        Policy.objects.filter(is_active=True).update(is_active=False)
        policy = Policy.objects.create(name="four eyes", version=3, allows_break_glass=False)
        for position, (role, people) in enumerate(STEPS, start=1):
            PolicyStep.objects.create(policy=policy, position=position, role=role, people=people)
    assert code_of(broken, correction, sena) == "break_glass_is_not_allowed"


def test_only_a_senior_of_the_scope_may(desk: Desk, allowed: None) -> None:
    correction = desk.submitted()
    elsewhere = account("Sol", "senior_checker", scope=desk.beijing)
    assert code_of(broken, correction, desk.chidi) == "break_glass_needs_a_senior"
    assert code_of(broken, correction, elsewhere) == "break_glass_needs_a_senior"
    assert code_of(broken, correction, desk.ana) == "break_glass_needs_a_senior"


def test_i01_neither_maker_nor_contributor_nor_superuser(desk: Desk, allowed: None) -> None:
    correction = desk.draft()
    desk.attach(correction)
    helper = account("Max-Senior", "maker", "senior_checker", scope=desk.shanghai)
    desk.attach(correction, actor=helper)
    services.submit(actor=desk.mara, correction=correction)
    give_roles(desk.mara, "senior_checker", scope=desk.shanghai)
    give_roles(desk.sam, "senior_checker")
    assert code_of(broken, correction, desk.mara) == "maker_cannot_decide"
    assert code_of(broken, correction, helper) == "maker_cannot_decide"
    assert code_of(broken, correction, desk.sam) == "superuser_cannot_decide"


def test_i02_whoever_signed_this_revision_breaks_nothing(desk: Desk, allowed: None) -> None:
    correction = desk.submitted()
    desk.approve(correction)
    give_roles(desk.chidi, "senior_checker", scope=desk.shanghai)
    assert code_of(broken, correction, desk.chidi) == "person_has_decided_already"


@pytest.mark.parametrize("reason", ["", "urgent", "         "])
def test_a_reason_is_a_sentence(desk: Desk, sena: User, allowed: None, reason: str) -> None:
    assert code_of(broken, desk.submitted(), sena, reason=reason) == "break_glass_needs_a_reason"


def test_the_digest_shown_must_be_the_present_one(desk: Desk, sena: User, allowed: None) -> None:
    assert code_of(broken, desk.submitted(), sena, digest="0" * 64) == "correction_changed_since_shown"


def test_not_on_hold_and_not_out_of_time(desk: Desk, sena: User, allowed: None, settings: Any) -> None:
    held = desk.submitted()
    services.hold(actor=desk.ana, correction=held, comment="Wait.")
    assert code_of(broken, held, sena) == "correction_is_on_hold"
    late = desk.submitted()
    with time_machine.travel(timezone.now() + dt.timedelta(days=400), tick=False):
        assert code_of(broken, late, sena) == "correction_is_out_of_time"


def test_a_token_is_asked_for_where_any_step_asks_for_one(desk: Desk, sena: User, allowed: None) -> None:
    from corrections.models import Policy, PolicyStep

    with gate.opened(actor=desk.sam):
        Policy.objects.filter(is_active=True).update(is_active=False)
        policy = Policy.objects.create(name="four eyes", version=3, allows_break_glass=True)
        PolicyStep.objects.create(policy=policy, position=1, role="checker", people=1)
        PolicyStep.objects.create(policy=policy, position=2, role="president", people=1, token="own")
    correction = desk.submitted()
    assert code_of(broken, correction, sena) == "token_is_required"
    assert Correction.objects.get(pk=correction.pk).state == State.SUBMITTED


def test_a_value_that_moved_on_sends_it_back_and_nothing_is_written(desk: Desk, sena: User, allowed: None) -> None:
    payout = desk.payout()
    correction = desk.submitted(payout)
    with recorded_write(source="loan-core"):
        Payout.objects.filter(pk=payout.pk).update(counterparty_bank="CCB")
    assert code_of(broken, correction, sena) == "value_changed_since_request"
    stored = Correction.objects.get(pk=correction.pk)
    assert (stored.state, stored.broke_glass_at, stored.decisions.count()) == (State.RETURNED, None, 0)


def test_a_failed_break_glass_leaves_the_next_revision_its_steps(
    desk: Desk, sena: User, allowed: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The exemption must never outlive the attempt: the next revision needs every signature."""

    def refused(*args: Any) -> None:
        raise CorrectionError("The disk is full.", code="disk_full")

    correction = desk.submitted()
    with monkeypatch.context() as patched:
        patched.setattr(sys.modules["corrections.services.apply"], "apply_changes", refused)
        assert code_of(broken, correction, sena) == "disk_full"
    failed = Correction.objects.get(pk=correction.pk)
    assert (failed.state, failed.broke_glass_at, failed.countersign_by) == (State.FAILED, None, None)
    services.submit(actor=desk.mara, correction=failed)
    desk.approve(failed)
    assert Correction.objects.get(pk=correction.pk).state == State.SUBMITTED


# What the database holds by itself


def signature(correction: Correction, user: User, role: str) -> None:
    with gate.opened(actor=user):
        Decision.objects.create(
            correction=correction,
            revision=correction.revision,
            step=1,
            role=role,
            kind=DecisionKind.APPROVE,
            digest=correction.digest,
            user=user,
            person=user.person,
            person_name=user.username,
            decided_at=timezone.now(),
        )


def forced(correction: Correction, user: User, **columns: Any) -> None:
    """Approves by break-glass around the services."""
    now = timezone.now()
    columns = {"state": State.APPROVED, "broke_glass_at": now, "countersign_by": now, **columns}
    with transaction.atomic(), gate.opened(actor=user):
        Correction.objects.filter(pk=correction.pk).update(**columns)


def test_i09_the_database_refuses_it_without_the_policys_permission(desk: Desk, sena: User) -> None:
    correction = desk.submitted()
    signature(correction, sena, "senior_checker")
    with pytest.raises(IntegrityError, match="break-glass only where its policy allows it"):
        forced(correction, sena)


def test_i09_the_database_refuses_it_by_a_plain_checker(desk: Desk, allowed: None) -> None:
    correction = desk.submitted()
    signature(correction, desk.chidi, "checker")
    with pytest.raises(IntegrityError, match="by a senior"):
        forced(correction, desk.chidi)


def test_i09_the_database_lets_a_senior_where_it_is_allowed(desk: Desk, sena: User, allowed: None) -> None:
    correction = desk.submitted()
    signature(correction, sena, "senior_checker")
    forced(correction, sena)
    assert Correction.objects.get(pk=correction.pk).state == State.APPROVED


def test_i09_the_glass_breaks_only_with_the_approval_and_with_a_term(desk: Desk, sena: User, allowed: None) -> None:
    correction = desk.submitted()
    signature(correction, sena, "senior_checker")
    with pytest.raises(IntegrityError, match="breaks the glass only as it is approved"):
        forced(correction, sena, state=State.SUBMITTED)
    with pytest.raises(IntegrityError, match="breaks the glass only as it is approved"):
        forced(correction, sena, countersign_by=None)


# Countersigning


def test_one_independent_person_with_a_role_of_its_steps_countersigns(desk: Desk, sena: User, allowed: None) -> None:
    correction = broken(desk.submitted(), sena)
    assert in_view(View.UNSIGNED, desk.ana) == [correction.pk]
    decision = countersigned(correction, desk.chidi, comment="Called the bank.")
    assert (decision.step, decision.role, decision.person_id) == (1, "checker", desk.chidi.person_id)
    event = AuditEvent.objects.get(kind=AuditKind.COUNTERSIGNED)
    assert (event.correction_id, event.detail["comment"]) == (correction.pk, "Called the bank.")
    assert in_view(View.UNSIGNED, desk.ana) == []
    assert code_of(countersigned, correction, desk.carl) == "correction_is_countersigned_already"


def test_nobody_else_countersigns(desk: Desk, sena: User, allowed: None) -> None:
    correction = broken(desk.submitted(), sena)
    give_roles(desk.mara, "checker", scope=desk.shanghai)
    give_roles(sena, "checker", scope=desk.shanghai)
    give_roles(desk.sam, "checker")
    assert code_of(countersigned, correction, sena) == "person_has_decided_already"
    assert code_of(countersigned, correction, desk.mara) == "maker_cannot_decide"
    assert code_of(countersigned, correction, desk.sam) == "superuser_cannot_decide"
    assert code_of(countersigned, correction, desk.bea) == "step_is_not_yours"
    assert code_of(countersigned, correction, desk.ana) == "step_is_not_yours"
    assert code_of(countersigned, correction, desk.chidi, digest="x") == "correction_changed_since_shown"
    assert correction.decisions.count() == 1


def test_a_signature_given_before_is_no_countersignature(desk: Desk, sena: User, allowed: None) -> None:
    correction = desk.submitted()
    desk.approve(correction)
    broken(correction, sena)
    assert in_view(View.UNSIGNED, desk.ana) == [correction.pk]
    assert code_of(countersigned, correction, desk.chidi) == "person_has_decided_already"
    countersigned(correction, desk.carl)
    assert in_view(View.UNSIGNED, desk.ana) == []


def test_whoever_handled_the_record_neither_breaks_nor_countersigns(
    desk: Desk, sena: User, allowed: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """查核不返原岗."""
    sol = account("Sol", "senior_checker", scope=desk.shanghai)
    entry = registry.get(Payout)
    assert entry is not None
    config = type(entry.config)
    monkeypatch.setattr(config, "bars_handlers", True)
    monkeypatch.setattr(config, "handlers", lambda self, row: [sena.person_id, desk.chidi.person_id])
    correction = desk.submitted()
    assert code_of(broken, correction, sena) == "handler_cannot_decide"
    broken(correction, sol)
    assert code_of(countersigned, correction, desk.chidi) == "handler_cannot_decide"
    countersigned(correction, desk.carl)


def test_what_was_signed_in_the_ordinary_way_needs_none(desk: Desk) -> None:
    correction = desk.applied()
    assert code_of(countersigned, correction, desk.carl) == "correction_needs_no_countersignature"


# Referral to anti-money-laundering


def test_compliance_refers_and_everybody_else_sees_a_hold_only(desk: Desk) -> None:
    correction = desk.submitted()
    services.refer(actor=desk.ana, correction=correction, comment="Third payout to a listed name.")
    assert (correction.is_held, correction.hold_comment, correction.referred_at is None) == (True, "", False)
    kinds = list(correction.audit_events.order_by("id").values_list("kind", flat=True))
    assert kinds[-2:] == [AuditKind.HELD, AuditKind.REFERRED]
    assert "listed" not in str(correction.audit_events.get(kind=AuditKind.HELD).detail)
    assert in_view(View.REFERRED, desk.ana) == [correction.pk]
    assert in_view(View.REFERRED, desk.mara) == in_view(View.REFERRED, desk.chidi) == in_view(View.REFERRED, desk.sam)
    assert in_view(View.REFERRED, desk.mara) == []
    assert code_of(desk.approve, correction) == "correction_is_on_hold"


def test_only_compliance_without_a_part_refers_and_releases(desk: Desk) -> None:
    correction = desk.submitted()
    for user in (desk.chidi, desk.mara, desk.sam):
        assert code_of(services.refer, actor=user, correction=correction, comment="Odd.") == "not_allowed"
    give_roles(desk.mara, "compliance")
    assert code_of(services.refer, actor=desk.mara, correction=correction, comment="Odd.") == "maker_cannot_decide"
    assert code_of(services.refer, actor=desk.ana, correction=correction, comment="") == "comment_is_required"
    services.refer(actor=desk.ana, correction=correction, comment="Odd.")
    again = code_of(services.refer, actor=desk.ana, correction=correction, comment="Odd.")
    assert again == "correction_is_referred_already"
    assert code_of(services.release, actor=desk.chidi, correction=correction, comment="Fine.") == "not_allowed"
    services.release(actor=desk.ana, correction=correction, comment="Fine.")
    desk.approve(correction)
    assert correction.state == State.APPLIED


def test_what_is_on_hold_can_be_referred_and_a_closed_one_can_not(desk: Desk) -> None:
    correction, closed = desk.submitted(), desk.applied()
    services.hold(actor=desk.ana, correction=correction, comment="Wait.")
    services.refer(actor=desk.ana, correction=correction, comment="Odd.")
    assert correction.audit_events.filter(kind=AuditKind.HELD).count() == 1
    assert code_of(services.refer, actor=desk.ana, correction=closed, comment="Odd.") == "illegal_state"
