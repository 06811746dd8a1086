"""Short ways to show checks and flags a change, as the assessment would, without a correction being stored."""

from __future__ import annotations

import copy
import datetime as dt
import itertools
from decimal import Decimal
from typing import Any

from django.contrib.contenttypes.models import ContentType
from django.db.models import Model
from django.utils import timezone

from corrections.assessment.subject import view_of
from corrections.checks import Check, Finding, Flag, Subject
from corrections.engine import rows
from corrections.models import Change, Correction, FlagRule
from corrections.registry import Entry, registry

_pks = itertools.count(1)


def entry_of(model: Any) -> Entry:
    entry = registry.get(model)
    assert entry is not None
    return entry


def update(row: Model, **values: Any) -> tuple[Change, Model | None]:
    """A change of a stored row, which is read as the engine reads it."""
    entry = entry_of(row)
    live = rows.read(entry, [row.pk]).get()
    wanted = copy.copy(live)
    for name, value in values.items():
        setattr(wanted, name, value)
        if name in entry.secrets and value:
            entry.secrets[name].seal_into(wanted, getattr(wanted, f"{name}_cipher"))
    columns = [column for name in values for column in entry.columns(name)]
    new = rows.column_image(entry, wanted, columns)
    old = rows.column_image(entry, live, columns)
    return _change(entry, "update", str(row.pk), old, new), live


def create(model: type[Model], **values: Any) -> tuple[Change, Model | None]:
    """A new row. A value ``{"change": 1}`` stands for a row that the same correction creates."""
    entry = entry_of(model)
    ahead = {name: value for name, value in values.items() if rows.is_placeholder(value)}
    row = model(**{name: value for name, value in values.items() if name not in ahead})
    new = rows.image(entry, row) | {f"{name}_id": value for name, value in ahead.items()}
    return _change(entry, "create", "", {}, new), None


def delete(row: Model) -> tuple[Change, Model | None]:
    entry = entry_of(row)
    live = rows.read(entry, [row.pk]).get()
    return _change(entry, "delete", str(row.pk), rows.image(entry, live), {}), live


def _change(entry: Entry, action: str, pk: str, old: Any, new: Any) -> Change:
    label = f"{entry.model._meta.model_name} {pk}".strip()
    return Change(
        pk=next(_pks), action=action, target_model=entry.key, target_pk=pk, target_label=label, old=old, new=new
    )


def subject(*parts: tuple[Change, Model | None], at: dt.datetime | None = None, maker_name: str = "Mara") -> Subject:
    views, live = {}, {}
    for change, row in parts:
        views[change.pk] = view_of(entry_of(change.target_model), change, row)
        if row is not None:
            live[change.pk] = row
    return Subject(
        Correction(maker_name=maker_name, state="draft"),
        [change for change, _row in parts],
        live,
        {},
        views,
        at or timezone.now(),
    )


def look(check: type[Check], *parts: tuple[Change, Model | None]) -> Finding:
    return check().look(subject(*parts))


def verdict(check: type[Check], *parts: tuple[Change, Model | None]) -> str:
    return str(look(check, *parts).verdict)


def raised(
    flag: type[Flag],
    *parts: tuple[Change, Model | None],
    at: dt.datetime | None = None,
    maker_name: str = "Mara",
    threshold: Any = 0,
    window_days: int = 30,
) -> Finding | None:
    """What a flag finds. Its questions are asked of the database beside a row that has nothing to do with them."""
    seen = subject(*parts, at=at, maker_name=maker_name)
    rule = FlagRule(code=flag.code, threshold=Decimal(threshold), window_days=window_days)
    asked = flag().questions(seen, rule)
    past = dict(ContentType.objects.order_by("pk").values(**asked)[:1][0]) if asked else {}
    return flag().look(seen, rule, past)
