"""Expiry by command: what nobody decided in time ends, once, and nothing else does."""

from __future__ import annotations

import io

import pytest
from django.core.management import CommandError, call_command

from corrections.choices import AuditKind, State
from corrections.models import AuditEvent, Correction, Decision
from tests.corrections.services.desk import Desk

pytestmark = pytest.mark.django_db


def expired(**options: str) -> str:
    out = io.StringIO()
    call_command("expire_corrections", stdout=out, **options)
    return out.getvalue()


@pytest.fixture
def over(desk: Desk, settings: pytest.FixtureRequest) -> Correction:
    """A submitted correction whose time is over."""
    settings.CORRECTIONS_SUBMITTED_DAYS_MAX = 0  # type: ignore[attr-defined]
    return desk.submitted()


def state_of(correction: Correction) -> str:
    return str(Correction.objects.get(pk=correction.pk).state)


def test_it_ends_what_is_over_and_is_safe_to_run_twice(over: Correction) -> None:
    assert "1 corrections expired" in expired()
    assert state_of(over) == State.EXPIRED
    assert "0 corrections expired" in expired()
    event = AuditEvent.objects.get(correction=over, kind=AuditKind.EXPIRED)
    assert (event.actor.username, event.actor.kind) == ("expire_corrections", "machine")


def test_it_leaves_alone_what_has_time_and_what_is_on_hold(over: Correction, desk: Desk, settings: object) -> None:
    from corrections import services

    services.hold(actor=desk.ana, correction=over, comment="Wait for the call-back.")
    settings.CORRECTIONS_SUBMITTED_DAYS_MAX = 30  # type: ignore[attr-defined]
    young = desk.submitted()
    assert "0 corrections expired" in expired()
    assert (state_of(over), state_of(young)) == (State.SUBMITTED, State.SUBMITTED)


def test_it_acts_for_a_named_account_and_refuses_an_unknown_one(over: Correction, desk: Desk) -> None:
    with pytest.raises(CommandError, match="no account called nobody"):
        expired(username="nobody")
    expired(username=desk.ana.username)
    assert AuditEvent.objects.get(correction=over, kind=AuditKind.EXPIRED).actor == desk.ana


def test_expiry_is_no_decision(over: Correction) -> None:
    expired()
    assert not Decision.objects.filter(correction=over).exists()


def test_deactivated_account_expires_nothing_and_is_told_so(over: Correction, desk: Desk) -> None:
    desk.ana.is_active = False
    desk.ana.save()
    err = io.StringIO()
    with pytest.raises(CommandError, match="2 could not be done"):
        call_command("expire_corrections", username=desk.ana.username, stdout=io.StringIO(), stderr=err)
    assert "actor_is_not_active" in err.getvalue()
    assert state_of(over) == State.SUBMITTED
