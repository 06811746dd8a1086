"""Batches as the maker's ways in leave them: a draft with its rows at the lines of a file, from 2 on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import transaction

from accounts.models import Payout
from corrections import services
from corrections.choices import BatchSource
from corrections.engine import gate, rows
from corrections.engine.in_sets import insert_changes
from corrections.gate import recorded_write
from corrections.models import Batch, Change, Correction
from corrections.protection.keys import keyring
from corrections.services import _changes, batch_run
from tests.corrections.services.desk import Desk

WORKER = "test:1"


def payouts(desk: Desk, count: int, **fields: Any) -> list[Payout]:
    """So many payouts of Shanghai, in one go."""
    first = desk.payout(**fields)
    made = []
    for number in range(1, count):
        values = {f.attname: getattr(first, f.attname) for f in Payout._meta.concrete_fields if f.name not in OWN}
        made.append(Payout(**values, number=f"{first.number}-{number:06d}"))
    with recorded_write(source="loan-core"), keyring():
        Payout.objects.bulk_create(made, batch_size=2_000)
    return [first, *made]


# The copies share one ciphertext, which nobody opens here.
OWN = ("id", "number", "ref")


def draft_rows(
    desk: Desk,
    targets: Sequence[Payout],
    values: Mapping[str, Any] | None = None,
    *,
    each: Mapping[int, Mapping[str, Any]] | None = None,
    source: str = BatchSource.FILE,
    bad_rows: int = 0,
) -> Correction:
    """A draft of these rows with the same new values; `each` gives others by place."""
    wanted = values or {"counterparty_bank": "CMB"}
    with transaction.atomic():
        correction = desk.draft(targets[0])
        with gate.opened(actor=desk.mara, correction=correction):
            correction.changes.all().delete()
            insert_changes(
                _change(correction, place + 2, row, (each or {}).get(place, wanted))
                for place, row in enumerate(targets)
            )
            Batch.objects.create(
                correction=correction,
                target_model=Payout._meta.label_lower,
                source=source,
                rows=len(targets) + bad_rows,
                bad_rows=bad_rows,
            )
    return Correction.objects.get(pk=correction.pk)


def _change(correction: Correction, position: int, row: Payout, values: Mapping[str, Any]) -> Change:
    entry = rows.entry_of(Payout._meta.label_lower)
    after = Payout(**{name: getattr(row, name) for name in entry.all_columns()} | dict(values))
    change = Change(
        correction=correction,
        position=position,
        action="update",
        target_model=entry.key,
        target_pk=str(row.pk),
        old=rows.column_image(entry, row, values),
        new=rows.column_image(entry, after, values),
    )
    _changes.describe(entry, change, row, after)
    return change


def submitted_rows(desk: Desk, targets: Sequence[Payout], values: Any = None, **more: Any) -> Correction:
    on_bad_row = more.pop("on_bad_row", "fail_all")
    acknowledged = more.pop("acknowledged", None)
    correction = draft_rows(desk, targets, values, **more)
    desk.attach(correction)
    return services.submit(actor=desk.mara, correction=correction, on_bad_row=on_bad_row, acknowledged=acknowledged)


def begun(desk: Desk, targets: Sequence[Payout], values: Any = None, **more: Any) -> Correction:
    """Signed, and waiting for workers."""
    correction = submitted_rows(desk, targets, values, **more)
    desk.approve(correction)
    return correction


def work(actor: Any, *, worker: str = WORKER, correction: Correction | None = None) -> list[batch_run.Done]:
    """Chunks until nothing is due."""
    found = []
    while (done := batch_run.run_next(actor=actor, worker=worker, correction=correction)) is not None:
        found.append(done)
    return found


def banks(targets: Sequence[Payout]) -> list[str]:
    """As they stand now, in the order of the keys."""
    found = Payout.objects.filter(pk__in=[row.pk for row in targets]).order_by("pk")
    return list(found.values_list("counterparty_bank", flat=True))
