"""What a decision costs in SQL; transaction control is not counted."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.corrections.services.desk import Desk

CONTROL = ("SAVEPOINT", "RELEASE", "ROLLBACK", "BEGIN", "COMMIT")


@pytest.mark.django_db(transaction=True)
def test_approve_and_apply_of_one_field_takes_at_most_twenty_statements(desk: Desk) -> None:
    correction = desk.submitted()
    with CaptureQueriesContext(connection) as captured:
        desk.approve(correction)
    statements = [query["sql"] for query in captured if not query["sql"].startswith(CONTROL)]
    assert len(statements) <= 20, "\n".join(statement[:120] for statement in statements)


@pytest.mark.django_db(transaction=True)
def test_statements_of_an_apply_do_not_grow_with_the_evidence_or_history(desk: Desk) -> None:
    payout = desk.payout()
    counts = []
    for bank in ("CMB", "ABC", "BOC"):
        correction = desk.submitted(payout, counterparty_bank=bank)
        payout.refresh_from_db()
        with CaptureQueriesContext(connection) as captured:
            desk.approve(correction)
        payout.refresh_from_db()
        counts.append(len(captured))
    assert len(set(counts)) == 1
