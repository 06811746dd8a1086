"""Where one writes at a time, a file is read and judged before anybody waits; what changed meanwhile counts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection

from accounts.models import Payout
from corrections import services
from corrections.choices import RowStage
from corrections.errors import CorrectionError
from corrections.gate import recorded_write
from corrections.models import Batch, Change, Correction, RowFinding
from tests.corrections.services.desk import Desk
from tests.factories.staff import give_roles

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor != "sqlite", reason="writers of PostgreSQL don't wait for each other"),
]


def brought(desk: Desk, *lines: str, meanwhile: Callable[[], object] = list, **more: Any) -> Correction:
    """A file of these lines; `meanwhile` happens when its rows were read, before they are stored."""
    return services.draft_batch(
        actor=desk.mara,
        model="accounts.payout",
        file="\n".join(["number,counterparty_bank", *lines, ""]).encode(),
        filename="payouts.csv",
        reason="system_defect",
        note="The mapping wrote the wrong bank code.",
        progress=lambda rows: meanwhile(),
        **more,
    )


def aside() -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM sqlite_temp_master WHERE type = 'table'")
        return cursor.fetchall()


def written(payout: Payout, **values: Any) -> None:
    with recorded_write(source="loan-core"):
        Payout.objects.filter(pk=payout.pk).update(**values)


def test_nothing_is_locked_while_a_file_is_read_and_judged(desk: Desk) -> None:
    first, seen = desk.payout(), []
    correction = brought(
        desk,
        f"{first.number},CMB",
        "FK-NOWHERE,CMB",
        meanwhile=lambda: seen.append((connection.in_atomic_block, connection.connection.in_transaction)),
    )
    assert seen == [(False, False)]
    change = correction.changes.get()
    assert (change.position, change.old, change.new) == (2, {"counterparty_bank": "ICBC"}, {"counterparty_bank": "CMB"})
    assert list(correction.row_findings.values_list("position", "code", "stage")) == [
        (3, "target_not_found", RowStage.STAGING)
    ]
    batch = Batch.objects.get(correction=correction)
    assert (batch.rows, batch.bad_rows) == (2, 1)
    assert aside() == []


def test_a_record_that_is_written_meanwhile_is_read_once_more(desk: Desk) -> None:
    first, second = desk.payout(), desk.payout()
    ways = iter([lambda: written(second, counterparty_bank="BOC")])
    lines = [f"{first.number},CMB", f"{second.number},CMB"]
    correction = brought(desk, *lines, meanwhile=lambda: next(ways, list)())
    assert list(correction.changes.order_by("position").values_list("old", flat=True)) == [
        {"counterparty_bank": "ICBC"},
        {"counterparty_bank": "BOC"},
    ]


def test_a_record_that_nobody_asked_about_may_be_written_meanwhile(desk: Desk) -> None:
    first, other, rounds = desk.payout(), desk.payout(), []

    def meanwhile() -> None:
        rounds.append(1)
        written(other, counterparty_bank="BOC")

    brought(desk, f"{first.number},CMB", meanwhile=meanwhile)
    assert len(rounds) == 1


def test_a_right_that_is_taken_away_meanwhile_is_gone(desk: Desk) -> None:
    """Mara makes in Beijing too, until somebody ends that: what she was found to be allowed is asked anew."""
    first, second = desk.payout(), desk.payout(branch=desk.beijing)
    give_roles(desk.mara, "maker", scope=desk.beijing)
    elsewhere = desk.mara.groups.get(name=f"maker: {desk.beijing}")
    lines = [f"{first.number},CMB", f"{second.number},CMB"]
    correction = brought(desk, *lines, meanwhile=lambda: desk.mara.groups.remove(elsewhere))
    assert [change.target_pk for change in correction.changes.all()] == [str(first.pk)]
    assert list(correction.row_findings.values_list("position", "code")) == [(3, "target_not_found")]


def test_an_account_that_is_deactivated_meanwhile_leaves_nothing(desk: Desk) -> None:
    first = desk.payout()

    def meanwhile() -> None:
        type(desk.mara).objects.filter(pk=desk.mara.pk).update(is_active=False)

    with pytest.raises(CorrectionError) as caught:
        brought(desk, f"{first.number},CMB", meanwhile=meanwhile)
    assert caught.value.code == "actor_is_not_active"
    assert [model.objects.count() for model in (Correction, Change, RowFinding)] == [0, 0, 0]
    assert aside() == []


def test_a_file_that_is_brought_twice_at_once_is_in_one_batch(desk: Desk) -> None:
    first = desk.payout()
    line = f"{first.number},CMB"
    with pytest.raises(CorrectionError) as caught:
        brought(desk, line, meanwhile=lambda: brought_by(desk, line))
    assert caught.value.code == "file_already_in_a_batch"
    assert Correction.objects.count() == 1


def brought_by(desk: Desk, line: str) -> None:
    """The other one comes from a thread of its own, so by a connection of its own."""
    import threading

    def bring() -> None:
        try:
            brought(desk, line)
        finally:
            connection.close()

    thread = threading.Thread(target=bring)
    thread.start()
    thread.join()


def test_what_is_done_afterwards_is_part_of_it(desk: Desk) -> None:
    line, seen = f"{desk.payout().number},CMB", []

    def afterwards(correction: Correction) -> None:
        seen.append((connection.in_atomic_block, correction.changes.count()))
        raise CorrectionError(code="no")

    with pytest.raises(CorrectionError):
        brought(desk, line, meanwhile=lambda: seen.append(connection.in_atomic_block), afterwards=afterwards)
    assert seen == [False, (True, 1)]
    assert [model.objects.count() for model in (Correction, Change, RowFinding)] == [0, 0, 0]


def test_a_selection_locks_nothing_either(desk: Desk) -> None:
    first, second = desk.payout(), desk.payout()
    correction = services.draft_selection(
        actor=desk.mara,
        model="accounts.payout",
        pks=iter([first.pk, second.pk]),
        values={"counterparty_bank": "CMB"},
        reason="system_defect",
        note="Wrong.",
        expected_rows=2,
    )
    assert correction.changes.count() == 2
    assert aside() == []
