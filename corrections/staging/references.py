"""Records that rows refer to, read many at a time, once it is seen that labels, amounts or scopes look at them.

What a registered function follows is not known before it is called. So the first row that follows a reference asks
the database alone, and from then on the reference is read for all rows together.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from django.db import models
from django.db.models.base import ModelState

from corrections.registry import Entry

KEPT_MAX = 50_000


class References:
    """Keeps what was read for the rows to come; rows share one instance of what they refer to."""

    def __init__(self, entry: Entry) -> None:
        self.fields = {f.name: f for f in entry.model._meta.concrete_fields if isinstance(f, models.ForeignKey)}
        self.followed: set[str] = set()
        self.nested = {name: self._nested(entry, name) for name in self.fields}
        self.kept: dict[str, dict[Any, models.Model]] = {name: {} for name in self.fields}

    @staticmethod
    def _nested(entry: Entry, name: str) -> list[str]:
        prefix = f"{name}__"
        return [path.removeprefix(prefix) for path in entry.config.reads if path.startswith(prefix)]

    def is_of(self, name: str, values: dict[str, Any]) -> bool:
        """Whether a kept reference hangs on one of these columns."""
        return name in self.fields and self.fields[name].attname in values

    def fill(self, rows: Sequence[models.Model], names: Iterable[str] | None = None) -> None:
        """Has the followed references of these rows at hand."""
        for name in self.followed if names is None else names:
            field = self.fields[name]
            waiting = [row for row in rows if not field.is_cached(row)]
            self._read(name, {getattr(row, field.attname) for row in waiting} - {None})
            kept = self.kept[name]
            for row in waiting:
                key = getattr(row, field.attname)
                if key is None:
                    continue
                if key in kept:
                    field.set_cached_value(row, kept[key])

    def learn(self, row: models.Model, rest: Sequence[models.Model]) -> None:
        """Looks at which references of a row were followed; reads new ones for the rest of the rows."""
        cached = row._state.fields_cache
        new = [name for name in cached if name in self.fields and name not in self.followed]
        if new:
            self.followed.update(new)
            self.fill(rest, new)

    def _read(self, name: str, keys: set[Any]) -> None:
        kept, field = self.kept[name], self.fields[name]
        if len(kept) > KEPT_MAX:
            kept.clear()
        missing = keys.difference(kept)
        if not missing:
            return
        target: Any = field.target_field
        found = field.related_model._base_manager.filter(**{f"{target.attname}__in": list(missing)})
        for other in found.select_related(*self.nested[name]) if self.nested[name] else found:
            kept[getattr(other, target.attname)] = other


def as_it_would_be(row: models.Model, values: dict[str, Any], references: References) -> Any:
    """The row with these columns, as an instance of its own; references that stay are shared with it."""
    after = type(row).__new__(type(row))
    after.__dict__ = row.__dict__ | values
    after._state = state = ModelState()
    state.adding, state.db = False, row._state.db
    cached = row._state.fields_cache
    if cached:
        state.fields_cache = {name: other for name, other in cached.items() if not references.is_of(name, values)}
    return after
