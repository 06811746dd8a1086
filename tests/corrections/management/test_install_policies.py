"""Installing a shipped set of policies by command: once, where there is none; then only as a correction."""

from __future__ import annotations

import io

import pytest
from django.core.management import CommandError, call_command

from corrections import services
from corrections.checks.controls import report
from corrections.models import Correction, FlagRule, Policy
from corrections.policies import in_force
from tests.corrections.services.desk import Desk, evidence_file, make_desk
from tests.factories.staff import account

pytestmark = pytest.mark.django_db


def run(*arguments: str) -> str:
    out = io.StringIO()
    call_command("install_policies", *arguments, stdout=out)
    return out.getvalue()


@pytest.fixture
def desk() -> Desk:
    return make_desk()


@pytest.fixture(autouse=True)
def a_token_that_is_right(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("corrections.services._token.is_proved", lambda act, step, token: True)


def names() -> set[str]:
    return {ruled.policy.name for ruled in in_force()}


def test_lite_is_four_eyes_and_evidence_and_nothing_else() -> None:
    assert "2 approval policies" in run("--profile", "lite")
    assert names() == {"the desk's own controls", "four eyes"}
    four = Policy.objects.get(name="four eyes")
    assert [(step.role, step.people) for step in four.steps.all()] == [("checker", 1)]
    assert (four.evidence_min, four.evidence_kinds, four.flags) == (1, [], [])
    assert not FlagRule.objects.exists()


def test_what_is_in_force_is_not_overwritten_and_a_second_run_says_so() -> None:
    run()
    before = list(Policy.objects.values())
    for profile in ("standard", "lite"):
        with pytest.raises(CommandError, match="not overwritten"):
            run("--profile", profile)
    assert list(Policy.objects.values()) == before


def test_with_as_it_drafts_the_correction_that_brings_the_profile_into_force(desk: Desk) -> None:
    pol, pia, pres = account("Pol", "policy_admin"), account("Pia", "policy_admin"), account("Pres", "president")
    assert "Drafted correction" in run("--profile", "lite", "--as", "pol")
    assert "dormant account" in names()  # until it is signed
    assert "already" in run("--profile", "lite", "--as", "pol")
    draft = Correction.objects.get()
    services.attach_evidence(actor=pol, correction=draft, file=evidence_file(), kind="approval")
    services.submit(actor=pol, correction=draft)
    for person in (pia, pres):
        services.approve(actor=person, correction=draft, digest=draft.digest)
    assert names() == {"the desk's own controls", "four eyes"}
    assert report(in_force()).is_clean
    assert "in force already" in run("--profile", "lite", "--as", "pol")
    # And back again, by lite's one signature of another policy administrator.
    run("--profile", "standard", "--as", "pia")
    back = Correction.objects.latest("pk")
    services.attach_evidence(actor=pia, correction=back, file=evidence_file(), kind="approval")
    services.submit(actor=pia, correction=back)
    services.approve(actor=pol, correction=back, digest=back.digest)
    assert {"president", "dormant account"} <= names()
    assert report(in_force()).is_clean


def test_only_a_policy_administrator_asks_for_it(desk: Desk) -> None:
    for username, said in (("mara", "record_is_outside_your_scope"), ("sam", "maker_role"), ("nobody", "no account")):
        with pytest.raises(CommandError, match=said):
            run("--profile", "lite", "--as", username)
    assert not Correction.objects.exists()
