"""Pages of batches: what stands on them for whom, page by page, in a number of queries that doesn't grow."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from backoffice.staff.models import User
from corrections import services
from corrections.choices import State
from corrections.conf import limits
from corrections.errors import CorrectionError
from corrections.models import Batch, Change, Correction
from tests.corrections.admin.pages import browser, text_of, verb_url
from tests.corrections.made_batches import FIRST, batch, payouts
from tests.corrections.services.desk import Desk

pytestmark = pytest.mark.django_db
QUERIES_MAX = 20  # of the maker's and the checker's pages, which count nothing
PAGE_QUERIES_MAX = 15  # of one page of rows
FEW, MANY = 5, 130

Count = Callable[..., int]


@pytest.fixture
def count(client: Client) -> Count:
    """Queries of a page, that of the session and the account included."""

    def queries(user: User, address: str, most: int = QUERIES_MAX) -> int:
        client.force_login(user)
        client.get(address)
        with CaptureQueriesContext(connection) as captured:
            assert client.get(address).status_code == 200
        assert len(captured) <= most, "\n".join(query["sql"][:120] for query in captured)
        return len(captured)

    return queries


def page_of(correction: Correction) -> str:
    return verb_url("change", correction)


def of_batch(correction: Correction, page: str, **query: Any) -> str:
    asked = "&".join(f"{name}={value}" for name, value in query.items())
    return f"{verb_url(page, correction)}?{asked}"


def shown(user: User, address: str) -> str:
    answer = browser(user).get(address)
    assert answer.status_code == 200
    return text_of(answer)


def lines_on(page: str) -> list[int]:
    return [place for place in range(1, 2000) if f'id="line-{place}"' in page]


# What the checker sees


def test_the_checker_sees_sums_pairs_warnings_and_the_sample(desk: Desk) -> None:
    correction = batch(desk, 40, state=State.SUBMITTED, warned=[3, 5], sample=[7, 9, 11])
    page = shown(desk.chidi, page_of(correction))
    for text in (
        "40 records",
        "payouts.xlsx",
        "look through all 40 rows",
        "nothing is applied",
        "bank code",
        "ICBC",
        "CMB",
        "Rows drawn at random",
        "Rows with warnings",
        "Corrected 12 days ago.",
        "Shanghai",
        "unchanged",
    ):
        assert text in page, text
    assert lines_on(page) == [3, 5, 7, 9, 11]


def test_the_totals_say_what_moves_and_what_does_not(desk: Desk) -> None:
    targets = payouts(desk, 4)
    correction = batch(desk, targets=targets, state=State.SUBMITTED, values={"amount": "150.00"}, sample=[2])
    totals = correction.batch.totals
    assert totals["rows"] == 4
    assert totals["amounts"] == [["amount", "CNY", "1103.00", "600.00", 4]]
    assert totals["pairs"]["amount"][0] == ["800.00", "150.00", 1, 2]
    assert totals["outliers"][0][:4] == [2, "largest_move", "amount", "CNY"]
    page = shown(desk.chidi, page_of(correction))
    assert "¥1,103.00" in page
    assert "¥600.00" in page
    assert "¥-503.00" in page


def test_an_unusual_row_is_named(desk: Desk) -> None:
    targets = payouts(desk, 250)
    from corrections.gate import recorded_write

    with recorded_write(source="loan-core"):
        type(targets[0]).objects.filter(pk=targets[100].pk).update(counterparty_bank="CCB")
    targets[100].refresh_from_db()
    correction = batch(desk, targets=targets, state=State.SUBMITTED, sample=[2])
    rare = [one for one in correction.batch.totals["outliers"] if one[1] == "rare_pair"]
    assert rare == [[100 + FIRST, "rare_pair", "counterparty_bank", "", "1"]]
    assert "few rows change like this" in shown(desk.chidi, page_of(correction))


# Rows, page by page


def test_every_row_is_reached_by_pages_and_each_once(desk: Desk) -> None:
    correction = batch(desk, MANY, state=State.SUBMITTED)
    seen: list[int] = []
    after: int | None = 0
    while after is not None:
        answer = browser(desk.chidi).get(of_batch(correction, "rows", after=after))
        page = answer.context["page"]
        seen += [row.position for row in page.rows]
        assert len(page.rows) <= limits.PAGE_ROWS
        after = page.after
    assert seen == list(range(FIRST, MANY + FIRST))
    last = browser(desk.chidi).get(of_batch(correction, "rows", after=101)).context["page"]
    back = browser(desk.chidi).get(of_batch(correction, "rows", before=last.before)).context["page"]
    assert [row.position for row in back.rows] == list(range(52, 102))


def test_rows_are_found_by_line_and_by_record(desk: Desk) -> None:
    targets = payouts(desk, 20)
    correction = batch(desk, targets=targets, state=State.SUBMITTED, warned=[4])
    assert lines_on(shown(desk.chidi, of_batch(correction, "rows", find=7))) == [7]
    assert lines_on(shown(desk.chidi, of_batch(correction, "rows", find=targets[3].number))) == [5]
    assert lines_on(shown(desk.chidi, of_batch(correction, "rows", part="warned"))) == [4]
    assert "No such row" in shown(desk.chidi, of_batch(correction, "rows", find="PX-none"))
    assert "There are no such rows" in shown(desk.chidi, of_batch(correction, "rows", part="failed"))


def test_a_row_whose_record_moved_on_says_so(desk: Desk) -> None:
    targets = payouts(desk, 3)
    from corrections.gate import recorded_write

    correction = batch(desk, targets=targets, state=State.SUBMITTED)
    with recorded_write(source="loan-core"):
        type(targets[0]).objects.filter(pk=targets[1].pk).update(counterparty_bank="CCB")
    assert "in the table now: CCB" in shown(desk.chidi, of_batch(correction, "rows"))


def test_what_was_not_applied_is_listed_with_its_code(desk: Desk) -> None:
    correction = batch(desk, 10, state=State.APPLIED, failed=[4, 6], on_bad_row="skip", chunks=[(5, True), (5, True)])
    page = shown(desk.chidi, of_batch(correction, "rows", part="failed"))
    assert lines_on(page) == [4, 6]
    assert "value_changed_since_request" in page
    assert "not applied" in page


def test_values_that_are_keyed_blindly_stand_nowhere(desk: Desk) -> None:
    from tests.corrections.services.desk import put_policy_in_force

    put_policy_in_force(desk, [("checker", 1)], step={"is_rekeying": True}, rekey_fields=["counterparty_bank"])
    correction = batch(desk, 6, state=State.SUBMITTED, values={"counterparty_bank": "HXBANKX"}, sample=[3])
    for address in (page_of(correction), of_batch(correction, "rows"), f"{page_of(correction)}?print=1"):
        page = shown(desk.chidi, address)
        assert "HXBANKX" not in page, address
        assert "HXBANKX" in shown(desk.mara, f"{address}{'&' if '?' in address else '?'}read=1")


# Who may look


@pytest.mark.parametrize("page", ["rows", "findings"])
def test_who_may_not_see_the_correction_sees_none_of_its_rows(desk: Desk, page: str) -> None:
    correction = batch(desk, 3, state=State.SUBMITTED, bad=1)
    for user, status in ((desk.chidi, 200), (desk.ana, 200), (desk.sam, 200), (desk.bea, 404), (desk.bo, 404)):
        assert browser(user).get(verb_url(page, correction)).status_code == status


@pytest.mark.parametrize("page", ["rows", "findings", "progress"])
def test_a_correction_that_is_no_batch_has_no_such_pages(desk: Desk, page: str) -> None:
    assert browser(desk.chidi).get(verb_url(page, desk.submitted())).status_code == 404


# The maker


def test_the_maker_sees_what_was_read_and_what_is_bad(desk: Desk) -> None:
    correction = batch(desk, 12, bad=3)
    page = shown(desk.mara, page_of(correction))
    for text in ("12", "bad rows", "There is no such record.", "target_not_found", "PX0", "Sheet1", "Read them anew"):
        assert text in page, text
    assert "3 bad rows: upload them corrected, or choose that they stay out" in page
    assert page.count('name="on_bad_row"') == 2


def test_what_is_chosen_for_bad_rows_stays_chosen_on_the_draft(desk: Desk) -> None:
    correction = batch(desk, 3, bad=1)
    texts = {"reason": correction.reason, "note": correction.note, "ticket": ""}
    browser(desk.mara).post(verb_url("amend", correction), {**texts, "on_bad_row": "skip"})
    assert re.search(r'value="skip"[^>]* checked', text_of(browser(desk.mara).get(page_of(correction))))
    browser(desk.mara).post(verb_url("amend", correction), texts)
    assert Batch.objects.get(pk=correction.pk).on_bad_row == "skip"
    refused = browser(desk.mara).post(verb_url("amend", correction), {**texts, "on_bad_row": "some"})
    assert "on_bad_row_unknown" in text_of(refused)


def test_only_a_batch_has_a_choice_for_bad_rows(desk: Desk) -> None:
    correction = desk.draft(desk.payout())
    with pytest.raises(CorrectionError) as refused:
        services.amend(actor=desk.mara, correction=correction, on_bad_row="skip")
    assert refused.value.code == "on_bad_row_unknown"


def test_findings_are_filtered_by_kind_and_column_and_paged(desk: Desk) -> None:
    correction = batch(desk, 3, bad=MANY)
    first = browser(desk.mara).get(of_batch(correction, "findings")).context["page"]
    assert len(first.findings) == limits.PAGE_ROWS
    second = browser(desk.mara).get(of_batch(correction, "findings", after=first.after)).context["page"]
    assert second.findings[0].position == first.findings[-1].position + 1
    none = browser(desk.mara).get(of_batch(correction, "findings", code="another_code")).context["page"]
    assert none.findings == []
    some = browser(desk.mara).get(of_batch(correction, "findings", code="target_not_found", column="number"))
    assert len(some.context["page"].findings) == limits.PAGE_ROWS


# Progress


def test_progress_tells_rows_pace_and_what_is_left(desk: Desk) -> None:
    chunks = [(10, True), (10, True), (10, False), (10, False)]
    correction = batch(desk, 40, state=State.APPLYING, chunks=chunks)
    page = shown(desk.chidi, page_of(correction))
    for text in ("50 %", "20 of 40 rows", "1 rows per second", "chunk 2 of 4, 10 rows each", "workers: w-1"):
        assert text in page, text
    part = browser(desk.chidi).get(verb_url("progress", correction))
    assert "20 of 40 rows" in text_of(part)
    assert "<html" not in text_of(part)
    assert browser(desk.bea).get(verb_url("progress", correction)).status_code == 404


def test_only_who_carries_out_or_audits_is_offered_to_run_it(desk: Desk) -> None:
    correction = batch(desk, 4, state=State.APPLYING, chunks=[(2, True), (2, False)])

    def offered(user: User) -> set[str]:
        found = browser(user).get(page_of(correction)).context["acts"].offered
        return set(found) & {"pause", "resume", "stop", "retry", "revert"}

    assert offered(desk.eve) == offered(desk.ana) == {"pause", "stop"}
    assert offered(desk.mara) == offered(desk.chidi) == offered(desk.sam) == set()


def test_failed_rows_are_offered_to_be_tried_again(desk: Desk) -> None:
    correction = batch(desk, 4, state=State.APPLIED, failed=[3], chunks=[(4, True)], on_bad_row="skip")
    assert "retry" in browser(desk.mara).get(page_of(correction)).context["acts"].offered
    assert "retry" not in browser(desk.chidi).get(page_of(correction)).context["acts"].offered
    whole = batch(desk, 4, state=State.APPLIED, chunks=[(4, True)])
    assert "retry" not in browser(desk.mara).get(page_of(whole)).context["acts"].offered


# As many queries for many rows as for few


def test_no_page_of_a_batch_asks_more_for_more_rows(desk: Desk, count: Count) -> None:
    def pages(correction: Correction) -> list[int]:
        return [
            count(desk.chidi, page_of(correction)),
            count(desk.mara, f"{page_of(correction)}?read=1"),
            count(desk.chidi, of_batch(correction, "rows"), PAGE_QUERIES_MAX),
            count(desk.chidi, of_batch(correction, "rows", part="warned"), PAGE_QUERIES_MAX),
            count(desk.chidi, of_batch(correction, "findings"), PAGE_QUERIES_MAX),
            count(desk.ana, f"{page_of(correction)}?print=1"),
        ]

    few = batch(desk, FEW, state=State.SUBMITTED, warned=[2], bad=2, sample=[2, 3])
    many = batch(desk, MANY, state=State.SUBMITTED, warned=range(2, 100), bad=100, sample=range(2, 22))
    assert pages(few) == pages(many)
    drafts = [batch(desk, FEW, bad=2), batch(desk, MANY, bad=100)]
    assert count(desk.mara, page_of(drafts[0])) == count(desk.mara, page_of(drafts[1]))
    running = [
        batch(desk, FEW, state=State.APPLYING, chunks=[(2, True), (3, False)]),
        batch(desk, MANY, state=State.APPLYING, chunks=[(10, place < 5) for place in range(13)]),
    ]
    assert count(desk.eve, page_of(running[0])) == count(desk.eve, page_of(running[1]))


def test_no_page_loads_every_change(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    correction = batch(desk, MANY, state=State.SUBMITTED, sample=[2, 3])
    made: list[int] = []
    init = Change.__init__

    def counted(self: Change, *args: Any, **kwargs: Any) -> None:
        made.append(1)
        init(self, *args, **kwargs)

    monkeypatch.setattr(Change, "__init__", counted)
    register = reverse("admin:corrections_correction_changelist")
    for address in (page_of(correction), f"{page_of(correction)}?print=1", of_batch(correction, "rows"), register):
        made.clear()
        shown(desk.ana, address)
        assert len(made) <= limits.PAGE_ROWS + 1, address


def test_a_fault_of_the_database_is_told_with_what_is_done_about_it(desk: Desk) -> None:
    now = timezone.now()
    told = {"faults": 3, "fault_code": "database_disk_is_full", "faulted_at": now}
    chunks = [(10, True), (10, False)]
    again = batch(desk, 20, state=State.APPLYING, chunks=chunks, retry_at=now + dt.timedelta(seconds=8), **told)
    page = shown(desk.eve, page_of(again))
    for text in ("The database has no room left on its disk.", "database_disk_is_full", "Number 3 in a row; a worker"):
        assert text in page, text
    paused = batch(desk, 20, state=State.APPLYING, chunks=chunks, paused_at=now, **told)
    assert "Number 3 in a row, so the batch was paused. Remove the cause" in shown(desk.eve, page_of(paused))


def test_a_fault_that_a_chunk_was_done_after_is_over(desk: Desk) -> None:
    long_ago = timezone.now() - dt.timedelta(hours=1)
    told = {"faults": 1, "fault_code": "database_disk_is_full", "faulted_at": long_ago, "retry_at": long_ago}
    correction = batch(desk, 20, state=State.APPLYING, chunks=[(10, True), (10, False)], **told)
    assert "no room left" not in shown(desk.eve, page_of(correction))
