"""Tiers go by the count of rows as by the amount, and a file that is split gains nothing."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from typing import Any

import pytest
from django.apps import apps
from django.db import connection

from corrections import services
from corrections.engine import gate
from corrections.errors import CorrectionError
from corrections.models import Correction, CorrectionStep, FlagRule, Policy
from tests.corrections.made_batches import unguarded
from tests.corrections.services.batches import payouts, submitted_rows
from tests.corrections.services.desk import Desk, put_policy_in_force

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def quiet_flags(desk: Desk) -> None:
    """What machines suspect is no part of this."""
    with gate.opened(actor=desk.sam):
        FlagRule.objects.update(is_active=False)


def roles(correction: Correction) -> list[str]:
    steps = CorrectionStep.objects.filter(correction=correction, revision=correction.revision)
    return list(steps.order_by("position").values_list("role", flat=True))


def from_rows(desk: Desk, rows: int, **fields: Any) -> None:
    """From so many rows on a senior signs; below, a checker alone."""
    put_policy_in_force(desk, [("checker", 1)])
    with gate.opened(actor=desk.sam):
        many = Policy.objects.create(name="many", priority=1, rows_from=rows, **fields)
        for position, role in enumerate(("checker", "senior_checker"), start=1):
            many.steps.create(position=position, role=role)


@pytest.mark.parametrize(("rows", "senior"), [(4, False), (5, True), (6, True)])
def test_from_its_count_of_rows_on_a_batch_needs_a_senior(desk: Desk, rows: int, senior: bool) -> None:
    from_rows(desk, 5)
    correction = submitted_rows(desk, payouts(desk, rows))
    assert roles(correction) == ["checker", "senior_checker"][: 1 + senior]
    correction.refresh_from_db()
    assert (correction.rows, correction.demand["rows"]) == (rows, rows)


@pytest.mark.parametrize(("rows", "senior"), [(1, False), (2, True)])
def test_a_correction_that_is_entered_by_hand_counts_its_records(desk: Desk, rows: int, senior: bool) -> None:
    from_rows(desk, 2)
    correction = desk.draft()
    for _ in range(rows - 1):
        services.add_change(
            actor=desk.mara, correction=correction, target=desk.payout(), values={"counterparty_bank": "CMB"}
        )
    desk.attach(correction)
    services.submit(actor=desk.mara, correction=correction)
    assert roles(correction) == ["checker", "senior_checker"][: 1 + senior]


def by_maker(desk: Desk) -> Iterable[Correction]:
    yield submitted_rows(desk, payouts(desk, 3))
    yield submitted_rows(desk, payouts(desk, 1))
    yield submitted_rows(desk, payouts(desk, 1))


@pytest.mark.parametrize("dimension", ["maker", "day"])
def test_a_file_that_is_split_needs_a_senior_all_the_same(desk: Desk, dimension: str) -> None:
    from_rows(desk, 5, cumulate=[dimension], cumulate_days=7)
    found = [roles(correction) for correction in by_maker(desk)]
    assert found == [["checker"], ["checker"], ["checker", "senior_checker"]]


def test_rows_that_were_withdrawn_count_no_more_and_another_makers_never(desk: Desk) -> None:
    from_rows(desk, 5, cumulate=["maker"], cumulate_days=7)
    services.withdraw(actor=desk.mara, correction=submitted_rows(desk, payouts(desk, 4)), comment="No.")
    other = desk.draft(actor=desk.max)
    desk.attach(other, actor=desk.max)
    services.submit(actor=desk.max, correction=other)
    assert roles(submitted_rows(desk, payouts(desk, 4))) == ["checker"]


def test_rows_of_the_same_beneficiary_add_up(desk: Desk) -> None:
    from_rows(desk, 5, cumulate=["beneficiary"], cumulate_days=7)
    assert roles(submitted_rows(desk, payouts(desk, 4, counterparty_account="6217000000000009001"))) == ["checker"]
    assert roles(submitted_rows(desk, payouts(desk, 1))) == ["checker"]
    same = submitted_rows(desk, payouts(desk, 1, counterparty_account="6217000000000009001"))
    assert roles(same) == ["checker", "senior_checker"]


def test_a_count_that_comes_into_force_raises_what_waits(desk: Desk) -> None:
    put_policy_in_force(desk, [("checker", 1)])
    correction = submitted_rows(desk, payouts(desk, 5))
    with gate.opened(actor=desk.sam):
        many = Policy.objects.create(name="many", priority=1, rows_from=5)
        many.steps.create(position=1, role="senior_checker")
    with pytest.raises(CorrectionError) as refused:
        desk.approve(correction)
    assert refused.value.code == "tier_was_raised"
    correction.refresh_from_db()
    assert roles(correction) == ["checker", "senior_checker"]


def test_corrections_of_before_are_counted_when_the_column_comes(desk: Desk) -> None:
    counted, drafted = submitted_rows(desk, payouts(desk, 3)), desk.draft()
    with unguarded():
        Correction.objects.update(rows=0)
        import_module("corrections.migrations.0004_batches").count_rows(apps, None)
    found = dict(Correction.objects.values_list("pk", "rows"))
    assert found == {counted.pk: 3, drafted.pk: 0}


def test_nobody_counts_the_rows_of_a_batch_again_for_those_of_its_maker(desk: Desk) -> None:
    """Each correction keeps its own count, so that a maker of million-row files costs what others cost."""
    from_rows(desk, 5, cumulate=["maker", "day"], cumulate_days=7)
    submitted_rows(desk, payouts(desk, 4))
    seen: list[str] = []

    def watch(execute: Any, sql: str, *rest: Any) -> Any:
        seen.append(sql)
        return execute(sql, *rest)

    with connection.execute_wrapper(watch):
        desk.submitted()
    [asked] = [sql for sql in seen if 'SUM(U0."rows")' in sql]
    assert "COUNT" not in asked
