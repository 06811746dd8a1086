"""Batches that are ready to be applied, made around the services: here only the engine is tried."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from django.db import connection, models, transaction

from corrections.choices import BatchSource, OnBadRow, State
from corrections.engine import gate, rows
from corrections.engine.in_sets import insert_changes
from corrections.models import Batch, Change, Correction, Policy
from corrections.registry import registry
from tests.corrections.services.desk import Desk

Wanted = Iterable[tuple[models.Model, Mapping[str, Any]]]  # a row, and its new values by column


def wish(correction: Correction, position: int, row: models.Model, values: Mapping[str, Any]) -> Change:
    """Old values as the row has them now, new ones in canonical form."""
    entry = registry.get(row)
    assert entry is not None
    after = type(row)(**{name: getattr(row, name) for name in entry.all_columns()} | dict(values))
    return Change(
        correction=correction,
        position=position,
        action="update",
        target_model=entry.key,
        target_pk=str(row.pk),
        target_label=str(row),
        old=rows.column_image(entry, row, values),
        new=rows.column_image(entry, after, values),
    )


def batch(
    desk: Desk, wanted: Wanted, *, on_bad_row: str = OnBadRow.FAIL_ALL, state: str = State.APPROVED
) -> Correction:
    """A batch of these rows at positions from 2 on, in that state."""
    pairs = list(wanted)
    correction = desk.draft()
    with transaction.atomic(), gate.opened(actor=desk.mara, correction=correction):
        correction.changes.all().delete()
        insert_changes(wish(correction, position, *pair) for position, pair in enumerate(pairs, start=2))
        model = pairs[0][0]._meta.label_lower
        Batch.objects.create(
            correction=correction, target_model=model, source=BatchSource.FILE, rows=len(pairs), on_bad_row=on_bad_row
        )
    put_in_state(correction, state)
    return Correction.objects.get(pk=correction.pk)


def put_in_state(correction: Correction, state: str) -> None:
    """Moves a correction around the guards, as no service does."""
    if state == State.DRAFT:
        return
    if connection.in_atomic_block:
        connection.check_constraints()
    gate.drop()
    try:
        number, policy = f"B{correction.pk}", Policy.objects.first()
        Correction.objects.filter(pk=correction.pk).update(state=state, number=number, digest="d" * 64, policy=policy)
    finally:
        gate.install()


@contextmanager
def carried_out(desk: Desk, correction: Correction) -> Iterator[None]:
    """The engine's context, as the services open it around an apply."""
    with gate.opened(actor=desk.chidi, correction=correction, reason="system_defect"):
        yield


def edges(correction: Correction) -> tuple[int, int]:
    found = correction.changes.aggregate(first=models.Min("position"), last=models.Max("position"))
    return found["first"], found["last"]


def whole(row: models.Model) -> tuple[Any, ...]:
    """A row as the database has it, with SQLite's storage classes."""
    table = connection.ops.quote_name(row._meta.db_table)
    names = [connection.ops.quote_name(field.column) for field in row._meta.concrete_fields]
    typed = [f"typeof({name})" for name in names] if connection.vendor == "sqlite" else []
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {', '.join(names + typed)} FROM {table} WHERE {row._meta.pk.column} = %s", [row.pk])
        return tuple(cursor.fetchone())
