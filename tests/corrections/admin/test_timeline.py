"""The history of a record: masked, with who, why and which correction; it writes nothing and looks back to any day."""

from __future__ import annotations

import re

import pytest
from django.db import connection
from django.test import override_settings
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import Payout, Repayment
from corrections import services
from corrections.gate import recorded_write
from tests.corrections.admin.pages import browser, text_of, url
from tests.corrections.services.desk import Desk
from tests.factories.accounts import LoanFactory, RepaymentFactory

pytestmark = pytest.mark.django_db
PAYOUT = "accounts.payout"
QUERIES_MAX = 15


def history(desk: Desk, payout: Payout, user: object = None, **query: str) -> str:
    return text_of(browser(user or desk.mara).get(url(PAYOUT, "history", payout.pk), query))  # type: ignore[arg-type]


def test_a_correction_stands_with_maker_reason_evidence_and_values(desk: Desk) -> None:
    payout = desk.payout()
    correction = desk.applied(payout)
    text = history(desk, payout)
    assert "ICBC" in text
    assert "CMB" in text
    assert str(correction.number) in text
    assert "receipt.txt" in text
    assert f"maker {correction.maker_name}" in re.sub(r"<[^>]*>", "", text)
    assert "Chidi" in text  # who applied it, with the last signature
    assert f"approved by {correction.decisions.get().person_name}" in re.sub(r"<[^>]*>", "", text)
    assert f"/corrections/correction/{correction.pk}/change/" in text
    assert "loan-core" in text  # where the row came from


def test_a_secret_stays_masked_and_its_change_is_told(desk: Desk) -> None:
    payout = desk.payout()
    with recorded_write(source="loan-core"):
        payout.counterparty_account = "7222020000001187"
        payout.save()
    text = history(desk, payout)
    assert "differs behind the mask" in text
    for hidden in ("6222020000001187", "7222020000001187", payout.counterparty_account_index, "v1."):  # type: ignore[attr-defined]
        assert hidden not in text


def test_a_correction_that_one_may_not_see_is_named_without_a_link(desk: Desk) -> None:
    payout = desk.payout()
    correction = desk.applied(payout)
    # The record then moves to Beijing, whose maker never saw the correction.
    with recorded_write(source="loan-core"):
        Payout.objects.filter(pk=payout.pk).update(branch=desk.beijing)
    text = history(desk, payout, desk.bo)
    assert str(correction.number) in text
    assert f"/corrections/correction/{correction.pk}/change/" not in text
    assert "receipt.txt" not in text


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_history_is_never_written_through_its_page(desk: Desk, method: str) -> None:
    payout = desk.payout()
    before = payout.history.count()
    for user in (desk.mara, desk.sam):
        answer = getattr(browser(user), method)(url(PAYOUT, "history", payout.pk), {"counterparty_bank": "EVIL"})
        assert answer.status_code == 405
    payout.refresh_from_db()
    assert (payout.counterparty_bank, payout.history.count()) == ("ICBC", before)


def test_the_record_as_it_was_on_a_day(desk: Desk) -> None:
    payout = desk.payout()
    desk.applied(payout)
    today = timezone.localdate().isoformat()
    assert "As it was at the end of" in history(desk, payout, on=today)
    assert "There was no such record yet" in history(desk, payout, on="2001-01-01")
    assert "****1187" in history(desk, payout, on=today)


@pytest.mark.parametrize("on", ["yesterday", "2026-02-30", "9999-12-31", "0001-01-01T00", "2026-1-1", "\x00"])
def test_a_day_that_is_none_is_refused_with_a_sentence(desk: Desk, on: str) -> None:
    payout = desk.payout()
    answer = browser(desk.mara).get(url(PAYOUT, "history", payout.pk), {"on": on})
    assert answer.status_code == 400
    assert "day_not_usable" in text_of(answer)


@pytest.mark.parametrize("before", ["x", "-1", "9" * 40, "٣"])
def test_a_page_that_is_none_is_refused_with_a_sentence(desk: Desk, before: str) -> None:
    answer = browser(desk.mara).get(url(PAYOUT, "history", desk.payout().pk), {"before": before})
    assert answer.status_code == 400


def test_a_long_history_comes_in_pages_without_a_gap(desk: Desk) -> None:
    payout = desk.payout(counterparty_bank="B0")
    for number in range(1, 6):
        with recorded_write(source="loan-core"):
            Payout.objects.filter(pk=payout.pk).update(counterparty_bank=f"B{number}")
    with override_settings(CORRECTIONS_HISTORY_ROWS_MAX=3):
        first = browser(desk.mara).get(url(PAYOUT, "history", payout.pk))
        timeline = first.context["timeline"]
        second = browser(desk.mara).get(url(PAYOUT, "history", payout.pk), {"before": timeline.next_id})
    pairs = [
        (one.before, one.after)
        for page in (timeline, second.context["timeline"])
        for moment in page.moments
        if moment.kind == "~"
        for one in moment.differences
    ]
    assert pairs == [(f"B{n - 1}", f"B{n}") for n in range(5, 0, -1)]
    assert second.context["timeline"].next_id is None


def test_the_history_of_a_deleted_record_stays_for_its_scope(desk: Desk) -> None:
    loan = LoanFactory(application__customer__branch=desk.shanghai)
    repayment = RepaymentFactory(loan=loan)
    pk = repayment.pk
    correction = services.draft(
        actor=desk.mara, target=repayment, action="delete", reason="operator_error", note="It is doubled."
    )
    desk.attach(correction)
    services.submit(actor=desk.mara, correction=correction)
    desk.approve(correction)
    assert not Repayment.objects.filter(pk=pk).exists()
    address = url("accounts.repayment", "history", pk)
    assert "deleted" in text_of(browser(desk.mara).get(address))
    assert browser(desk.ana).get(address).status_code == 200
    assert browser(desk.bo).get(address).status_code == 404
    assert browser(desk.mara).get(url("accounts.repayment", "change", pk)).status_code == 404


def test_the_number_of_queries_does_not_grow_with_the_history(desk: Desk) -> None:
    payout = desk.payout()
    desk.applied(payout)
    client = browser(desk.mara)
    address = url(PAYOUT, "history", payout.pk)
    client.get(address)
    with CaptureQueriesContext(connection) as short:
        client.get(address)
    for bank in ("ABC", "BOC", "CCB"):
        desk.applied(Payout.objects.get(pk=payout.pk), counterparty_bank=bank)
    with CaptureQueriesContext(connection) as long:
        client.get(address)
    assert len(short) == len(long) <= QUERIES_MAX
