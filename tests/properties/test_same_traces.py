"""I-12: whatever way a correction goes, it leaves the same rows, history, images and audit."""

from __future__ import annotations

from typing import Any

import pytest

from backoffice.staff.machines import machine
from corrections import services
from corrections.models import Correction
from tests.corrections.services.batches import WORKER, payouts, submitted_rows, work
from tests.corrections.services.desk import Desk, put_policy_in_force

pytestmark = pytest.mark.django_db

# What differs between two rows whatever was done to them.
OWN = {"id", "number", "ref", "created_at", "history_id", "history_date", "history_correction", "history_change_reason",
       "counterparty_account_cipher"}  # fmt: skip


def trace(payout: Any) -> list[dict[str, Any]]:
    """The row and its history, without what is its own."""
    payout.refresh_from_db()
    found = [payout, *payout.history.all()]
    return [
        {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields if field.attname not in OWN}
        for row in found
    ]


def images(correction: Correction, payout: Any) -> list[dict[str, Any]]:
    change = correction.changes.get(target_pk=str(payout.pk))
    whole = (change.before_image, change.after_image, change.old, change.new)
    return [{name: value for name, value in image.items() if name not in OWN} for image in whole]


def test_i12_many_rows_at_once_leave_what_each_alone_would(desk: Desk) -> None:
    alone = [desk.payout() for _ in range(3)]
    together = [desk.payout() for _ in range(3)]
    singles = [desk.applied(payout) for payout in alone]
    unit = desk.draft(together[0])
    for payout in together[1:]:
        services.add_change(actor=desk.mara, correction=unit, target=payout, values={"counterparty_bank": "CMB"})
    desk.attach(unit)
    services.submit(actor=desk.mara, correction=unit)
    desk.approve(unit)
    traces = [trace(payout) for payout in (*alone, *together)]
    assert all(found == traces[0] for found in traces)
    kept = [images(one, payout) for one, payout in zip(singles, alone, strict=True)]
    kept += [images(unit, payout) for payout in together]
    assert all(found == kept[0] for found in kept)
    kinds = [list(one.audit_events.order_by("id").values_list("kind", flat=True)) for one in (singles[0], unit)]
    assert [kind for kind in kinds[1] if kind != "change_added"] == kinds[0]


@pytest.mark.parametrize("by_executor", [False, True])
def test_i12_rows_of_chunks_name_whoever_released_them_as_a_single_row_does(
    desk: Desk, settings: Any, by_executor: bool
) -> None:
    """The machine that wrote them stands in the chunk; the history names the same people as for one row."""
    for name in ("AT_ONCE_ROWS_MAX", "CHUNK_ROWS_SQLITE", "CHUNK_ROWS_POSTGRESQL"):
        setattr(settings, f"CORRECTIONS_BATCH_{name}", 2)
    if by_executor:
        put_policy_in_force(desk, [("checker", 1)], is_applied_with_approval=False)
    alone, together = desk.payout(), payouts(desk, 5)
    one, many = desk.submitted(alone), submitted_rows(desk, together)
    for correction in (one, many):
        desk.approve(correction)
        if by_executor:
            services.apply(actor=desk.eve, correction=correction)
    work(machine("run_worker"))
    traces = [trace(payout) for payout in (alone, *together)]
    assert all(found == traces[0] for found in traces)
    assert traces[0][1]["history_actor"] == str((desk.eve if by_executor else desk.chidi).person)
    assert set(many.chunks.values_list("worker", flat=True)) == {WORKER}
