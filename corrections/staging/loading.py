"""Rows with the columns that are needed, as instances; which others labels and amounts look at is learned on the way.

A column that wasn't read is read by Django itself when somebody looks at it, for that row alone. From then on it's read
for all rows together. So a table of forty columns, of which a batch needs five, costs what five cost.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from django.db import models
from django.db.models.base import ModelState
from django.db.models.signals import post_init, pre_init

from corrections.registry import Entry


class Loading:
    """Reads rows of one model. `columns` are attribute names of columns that are sure to be needed."""

    def __init__(self, entry: Entry, columns: Iterable[str]) -> None:
        self.model = entry.model
        self.all = entry.all_columns()
        self.key = str(entry.model._meta.pk.attname)
        wanted = {self.key, *columns}
        self.columns = [column for column in self.all if column in wanted]
        self.is_plain = self._is_plain()

    def _is_plain(self) -> bool:
        """Whether an instance is nothing but its columns: nobody does anything when one is made."""
        model = self.model
        makes_none = model.__init__ is models.Model.__init__ and model.from_db.__func__ is models.Model.from_db.__func__  # type: ignore[attr-defined]
        return makes_none and not (pre_init.has_listeners(model) or post_init.has_listeners(model))

    def rows(self, found: models.QuerySet[Any]) -> list[Any]:
        if not self.is_plain:
            return list(found)
        made, model, columns, using = [], self.model, self.columns, found.db
        for values in found.order_by().values_list(*columns):
            row = model.__new__(model)
            row.__dict__ = dict(zip(columns, values, strict=True))
            row._state = _state(using)
            made.append(row)
        return made

    @property
    def width(self) -> int:
        """How many attributes a row has of which nothing else was looked at: its columns and its state."""
        return len(self.columns) + 1

    def complete(self, rows: Sequence[models.Model]) -> None:
        """Reads what was learned after these rows were read."""
        if self.is_plain:
            self._fill(self.columns, [row for row in rows if len(row.__dict__) < self.width])

    def learn(self, row: models.Model, rest: Sequence[models.Model]) -> None:
        """Looks at which columns were read by the way; reads them for the rest of the rows."""
        if not self.is_plain or len(row.__dict__) == self.width:
            return
        new = [column for column in self.all if column in row.__dict__ and column not in self.columns]
        if new:
            self.columns += new
            self._fill(new, [one for one in rest if any(column not in one.__dict__ for column in new)])

    def _fill(self, columns: Sequence[str], rows: Sequence[models.Model]) -> None:
        if not rows:
            return
        found = self.model._base_manager.filter(pk__in={row.pk for row in rows}).values_list("pk", *columns)
        known = {pk: dict(zip(columns, values, strict=True)) for pk, *values in found}
        for row in rows:
            for column, value in known.get(row.pk, {}).items():
                row.__dict__.setdefault(column, value)


def _state(using: str) -> ModelState:
    state = ModelState()
    state.db, state.adding = using, False
    return state
