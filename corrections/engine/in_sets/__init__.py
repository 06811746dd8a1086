"""The engine for many rows at once: what `engine.apply` does row by row, done by statements over sets (I-12)."""

from __future__ import annotations

from corrections.engine.in_sets.apply import (
    Applied,
    TooManyRefused,
    apply_rows,
    put_before_images,
    rehearse_rows,
    stale_rows,
)
from corrections.engine.in_sets.columns import is_settable
from corrections.engine.in_sets.holds import hold_fields, holder_of, release_holds
from corrections.engine.in_sets.insert import Aside, insert_changes, may_be_put_aside, put_aside

__all__ = [
    "Applied",
    "Aside",
    "TooManyRefused",
    "apply_rows",
    "hold_fields",
    "holder_of",
    "insert_changes",
    "is_settable",
    "may_be_put_aside",
    "put_aside",
    "put_before_images",
    "rehearse_rows",
    "release_holds",
    "stale_rows",
]
