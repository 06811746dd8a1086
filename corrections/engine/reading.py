"""Reading many business rows with their references: one plain statement for each table, instances made at once.

What `select_related` gives, for pages of thousands of rows: there most of the time goes into making an instance of
every referenced row for every row that names it, through all of a model's machinery.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from functools import cache
from typing import Any

from django.db import models
from django.db.models.base import ModelState
from django.db.models.signals import post_init, pre_init

Tree = dict[str, "Tree"]  # references to follow, by name, and from there on


def read_rows(model: type[models.Model], pks: Collection[Any], paths: Sequence[str]) -> Iterator[models.Model]:
    """The rows of these keys with the references that `paths` names (``card__customer``), in no order."""
    yield from _read(model, model._base_manager.filter(pk__among=frozenset(pks)), _tree(paths))


def lock_rows(model: type[models.Model], pks: Collection[Any], paths: Sequence[str]) -> Iterator[models.Model]:
    """The same, the rows themselves locked until the transaction ends, in the order of their keys."""
    wanted = model._base_manager.filter(pk__among=frozenset(pks))
    yield from _read(model, wanted.select_for_update().order_by("pk"), _tree(paths))


def _tree(paths: Sequence[str]) -> Tree:
    tree: Tree = {}
    for path in paths:
        place = tree
        for name in path.split("__"):
            place = place.setdefault(name, {})
    return tree


def _read(model: type[models.Model], wanted: models.QuerySet[Any], tree: Tree) -> list[models.Model]:
    if not is_plain(model):
        found = list(wanted)
    else:
        names = columns_of(model)
        found = [made(model, dict(zip(names, row, strict=True)), wanted.db) for row in wanted.values_list(*names)]
    for name, further in tree.items():
        _follow(model, found, name, further)
    return found


def _follow(model: type[models.Model], rows: Sequence[models.Model], name: str, further: Tree) -> None:
    """Sets what each row refers to; rows that refer to the same one share its instance."""
    field: Any = model._meta.get_field(name)
    target = field.target_field.attname
    keys = {getattr(row, field.attname) for row in rows} - {None}
    there = field.related_model._base_manager.filter(**{f"{target}__among": frozenset(keys)})
    others = {getattr(row, target): row for row in _read(field.related_model, there, further)} if keys else {}
    for row in rows:
        key = getattr(row, field.attname)
        if key is None or key in others:
            row._state.fields_cache[name] = None if key is None else others[key]


def made(model: type[models.Model], values: dict[str, Any], database: str) -> models.Model:
    """An instance with these columns, as if it had been read."""
    if not is_plain(model):
        return model.from_db(database, list(values), list(values.values()))
    row = model.__new__(model)
    state = ModelState()
    state.db, state.adding = database, False
    row.__dict__.update(values, _state=state)
    return row


@cache
def columns_of(model: type[models.Model]) -> tuple[str, ...]:
    return tuple(field.attname for field in model._meta.concrete_fields)


@cache
def is_plain(model: type[models.Model]) -> bool:
    """Whether its instances are made as Django makes them, and nobody listens."""
    own = [kind for kind in model.__mro__ if kind not in (models.Model, object)]
    is_special = any(name in vars(kind) for kind in own for name in ("from_db", "__new__"))
    is_watched = pre_init.has_listeners(model) or post_init.has_listeners(model)
    return not is_special and not is_watched and model.__init__ is models.Model.__init__
