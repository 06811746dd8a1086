"""Numbers that are kept as secrets, as checks and flags use them: by index, or decrypted for a moment."""

from __future__ import annotations

from django.db.models import Model

from corrections.protection.secrets import columns, reveal

__all__ = ["index_of", "reveal"]


def index_of(row: Model, field: str) -> str:
    """The blind index of a row's secret; "" where it has none."""
    return str(getattr(row, columns(field)[1]))
