"""The rows of a selection: records that are named by key, or found by a condition, all asked the same."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from django.db import models

from corrections.conf import limits
from corrections.registry import Entry
from corrections.staging.cells import GIVEN
from corrections.staging.loading import Loading
from corrections.staging.refusals import TooManyRows
from corrections.staging.stage import Asked
from corrections.staging.targets import Targets


class Selected:
    """Keys of the records, in a fixed order; `found` are the rows that the condition finds, if there is one."""

    def __init__(self, entry: Entry, found: models.QuerySet[Any] | None, pks: Iterable[Any] | None) -> None:
        self.entry, self.found, self.targets = entry, found, Targets(entry)
        self.name = str(entry.model._meta.pk.name)
        if found is not None:
            some = found.order_by("pk").values_list("pk", flat=True)[: limits.BATCH_ROWS_MAX + 1]
            self.keys: list[Any] = list(some)
        else:
            self.keys = [self._key(pk) for pk in pks or ()]

    def _key(self, pk: Any) -> Any:
        """Keys come as texts from pages, as values from programs."""
        return self.targets.key(self.name, str(getattr(pk, "pk", pk)))

    def __len__(self) -> int:
        return len(self.keys)

    def demand_limit(self) -> None:
        if len(self.keys) > limits.BATCH_ROWS_MAX:
            raise TooManyRows(max=limits.BATCH_ROWS_MAX)

    def asked(self, names: Iterable[str], loading: Loading) -> Iterator[Asked]:
        self.targets.loading = loading
        texts = dict.fromkeys(names, GIVEN)
        for start in range(0, len(self.keys), limits.BATCH_STAGE_ROWS):
            lot = self.keys[start : start + limits.BATCH_STAGE_ROWS]
            rows = self._rows(lot)
            for place, key in enumerate(lot, start=start + 1):
                yield Asked(place, rows.get(key), texts, (self.name, "" if key is None else str(key)))

    def _rows(self, keys: Sequence[Any]) -> dict[Any, models.Model]:
        """The rows with these keys; what the condition doesn't find any more is not there."""
        if self.found is None:
            return self.targets.find(self.name, keys)
        there = self.found.filter(pk__in=list(keys)).values("pk")
        return {row.pk: row for row in self.targets.loading.rows(self.entry.model._base_manager.filter(pk__in=there))}
