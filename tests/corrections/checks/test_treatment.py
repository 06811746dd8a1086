"""What a raised flag does: reported, or raising the tier and never lowering it; its verdict is kept and never voids."""

from __future__ import annotations

from decimal import Decimal

import pytest

from corrections import services
from corrections.assessment import assess
from corrections.engine import gate
from corrections.models import Correction, Policy, PolicyStep
from corrections.policies import Demand
from corrections.services._judged import TierRaised
from corrections.services.decide import AlreadyDecided
from tests.corrections.checks.flagging import NOON, rule
from tests.corrections.services.desk import Desk
from tests.factories.staff import account

pytestmark = pytest.mark.django_db


def flagged_policy(desk: Desk, *roles: str, flag: str = "corrected_again", **fields: object) -> Policy:
    """A policy that adds these steps where the flag is raised."""
    with gate.opened(actor=desk.sam):
        policy = Policy.objects.create(name=f"because of {flag}", priority=1, flags=[flag], **fields)
        for position, role in enumerate(roles, start=1):
            PolicyStep.objects.create(policy=policy, position=position, role=role)
    return policy


@pytest.fixture
def again(desk: Desk) -> Correction:
    """A draft on a record that was corrected before."""
    payout = desk.payout()
    desk.applied(payout)
    payout.refresh_from_db()
    return desk.draft(payout, counterparty_bank="ABC")


def demand_of(correction: Correction, *, signer: int | None = None) -> Demand:
    changes = list(correction.changes.all())
    return assess(correction, changes, at=NOON, is_locking=False, checker_person_id=signer).demand


def roles(demand: Demand) -> list[str]:
    return [step.role for step in demand.steps]


def submitted(desk: Desk, correction: Correction) -> Correction:
    desk.attach(correction)
    return services.submit(actor=desk.mara, correction=correction)


def test_a_flag_that_is_only_reported_reaches_no_policy(desk: Desk, again: Correction) -> None:
    flagged_policy(desk, "checker", "compliance")
    assert roles(demand_of(again)) == ["checker"]
    submitted(desk, again)
    assert again.demand["flags"] == []
    result = again.check_results.get(check_code="corrected_again")
    assert (result.is_flag, result.is_hidden) == (True, False)
    desk.approve(again)
    assert again.check_results.filter(check_code="corrected_again").count() == 2  # at submission, and inside apply


def test_a_flag_that_raises_adds_the_steps_of_its_policy(desk: Desk, again: Correction) -> None:
    flagged_policy(desk, "checker", "compliance")
    rule(desk, "corrected_again", raises_tier=True)
    assert roles(demand_of(again)) == ["checker", "compliance"]
    assert roles(demand_of(desk.draft())) == ["checker"]  # not raised there
    submitted(desk, again)
    assert again.demand["flags"] == ["corrected_again"]
    desk.approve(again)
    again = Correction.objects.get(pk=again.pk)
    assert (again.state, again.step_role) == ("submitted", "compliance")


def test_a_flag_never_lowers_the_tier(desk: Desk) -> None:
    payout = desk.payout(amount=Decimal("80000.00"))
    plain = demand_of(desk.draft(payout, channel="B"))
    flagged_policy(desk, "checker", flag="beneficiary_again", evidence_min=1)
    rule(desk, "beneficiary_again", raises_tier=True)
    desk.submitted()  # of the same beneficiary
    raised = demand_of(desk.draft(payout, counterparty_bank="ABC"))
    assert roles(plain) == roles(raised) == ["checker", "senior_checker"]
    assert raised.covers(plain)


def test_a_flag_without_a_policy_of_its_own_adds_nothing(desk: Desk, again: Correction) -> None:
    rule(desk, "corrected_again", raises_tier=True)
    assert roles(demand_of(again)) == ["checker"]


def test_a_flag_that_the_signer_raises_voids_what_was_signed_and_asks_for_more(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same pair again and again is known only when somebody is about to sign."""
    flagged_policy(desk, "checker", "senior_checker", flag="same_pair")
    rule(desk, "same_pair", raises_tier=True)
    monkeypatch.setattr("django.conf.settings.CORRECTIONS_PAIR_DECISIONS_MIN", 2, raising=False)
    for _ in range(2):
        desk.approve(desk.submitted())
    third = desk.submitted()
    assert roles(Demand.from_json(third.demand)) == ["checker"]
    with pytest.raises(TierRaised):
        desk.approve(third)
    third = Correction.objects.get(pk=third.pk)
    assert (third.state, third.revision, third.step) == ("submitted", 2, 1)
    assert roles(Demand.from_json(third.demand)) == ["checker", "senior_checker"]
    # By another checker nothing would be raised, and yet what was once demanded stays.
    desk.approve(third, actor=desk.carl)
    third = Correction.objects.get(pk=third.pk)
    assert (third.state, third.step_role) == ("submitted", "senior_checker")


def test_a_raised_flag_asks_for_no_answer(desk: Desk, again: Correction) -> None:
    submitted(desk, again)
    assert again.acknowledged == {}
    assert desk.approve(again).acknowledged == {}
    assert Correction.objects.get(pk=again.pk).state == "applied"


def test_whoever_is_asked_in_addition_is_another_person(desk: Desk, again: Correction) -> None:
    flagged_policy(desk, "checker", "compliance")
    rule(desk, "corrected_again", raises_tier=True)
    submitted(desk, again)
    both = account("Cora", "checker", "compliance")
    desk.approve(again, actor=both)
    again = Correction.objects.get(pk=again.pk)
    with pytest.raises(AlreadyDecided):
        desk.approve(again, actor=both)
    desk.approve(again, actor=desk.ana)
    assert Correction.objects.get(pk=again.pk).state == "applied"
