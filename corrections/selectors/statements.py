"""A data-fix statement before anybody makes a draft of it: what was understood, and what it finds for this person."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db.models import Model

from corrections import statements
from corrections.conf import limits, statements_are_on
from corrections.engine import rows, values
from corrections.permissions import Rights, is_maker, visible_records
from corrections.registry import registry
from corrections.roles import Role
from corrections.selectors import display
from corrections.statements import Statement

FIRST_SHOWN = 5


@dataclass(frozen=True)
class Setting:
    label: str
    becomes: str


@dataclass(frozen=True)
class Reading:
    """`count` is of the records that the reader may see; `is_more` where they are more than one batch may hold."""

    statement: Statement
    settings: tuple[Setting, ...]
    count: int
    is_more: bool
    first: tuple[str, ...]


def may_state(rights: Rights) -> bool:
    """Whether the page is offered. The service asks afresh, and on which records."""
    is_person = rights.person_id is not None
    return statements_are_on() and is_person and is_maker(rights) and Role.EXECUTOR in rights.roles


def read(user: Any, rights: Rights, text: str) -> Reading:
    """Raises StatementRefused, and ValueNotUsable for a value that can't be set."""
    statement = statements.parse(text)
    entry = statement.entry
    found = visible_records(user, rights, entry).filter(statement.where).order_by()
    count = found[: limits.BATCH_ROWS_MAX + 1].count()
    first: list[Model] = list(found.select_related(*entry.config.reads).order_by("pk")[:FIRST_SHOWN]) if count else []
    return Reading(
        statement=statement,
        settings=tuple(_setting(user, rights, statement, name) for name in statement.values),
        count=min(count, limits.BATCH_ROWS_MAX),
        is_more=count > limits.BATCH_ROWS_MAX,
        first=tuple(entry.config.label(row) for row in first),
    )


def _setting(user: Any, rights: Rights, statement: Statement, name: str) -> Setting:
    """A new value in words; a reference by its label, where the reader may see the record."""
    entry, text = statement.entry, statement.values[name]
    column: Any = entry.model._meta.get_field(name)
    label = entry.verbose_name(name)
    if text is None:
        return Setting(label, display.EMPTY)
    if display.reference_field(entry, name) is None:
        image = {entry.columns(name)[0]: rows.encode(column, values.parse(entry, name, text))}
        return Setting(label, display.shown(entry, name, image) or display.EMPTY)
    other = registry.get(column.related_model)
    there = column.related_model._base_manager.all() if other is None else visible_records(user, rights, other)
    row = there.filter(**{column.target_field.attname: text}).first()
    return Setting(label, text if row is None else display.label_of(row))
