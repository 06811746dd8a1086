"""Lists of records: keyset pages, exact search, declared filters, nothing else; a fixed number of queries."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test import override_settings
from django.test.utils import CaptureQueriesContext

from corrections.errors import CorrectionError
from corrections.permissions import rights_of
from corrections.registry import registry
from corrections.selectors import lists
from tests.corrections.admin.pages import browser, text_of, url
from tests.corrections.services.desk import Desk
from tests.factories.accounts import LoanFactory, RepaymentFactory

pytestmark = pytest.mark.django_db
PAYOUT = "accounts.payout"
QUERIES_MAX = 15


def page_of(user: Any, label: str = PAYOUT, **params: str) -> lists.ListPage:
    entry = registry.get(label)
    assert entry is not None
    return lists.list_page(user, rights_of(user), entry, params)


def numbers(page: lists.ListPage) -> list[str]:
    return [line.cells[0].text for line in page.lines]


@override_settings(CORRECTIONS_PAGE_ROWS=3)
def test_pages_go_by_key_newest_first_and_back_again(desk: Desk) -> None:
    made = [desk.payout().number for _ in range(8)][::-1]
    first = page_of(desk.mara)
    assert numbers(first) == made[:3]
    assert first.previous_pk is None
    second = page_of(desk.mara, before=str(first.next_pk))
    assert numbers(second) == made[3:6]
    last = page_of(desk.mara, before=str(second.next_pk))
    assert (numbers(last), last.next_pk) == (made[6:], None)
    back = page_of(desk.mara, after=str(last.previous_pk))
    assert numbers(back) == made[3:6]
    assert page_of(desk.mara, after=str(back.previous_pk)).previous_pk is None


@override_settings(CORRECTIONS_COUNT_MAX=4)
def test_counting_stops_where_nobody_reads_on(desk: Desk) -> None:
    for _ in range(4):
        desk.payout()
    assert page_of(desk.mara).count == "4"
    desk.payout()
    assert page_of(desk.mara).count == "4+"


def test_a_maker_lists_the_records_of_the_own_branch_only(desk: Desk) -> None:
    here, there = desk.payout(), desk.payout(desk.beijing)
    assert numbers(page_of(desk.mara)) == [here.number]
    assert numbers(page_of(desk.bo)) == [there.number]
    assert set(numbers(page_of(desk.ana))) == {here.number, there.number}


def test_search_is_exact_also_for_a_secret_and_across_a_reference(desk: Desk) -> None:
    payout = desk.payout(counterparty_account="6222 0200 0000 9999")
    other = desk.payout()
    assert numbers(page_of(desk.mara, q=payout.number)) == [payout.number]
    assert numbers(page_of(desk.mara, q="6222020000009999")) == [payout.number]
    assert numbers(page_of(desk.mara, q=other.number.lower())) == [other.number]
    assert numbers(page_of(desk.mara, q=payout.number[:-1])) == []
    assert numbers(page_of(desk.mara, q="9999")) == []
    repayment = RepaymentFactory(loan=LoanFactory(application__customer__branch=desk.shanghai))
    assert numbers(page_of(desk.mara, "accounts.repayment", q=repayment.loan.number)) == [repayment.reference]


def test_search_stays_within_the_scope(desk: Desk) -> None:
    payout = desk.payout(desk.beijing)
    assert numbers(page_of(desk.mara, q=payout.number)) == []


def test_a_filter_narrows_and_stays_on_the_next_page(desk: Desk) -> None:
    desk.payout()
    sent = desk.payout(status="sent", failure_code="")
    page = page_of(desk.mara, status="sent")
    assert numbers(page) == [sent.number]
    with override_settings(CORRECTIONS_PAGE_ROWS=1):
        desk.payout(status="sent", failure_code="")
        text = text_of(browser(desk.mara).get(url(PAYOUT, "changelist"), {"status": "sent"}))
    assert "?status=sent&before=" in text


def test_a_maker_is_offered_the_own_branches_only(desk: Desk) -> None:
    offered = {one.name: [choice.label for choice in one.choices] for one in page_of(desk.mara).filters}
    assert offered["branch"] == ["Shanghai"]


@pytest.mark.parametrize(
    "params",
    [
        {"counterparty_account_index__startswith": "a"},
        {"counterparty_account_cipher": "v1"},
        {"counterparty_account_index": "a"},
        {"status__in": "sent"},
        {"branch__code": "BJ"},
        {"source_account__customer__identity_number_index__startswith": "0"},
        {"o": "3"},
        {"status": "no such status"},
        {"branch": "1; DROP TABLE"},
        {"before": "x"},
        {"before": "٣"},
        {"after": "9" * 80},
        {"q": "a\x00b"},
        {"q": "x" * 200},
    ],
)
def test_a_look_up_that_is_not_declared_is_refused_with_a_sentence(desk: Desk, params: dict[str, str]) -> None:
    desk.payout()
    answer = browser(desk.mara).get(url(PAYOUT, "changelist"), params)
    assert answer.status_code == 400
    assert 'role="alert"' in text_of(answer)
    with pytest.raises(CorrectionError):
        page_of(desk.mara, **params)


def test_a_key_beyond_every_number_gives_an_empty_page(desk: Desk) -> None:
    desk.payout()
    assert page_of(desk.mara, before="-5").lines == ()
    assert page_of(desk.mara, after="9" * 30).lines == ()


def test_ciphertext_and_index_are_no_columns_and_no_filters(desk: Desk) -> None:
    payout = desk.payout()
    text = text_of(browser(desk.mara).get(url(PAYOUT, "changelist")))
    assert "****1187" in text
    assert payout.counterparty_account_index not in text  # type: ignore[attr-defined]
    for entry in registry.entries():
        for name in (*entry.config.list_display, *entry.config.list_filter):
            assert not name.endswith(("_cipher", "_index"))


def test_a_list_takes_the_same_few_queries_however_long(desk: Desk) -> None:
    address = url(PAYOUT, "changelist")
    client = browser(desk.mara)
    desk.payout()
    client.get(address)
    with CaptureQueriesContext(connection) as few:
        client.get(address)
    for _ in range(12):
        desk.payout()
    with CaptureQueriesContext(connection) as many:
        client.get(address)
    assert len(few) == len(many) <= QUERIES_MAX


@pytest.mark.parametrize("label", [entry.key for entry in registry.entries()])
def test_every_registered_model_has_a_working_list(desk: Desk, label: str) -> None:
    answer = browser(desk.sam).get(url(label, "changelist"), {"q": "nothing like this"})
    assert answer.status_code == 200


def test_an_empty_list_says_what_to_do_next(desk: Desk) -> None:
    assert "Nothing matches" in text_of(browser(desk.mara).get(url(PAYOUT, "changelist"), {"q": "FK-none"}))
    assert "ask a user administrator" in text_of(browser(desk.mara).get(url(PAYOUT, "changelist")))
