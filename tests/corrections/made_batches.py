"""Batches made by hand, of any size and in any state, for tests of what only looks at them."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from django.db import connection
from django.utils import timezone

from accounts.models import Payout
from corrections.choices import ROW_APPLIED, RowStage, State, Verdict
from corrections.engine import gate, rows
from corrections.gate import recorded_write
from corrections.models import (
    Batch,
    Change,
    Chunk,
    Contribution,
    Correction,
    CorrectionScope,
    EvidenceFile,
    Policy,
    RowFinding,
)
from corrections.permissions import scope_key
from corrections.policies import of_policy
from corrections.registry import registry
from corrections.selectors.batch_totals import totals_of
from tests.corrections.services.desk import Desk

_counter = itertools.count(1)
FIRST = 2  # line 1 is the header


@contextmanager
def unguarded() -> Iterator[None]:
    """Control rows as no service would write them."""
    connection.check_constraints()
    gate.drop()
    try:
        yield
    finally:
        gate.install()


def payouts(desk: Desk, count: int) -> list[Payout]:
    """Many refused payouts in few statements."""
    first = desk.payout()
    secret = {name: getattr(first, name) for name in registry.get(Payout).columns("counterparty_account")}  # type: ignore[union-attr]
    with recorded_write(source="loan-core"):
        made = Payout.objects.bulk_create(
            Payout(
                number=f"PB{next(_counter):07d}",
                source_account=first.source_account,
                branch=first.branch,
                counterparty_bank="ICBC",
                beneficiary_name="Zhang Ming",
                amount=100 + place,
                currency="CNY",
                channel="A",
                status="refused",
                failure_code="14",
                **secret,
            )
            for place in range(count - 1)
        )
    return [first, *made]


def batch(
    desk: Desk,
    count: int = 3,
    *,
    targets: Sequence[Payout] = (),
    state: str = State.DRAFT,
    values: dict[str, Any] | None = None,
    warned: Sequence[int] = (),
    bad: int = 0,
    sample: Sequence[int] = (),
    chunks: Sequence[tuple[int, bool]] = (),
    failed: Sequence[int] = (),
    **fields: Any,
) -> Correction:
    """A batch of Mara's that sets the bank code of payouts; `chunks` are their sizes, and whether each is done."""
    targets = targets or payouts(desk, count)
    number = next(_counter)
    with unguarded():
        correction = Correction.objects.create(
            maker=desk.mara,
            maker_person=desk.mara.person,
            maker_name=str(desk.mara.person),
            reason="system_defect",
            note="The mapping wrote the wrong bank codes.",
            summary=f"{len(targets)} payouts",
            created_at=timezone.now(),
        )
        Contribution.objects.create(correction=correction, person=desk.mara.person, kind="made", at=timezone.now())
        CorrectionScope.objects.create(correction=correction, key=scope_key(desk.shanghai), label=str(desk.shanghai))
        made = _changes(correction, targets, values or {"counterparty_bank": "CMB"}, failed, state)
        Change.objects.bulk_create(made, batch_size=2000)
        RowFinding.objects.bulk_create(_findings(correction, len(targets), warned, bad, failed))
        Batch.objects.create(
            correction=correction,
            target_model="accounts.payout",
            source="file",
            file=_file(number),
            filename="payouts.xlsx",
            reading={"format": "xlsx", "sheet": "Sheet1", "header": ["number", "counterparty_bank"], "guesses": []},
            rows=len(targets) + bad,
            bad_rows=bad,
            totals=totals_of(correction),
            sample={"seed": "7", "positions": list(sample)} if sample else {},
            **{"chunk_rows": chunks[0][0] if chunks else None, **fields},
        )
        _chunks(correction, chunks, set(failed))
    if state != State.DRAFT:
        desk.attach(correction)
        with unguarded():
            _moved(correction, state, number)
    return Correction.objects.get(pk=correction.pk)


def _changes(
    correction: Correction, targets: Sequence[Payout], values: dict[str, Any], failed: Sequence[int], state: str
) -> Iterator[Change]:
    entry = registry.get(Payout)
    assert entry is not None
    is_over = state in (State.APPLIED, State.STOPPED, State.REVERTED)
    for position, target in enumerate(targets, start=FIRST):
        whole = rows.image(entry, target)
        left_out = "value_changed_since_request" if position in failed else ""
        yield Change(
            correction=correction,
            position=position,
            action="update",
            target_model=entry.key,
            target_pk=str(target.pk),
            target_label=entry.config.label(target),
            old={name: whole[name] for name in values},
            new=values,
            before_image=whole,
            after_image={**whole, **values} if is_over and not left_out else None,
            amount=target.amount,
            currency=target.currency,
            scope_before=scope_key(target.branch),
            scope_after=scope_key(target.branch),
            outcome=left_out or (ROW_APPLIED if is_over else ""),
        )


def _findings(
    correction: Correction, count: int, warned: Sequence[int], bad: int, failed: Sequence[int]
) -> Iterator[RowFinding]:
    for position in warned:
        yield RowFinding(
            correction=correction,
            position=position,
            stage=RowStage.CHECK,
            verdict=Verdict.WARN,
            code="corrected_before",
            message="Corrected 12 days ago.",
            said={"zh-hans": "12 天前订正过。"},
        )
    for place in range(bad):
        yield RowFinding(
            correction=correction,
            position=count + FIRST + place,
            stage=RowStage.STAGING,
            verdict=Verdict.FAIL,
            code="target_not_found",
            column="number",
            value=f"PX{place}",
            message="There is no such record.",
        )
    for position in failed:
        yield RowFinding(
            correction=correction,
            position=position,
            stage=RowStage.APPLY,
            verdict=Verdict.FAIL,
            code="value_changed_since_request",
            message="It was changed meanwhile.",
        )


def _chunks(correction: Correction, chunks: Sequence[tuple[int, bool]], failed: set[int]) -> None:
    first, at = FIRST, timezone.now() - timedelta(minutes=5)
    for number, (size, is_done) in enumerate(chunks, start=1):
        lost = sum(first <= position < first + size for position in failed)
        at += timedelta(seconds=10)
        Chunk.objects.create(
            correction=correction,
            number=number,
            first=first,
            last=first + size - 1,
            done_at=at if is_done else None,
            applied_rows=size - lost if is_done else 0,
            failed_rows=lost if is_done else 0,
            seconds=10 if is_done else 0,
            worker="w-1" if is_done else "",
        )
        first += size


def _file(number: int) -> EvidenceFile:
    return EvidenceFile.objects.create(
        sha256=f"{number:064x}", size=1000, mime="text/csv", kind="csv", key_id=uuid.uuid4(), stored_at=timezone.now()
    )


def _moved(correction: Correction, state: str, number: int) -> None:
    policy = Policy.objects.get(name="four eyes", is_active=True)
    now = timezone.now()
    Correction.objects.filter(pk=correction.pk).update(
        state=state,
        number=f"DZ-2026-9{number:05d}",
        digest=f"{number:064x}",
        policy=policy,
        step=1,
        step_role="checker",
        step_opened_at=now,
        submitted_at=now,
        applied_at=now if state == State.APPLIED else None,
        demand=of_policy(policy).as_json(),
        amounts={"CNY": "800.0000"},
    )
