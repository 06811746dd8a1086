"""The page of delegations: one's own, a form, and the end of one."""

from __future__ import annotations

import datetime as dt

import pytest
from django.urls import reverse
from django.utils import timezone

from backoffice.staff.models import User
from corrections import services
from corrections.models import Delegation
from corrections.permissions import scope_key
from tests.backoffice.staff.test_role_requests import as_user
from tests.corrections.services.desk import Desk
from tests.factories.staff import account

pytestmark = pytest.mark.django_db
PAGE = "admin:corrections_delegations"


def form(desk: Desk, to: User, **changes: object) -> dict[str, object]:
    today = timezone.localdate()
    return {
        "receiver": to.person_id,
        "role": "checker",
        "scope": scope_key(desk.shanghai),
        "starts_on": today.isoformat(),
        "ends_on": (today + dt.timedelta(days=5)).isoformat(),
        "reason": "On leave.",
        **changes,
    }


def test_role_is_lent_shown_to_both_and_taken_back(desk: Desk) -> None:
    dora = account("Dora")
    assert as_user(desk.chidi).post(reverse(PAGE), form(desk, dora)).status_code == 302
    loan = Delegation.objects.get()
    end = reverse("admin:corrections_delegation_end", args=[loan.pk])
    for user in (desk.chidi, dora):
        assert end in as_user(user).get(reverse(PAGE)).content.decode()
    assert "On leave." not in as_user(desk.carl).get(reverse(PAGE)).content.decode()
    assert as_user(desk.carl).post(end).status_code == 404
    assert as_user(dora).post(end).status_code == 302
    loan.refresh_from_db()
    assert loan.ended_at is not None


def test_compliance_and_user_administrators_see_all_and_only_these_end_them(desk: Desk) -> None:
    dora, una = account("Dora"), account("Una", "user_admin")
    as_user(desk.chidi).post(reverse(PAGE), form(desk, dora))
    end = reverse("admin:corrections_delegation_end", args=[Delegation.objects.get().pk])
    for user in (desk.ana, una, desk.sam):
        assert "On leave." in as_user(user).get(reverse(PAGE)).content.decode()
    for user in (desk.ana, desk.sam):
        assert as_user(user).post(end).status_code == 403
    assert as_user(una).post(end).status_code == 302


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"receiver": ""}, "delegate_is_not_possible"),
        ({"scope": "accounts.branch:999999"}, "delegation_scope_unknown"),
        ({"scope": ""}, "delegation_scope_unknown"),
        ({"scope": "*"}, "lent_role_is_not_yours"),
        ({"role": "president"}, "lent_role_is_not_yours"),
        ({"ends_on": "soon"}, "delegation_days_not_usable"),
        ({"reason": ""}, "why_is_required"),
    ],
)
def test_refused_form_says_why_and_keeps_what_was_typed(changes: dict[str, str], code: str, desk: Desk) -> None:
    dora = account("Dora")
    answer = as_user(desk.chidi).post(reverse(PAGE), form(desk, dora, **changes))
    html = answer.content.decode()
    assert answer.status_code in (400, 403)
    assert code in html
    assert changes.get("reason", "On leave.") in html
    assert not Delegation.objects.exists()


def test_form_is_offered_to_who_has_a_role_to_lend(desk: Desk) -> None:
    for user, is_offered in ((desk.chidi, True), (desk.mara, False), (desk.sam, False)):
        assert ('id="delegate"' in as_user(user).get(reverse(PAGE)).content.decode()) is is_offered


def test_way_of_a_correction_says_who_stood_in_for_whom(desk: Desk) -> None:
    dora = account("Dora")
    as_user(desk.chidi).post(reverse(PAGE), form(desk, dora))
    correction = desk.submitted()
    page = reverse("admin:corrections_correction_change", args=[correction.pk])
    assert as_user(dora).get(page).status_code == 200
    services.approve(actor=dora, correction=correction, digest=correction.digest)
    html = as_user(desk.mara).get(page).content.decode()
    assert "Dora" in html
    assert "for Chidi" in html
