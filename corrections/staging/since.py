"""Whether somebody wrote a record since it was read, told by the history that the database keeps of every write."""

from __future__ import annotations

from collections.abc import Container
from typing import Any

from django.db.models import Max

from corrections.registry import Entry


class Since:
    """From now on. Exact where one writes after the other, so on SQLite."""

    def __init__(self, entry: Entry) -> None:
        self.history = entry.history_model._base_manager
        self.key = str(entry.model._meta.pk.attname)
        self.last = self._last()

    def _last(self) -> int:
        return int(self.history.aggregate(last=Max("history_id"))["last"] or 0)

    def has_written(self, keys: Container[Any]) -> bool:
        """Whether one of these records was written, or removed."""
        later = self.history.filter(history_id__gt=self.last).values_list(self.key, flat=True)
        return any(key in keys for key in later.iterator())
