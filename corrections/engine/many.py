"""The rows of a batch as one: by statements over sets where the database can do it, else row by row (I-12)."""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from types import ModuleType
from typing import Any

from django.db import connection

from corrections.engine import by_row, in_sets, rows
from corrections.engine.by_row import Applied
from corrections.models import Change, Correction

__all__ = [
    "Applied",
    "apply_rows",
    "hold_fields",
    "packed_stakes",
    "put_before_images",
    "put_stakes",
    "rehearse_rows",
    "release_holds",
    "stale_rows",
]


def _way(correction: Correction) -> ModuleType:
    entry = rows.entry_of(correction.batch.target_model)
    return in_sets if in_sets.is_settable(entry) else by_row


def put_before_images(correction: Correction, first: int, last: int) -> int:
    """Keeps the whole live rows as the before-images; gives how many there are."""
    return int(_way(correction).put_before_images(correction, first, last))


def stale_rows(correction: Correction, first: int, last: int) -> list[tuple[int, str]]:
    """Positions of rows that are gone or moved on, with the code of the refusal."""
    return list(_way(correction).stale_rows(correction, first, last))


def apply_rows(correction: Correction, first: int, last: int, *, on_bad_row: str) -> Applied:
    """Writes the rows with their images and outcomes, in the caller's transaction and open gate.

    With "fail_all" the first bad row raises ValueChanged, RecordNotFound or DatabaseRefused; with "skip" it is left
    out, with its code as outcome and a finding.
    """
    done = _way(correction).apply_rows(correction, first, last, on_bad_row=on_bad_row)
    return Applied(done.applied, done.failed)


def rehearse_rows(correction: Correction, first: int, last: int, *, on_bad_row: str) -> None:
    """The real apply, taken back whole. Raises what apply would raise."""
    _way(correction).rehearse_rows(correction, first, last, on_bad_row=on_bad_row)


def hold_fields(correction: Correction) -> None:
    """I-03: holds every field that the batch writes. Raises IntegrityError where another correction holds one."""
    _way(correction).hold_fields(correction)


def release_holds(correction: Correction, first: int, last: int) -> None:
    """Lets go of the fields of a range."""
    _way(correction).release_holds(correction, first, last)


PUT_ON_POSTGRESQL = """
UPDATE {table} AS c SET amount = v.amount, currency = v.currency, stake = v.stake, beneficiary = v.beneficiary
FROM unnest(%s::bigint[], %s::numeric[], %s::text[], %s::numeric[], %s::text[])
  AS v(id, amount, currency, stake, beneficiary) WHERE c.id = v.id
  AND (c.amount, c.currency, c.stake, c.beneficiary) IS DISTINCT FROM (v.amount, v.currency, v.stake, v.beneficiary)
"""
PUT_ON_SQLITE = """
UPDATE {table} SET amount = v.amount, currency = v.currency, stake = v.stake, beneficiary = v.beneficiary
FROM (SELECT value ->> 0 AS id, value ->> 1 AS amount, value ->> 2 AS currency, value ->> 3 AS stake,
  value ->> 4 AS beneficiary FROM json_each(%s)) AS v
WHERE {table}.id = v.id AND ({table}.amount IS NOT v.amount OR {table}.currency <> v.currency
  OR {table}.stake IS NOT v.stake OR {table}.beneficiary <> v.beneficiary)
"""


def packed_stakes(changes: Sequence[Change]) -> bytes:
    """What is at stake in each of these changes, to be stored later (`put_stakes`), in little memory."""
    return zlib.compress(json.dumps([_at_stake(change) for change in changes]).encode())


def _at_stake(change: Change) -> list[Any]:
    money = (None if amount is None else f"{amount:f}" for amount in (change.amount, change.stake))
    amount, stake = money
    return [change.pk, amount, change.currency, stake, change.beneficiary]


def put_stakes(packed: bytes) -> None:
    """Stores it, by one statement; changes in which the same is at stake as before are not written."""
    table, text = connection.ops.quote_name(Change._meta.db_table), zlib.decompress(packed).decode()
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            columns = [list(column) for column in zip(*json.loads(text), strict=True)]
            cursor.execute(PUT_ON_POSTGRESQL.format(table=table), columns)
        else:
            cursor.execute(PUT_ON_SQLITE.format(table=table), [text])
