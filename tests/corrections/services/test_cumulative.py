"""Several corrections of one maker, beneficiary, target or day add up, so that splitting doesn't lower the tier."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from importlib import import_module
from typing import Any
from unittest.mock import patch
from zoneinfo import ZoneInfo

import pytest

from accounts.models import Payout
from backoffice.staff.models import User
from corrections import services
from corrections.engine import gate
from corrections.models import Correction, CorrectionStep, FlagRule, Policy, PolicyStep
from tests.corrections.services.desk import Desk

pytestmark = pytest.mark.django_db

NOON = dt.datetime(2026, 11, 18, 12, 0, tzinfo=ZoneInfo("Asia/Shanghai"))
TICK, DAY = dt.timedelta(microseconds=1), dt.timedelta(days=1)
FOUR, SIX = ["checker"], ["checker", "senior_checker"]


class Yes(dict[str, str]):
    def get(self, key: str, default: Any = None) -> Any:
        return "looked_into"


@pytest.fixture(autouse=True)
def clock(desk: Desk) -> Iterator[Any]:
    """Stands at noon; flags of the business are no part of this."""
    with gate.opened(actor=desk.sam):
        FlagRule.objects.update(is_active=False)
    with patch("django.utils.timezone.now") as now:
        now.return_value = NOON
        yield now


_places = iter(range(10**6))


def payout(desk: Desk, amount: str, **fields: Any) -> Payout:
    """To somebody who was never paid before, unless one is named."""
    fields.setdefault("counterparty_account", f"62220200{next(_places):08d}")
    return desk.payout(amount=Decimal(amount), **fields)


def ask(desk: Desk, row: Payout, *, actor: User | None = None, **values: Any) -> Correction:
    actor = actor or desk.mara
    row.refresh_from_db()
    correction = desk.draft(row, actor=actor, **(values or {"counterparty_bank": "CMB"}))
    desk.attach(correction, actor=actor)
    desk.attach(correction, actor=actor)
    return services.submit(actor=actor, correction=correction, acknowledged=Yes())


def roles(correction: Correction) -> list[str]:
    steps = CorrectionStep.objects.filter(correction=correction, revision=correction.revision)
    return list(steps.order_by("position").values_list("role", flat=True))


def add_by(desk: Desk, *dimensions: str, days: int) -> None:
    """From 100,000 on, added up so, a senior signs; below, a checker alone."""
    with gate.opened(actor=desk.sam):
        Policy.objects.update(is_active=False)
        big = Policy.objects.create(
            name="big", version=2, priority=1, amount_from=100_000, cumulate=dimensions, cumulate_days=days
        )
        for policy in (big, Policy.objects.create(name="small", version=2)):
            PolicyStep.objects.create(policy=policy, position=1, role="checker")
        PolicyStep.objects.create(policy=big, position=2, role="senior_checker")


def test_the_eleventh_correction_just_under_a_threshold_needs_a_senior(desk: Desk) -> None:
    found = [roles(ask(desk, payout(desk, "49999.99"))) for _ in range(11)]
    assert found == [FOUR] * 10 + [SIX]


def test_what_others_made_counts_for_them(desk: Desk) -> None:
    for _ in range(10):
        ask(desk, payout(desk, "49999.99"))
    assert roles(ask(desk, payout(desk, "49999.99"), actor=desk.max)) == FOUR


def test_the_second_half_of_an_amount_split_over_one_beneficiary_needs_a_senior(desk: Desk) -> None:
    to = {"counterparty_account": "6222020000009990"}
    assert roles(ask(desk, payout(desk, "25000", **to))) == FOUR
    assert roles(ask(desk, payout(desk, "25000", **to), actor=desk.max)) == SIX


def test_the_same_record_twice_adds_up(desk: Desk) -> None:
    row = payout(desk, "25000")
    assert roles(ask(desk, row, counterparty_bank="CMB")) == FOUR
    assert roles(ask(desk, row, actor=desk.max, channel="B")) == SIX


def test_two_halves_in_one_correction_add_up_as_well(desk: Desk) -> None:
    correction = desk.draft(payout(desk, "25000"), counterparty_bank="CMB")
    services.add_change(actor=desk.mara, correction=correction, target=payout(desk, "25000"), values={"channel": "B"})
    desk.attach(correction)
    services.submit(actor=desk.mara, correction=correction, acknowledged=Yes())
    assert roles(correction) == SIX


@pytest.mark.parametrize(
    ("dimension", "days", "ago", "counts"),
    [
        ("maker", 7, 7 * DAY, True), ("maker", 7, 7 * DAY + TICK, False), ("maker", 7, dt.timedelta(0), True),
        ("target", 30, 30 * DAY, True), ("target", 30, 30 * DAY + TICK, False),
        ("beneficiary", 30, 30 * DAY, True), ("beneficiary", 30, 30 * DAY + TICK, False),
        # Of the desk's own days: noon is twelve hours after its midnight.
        ("day", 1, dt.timedelta(hours=12), True), ("day", 1, dt.timedelta(hours=12) + TICK, False),
        ("day", 2, dt.timedelta(hours=36), True), ("day", 2, dt.timedelta(hours=36) + TICK, False),
        ("maker", 0, TICK, False),
    ],
)  # fmt: skip
def test_a_window_ends_to_the_microsecond(
    desk: Desk, clock: Any, dimension: str, days: int, ago: dt.timedelta, counts: bool
) -> None:
    add_by(desk, dimension, days=days)
    row = payout(desk, "50000")
    clock.return_value = NOON - ago
    ask(desk, row, counterparty_bank="CMB")
    clock.return_value = NOON
    assert roles(ask(desk, row, channel="B")) == (SIX if counts else FOUR)


@pytest.mark.parametrize("dimension", ["maker", "target", "beneficiary"])
def test_a_dimension_adds_only_its_own(desk: Desk, dimension: str) -> None:
    add_by(desk, dimension, days=30)
    ask(desk, payout(desk, "99999"))
    assert roles(ask(desk, payout(desk, "99999"), actor=desk.max)) == FOUR


def test_a_day_adds_up_over_everybody(desk: Desk) -> None:
    add_by(desk, "day", days=1)
    ask(desk, payout(desk, "50000"))
    assert roles(ask(desk, payout(desk, "50000"), actor=desk.max)) == SIX


def test_the_dimension_that_adds_most_counts_and_they_are_never_added_to_each_other(desk: Desk) -> None:
    add_by(desk, "maker", "target", "day", days=7)
    row = payout(desk, "30000")
    ask(desk, row, counterparty_bank="CMB")
    assert roles(ask(desk, row, channel="B")) == FOUR  # 60,000, not 120,000
    assert roles(ask(desk, payout(desk, "40000"))) == SIX


@pytest.mark.parametrize(
    ("end", "counts"), [("withdraw", False), ("reject", False), ("return", False), ("apply", True)]
)
def test_only_what_moved_money_or_still_may_is_added(desk: Desk, end: str, counts: bool) -> None:
    add_by(desk, "maker", days=7)
    old = ask(desk, payout(desk, "50000"))
    signed = {"actor": desk.chidi, "correction": old, "digest": old.digest}
    if end == "withdraw":
        services.withdraw(actor=desk.mara, correction=old, comment="No.")
    elif end == "apply":
        services.approve(**signed)
    else:
        (services.reject if end == "reject" else services.return_for_rework)(**signed, comment="No.")
    assert roles(ask(desk, payout(desk, "50000"))) == (SIX if counts else FOUR)


def test_a_correction_that_was_returned_counts_the_others_when_it_comes_again(desk: Desk, clock: Any) -> None:
    add_by(desk, "maker", days=7)
    first = ask(desk, payout(desk, "50000"))
    services.return_for_rework(actor=desk.chidi, correction=first, digest=first.digest, comment="More.")
    clock.return_value = NOON + TICK
    second = ask(desk, payout(desk, "50000"))
    services.approve(actor=desk.chidi, correction=second, digest=second.digest)
    clock.return_value = NOON + 2 * TICK
    services.submit(actor=desk.mara, correction=first, acknowledged=Yes())
    assert roles(first) == SIX


def test_of_two_that_wait_only_the_later_counts_the_other(desk: Desk, clock: Any) -> None:
    add_by(desk, "maker", days=7)
    first = ask(desk, payout(desk, "50000"))
    clock.return_value = NOON + TICK
    second = ask(desk, payout(desk, "50000"))
    services.approve(actor=desk.chidi, correction=first, digest=first.digest)
    assert (first.state, roles(second)) == ("applied", SIX)


def test_whatever_is_slow_a_submission_is_dated_when_it_is_committed(desk: Desk, clock: Any) -> None:
    """A second one that overtakes it is then counted by it, or would count for neither of the two."""
    add_by(desk, "maker", days=7)
    slow = desk.draft(payout(desk, "50000"), counterparty_bank="CMB")
    desk.attach(slow)

    def while_another_one_comes(changes: Any, targets: Any) -> None:
        clock.return_value = NOON + dt.timedelta(seconds=30)

    with patch.object(import_module("corrections.services.submit"), "rehearse", while_another_one_comes):
        services.submit(actor=desk.mara, correction=slow, acknowledged=Yes())
    assert slow.submitted_at == NOON + dt.timedelta(seconds=30)


def test_the_sums_are_pinned_and_told(desk: Desk) -> None:
    add_by(desk, "maker", days=7)
    ask(desk, payout(desk, "50000"))
    second = ask(desk, payout(desk, "50000.50"))
    assert second.demand["earlier"] == {"maker:7": "50000.0000"}
    assert second.demand["amount"] == "50000.5000"
