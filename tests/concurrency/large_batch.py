"""A large batch that waits for workers, and the proof that its data, history, images, results, holds and chunks agree.

It takes longer to prepare than to carry out, so it is made once and copied (tests/concurrency/copies.py).
"""

from __future__ import annotations

import os
from typing import Any

from django.db import connection
from django.test import override_settings

from accounts.models import Payout
from corrections import services
from corrections.choices import ROW_APPLIED, State
from corrections.engine import rows
from corrections.models import AuditEvent, Correction, FieldHold
from tests.corrections.services.batches import payouts
from tests.corrections.services.desk import make_desk, put_policy_in_force

SEED = os.environ.get("BATCH_KILL_SEED", "20261123")
ROUNDS = int(os.environ.get("BATCH_KILL_ROUNDS", "25"))
ROWS = int(os.environ.get("BATCH_KILL_ROWS", "20000"))
CHUNKS = 40
SAMPLE = 40  # rows whose images are compared with the row itself, column by column


def prepare() -> None:
    """Signed, begun, and no chunk of it done."""
    with override_settings(
        CORRECTIONS_BATCH_AT_ONCE_ROWS_MAX=ROWS // CHUNKS,
        CORRECTIONS_BATCH_CHUNK_ROWS_SQLITE=ROWS // CHUNKS,
        CORRECTIONS_BATCH_CHUNK_ROWS_POSTGRESQL=ROWS // CHUNKS,
    ):
        desk = make_desk()
        put_policy_in_force(desk, [("checker", 1)])
        drafted = services.draft_selection(
            actor=desk.mara,
            model=Payout,
            pks=[row.pk for row in payouts(desk, ROWS)],
            values={"counterparty_bank": "CMB"},
            reason="system_defect",
            note="The mapping wrote the wrong bank code.",
        )
        desk.attach(drafted)
        desk.approve(services.submit(actor=desk.mara, correction=drafted))
    the_batch().chunks.get(number=CHUNKS, done_at=None)


def the_batch() -> Correction:
    return Correction.objects.get(state__in=(State.APPLYING, State.APPLIED))


# One statement, one moment: every row of the batch with all that there is of it, and how many of them agree.
AGREE = """
SELECT count(*), coalesce(sum(CASE WHEN {done} THEN 1 ELSE 0 END), 0),
  coalesce(sum(CASE WHEN ({done} AND {applied}) OR (k.done_at IS NULL AND {untouched}) THEN 1 ELSE 0 END), 0)
FROM corrections_change c
JOIN accounts_payout t ON t.id = CAST(c.target_pk AS bigint)
JOIN corrections_chunk k ON k.correction_id = c.correction_id AND c.position BETWEEN k.first AND k.last
LEFT JOIN (SELECT id, count(*) AS n, min(counterparty_bank) AS bank FROM accounts_historicalpayout
  WHERE history_correction = {pk} GROUP BY id) h ON h.id = t.id
LEFT JOIN (SELECT target_pk, count(*) AS n FROM corrections_fieldhold
  WHERE correction_id = {pk} GROUP BY target_pk) f ON f.target_pk = c.target_pk
WHERE c.correction_id = {pk}
"""
DONE = "k.done_at IS NOT NULL"
APPLIED = f"""(c.outcome = '{ROW_APPLIED}' AND t.counterparty_bank = 'CMB'
  AND h.n = 1 AND h.bank = 'CMB' AND f.n IS NULL
  AND c.before_image ->> 'counterparty_bank' = 'ICBC' AND c.after_image ->> 'counterparty_bank' = 'CMB'
  AND {{before}} = {{after}})"""
UNTOUCHED = """(c.outcome = '' AND t.counterparty_bank = 'ICBC' AND h.n IS NULL AND f.n = 1
  AND c.after_image ->> 'counterparty_bank' IS NULL)"""


def rows_done() -> int:
    """How many rows are carried out; raises where a single one is not wholly so, or wholly not so."""
    pk = the_batch().pk
    but = "{} - 'counterparty_bank'" if connection.vendor == "postgresql" else "json_remove({}, '$.counterparty_bank')"
    applied = APPLIED.format(before=but.format("c.before_image"), after=but.format("c.after_image"))
    with connection.cursor() as cursor:
        cursor.execute(AGREE.format(pk=pk, done=DONE, applied=applied, untouched=UNTOUCHED))
        found, done, agree = cursor.fetchone()
    assert (found, agree) == (ROWS, ROWS), f"{found - agree} of {found} rows are half done"
    return int(done)


def demand_applied() -> None:
    """Every row exactly once, and nothing else was written."""
    assert rows_done() == ROWS
    stored = the_batch()
    assert stored.state == State.APPLIED
    assert Payout.history.filter(history_correction=stored.pk).count() == ROWS
    assert not FieldHold.objects.exists()
    sums = stored.chunks.values_list("applied_rows", "failed_rows")
    assert [sum(column) for column in zip(*sums, strict=True)] == [ROWS, 0]
    kinds = list(AuditEvent.objects.filter(correction=stored).values_list("kind", flat=True))
    assert kinds.count("applied") == kinds.count("apply_begun") == 1
    _demand_images(stored)


def _demand_images(stored: Correction) -> None:
    entry: Any = rows.entry_of(Payout._meta.label_lower)
    for change in stored.changes.filter(position__in=range(2, ROWS + 2, max(1, ROWS // SAMPLE))):
        assert change.after_image == rows.image(entry, Payout.objects.get(pk=change.target_pk))
