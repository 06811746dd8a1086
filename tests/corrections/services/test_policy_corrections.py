"""Changing a policy is a correction: drafted by a policy administrator, signed by another and by the president."""

from __future__ import annotations

from typing import Any

import pytest

from backoffice.staff.models import User
from corrections import services
from corrections.errors import CorrectionError
from corrections.models import CalendarDay, Correction, ExchangeRate, FlagRule, Policy, PolicyStep
from corrections.policies import in_force
from corrections.selectors import corrections as seen
from corrections.selectors import queue
from corrections.services.policy import draft_policy_retirement, draft_policy_version
from tests.corrections.services.desk import Desk, evidence_file, make_desk
from tests.factories.staff import account, with_token

pytestmark = pytest.mark.django_db

WHY = {"reason": "process_gap", "note": "The board decided so on 12 November."}


@pytest.fixture
def desk() -> Desk:
    return make_desk()


@pytest.fixture
def pol(desk: Desk) -> User:
    return account("Pol", "policy_admin")


@pytest.fixture
def pia(desk: Desk) -> User:
    return account("Pia", "policy_admin")


@pytest.fixture
def pres(desk: Desk) -> User:
    return account("Pres", "president")


@pytest.fixture(autouse=True)
def a_token_that_is_right(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tokens have tests of their own."""
    monkeypatch.setattr("corrections.services._token.is_proved", lambda act, step, token: True)


def named(name: str, **more: Any) -> Policy:
    return Policy.objects.get(name=name, **{"is_active": True, **more})


def submitted(pol: User, draft: Correction) -> Correction:
    services.attach_evidence(actor=pol, correction=draft, file=evidence_file(), kind="approval")
    return services.submit(actor=pol, correction=draft, acknowledged={"policies_leave_no_gap": "looked_into"})


def signed(correction: Correction, *people: User) -> Correction:
    for person in people:
        services.approve(actor=person, correction=correction, digest=correction.digest)
    correction.refresh_from_db()
    return correction


def test_a_version_comes_into_force_by_two_more_people_and_the_old_one_goes(
    desk: Desk, pol: User, pia: User, pres: User
) -> None:
    old = named("four eyes")
    draft = draft_policy_version(actor=pol, policy=old, values={"evidence_min": 2}, **WHY)
    correction = submitted(pol, draft)
    assert [step.role for step in correction.steps.order_by("position")] == ["policy_admin", "president"]
    assert signed(correction, pia, pres).state == "applied"
    new = named("four eyes")
    assert (new.version, new.evidence_min, new.priority) == (2, 2, old.priority)
    assert [(s.role, s.people, s.escalates_to) for s in new.steps.all()] == [("checker", 1, "senior_checker")]
    old.refresh_from_db()
    assert not old.is_active
    assert [row.is_active for row in old.history.order_by("history_id")] == [True, False]
    assert new.history.get().history_type == "+"
    assert new.steps.get().history.get().history_type == "+"


def test_taking_it_back_puts_the_old_version_in_force_again(desk: Desk, pol: User, pia: User, pres: User) -> None:
    old = named("four eyes")
    correction = signed(
        submitted(pol, draft_policy_version(actor=pol, policy=old, values={"evidence_min": 2}, **WHY)), pia, pres
    )
    new = named("four eyes")
    back = services.revert(actor=pia, correction=correction, reason="operator_error", note="Too many receipts.")
    assert signed(submitted(pia, back), pol, pres).state == "applied"
    old.refresh_from_db()
    new.refresh_from_db()
    correction.refresh_from_db()
    assert (old.is_active, new.is_active, correction.state) == (True, False, "reverted")
    assert PolicyStep.objects.filter(policy=new).exists()  # what was once demanded stays on record


def test_nobody_signs_a_policy_of_his_own(desk: Desk, pol: User, pia: User, pres: User) -> None:
    correction = submitted(
        pol, draft_policy_version(actor=pol, policy=named("six eyes"), values={"priority": 210}, **WHY)
    )
    with pytest.raises(CorrectionError) as refused:
        services.approve(actor=pol, correction=correction, digest=correction.digest)
    assert refused.value.code == "maker_cannot_decide"
    with pytest.raises(CorrectionError) as refused:
        services.approve(actor=pres, correction=correction, digest=correction.digest)
    assert refused.value.code == "step_is_not_yours"
    signed(correction, pia)
    assert correction.state == "submitted"


def test_the_president_is_asked_for_a_token(
    desk: Desk, pol: User, pia: User, pres: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    draft = draft_policy_version(actor=pol, policy=named("six eyes"), values={"priority": 210}, **WHY)
    correction = signed(submitted(pol, draft), pia)
    with pytest.raises(CorrectionError) as refused:
        services.approve(actor=pres, correction=correction, digest=correction.digest)
    assert refused.value.code == "token_is_required"
    token = with_token(pres).code(steps=1)  # the code of now was used up when it was set up
    services.approve(actor=pres, correction=correction, digest=correction.digest, token=token)
    correction.refresh_from_db()
    assert (correction.state, correction.decisions.latest("pk").token) == ("applied", "recent")


def test_only_policy_administrators_propose_a_policy(desk: Desk, pres: User) -> None:
    everywhere = account("Max-all", "maker")
    for person in (desk.mara, everywhere, pres, desk.ana, desk.sam):
        with pytest.raises(CorrectionError) as refused:
            draft_policy_version(actor=person, policy=named("four eyes"), values={"evidence_min": 2}, **WHY)
        assert refused.value.code in ("maker_role_is_required", "record_is_outside_your_scope", "actor_needs_a_person")
    assert not Correction.objects.exists()


def test_a_policy_administrator_proposes_nothing_of_the_business(desk: Desk, pol: User) -> None:
    with pytest.raises(CorrectionError) as refused:
        desk.draft(actor=pol)
    assert refused.value.code == "record_is_outside_your_scope"


def test_controls_and_business_records_never_share_a_correction(desk: Desk) -> None:
    both = account("Both", "maker", "policy_admin")
    draft = draft_policy_version(actor=both, policy=named("four eyes"), values={"evidence_min": 2}, **WHY)
    with pytest.raises(CorrectionError) as refused:
        services.add_change(
            actor=both, correction=draft, target=desk.payout(), action="update", values={"counterparty_bank": "CMB"}
        )
    assert refused.value.code == "controls_are_corrected_apart"


def test_a_makers_office_sees_no_policy_correction_and_a_policy_administrator_no_other(
    desk: Desk, pol: User, pia: User
) -> None:
    of_policy = submitted(
        pol, draft_policy_version(actor=pol, policy=named("six eyes"), values={"priority": 210}, **WHY)
    )
    of_business = desk.submitted()
    everywhere = account("Chen", "maker", "checker", "senior_checker")
    for person, shown in ((pia, of_policy), (pol, of_policy), (desk.chidi, of_business), (everywhere, of_business)):
        assert list(seen.visible(actor=person)) == [shown]
        assert [row.pk for row in seen.register(actor=person, filters=seen.Filters()).rows] == [shown.pk]
        assert seen.visible_one(actor=person, pk=shown.pk) is not None
        other = of_business if shown == of_policy else of_policy
        assert seen.visible_one(actor=person, pk=other.pk) is None
    assert set(seen.visible(actor=desk.ana)) == {of_policy, of_business}
    assert [row.pk for row in queue.page(actor=pia).rows] == [of_policy.pk]
    assert [row.pk for row in queue.page(actor=pol).rows] == []


def test_another_policy_administrator_edits_the_draft_and_a_maker_of_everything_does_not(
    desk: Desk, pol: User, pia: User
) -> None:
    draft = draft_policy_version(actor=pol, policy=named("six eyes"), values={"priority": 210}, **WHY)
    with pytest.raises(CorrectionError) as refused:
        services.amend(actor=account("Chen", "maker"), correction=draft, note="Mine now.")
    assert refused.value.code == "correction_is_outside_your_scope"
    services.amend(actor=pia, correction=draft, note="As the board put it.")
    correction = submitted(pol, draft)
    with pytest.raises(CorrectionError) as refused:
        services.approve(actor=pia, correction=correction, digest=correction.digest)
    assert refused.value.code == "maker_cannot_decide"


def test_a_retired_policy_leaves_a_gap_that_is_said_and_answered(desk: Desk, pol: User, pia: User, pres: User) -> None:
    draft = draft_policy_retirement(actor=pol, policy=named("four eyes"), **WHY)
    services.attach_evidence(actor=pol, correction=draft, file=evidence_file(), kind="approval")
    with pytest.raises(CorrectionError) as refused:
        services.submit(actor=pol, correction=draft)
    assert refused.value.details.get("check") == "policies_leave_no_gap" or "policies_leave_no_gap" in str(
        refused.value.details
    )
    services.submit(actor=pol, correction=draft, acknowledged={"policies_leave_no_gap": "looked_into"})


def test_the_policy_of_the_policies_can_not_be_retired(desk: Desk, pol: User) -> None:
    draft = draft_policy_retirement(actor=pol, policy=named("the desk's own controls"), **WHY)
    services.attach_evidence(actor=pol, correction=draft, file=evidence_file(), kind="approval")
    with pytest.raises(CorrectionError) as refused:
        services.submit(actor=pol, correction=draft, acknowledged={"policies_leave_no_gap": "looked_into"})
    assert refused.value.code == "machine_check_failed"


def test_a_version_that_stands_is_never_edited(desk: Desk, pol: User) -> None:
    draft = services.draft(actor=pol, target=named("four eyes"), action="update", values={"evidence_min": 2}, **WHY)
    services.attach_evidence(actor=pol, correction=draft, file=evidence_file(), kind="approval")
    with pytest.raises(CorrectionError) as refused:
        services.submit(actor=pol, correction=draft)
    assert refused.value.code == "machine_check_failed"


def test_an_old_version_does_not_come_back_beside_the_new_one(desk: Desk, pol: User, pia: User, pres: User) -> None:
    old = named("six eyes")
    signed(submitted(pol, draft_policy_version(actor=pol, policy=old, values={"priority": 210}, **WHY)), pia, pres)
    old.refresh_from_db()
    draft = services.draft(actor=pol, target=old, action="update", values={"is_active": True}, **WHY)
    services.attach_evidence(actor=pol, correction=draft, file=evidence_file(), kind="approval")
    with pytest.raises(CorrectionError) as refused:
        services.submit(actor=pol, correction=draft)
    assert refused.value.code == "machine_check_failed"


def test_only_the_version_in_force_has_a_next_one(desk: Desk, pol: User, pia: User, pres: User) -> None:
    old = named("six eyes")
    signed(submitted(pol, draft_policy_version(actor=pol, policy=old, values={"priority": 210}, **WHY)), pia, pres)
    with pytest.raises(CorrectionError) as refused:
        draft_policy_version(actor=pol, policy=old, values={"priority": 220}, **WHY)
    assert refused.value.code == "policy_is_not_in_force"


UNSOUND: list[tuple[dict[str, Any], list[dict[str, Any]] | None, str]] = [
    ({"record_kinds": ["accounts.nothing"]}, None, "policy_names_unknown_kind"),
    ({"field_names": ["colour"]}, None, "policy_names_unknown_field"),
    ({"rekey_fields": ["accounts.payout.colour"]}, None, "policy_names_unknown_field"),
    ({"record_kinds": ["accounts.loan"], "rekey_fields": ["card"]}, None, "policy_names_unknown_field"),
    ({"actions": ["destroy"]}, None, "policy_names_unknown_action"),
    ({"reasons": ["whim"]}, None, "policy_names_unknown_reason"),
    ({"impact_classes": ["weather"]}, None, "policy_names_unknown_impact"),
    ({"currencies": ["XXX"]}, None, "policy_names_unknown_currency"),
    ({"evidence_kinds": ["rumour"]}, None, "policy_names_unknown_evidence"),
    ({"flags": ["bad_mood"]}, None, "policy_names_unknown_flag"),
    ({"worded_checks": ["nothing_checked"]}, None, "policy_names_unknown_check"),
    ({"cumulate": ["moon"], "cumulate_days": 3}, None, "policy_adds_up_by_nothing"),
    ({"cumulate": ["maker"], "cumulate_days": 0}, None, "policy_adds_up_over_no_days"),
    ({"amount_from": "100.00", "amount_below": "100.00"}, None, "policy_band_is_empty"),
    ({"amount_from": "200.00", "amount_below": "100.00"}, None, "policy_band_is_empty"),
    ({"amount_from": "-1.00"}, None, "policy_band_is_empty"),
    ({"reasons": "process_gap"}, None, "policy_list_not_readable"),
    ({"decide_hours": 2_000_000_000}, None, "policy_number_too_large"),
    ({"executor_is_separate": True}, None, "policy_has_no_executor"),
    ({"colour": "red"}, None, "policy_column_unknown"),
    ({}, [], "policy_has_no_steps"),
    ({}, [{"role": "checker"}] * 9, "policy_has_too_many_steps"),
    ({}, [{"role": "checker", "people": 0}], "policy_step_needs_people"),
    ({}, [{"role": "cleaner"}], "policy_step_not_readable"),
    ({}, [{"role": "checker", "scope": "moon"}], "policy_step_not_readable"),
    ({}, [{"role": "maker"}], "policy_can_never_be_signed"),
    ({}, [{"role": "policy_admin"}], "policy_can_never_be_signed"),
    ({}, [{"role": "checker", "escalates_to": "executor"}], "policy_can_never_be_signed"),
    ({"record_kinds": ["corrections.policy"]}, [{"role": "checker"}], "policy_can_never_be_signed"),
]


@pytest.mark.parametrize(("values", "steps", "code"), UNSOUND, ids=lambda value: str(value)[:40])
def test_a_version_that_could_not_be_carried_out_is_refused_by_name(
    desk: Desk, pol: User, values: dict[str, Any], steps: list[dict[str, Any]] | None, code: str
) -> None:
    with pytest.raises(CorrectionError) as refused:
        draft_policy_version(actor=pol, policy=named("four eyes"), values=values, steps=steps, **WHY)
    assert refused.value.code == code
    assert not Correction.objects.exists()


def test_a_policy_of_its_own_begins_with_version_one(desk: Desk, pol: User, pia: User, pres: User) -> None:
    values = {
        "name": "rates of loans",
        "priority": 50,
        "record_kinds": ["accounts.loan"],
        "field_names": ["instalment", "accounts.loan.principal"],
        "amount_from": "0.00",
        "amount_below": "1000.00",
        "rekey_fields": ["instalment"],
        "evidence_kinds": ["approval"],
        "worded_checks": ["same_change_seen"],
    }
    steps = [{"role": "checker", "people": 2}, {"role": "controller", "scope": "company", "token": "recent"}]
    correction = submitted(pol, draft_policy_version(actor=pol, policy=None, values=values, steps=steps, **WHY))
    assert signed(correction, pia, pres).state == "applied"
    made = named("rates of loans")
    assert (made.version, made.amount_below) == (1, 1000)
    assert [(s.position, s.role, s.people, s.token) for s in made.steps.all()] == [
        (1, "checker", 2, "none"),
        (2, "controller", 1, "recent"),
    ]
    assert made.pk in [ruled.policy.pk for ruled in in_force()]


# A version that comes into force while a correction waits


def test_a_stricter_version_voids_the_signatures_and_a_milder_one_changes_nothing(
    desk: Desk, pol: User, pia: User, pres: User
) -> None:
    two = [{"role": "checker", "people": 2}]
    signed(
        submitted(pol, draft_policy_version(actor=pol, policy=named("four eyes"), values={}, steps=two, **WHY)),
        pia,
        pres,
    )
    waiting = desk.submitted()
    desk.approve(waiting)  # Chidi, the first of two
    strict = [{"role": "checker", "people": 2}, {"role": "senior_checker", "people": 1}]
    signed(
        submitted(pol, draft_policy_version(actor=pol, policy=named("four eyes"), values={}, steps=strict, **WHY)),
        pia,
        pres,
    )
    with pytest.raises(CorrectionError) as refused:
        desk.approve(waiting, actor=desk.carl)
    assert refused.value.code == "tier_was_raised"
    waiting.refresh_from_db()
    assert (waiting.revision, waiting.state, waiting.step) == (2, "submitted", 1)
    pinned = waiting.steps.filter(revision=2).order_by("position")
    assert [(s.role, s.people) for s in pinned] == [("checker", 2), ("senior_checker", 1)]

    one = [{"role": "checker", "people": 1}]
    signed(
        submitted(pol, draft_policy_version(actor=pol, policy=named("four eyes"), values={}, steps=one, **WHY)),
        pia,
        pres,
    )
    sena = account("Sena", "senior_checker", scope=desk.shanghai)
    for person in (desk.chidi, desk.carl, sena):
        waiting.refresh_from_db()
        assert waiting.state == "submitted"
        desk.approve(waiting, actor=person)
    waiting.refresh_from_db()
    assert waiting.state == "applied"


# The other controls


def refused_at_submission(pol: User, **what: Any) -> str:
    draft = services.draft(actor=pol, **what, **WHY)
    services.attach_evidence(actor=pol, correction=draft, file=evidence_file(), kind="approval")
    with pytest.raises(CorrectionError) as refused:
        services.submit(actor=pol, correction=draft)
    return str(refused.value.code)


@pytest.mark.parametrize(
    ("model", "values"),
    [
        (ExchangeRate, {"currency": "CNY", "valid_from": "2026-12-01", "rate": "2"}),
        (ExchangeRate, {"currency": "usd", "valid_from": "2026-12-01", "rate": "7"}),
        (CalendarDay, {"day": "2026-12-31", "is_working": True, "opens_at": "18:00", "closes_at": "09:00"}),
        (FlagRule, {"code": "bad_mood"}),
    ],
    ids=["own currency", "small letters", "closed before it opens", "flag that nobody raises"],
)
def test_a_control_that_makes_no_sense_is_refused_by_machine(
    desk: Desk, pol: User, model: Any, values: dict[str, Any]
) -> None:
    assert refused_at_submission(pol, model=model, action="create", values=values) == "machine_check_failed"


def test_a_rule_looks_back_no_further_than_can_be_reckoned_and_keeps_its_flag(desk: Desk, pol: User) -> None:
    rule = FlagRule.objects.get(code="prior_period")
    for values in ({"window_days": 2_000_000_000}, {"code": "round_robin"}):
        assert refused_at_submission(pol, target=rule, action="update", values=values) == "machine_check_failed"


def test_a_step_is_added_to_no_version_that_stands(desk: Desk, pol: User) -> None:
    values = {"policy": named("four eyes"), "position": 2, "role": "checker"}
    assert refused_at_submission(pol, model=PolicyStep, action="create", values=values) == "machine_check_failed"


def test_a_rate_a_holiday_and_a_rule_come_into_force_like_a_policy(
    desk: Desk, pol: User, pia: User, pres: User
) -> None:
    draft = services.draft(
        actor=pol,
        model=ExchangeRate,
        action="create",
        values={"currency": "AUD", "valid_from": "2026-12-01", "rate": "4.7"},
        **WHY,
    )
    day = {"day": "2026-12-31", "is_working": False}
    services.add_change(actor=pol, correction=draft, model=CalendarDay, action="create", values=day)
    rule = FlagRule.objects.get(code="prior_period")
    services.add_change(actor=pol, correction=draft, target=rule, action="update", values={"raises_tier": False})
    assert signed(submitted(pol, draft), pia, pres).state == "applied"
    rule.refresh_from_db()
    assert not rule.raises_tier
    assert ExchangeRate.objects.filter(currency="AUD").exists()
    assert CalendarDay.objects.get().history.count() == 1
