"""The database by itself: whose stead a decision may be in, whatever code asks (I-01, I-02)."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.db import DatabaseError, transaction
from django.utils import timezone

from backoffice.staff.models import User
from corrections import services
from corrections.engine import gate
from corrections.models import Correction, Decision, Delegation
from tests.corrections.services.desk import Desk, put_policy_in_force
from tests.factories.staff import account, give_roles

pytestmark = pytest.mark.django_db


@pytest.fixture
def dora(desk: Desk) -> User:
    return account("Dora")


def lend(desk: Desk, giver: User, receiver: User) -> Delegation:
    today = timezone.localdate()
    return services.delegate(
        actor=giver,
        receiver=receiver.person,
        role="checker",
        scope=desk.shanghai,
        starts_on=today,
        ends_on=today + dt.timedelta(days=1),
        reason="Leave.",
    )


def insert(correction: Correction, user: User, loan: Delegation | None, **more: Any) -> None:
    with transaction.atomic(), gate.opened(actor=user, correction=correction.pk):
        Decision.objects.create(
            correction=correction,
            revision=correction.revision,
            digest=correction.digest,
            user=user,
            person=user.person,
            person_name=str(user.person),
            decided_at=timezone.now(),
            delegation=loan,
            **{"step": 1, "role": "checker", "kind": "approve", **more},
        )


def refused(correction: Correction, user: User, loan: Delegation | None, **more: Any) -> None:
    with pytest.raises(DatabaseError):
        insert(correction, user, loan, **more)


def test_i01_delegation_is_of_that_role_to_that_person_and_stands(desk: Desk, dora: User) -> None:
    loan, correction = lend(desk, desk.chidi, dora), desk.submitted()
    refused(correction, account("Other"), loan)
    refused(correction, dora, loan, role="president")
    over = lend(desk, desk.carl, dora)
    services.end_delegation(actor=dora, delegation=over)
    refused(correction, dora, over)
    insert(correction, dora, loan)


def test_i01_nobody_stands_in_for_the_maker_or_a_contributor(desk: Desk, dora: User) -> None:
    give_roles(desk.mara, "checker", scope=desk.shanghai)
    give_roles(desk.max, "checker", scope=desk.shanghai)
    correction = desk.draft()
    desk.attach(correction, actor=desk.max)
    services.submit(actor=desk.mara, correction=correction)
    for giver in (desk.mara, desk.max):
        refused(correction, dora, lend(desk, giver, dora))


def test_i02_giver_and_delegates_together_sign_once(desk: Desk, dora: User) -> None:
    put_policy_in_force(desk, [("checker", 3)])
    second = account("Dilip")
    first, other = lend(desk, desk.chidi, dora), lend(desk, desk.chidi, second)
    correction = desk.submitted()
    insert(correction, dora, first)
    refused(correction, second, other)
    refused(correction, desk.chidi, None)
    insert(correction, desk.carl, None)
    refused(correction, second, lend(desk, desk.carl, second))
