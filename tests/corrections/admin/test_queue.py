"""The queue shows an account exactly what it may sign, oldest first, in a number of queries that doesn't grow."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from backoffice.staff.models import User
from corrections import services
from corrections.models import Correction
from corrections.selectors import queue
from tests.corrections.services.desk import Desk
from tests.factories.staff import account, give_roles

pytestmark = pytest.mark.django_db
QUERIES_MAX = 15


def waiting(user: User) -> list[int]:
    return [line.pk for line in queue.page(actor=user).rows]


@pytest.fixture
def page(client: Client) -> Callable[..., Any]:
    def get(user: User, **query: Any) -> Any:
        client.force_login(user)
        return client.get(reverse("admin:corrections_queue"), query)

    return get


def test_a_checker_of_the_branch_sees_what_waits_oldest_first(desk: Desk) -> None:
    first, second = desk.submitted(), desk.submitted()
    assert waiting(desk.chidi) == [first.pk, second.pk]


def test_other_branches_and_other_roles_have_nothing_waiting(desk: Desk) -> None:
    desk.submitted()
    for user in (desk.bea, desk.mara, desk.ana, desk.eve, desk.sam):
        assert waiting(user) == []


def test_a_checker_everywhere_sees_every_branch(desk: Desk) -> None:
    here = desk.submitted()
    cleo = account("Cleo", "checker")
    assert waiting(cleo) == [here.pk]


def test_rights_are_needed_on_all_scopes(desk: Desk) -> None:
    both = account("Mia", "maker", scope=desk.shanghai)
    give_roles(both, "maker", scope=desk.beijing)
    correction = desk.draft(desk.payout(), actor=both, branch=desk.beijing)
    desk.attach(correction, actor=both)
    services.submit(actor=both, correction=correction)
    assert waiting(desk.chidi) == []
    give_roles(desk.chidi, "checker", scope=desk.beijing)
    assert waiting(desk.chidi) == [correction.pk]


def test_what_the_person_contributed_to_does_not_wait_for_any_account_of_that_person(desk: Desk) -> None:
    desk.submitted()
    give_roles(desk.mara, "checker", scope=desk.shanghai)
    second = account("mara-checks", "checker", scope=desk.shanghai, person=desk.mara.person)
    assert waiting(desk.mara) == waiting(second) == []


def test_what_the_person_decided_in_this_revision_waits_no_more(desk: Desk, two_step_policy: None) -> None:
    correction = desk.submitted()
    desk.approve(correction)
    assert waiting(desk.chidi) == []
    assert waiting(desk.carl) == [correction.pk]


def test_a_new_revision_waits_again_for_who_returned_the_last_one(desk: Desk) -> None:
    correction = desk.submitted()
    services.return_for_rework(actor=desk.chidi, correction=correction, digest=correction.digest, comment="Why?")
    assert waiting(desk.chidi) == []
    services.submit(actor=desk.mara, correction=correction)
    assert waiting(desk.chidi) == [correction.pk]


def test_a_held_correction_waits_for_nobody(desk: Desk) -> None:
    correction = desk.submitted()
    services.hold(actor=desk.ana, correction=correction, comment="Looked into.")
    assert waiting(desk.chidi) == []
    services.release(actor=desk.ana, correction=correction, comment="Fine.")
    assert waiting(desk.chidi) == [correction.pk]


def test_a_correction_handed_over_waits_for_its_receiver(desk: Desk) -> None:
    correction, other = desk.submitted(), desk.submitted()
    services.hand_over(actor=desk.chidi, correction=correction, to=desk.bea)
    assert waiting(desk.bea) == [correction.pk]
    assert waiting(desk.chidi) == [correction.pk, other.pk]


def test_the_page_shows_what_a_checker_chooses_by(desk: Desk, page: Callable[..., Any]) -> None:
    correction = desk.submitted()
    html = page(desk.chidi).content.decode()
    for text in (correction.number, "¥800.00", "system defect", str(desk.mara.person), "Shanghai", correction.summary):
        assert str(text) in html


def test_an_empty_queue_says_what_to_do_next(desk: Desk, page: Callable[..., Any]) -> None:
    assert "Nothing waits for you." in page(desk.chidi).content.decode()
    assert "You hold no role that decides corrections." in page(desk.mara).content.decode()


def test_pages_follow_each_other_without_gap_or_overlap(desk: Desk, settings: Any) -> None:
    settings.CORRECTIONS_PAGE_ROWS = 2
    wanted = [desk.submitted().pk for _ in range(5)]
    seen, after = [], None
    for _ in range(3):
        found = queue.page(actor=desk.chidi, after=after)
        seen += [line.pk for line in found.rows]
        after = found.next
    assert seen == wanted
    assert after is None
    last = queue.page(actor=desk.chidi, after=wanted[3])
    assert last.previous == wanted[1]
    assert queue.page(actor=desk.chidi, after=wanted[1]).previous == 0


def test_a_page_starts_in_the_right_place_although_its_mark_was_decided_meanwhile(desk: Desk, settings: Any) -> None:
    settings.CORRECTIONS_PAGE_ROWS = 2
    corrections = [desk.submitted() for _ in range(4)]
    desk.approve(corrections[1], actor=desk.carl)
    found = queue.page(actor=desk.chidi, after=corrections[1].pk)
    assert [line.pk for line in found.rows] == [corrections[2].pk, corrections[3].pk]


def test_the_count_is_capped(desk: Desk, settings: Any, page: Callable[..., Any]) -> None:
    settings.CORRECTIONS_COUNT_MAX = 2
    for _ in range(3):
        desk.submitted()
    found = queue.page(actor=desk.chidi)
    assert (found.count, found.is_capped) == (2, True)
    assert "2+" in page(desk.chidi).content.decode()


def test_place_and_neighbours(desk: Desk) -> None:
    first, second, third = (desk.submitted() for _ in range(3))
    walk = queue.walk(actor=desk.chidi)
    place = queue.place(Correction.objects.get(pk=second.pk), walk)
    assert (place.position, place.count, place.previous, place.next) == (2, 3, first.pk, third.pk)
    assert queue.place(desk.draft(), walk).position == 0


@pytest.mark.parametrize("count", [1, 8])
def test_queries_do_not_grow_with_the_queue(
    desk: Desk,
    client: Client,
    count: int,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    for _ in range(count):
        desk.submitted()
    client.force_login(desk.chidi)
    with django_assert_max_num_queries(QUERIES_MAX):
        answer = client.get(reverse("admin:corrections_queue"))
    assert answer.status_code == 200


@pytest.mark.parametrize("value", ["x", "-1", "9" * 30, "１"])
def test_a_strange_mark_begins_at_the_beginning(desk: Desk, page: Callable[..., Any], value: str) -> None:
    correction = desk.submitted()
    assert str(correction.number) in page(desk.chidi, after=value).content.decode()


def test_the_queue_only_reads(desk: Desk, client: Client) -> None:
    client.force_login(desk.chidi)
    assert client.post(reverse("admin:corrections_queue")).status_code == 405
    client.logout()
    assert client.get(reverse("admin:corrections_queue")).status_code == 302
