"""A role that is lent for absence: what it gives, what it never gives, and everybody who stays excluded."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import Group
from django.utils import timezone

from backoffice.staff.models import Person, User
from corrections import services
from corrections.choices import AuditKind, State
from corrections.conf import limits
from corrections.errors import CorrectionError
from corrections.models import AuditEvent, Correction, Delegation
from corrections.permissions import rights_of
from corrections.selectors import corrections, queue
from corrections.services._signer import NotYourStep
from corrections.services.decide import DelegateHasSigned, MakerCannotDecide
from tests.corrections.services.desk import Desk, put_policy_in_force
from tests.factories.staff import account, give_roles

pytestmark = pytest.mark.django_db

Lend = Callable[..., Delegation]


@pytest.fixture
def dora(desk: Desk) -> User:
    """Dora holds no role of her own."""
    return account("Dora")


def lend(giver: User, receiver: User, role: str = "checker", scope: Any = None, **more: Any) -> Delegation:
    today = timezone.localdate()
    wanted = {"starts_on": today, "ends_on": today + dt.timedelta(days=6), "reason": "On leave."}
    return services.delegate(actor=giver, receiver=receiver.person, role=role, scope=scope, **{**wanted, **more})


def refused(code: str, call: Callable[[], Any]) -> None:
    with pytest.raises(CorrectionError) as caught:
        call()
    assert caught.value.code == code


# What it gives


def test_receiver_signs_in_the_givers_stead_and_it_is_kept(desk: Desk, dora: User) -> None:
    loan = lend(desk.chidi, dora, scope=desk.shanghai)
    correction = desk.submitted()
    decision = desk.approve(correction, actor=dora)
    assert (decision.delegation_id, decision.person_id, decision.role) == (loan.pk, dora.person_id, "checker")
    correction.refresh_from_db()
    assert correction.state == State.APPLIED


def test_what_waits_for_the_lent_role_stands_in_the_receivers_queue_and_is_seen(desk: Desk, dora: User) -> None:
    here, there = desk.submitted(), _in_beijing(desk)
    assert queue.walk(actor=dora).count == 0
    assert corrections.visible_one(actor=dora, pk=here.pk) is None
    lend(desk.chidi, dora, scope=desk.shanghai)
    assert [pk for _, pk in queue.walk(actor=dora).keys] == [here.pk]
    assert corrections.visible_one(actor=dora, pk=here.pk) is not None
    assert corrections.visible_one(actor=dora, pk=there.pk) is None
    desk.approve(here)
    assert corrections.visible_one(actor=dora, pk=here.pk) is None


def test_delegation_and_its_end_are_audit_events(desk: Desk, dora: User) -> None:
    loan = lend(desk.chidi, dora, scope=desk.shanghai)
    services.end_delegation(actor=dora, delegation=loan)
    events = AuditEvent.objects.filter(subject=f"delegation:{loan.pk}").order_by("id")
    assert [(event.kind, event.actor_name) for event in events] == [
        (AuditKind.DELEGATED, "Chidi E-CHIDI"),
        (AuditKind.DELEGATION_ENDED, "Dora E-DORA"),
    ]
    assert (events[0].detail["receiver_id"], events[0].detail["role"]) == (dora.person_id, "checker")


def _in_beijing(desk: Desk) -> Correction:
    correction = desk.draft(desk.payout(desk.beijing), actor=desk.bo)
    desk.attach(correction, actor=desk.bo)
    return services.submit(actor=desk.bo, correction=correction)


# What it never gives


def test_lent_role_goes_no_further_than_its_scope(desk: Desk, dora: User) -> None:
    lend(desk.chidi, dora, scope=desk.shanghai)
    with pytest.raises(NotYourStep):
        desk.approve(_in_beijing(desk), actor=dora)


def test_role_held_everywhere_but_lent_for_one_branch_signs_no_company_step(desk: Desk, dora: User) -> None:
    whole = account("Wanda", "checker")
    put_policy_in_force(desk, [("checker", 1)], step={"scope": "company"})
    lend(whole, dora, scope=desk.shanghai)
    correction = desk.submitted()
    with pytest.raises(NotYourStep):
        desk.approve(correction, actor=dora)
    lend(whole, dora, scope=None)
    desk.approve(correction, actor=dora)


def test_role_lent_for_the_records_branch_signs_no_step_of_another_branch(desk: Desk, dora: User) -> None:
    both = account("Berta", "checker", scope=desk.shanghai)
    give_roles(both, "checker", scope=desk.beijing)
    put_policy_in_force(desk, [("checker", 1)], step={"scope": "other"})
    lend(both, dora, scope=desk.shanghai)
    correction = desk.submitted()
    with pytest.raises(NotYourStep):
        desk.approve(correction, actor=dora)
    lend(both, dora, scope=desk.beijing)
    desk.approve(correction, actor=dora)


def test_lent_role_ends_with_its_days_and_begins_with_them(desk: Desk, dora: User) -> None:
    day = timezone.localdate() + dt.timedelta(days=3)
    lend(desk.chidi, dora, scope=desk.shanghai, starts_on=day, ends_on=day)
    correction = desk.submitted()
    noon = timezone.make_aware(dt.datetime.combine(day, dt.time(12)))
    for days, may_sign in ((-1, False), (1, False), (0, True)):
        with time_machine.travel(noon + dt.timedelta(days=days), tick=False):
            assert bool(queue.walk(actor=dora).count) is may_sign
            if may_sign:
                desk.approve(correction, actor=dora)
            else:
                refused("step_is_not_yours", lambda: desk.approve(correction, actor=dora))


@pytest.mark.parametrize("loss", ["role", "account", "person", "ended", "superuser"])
def test_lent_role_is_worth_nothing_once_its_giver_has_none(loss: str, desk: Desk, dora: User) -> None:
    loan = lend(desk.chidi, dora, scope=desk.shanghai)
    correction = desk.submitted()
    if loss == "role":
        desk.chidi.groups.clear()
    elif loss == "account":
        User.objects.filter(pk=desk.chidi.pk).update(is_active=False)
    elif loss == "person":
        Person.objects.filter(pk=desk.chidi.person_id).update(is_active=False)
    elif loss == "ended":
        services.end_delegation(actor=desk.chidi, delegation=loan)
    else:
        User.objects.filter(pk=desk.chidi.pk).update(is_superuser=True)
    assert queue.walk(actor=dora).count == 0
    refused("step_is_not_yours", lambda: desk.approve(correction, actor=dora))


def test_lent_role_is_not_lent_on(desk: Desk, dora: User) -> None:
    lend(desk.chidi, dora, scope=desk.shanghai)
    refused("lent_role_is_not_yours", lambda: lend(dora, desk.carl, scope=desk.shanghai))


def test_lent_compliance_neither_holds_nor_releases(desk: Desk, dora: User) -> None:
    lend(desk.ana, dora, role="compliance")
    correction = desk.submitted()
    refused("not_allowed", lambda: services.hold(actor=dora, correction=correction, comment="Looked into."))


# Who stays excluded


def test_i01_no_delegate_signs_for_the_maker(desk: Desk, dora: User) -> None:
    give_roles(desk.mara, "checker", scope=desk.shanghai)
    lend(desk.mara, dora, scope=desk.shanghai)
    correction = desk.submitted()
    with pytest.raises(NotYourStep):
        desk.approve(correction, actor=dora)
    assert queue.walk(actor=dora).count == 0


def test_i01_no_delegate_signs_for_one_who_brought_evidence(desk: Desk, dora: User) -> None:
    give_roles(desk.max, "checker", scope=desk.shanghai)
    lend(desk.max, dora, scope=desk.shanghai)
    correction = desk.draft()
    desk.attach(correction, actor=desk.max)
    services.submit(actor=desk.mara, correction=correction)
    with pytest.raises(NotYourStep):
        desk.approve(correction, actor=dora)


def test_i01_maker_signs_nothing_of_his_own_by_a_lent_role(desk: Desk) -> None:
    lend(desk.chidi, desk.mara, scope=desk.shanghai)
    with pytest.raises(MakerCannotDecide):
        desk.approve(desk.submitted(), actor=desk.mara)


def test_i02_receiver_signs_once_whatever_was_lent(desk: Desk, two_step_policy: None) -> None:
    lend(desk.chidi, desk.carl, scope=desk.shanghai)
    correction = desk.submitted()
    desk.approve(correction, actor=desk.carl)
    refused("person_has_decided_already", lambda: desk.approve(correction, actor=desk.carl))


def test_i02_giver_does_not_sign_what_a_delegate_signed_for_him(desk: Desk, dora: User, two_step_policy: None) -> None:
    lend(desk.chidi, dora, scope=desk.shanghai)
    correction = desk.submitted()
    desk.approve(correction, actor=dora)
    with pytest.raises(DelegateHasSigned):
        desk.approve(correction, actor=desk.chidi)
    assert queue.walk(actor=desk.chidi).count == 0
    desk.approve(correction, actor=desk.carl)
    correction.refresh_from_db()
    assert correction.state == State.APPLIED


def test_i02_two_delegates_of_one_giver_are_one_signature(desk: Desk, dora: User, two_step_policy: None) -> None:
    lend(desk.chidi, dora, scope=desk.shanghai)
    second = account("Dilip")
    lend(desk.chidi, second, scope=desk.shanghai)
    correction = desk.submitted()
    desk.approve(correction, actor=dora)
    refused("step_is_not_yours", lambda: desk.approve(correction, actor=second))


def test_i02_delegate_does_not_sign_for_one_who_signed(desk: Desk, dora: User, two_step_policy: None) -> None:
    lend(desk.chidi, dora, scope=desk.shanghai)
    correction = desk.submitted()
    desk.approve(correction, actor=desk.chidi)
    refused("step_is_not_yours", lambda: desk.approve(correction, actor=dora))
    assert queue.walk(actor=dora).count == 0


def test_superuser_signs_nothing_by_a_lent_role(desk: Desk) -> None:
    refused("delegate_is_not_possible", lambda: lend(desk.chidi, desk.sam, scope=desk.shanghai))
    sober = account("Sober", person=desk.sam.person, username="sober")
    lend(desk.chidi, sober, scope=desk.shanghai)
    refused("superuser_cannot_decide", lambda: desk.approve(desk.submitted(), actor=desk.sam))


def test_delegate_proves_a_token_of_his_own(desk: Desk, dora: User, monkeypatch: pytest.MonkeyPatch) -> None:
    put_policy_in_force(desk, [("checker", 1)], step={"token": "own"})
    asked: list[User] = []
    monkeypatch.setattr(
        "backoffice.staff.step_up.verify", lambda user, token: asked.append(user) or True, raising=False
    )
    lend(desk.chidi, dora, scope=desk.shanghai)
    correction = desk.submitted()
    refused("token_is_required", lambda: desk.approve(correction, actor=dora))
    services.approve(actor=dora, correction=correction, digest=correction.digest, token="123456")
    assert asked == [dora]


# Who may lend what to whom


def test_only_a_deciding_role_of_ones_own_is_lent_where_it_is_held(desk: Desk, dora: User) -> None:
    for giver, role, scope in (
        (desk.mara, "maker", desk.shanghai),
        (desk.eve, "executor", None),
        (desk.chidi, "senior_checker", desk.shanghai),
        (desk.chidi, "checker", desk.beijing),
        (desk.chidi, "checker", None),
        (desk.chidi, "nonsense", desk.shanghai),
        (desk.sam, "checker", desk.shanghai),
    ):
        refused("lent_role_is_not_yours", lambda g=giver, r=role, s=scope: lend(g, dora, role=r, scope=s))
    assert not Delegation.objects.exists()


def test_superuser_lends_nothing_even_from_a_group(desk: Desk, dora: User) -> None:
    desk.sam.groups.add(Group.objects.get(name="checker"))
    refused("lent_role_is_not_yours", lambda: lend(desk.sam, dora, scope=None))


def test_receiver_is_another_person_in_force_who_can_sign(desk: Desk, dora: User) -> None:
    own = account("Chidi2", person=desk.chidi.person, username="chidi2")
    gone = account("Gone")
    Person.objects.filter(pk=gone.person_id).update(is_active=False)
    closed = account("Closed", is_active=False)
    for receiver in (desk.chidi, own, gone, closed):
        refused("delegate_is_not_possible", lambda r=receiver: lend(desk.chidi, r, scope=desk.shanghai))
    # A key of anything else is no person's.
    today = timezone.localdate()
    for receiver in (None, dora, desk.shanghai):
        with pytest.raises(CorrectionError) as caught:
            services.delegate(
                actor=desk.chidi,
                receiver=receiver,
                role="checker",
                scope=desk.shanghai,
                starts_on=today,
                ends_on=today,
                reason="r",
            )
        assert caught.value.code == "delegate_is_not_possible"


@pytest.mark.parametrize(
    ("first", "last", "is_possible"),
    [(0, 59, True), (0, 60, False), (1, 0, False), (-1, 3, False), (10, 69, True), (10, 70, False), (0, 0, True)],
)
def test_role_is_lent_for_at_most_sixty_days_from_today_on(
    first: int, last: int, is_possible: bool, desk: Desk, dora: User
) -> None:
    assert limits.DELEGATION_DAYS_MAX == 60
    today = timezone.localdate()
    days = {"starts_on": today + dt.timedelta(days=first), "ends_on": today + dt.timedelta(days=last)}
    if is_possible:
        lend(desk.chidi, dora, scope=desk.shanghai, **days)
    else:
        refused("delegation_days_not_usable", lambda: lend(desk.chidi, dora, scope=desk.shanghai, **days))


@pytest.mark.parametrize("days", [{"starts_on": None}, {"ends_on": "2026-12-01"}, {"starts_on": timezone.now()}])
def test_what_is_no_day_is_refused(days: dict[str, Any], desk: Desk, dora: User) -> None:
    refused("delegation_days_not_usable", lambda: lend(desk.chidi, dora, scope=desk.shanghai, **days))


def test_reason_and_scope_must_be_usable(desk: Desk, dora: User) -> None:
    refused("why_is_required", lambda: lend(desk.chidi, dora, scope=desk.shanghai, reason="  "))
    refused("text_too_long", lambda: lend(desk.chidi, dora, scope=desk.shanghai, reason="x" * 201))
    refused("delegation_scope_unknown", lambda: lend(desk.chidi, dora, scope=desk.payout()))


def test_delegations_have_a_limit(desk: Desk, dora: User, settings: Any) -> None:
    settings.CORRECTIONS_DELEGATIONS_MAX = 2
    first = lend(desk.chidi, dora, scope=desk.shanghai)
    lend(desk.chidi, desk.carl, scope=desk.shanghai)
    refused("too_many_delegations", lambda: lend(desk.chidi, dora, scope=desk.shanghai))
    services.end_delegation(actor=desk.chidi, delegation=first)
    lend(desk.chidi, dora, scope=desk.shanghai)


def test_giver_receiver_and_user_administrator_end_it_once_and_nobody_else(desk: Desk, dora: User) -> None:
    una = account("Una", "user_admin")
    for actor in (desk.chidi, dora, una):
        loan = lend(desk.chidi, dora, scope=desk.shanghai)
        for other in (desk.carl, desk.ana, desk.sam):
            refused("delegation_is_not_yours", lambda o=other, d=loan: services.end_delegation(actor=o, delegation=d))
        services.end_delegation(actor=actor, delegation=loan)
        refused("delegation_is_over", lambda a=actor, d=loan: services.end_delegation(actor=a, delegation=d))
    assert rights_of(dora).lent == ()
