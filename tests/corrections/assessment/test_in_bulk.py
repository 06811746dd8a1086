"""A batch is assessed page by page, and comes out as if all its rows had been looked at together."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from accounts import flags
from accounts.models import Loan, Payout
from corrections.assessment import assess, assess_in_bulk
from corrections.checks import Finding
from corrections.choices import Verdict
from corrections.gate import recorded_write
from corrections.models import Change, Correction
from tests.corrections.services.batches import draft_rows, payouts
from tests.corrections.services.desk import Desk, make_desk, put_policy_in_force
from tests.factories.accounts import LedgerAccountFactory, LoanFactory, RepaymentFactory

PAGE = 3


@pytest.fixture
def desk(db: None) -> Desk:
    return make_desk()


@pytest.fixture(autouse=True)
def small_pages(settings: Any) -> None:
    settings.CORRECTIONS_BATCH_STAGE_ROWS = PAGE


def both(correction: Correction, **asked: Any) -> tuple[Any, Any]:
    at, changes = timezone.now(), list(correction.changes.order_by("position"))
    whole = assess(correction, changes, at=at, is_locking=False, **asked)
    return whole, assess_in_bulk(correction, at=at, is_locking=False, **asked)


def verdicts(found: Any) -> dict[str, str]:
    return {check.code: finding.verdict for check, finding in found.findings}


def loan_of(desk: Desk, principal: str) -> Loan:
    loan: Loan = LoanFactory(principal=Decimal(principal))
    return loan


@pytest.mark.parametrize("count", [1, PAGE - 1, PAGE, PAGE + 1, 2 * PAGE, 10])
def test_pages_and_whole_find_the_same(desk: Desk, count: int) -> None:
    by = ["maker", "beneficiary", "target", "day"]
    put_policy_in_force(desk, [("checker", 1)], cumulate=by, cumulate_days=7, rows_from=1)
    targets = payouts(desk, count)
    desk.applied(targets[0], channel="B")
    fresh = list(Payout.objects.filter(pk__in=[row.pk for row in targets]).order_by("pk"))
    whole, paged = both(draft_rows(desk, fresh), with_external=True, checker_person_id=desk.chidi.person_id)
    assert paged.case == whole.case
    assert (paged.case.rows, paged.case.earlier_rows) == (count, {(dimension, 7): 1 for dimension in by})
    assert verdicts(paged) == verdicts(whole)
    assert [one.flag.code for one in paged.flags] == [one.flag.code for one in whole.flags]
    assert (paged.barred, paged.rates, paged.demand) == (whole.barred, whole.rates, whole.demand)
    assert paged.amounts == {"CNY": Decimal(800) * count}


def of_loan(desk: Desk, loan: Loan, amounts: list[str]) -> list[Payout]:
    return [
        desk.payout(loan=loan, branch=desk.shanghai, amount=Decimal(amount), status="to_be_sent") for amount in amounts
    ]


@pytest.mark.parametrize(("wanted", "expected"), [("400.00", Verdict.FAIL), ("250.00", Verdict.PASS)])
def test_rows_that_are_weighed_together_may_stand_pages_apart(desk: Desk, wanted: str, expected: Verdict) -> None:
    one, two, three = of_loan(desk, loan_of(desk, "800.00"), ["100.00"] * 3)
    filler = payouts(desk, 8)
    correction = draft_rows(
        desk,
        [one, *filler[:4], two, *filler[4:], three],
        each={place: {"amount": Decimal(wanted)} for place in (0, 5, 10)},
    )
    whole, paged = both(correction)
    assert verdicts(paged)["payouts_stay_within_their_loan"] == expected
    assert verdicts(paged) == verdicts(whole)


def test_a_page_that_looks_bad_alone_is_looked_at_with_what_belongs_to_it(desk: Desk) -> None:
    """What one row takes, another far away gives back."""
    one, two = of_loan(desk, loan_of(desk, "500.00"), ["100.00", "400.00"])
    filler = payouts(desk, 6)
    correction = draft_rows(
        desk, [one, *filler, two], each={0: {"amount": Decimal("400.00")}, 7: {"amount": Decimal("100.00")}}
    )
    whole, paged = both(correction)
    assert verdicts(whole)["payouts_stay_within_their_loan"] == Verdict.PASS
    assert verdicts(paged) == verdicts(whole)


def test_each_row_of_which_a_check_warns_is_told(desk: Desk) -> None:
    sleepy = LedgerAccountFactory(status="dormant", branch=desk.shanghai)
    targets = payouts(desk, 10)
    with recorded_write(source="loan-core"):
        for place in (1, 2, 7):
            Payout.objects.filter(pk=targets[place].pk).update(source_account=sleepy)
    told: list[tuple[int, str]] = []

    def tell(change: Change, code: str, finding: Finding) -> None:
        told.append((change.position, code))

    correction = draft_rows(desk, list(Payout.objects.filter(pk__in=[row.pk for row in targets]).order_by("pk")))
    assess_in_bulk(correction, at=timezone.now(), is_locking=False, tell=tell)
    assert [position for position, code in told if code == "payout_source_is_in_use"] == [3, 4, 9]


def test_of_one_check_only_so_many_rows_are_told(desk: Desk, settings: Any) -> None:
    settings.CORRECTIONS_BATCH_CHECK_FINDINGS_MAX = 2
    sleepy = LedgerAccountFactory(status="dormant", branch=desk.shanghai)
    correction = draft_rows(desk, payouts(desk, 7, source_account=sleepy))
    told: list[int] = []
    found = assess_in_bulk(
        correction, at=timezone.now(), is_locking=False, tell=lambda change, *_rest: told.append(change.position)
    )
    assert verdicts(found)["payout_source_is_in_use"] == Verdict.WARN
    assert len(told) == 2


def test_a_row_that_moved_on_is_a_refusal_or_is_left_out(desk: Desk) -> None:
    targets = payouts(desk, 7)
    correction = draft_rows(desk, targets)
    with recorded_write(source="loan-core"):
        Payout.objects.filter(pk=targets[4].pk).update(counterparty_bank="ABC")
    at = timezone.now()
    refused = assess_in_bulk(correction, at=at, is_locking=False)
    assert refused.refusal is not None
    assert refused.findings == []
    left = assess_in_bulk(correction, at=at, is_locking=False, skips_stale=True)
    assert left.refusal is None
    assert left.stale_rows == 1
    assert verdicts(left)["value_is_unchanged"] == Verdict.PASS


def test_many_rows_are_asked_about_together_and_find_the_same(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Money that went out and came back, of some customers of many."""
    loans = [loan_of(desk, "9000.00") for _ in range(4)]
    targets = [
        desk.payout(loan=loan, branch=desk.shanghai, amount=Decimal(100 + place)) for place, loan in enumerate(loans)
    ]
    for place in (1, 2):
        RepaymentFactory(
            loan=loans[place], amount=Decimal(100 + place), paid_on=timezone.localdate(), reference=f"RP-{place}"
        )
    RepaymentFactory(loan=loans[3], amount=Decimal("55.00"), paid_on=timezone.localdate())
    correction = draft_rows(desk, targets)
    alone, _paged = both(correction)
    monkeypatch.setattr(flags, "ASKED_ONE_BY_ONE_MAX", 0)
    together, _paged = both(correction)
    [one], [other] = (
        [raised for raised in found.flags if raised.flag.code == "round_trip"] for found in (alone, together)
    )
    assert one.finding.looked_at["records"] == ["RP-1", "RP-2"]
    assert other.finding.looked_at == one.finding.looked_at
