"""Step-up: a step asks for no token, a recent one, or one of its own; the project says what a token is."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.utils import timezone

from corrections import services
from corrections.engine import gate
from corrections.errors import CorrectionError
from corrections.models import AuditEvent, Correction, Decision, Policy, PolicyStep
from tests.corrections.services.desk import Desk

pytestmark = pytest.mark.django_db

RIGHT, WRONG = "123456", "654321"
NOW: dict[str, Any] = {"proved_at": None, "asked": [], "used": set()}


def verify(user: Any, token: Any) -> bool:
    """Stands for the project's module: one code, right once. Counting is a write that must be committed."""
    NOW["asked"].append((user.username, token))
    AuditEvent.objects.create(at=timezone.now(), kind="checked", actor=user, actor_name="counter")
    if token != RIGHT or token in NOW["used"]:
        return False
    NOW["used"].add(token)
    return True


def verified_at(user: Any) -> dt.datetime | None:
    return NOW["proved_at"]


@pytest.fixture(autouse=True)
def provider(settings: Any) -> None:
    settings.CORRECTIONS_STEP_UP = __name__
    NOW.update(proved_at=None, asked=[], used=set())


def waiting(desk: Desk, *tokens: str) -> Correction:
    """A submitted correction whose steps ask for these."""
    with gate.opened(actor=desk.sam):
        Policy.objects.update(is_active=False)
        policy = Policy.objects.create(name="tokens", version=9)
        for position, token in enumerate(tokens, start=1):
            PolicyStep.objects.create(policy=policy, position=position, role="checker", token=token)
    return desk.submitted()


def approve(correction: Correction, actor: Any, token: Any = None) -> Decision:
    return services.approve(actor=actor, correction=correction, digest=correction.digest, token=token)


def refusal(correction: Correction, actor: Any, token: Any = None) -> str:
    with pytest.raises(CorrectionError) as refused:
        approve(correction, actor, token)
    return refused.value.code


def test_a_step_that_asks_for_none_asks_nobody(desk: Desk) -> None:
    correction = waiting(desk, "none")
    assert approve(correction, desk.chidi, WRONG).token == "none"
    assert NOW["asked"] == []


@pytest.mark.parametrize("kind", ["recent", "own"])
def test_a_right_token_signs_and_the_decision_says_which_proof_was_asked_for(desk: Desk, kind: str) -> None:
    correction = waiting(desk, kind)
    assert approve(correction, desk.chidi, RIGHT).token == kind
    assert (correction.state, NOW["asked"]) == ("applied", [("chidi", RIGHT)])


@pytest.mark.parametrize(
    ("age", "is_recent"),
    [
        (dt.timedelta(0), True),
        (dt.timedelta(minutes=14, seconds=58), True),
        (dt.timedelta(minutes=15, seconds=1), False),
    ],
)
def test_a_proof_is_recent_for_fifteen_minutes(desk: Desk, age: dt.timedelta, is_recent: bool) -> None:
    correction = waiting(desk, "recent")
    NOW["proved_at"] = timezone.now() - age
    if is_recent:
        approve(correction, desk.chidi)
        assert correction.state == "applied"
    else:
        assert refusal(correction, desk.chidi) == "token_is_required"


@pytest.mark.parametrize("token", [None, ""])
def test_a_step_with_a_proof_of_its_own_never_takes_a_recent_one(desk: Desk, token: Any) -> None:
    correction = waiting(desk, "own")
    NOW["proved_at"] = timezone.now()
    assert refusal(correction, desk.chidi, token) == "token_is_required"


def test_a_wrong_token_commits_nothing_but_what_counts_it(desk: Desk) -> None:
    correction = waiting(desk, "own")
    events = set(AuditEvent.objects.values_list("pk", flat=True))
    assert refusal(correction, desk.chidi, WRONG) == "token_is_wrong"
    fresh = Correction.objects.get(pk=correction.pk)
    assert (fresh.state, fresh.decisions.count(), fresh.step) == ("submitted", 0, 1)
    assert not fresh.check_results.exclude(moment="submission").exists()
    assert [event.actor_name for event in AuditEvent.objects.exclude(pk__in=events)] == ["counter"]
    approve(correction, desk.chidi, RIGHT)


def test_a_wrong_token_is_refused_even_where_a_recent_proof_would_do(desk: Desk) -> None:
    correction = waiting(desk, "recent")
    NOW["proved_at"] = timezone.now()
    assert refusal(correction, desk.chidi, WRONG) == "token_is_wrong"


def test_a_token_that_was_used_is_wrong(desk: Desk) -> None:
    first, second = waiting(desk, "own"), desk.submitted()
    approve(first, desk.chidi, RIGHT)
    assert refusal(second, desk.chidi, RIGHT) == "token_is_wrong"


def test_each_step_asks_its_own_signer(desk: Desk) -> None:
    correction = waiting(desk, "none", "own")
    approve(correction, desk.chidi)
    assert refusal(correction, desk.carl) == "token_is_required"
    approve(correction, desk.carl, RIGHT)
    assert list(correction.decisions.order_by("step").values_list("token", flat=True)) == ["none", "own"]


@pytest.mark.parametrize("rubbish", [0, 123456, 1.5, ["123456"], {"token": RIGHT}, object(), b"123456", "x" * 5000])
def test_rubbish_is_a_wrong_token(desk: Desk, rubbish: Any) -> None:
    correction = waiting(desk, "own")
    assert refusal(correction, desk.chidi, rubbish) == "token_is_wrong"
    assert correction.decisions.count() == 0


def test_no_token_is_asked_for_before_everything_else_is_in_order(desk: Desk) -> None:
    """Or a code would be spent for nothing, and tell whether it was right."""
    correction = waiting(desk, "own")
    for actor in (desk.mara, desk.bea, desk.sam):
        refusal(correction, actor, RIGHT)
    with pytest.raises(CorrectionError):
        services.approve(actor=desk.chidi, correction=correction, digest="0" * 64, token=RIGHT)
    assert NOW["asked"] == []
