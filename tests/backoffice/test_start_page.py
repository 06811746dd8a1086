"""The start page: each role finds its own numbers, each number leads to its list, and few queries do it."""

from __future__ import annotations

import re

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from backoffice.staff.models import User
from backoffice.start import Start, Tile
from corrections import services
from corrections.choices import State
from corrections.models import Correction
from tests.backoffice.conftest import Staff, signed_in
from tests.factories.staff import account

pytestmark = pytest.mark.django_db

QUERIES_MAX = 15


def start_of(user: User) -> Start:
    start: Start = signed_in(user).get("/admin/").context["start"]
    return start


def tiles_of(user: User) -> dict[str, Tile]:
    return {str(tile.label): tile for tile in start_of(user).tiles}


def counts_of(user: User) -> dict[str, int]:
    return {label: tile.count for label, tile in tiles_of(user).items()}


def test_maker_finds_drafts_returned_and_waiting_of_his_own(told: Staff) -> None:
    assert counts_of(told["wang.li"]) == {
        "Returned to me": 1,
        "Mine, failed": 0,
        "My drafts": 2,
        "Mine, waiting for others": 2,
        "Applied today": 1,
    }
    assert counts_of(told["he.jing"])["Mine, failed"] == 1


def test_checker_finds_only_what_waits_for_him_oldest_first(told: Staff) -> None:
    shanghai, beijing = counts_of(told["li.qiang"]), counts_of(told["zhou.yan"])
    assert shanghai["Waiting for me"] == 4
    assert beijing["Waiting for me"] == 1
    [queue] = start_of(told["li.qiang"]).listings
    rows = [row.submitted_at for row in queue.rows]
    assert rows == sorted(rows, key=str)
    assert {row.scopes for row in queue.rows} == {"Shanghai"}
    assert tiles_of(told["li.qiang"])["Waiting for me"].oldest == rows[0]


def test_compliance_finds_holds_and_failures_of_the_whole_company(told: Staff) -> None:
    counts = counts_of(told["song.yu"])
    assert (counts["On hold"], counts["Failed, still open"]) == (1, 1)
    assert counts["Waiting for a decision"] == Correction.objects.filter(state=State.SUBMITTED).count()
    assert counts["Applied today"] == 4 + 10 + 2  # ten of the eleven small ones; a batch, and a part of another one


def test_executor_finds_what_is_under_way(told: Staff) -> None:
    assert counts_of(told["wu.jun"])["Being applied in chunks"] == 1
    [under_way] = [one for one in start_of(told["wu.jun"]).listings if one.name == "under_way"]
    assert [row.number for row in under_way.rows] == [Correction.objects.get(ticket="OPS-1024").number]


def test_a_hold_takes_a_correction_out_of_the_queue(told: Staff) -> None:
    first = Correction.objects.get(ticket="OPS-1005")
    assert counts_of(told["xu.lei"])["Waiting for me"] == 1
    services.hold(actor=told["song.yu"], correction=first, comment="Wait.")
    assert counts_of(told["xu.lei"])["Waiting for me"] == 0


def test_user_administrator_finds_people_and_no_business(told: Staff) -> None:
    answer = signed_in(told["hu.bing"]).get("/admin/")
    assert [str(tile.label) for tile in answer.context["start"].tiles] == [
        "People in service",
        "Accounts in use",
        "Accounts without a role",
    ]
    assert answer.context["navigation"].records == ()
    assert "DZ-" not in answer.content.decode()


def test_account_without_a_role_is_told_so(told: Staff) -> None:
    newcomer = account("Nora")
    answer = signed_in(newcomer).get("/admin/")
    assert "has no role yet" in answer.content.decode()
    assert answer.context["start"].tiles == ()


def test_page_is_cheap_and_every_number_counts_its_list(told: Staff) -> None:
    for username, user in told.items():
        client = signed_in(user)
        client.get("/admin/")
        with CaptureQueriesContext(connection) as queries:
            answer = client.get("/admin/")
        assert len(queries) <= QUERIES_MAX, username
        for tile in answer.context["start"].tiles:
            assert listed(client, tile) == tile.count, (username, tile.url)


def listed(client: Client, tile: Tile) -> int:
    """How many rows the list behind a number says it has."""
    answer = client.get(tile.url)
    assert answer.status_code == 200, tile.url
    if "cl" in answer.context:
        return int(answer.context["cl"].result_count)
    page = answer.context.get("page") or answer.context["queue"]
    return int(page.count)


def test_numbers_stop_counting_at_the_limit(told: Staff, settings: object) -> None:
    settings.CORRECTIONS_COUNT_MAX = 2  # type: ignore[attr-defined]
    tile = tiles_of(told["song.yu"])["Waiting for a decision"]
    assert (tile.count, tile.is_capped) == (2, True)
    page = signed_in(told["song.yu"]).get("/admin/").content.decode()
    assert re.search(r'start-count">2\+<', page)


def test_both_languages(told: Staff) -> None:
    client = signed_in(told["wang.li"])
    assert "For me to work on" in client.get("/admin/", headers={"accept-language": "en"}).content.decode()
    assert "待我处理" in client.get("/admin/", headers={"accept-language": "zh-CN"}).content.decode()
