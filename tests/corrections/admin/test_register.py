"""The register lists every number, whatever became of it, to exactly those who may see it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from backoffice.staff.models import User
from corrections import services
from corrections.permissions import may_see_correction, rights_of
from corrections.selectors import corrections
from corrections.selectors.corrections import Filters
from tests.corrections.services.desk import Desk
from tests.factories.staff import account

pytestmark = pytest.mark.django_db
QUERIES_MAX = 15


def listed(user: User, **filters: Any) -> list[int]:
    return [line.pk for line in corrections.register(actor=user, filters=Filters(**filters)).rows]


@pytest.fixture
def page(client: Client) -> Callable[..., Any]:
    def get(user: User, **query: Any) -> Any:
        client.force_login(user)
        return client.get(reverse("admin:corrections_correction_changelist"), query)

    return get


def test_withdrawn_and_refused_ones_stay_listed_newest_first(desk: Desk) -> None:
    rejected, withdrawn, applied = desk.submitted(), desk.submitted(), desk.applied()
    services.reject(actor=desk.chidi, correction=rejected, digest=rejected.digest, comment="No.")
    services.withdraw(actor=desk.mara, correction=withdrawn, comment="Double.")
    assert listed(desk.ana) == [applied.pk, withdrawn.pk, rejected.pk]


def test_who_sees_a_correction_of_shanghai(desk: Desk) -> None:
    correction = desk.submitted()
    for user in (desk.mara, desk.max, desk.chidi, desk.carl, desk.ana, desk.eve, desk.sam):
        assert listed(user) == [correction.pk], user
    uma = account("Uma", "user_admin")
    for user in (desk.bo, desk.bea, uma):
        assert listed(user) == [], user


def test_a_draft_is_listed_to_its_maker_alone(desk: Desk) -> None:
    draft = desk.draft()
    assert listed(desk.mara) == [draft.pk]
    for user in (desk.max, desk.chidi, desk.ana, desk.sam):
        assert listed(user) == [], user


def test_the_receiver_of_a_correction_sees_it(desk: Desk) -> None:
    correction = desk.submitted()
    assert listed(desk.bea) == []
    services.hand_over(actor=desk.chidi, correction=correction, to=desk.bea)
    assert listed(desk.bea) == [correction.pk]


def test_the_list_and_the_single_question_agree(desk: Desk) -> None:
    ours, theirs = desk.submitted(), desk.draft(desk.payout(desk.beijing), actor=desk.bo)
    for user in (desk.mara, desk.max, desk.chidi, desk.bo, desk.bea, desk.ana, desk.sam, account("Nia")):
        for correction in (ours, theirs):
            keys = correction.scopes.values_list("key", flat=True)
            alone = may_see_correction(user, rights_of(user), correction, keys)
            assert corrections.visible(actor=user).filter(pk=correction.pk).exists() is alone, (user, correction)


def test_filters_narrow_and_both_sides_show(desk: Desk) -> None:
    applied, waiting = desk.applied(), desk.submitted()
    today = timezone.now()
    assert listed(desk.ana, state="applied") == [applied.pk]
    assert listed(desk.ana, number=waiting.number) == [waiting.pk]
    assert listed(desk.ana, number="DZ-2026") == []
    assert listed(desk.ana, reason="system_defect") == [waiting.pk, applied.pk]
    assert listed(desk.ana, reason="operator_error") == []
    assert listed(desk.ana, maker="E-MARA") == listed(desk.ana, maker="mar") == [waiting.pk, applied.pk]
    assert listed(desk.ana, maker="Max") == []
    assert listed(desk.ana, scope=f"accounts.branch:{desk.shanghai.pk}") == [waiting.pk, applied.pk]
    assert listed(desk.ana, scope=f"accounts.branch:{desk.beijing.pk}") == []
    assert listed(desk.ana, since=today - timedelta(days=1), until=today + timedelta(days=1)) == [
        waiting.pk,
        applied.pk,
    ]
    assert listed(desk.ana, until=today - timedelta(days=1)) == []


def test_the_form_reads_the_query_and_refuses_strange_values_beside_the_field(
    desk: Desk, page: Callable[..., Any]
) -> None:
    correction = desk.submitted()
    day = timezone.localdate().isoformat()
    good = page(desk.ana, number=f" {correction.number.lower()} ", state="submitted", since=day, until=day)  # type: ignore[union-attr]
    assert [line.pk for line in good.context["page"].rows] == [correction.pk]
    strange = page(desk.ana, state="no such", since="9999-99-99", until="0001-01-01", below="x", scope="'; --")
    assert strange.status_code == 200
    assert {"state", "since", "until", "scope"} <= set(strange.context["form"].errors)


@pytest.mark.parametrize("day", ["9999-12-31", "0001-01-01"])
def test_days_beyond_the_desks_calendar_are_refused_in_the_page(desk: Desk, page: Callable[..., Any], day: str) -> None:
    answer = page(desk.ana, since=day, until=day)
    assert answer.status_code == 200
    assert answer.context["form"].errors


def test_only_own_branches_are_offered(desk: Desk) -> None:
    assert [label for _key, label in corrections.scope_choices(actor=desk.chidi)] == ["Shanghai"]
    assert [label for _key, label in corrections.scope_choices(actor=desk.ana)] == ["Beijing", "Shanghai"]


def test_pages_go_forth_and_back_without_gap_or_overlap(desk: Desk, settings: Any) -> None:
    settings.CORRECTIONS_PAGE_ROWS = 2
    wanted = [desk.submitted().pk for _ in range(5)][::-1]
    first = corrections.register(actor=desk.ana, filters=Filters())
    second = corrections.register(actor=desk.ana, filters=Filters(), below=first.older)
    third = corrections.register(actor=desk.ana, filters=Filters(), below=second.older)
    assert [line.pk for found in (first, second, third) for line in found.rows] == wanted
    assert first.newer is None
    assert third.older is None
    back = corrections.register(actor=desk.ana, filters=Filters(), above=third.newer)
    assert back.rows == second.rows
    top = corrections.register(actor=desk.ana, filters=Filters(), above=back.newer)
    assert (top.rows, top.newer) == (first.rows, None)


def test_the_count_is_capped(desk: Desk, settings: Any, page: Callable[..., Any]) -> None:
    settings.CORRECTIONS_COUNT_MAX = 1
    desk.submitted()
    desk.submitted()
    assert "1+" in page(desk.ana).content.decode()


def test_an_empty_register_says_what_to_do_next(desk: Desk, page: Callable[..., Any]) -> None:
    assert "propose a correction" in page(desk.ana).content.decode()
    assert "Show all" in page(desk.ana, number="DZ-1").content.decode()


@pytest.mark.parametrize("count", [1, 8])
@pytest.mark.parametrize("name", ["ana", "chidi", "mara"])
def test_queries_do_not_grow_with_the_register(
    desk: Desk,
    client: Client,
    count: int,
    name: str,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    for _ in range(count):
        desk.submitted()
    client.force_login(getattr(desk, name))
    with django_assert_max_num_queries(QUERIES_MAX):
        answer = client.get(reverse("admin:corrections_correction_changelist"))
    assert len(answer.context["page"].rows) == count


def test_the_register_only_reads(desk: Desk, client: Client) -> None:
    client.force_login(desk.ana)
    assert client.post(reverse("admin:corrections_correction_changelist")).status_code == 405
    client.logout()
    assert client.get(reverse("admin:corrections_correction_changelist")).status_code == 302
