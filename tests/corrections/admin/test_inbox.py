"""The inbox: one's own notices and nobody else's, unread first; the header and the start page count the unread ones."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from backoffice.staff.machines import machine
from backoffice.staff.models import User
from corrections import services
from corrections.choices import NoticeKind
from corrections.engine import gate
from corrections.models import Correction, Notice
from corrections.services import notices
from tests.corrections.admin.pages import browser, text_of
from tests.corrections.services.desk import Desk, put_policy_in_force
from tests.factories.staff import account

pytestmark = pytest.mark.django_db
INBOX = "/admin/inbox/"
QUERIES_MAX = 15


def distributed() -> None:
    notices.distribute(actor=machine("expire_corrections"))


def seen(user: User, query: str = "") -> str:
    answer = browser(user).get(f"{INBOX}{query}")
    assert answer.status_code == 200
    return text_of(answer)


def numbers(page: str) -> list[str]:
    return re.findall(r"DZ-\d{4}-\d{6}(?=</a>|</span>)", page)


def given(person: Any, correction: Correction, count: int, *, is_read: bool = False) -> list[Notice]:
    now = timezone.now()
    with gate.opened(actor=machine("expire_corrections")):
        return Notice.objects.bulk_create(
            Notice(
                person=person,
                kind=NoticeKind.TO_DECIDE,
                correction=correction,
                key=f"test:{is_read}:{number}",
                at=now,
                read_at=now if is_read else None,
            )
            for number in range(count)
        )


def test_a_notice_says_what_and_leads_to_its_correction(desk: Desk) -> None:
    correction = desk.submitted()
    distributed()
    page = seen(desk.chidi)
    assert "waits for your signature" in page
    assert reverse("admin:corrections_correction_change", args=[correction.pk]) in page
    assert correction.summary in page


def test_only_ones_own_notices_are_shown(desk: Desk) -> None:
    correction = desk.submitted()
    distributed()
    for user in (desk.mara, desk.bea, desk.ana, desk.sam):
        assert str(correction.number) not in seen(user)


def test_an_empty_inbox_says_what_to_do(desk: Desk) -> None:
    page = seen(desk.chidi)
    assert "No notices." in page
    assert "your queue" in page


def test_unread_come_first_and_reading_is_a_post(desk: Desk) -> None:
    first, second = desk.submitted(), desk.submitted()
    distributed()
    newer = Notice.objects.get(person=desk.chidi.person, correction=second)
    client = browser(desk.chidi)
    address = reverse("admin:corrections_inbox_read", args=[newer.pk])
    assert client.get(address).status_code == 405
    assert numbers(seen(desk.chidi)) == [second.number, first.number]
    assert client.post(address).status_code == 302
    assert numbers(seen(desk.chidi)) == [first.number, second.number]


def test_open_marks_it_read_and_goes_to_the_correction(desk: Desk) -> None:
    correction = desk.submitted()
    distributed()
    own = Notice.objects.get(person=desk.chidi.person)
    answer = browser(desk.chidi).post(reverse("admin:corrections_inbox_read", args=[own.pk]), {"open": "1"})
    assert answer["Location"] == reverse("admin:corrections_correction_change", args=[correction.pk])
    own.refresh_from_db()
    assert own.read_at is not None


def test_another_persons_notice_is_as_if_there_were_none(desk: Desk) -> None:
    desk.submitted()
    distributed()
    other = Notice.objects.get(person=desk.carl.person)
    assert browser(desk.chidi).post(reverse("admin:corrections_inbox_read", args=[other.pk])).status_code == 404
    other.refresh_from_db()
    assert other.read_at is None


def test_mark_all_leaves_what_came_after_the_page_and_what_is_others(desk: Desk) -> None:
    desk.submitted()
    distributed()
    found = re.search(r'name="up_to" value="(\d+)"', seen(desk.chidi))
    assert found is not None
    desk.submitted()
    distributed()
    client = browser(desk.chidi)
    assert "Marked as read: 1." in text_of(
        client.post(reverse("admin:corrections_inbox_read_all"), {"up_to": found[1]}, follow=True)
    )
    assert Notice.objects.filter(person=desk.chidi.person, read_at__isnull=True).count() == 1
    assert Notice.objects.filter(person=desk.carl.person, read_at__isnull=True).count() == 2


@pytest.mark.parametrize("up_to", ["", "soon", "-1", "１", "9" * 30])
def test_a_wrong_place_marks_nothing(desk: Desk, up_to: str) -> None:
    desk.submitted()
    distributed()
    assert browser(desk.chidi).post(reverse("admin:corrections_inbox_read_all"), {"up_to": up_to}).status_code == 302
    assert not Notice.objects.filter(read_at__isnull=False).exists()


def test_pages_walk_through_all_of_it_once(desk: Desk, settings: Any) -> None:
    settings.CORRECTIONS_PAGE_ROWS = 3
    correction = desk.submitted()
    given(desk.chidi.person, correction, 4, is_read=True)
    given(desk.chidi.person, correction, 5)
    rows, query = [], ""
    for _ in range(3):
        answer = browser(desk.chidi).get(f"{INBOX}{query}")
        rows += answer.context["page"].lines
        following = re.search(r'rel="next" href="([^"]+)"', text_of(answer))
        query = following[1] if following else ""
    assert query == ""
    assert [line.is_read for line in rows] == [False] * 5 + [True] * 4
    assert len({line.pk for line in rows}) == 9


@pytest.mark.parametrize("query", ["?part=none&below=1", "?part=read", "?part=read&below=x", "?below=3"])
def test_an_odd_place_shows_the_beginning(desk: Desk, query: str) -> None:
    desk.submitted()
    distributed()
    assert "waits for your signature" in seen(desk.chidi, query)


def test_a_correction_that_one_may_not_see_any_more_is_no_link_and_tells_nothing(desk: Desk) -> None:
    correction = desk.submitted()
    distributed()
    desk.chidi.groups.clear()
    page = seen(desk.chidi)
    assert str(correction.number) in page
    assert correction.summary not in page
    assert reverse("admin:corrections_correction_change", args=[correction.pk]) not in page


def test_a_user_administrator_reads_which_role_is_missing_where(desk: Desk) -> None:
    uma = account("Uma", "user_admin")
    put_policy_in_force(desk, [("president", 1)])
    correction = desk.submitted()
    distributed()
    page = seen(uma)
    assert "nobody can sign it: appoint somebody" in page
    assert "president, Shanghai" in page
    assert correction.summary not in page


def test_header_and_start_page_count_what_is_unread(desk: Desk) -> None:
    desk.submitted()
    distributed()
    start = browser(desk.chidi).get("/admin/")
    [tile] = [tile for tile in start.context["start"].tiles if tile.label == "Unread notices"]
    assert (tile.count, tile.url) == (1, INBOX)
    assert re.search(r'href="/admin/inbox/"[^>]*>Inbox <span class="desk-badge is-warn">1</span>', text_of(start))
    services.mark_all_read(actor=desk.chidi, up_to=10**9)
    start = browser(desk.chidi).get("/admin/")
    assert "Unread notices" not in [tile.label for tile in start.context["start"].tiles]
    assert re.search(r'href="/admin/inbox/"[^>]*>Inbox</a>', text_of(start))


def test_the_count_ends_at_its_limit(desk: Desk, settings: Any) -> None:
    settings.CORRECTIONS_NOTICES_COUNT_MAX = 2
    given(desk.chidi.person, desk.submitted(), 5)
    assert '<span class="desk-badge is-warn">2+</span>' in seen(desk.chidi)


def test_the_page_costs_the_same_for_many_as_for_few(desk: Desk) -> None:
    client, counts = browser(desk.chidi), []
    for round_ in range(2):
        for _ in range(3):
            desk.submitted()
        distributed()
        client.get(INBOX)
        with CaptureQueriesContext(connection) as queries:
            client.get(INBOX)
        counts.append(len(queries))
        assert len(queries) <= QUERIES_MAX, round_
    assert counts[0] == counts[1]


def test_in_chinese(desk: Desk) -> None:
    desk.submitted()
    distributed()
    answer = browser(desk.chidi).get(INBOX, headers={"accept-language": "zh-CN"})
    page = text_of(answer)
    assert "等待您签字" in page
    assert "全部标为已读" in page
