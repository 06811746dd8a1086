"""What a chunk costs grows with its rows, and not with their square: counted in steps of SQLite's own machine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection

from accounts.models import Payout
from corrections.engine.in_sets import apply_rows, hold_fields, release_holds
from corrections.models import Correction
from tests.corrections.engine.in_sets.batches import batch, carried_out, edges, put_in_state
from tests.corrections.services.batches import payouts
from tests.corrections.services.desk import Desk

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(connection.vendor != "sqlite", reason="counts the steps of SQLite's machine"),
]

FEW, MANY = 50, 800
TABLE_ROWS, CHUNK_ROWS = 4_000, 200
STEPS = 100  # between two counts


@contextmanager
def counted() -> Iterator[list[int]]:
    found = [0]

    def count() -> int:
        found[0] += STEPS
        return 0

    connection.connection.set_progress_handler(count, STEPS)
    try:
        yield found
    finally:
        connection.connection.set_progress_handler(None, STEPS)


def steps_per_row(desk: Desk, targets: list[Payout], work: Callable[[Correction], Any]) -> float:
    correction = batch(desk, [(row, {"purpose": "rent"}) for row in targets], state="draft")
    with carried_out(desk, correction):
        hold_fields(correction)
    put_in_state(correction, "approved")
    with carried_out(desk, correction), counted() as found:
        work(correction)
    return found[0] / len(targets)


def applied(correction: Correction) -> None:
    assert apply_rows(correction, *edges(correction), on_bad_row="fail_all").applied


def released(correction: Correction) -> None:
    assert release_holds(correction, *edges(correction))


@pytest.mark.parametrize("work", [applied, released])
def test_a_row_of_a_large_chunk_costs_what_one_of_a_small_chunk_does(desk: Desk, work: Callable[[Any], Any]) -> None:
    few = steps_per_row(desk, payouts(desk, FEW), work)
    many = steps_per_row(desk, payouts(desk, MANY), work)
    assert many < 1.5 * few


def test_a_chunk_reads_its_own_rows_and_not_the_table(desk: Desk) -> None:
    alone = steps_per_row(desk, payouts(desk, CHUNK_ROWS), applied)
    rows = payouts(desk, TABLE_ROWS)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")  # so that the planner knows how much there is
    among_many = steps_per_row(desk, rows[:: TABLE_ROWS // CHUNK_ROWS], applied)
    assert among_many < 1.02 * alone, "it took as many steps more as the table has rows"
