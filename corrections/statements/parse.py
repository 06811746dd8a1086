"""From the text of a data-fix statement to a rule: which model, which records, which new values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db.models import Q

from corrections.registry import Entry
from corrections.statements import conditions, literals, names, pieces, refusals
from corrections.statements.asked import Update


@dataclass(frozen=True)
class Statement:
    """A statement as it was understood.

    `where` is for `filter` on the model's rows, `values` are the new values by field name as text (None is NULL), and
    `rule` is the whole in one spelling, rebuilt; it reads back as the same statement.
    """

    entry: Entry
    where: Q
    values: dict[str, str | None]
    rule: str


def parse(text: str) -> Statement:
    """The rule that an UPDATE stands for. Raises StatementRefused, or ValueNotUsable for a value that can't be set."""
    if not isinstance(text, str):
        raise refusals.StatementIsEmpty
    from corrections.statements import tree  # brings a parser of 30 dialects; most processes never read a statement

    update = tree.read(pieces.cut(text))
    entry = names.table(update.table)
    values = _values(entry, update)
    condition = conditions.bound(entry, update.condition)
    settings = ", ".join(_setting(entry, name, value) for name, value in values.items())
    rule = " ".join(("UPDATE", entry.table, "SET", settings, "WHERE", conditions.as_text(condition)))
    return Statement(entry, conditions.as_q(condition), values, rule)


def _values(entry: Entry, update: Update) -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    for piece, given in update.settings:
        name = names.field_to_set(entry, piece)
        if name in found:
            raise refusals.StatementFieldSetTwice(label=entry.verbose_name(name))
        found[name] = literals.new_value(entry, name, given)
    return found


def _setting(entry: Entry, name: str, value: Any) -> str:
    column = names.column(entry, name).column
    if value is None:
        return f"{column} = NULL"
    kind = literals.compared(entry, name).kind
    text = value.upper() if kind is literals.Kind.BOOLEAN else value
    return f"{column} = {conditions.quoted(kind, text)}"
