"""The WHERE of a statement, rebuilt: once as a condition for the database, once as text for people.

Both come from the same data. Each comparison becomes the SQL operator of its own name: `<>` is not Django's `exclude`,
which would also find the records where the field is empty. LIKE is the database's own, so that it finds what the same
words typed into the database find: PostgreSQL tells capitals from small letters, SQLite does not for A to Z.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db.models import BooleanField, F, Func, Q, Value

from corrections.registry import Entry
from corrections.statements import literals, names, refusals
from corrections.statements.asked import Comparison, Condition, Junction
from corrections.statements.literals import Column, Kind

PATTERN_CHARS_MAX = 200
ORDERED = frozenset({"<", "<=", ">", ">=", "BETWEEN", "NOT BETWEEN"})
PATTERNS = frozenset({"LIKE", "NOT LIKE"})
EMPTY = frozenset({"IS NULL", "IS NOT NULL"})
# Shown with their two ends; asked as the two comparisons that they stand for.
ENDS = {"BETWEEN": (">=", "<=", Q.AND), "NOT BETWEEN": ("<", ">", Q.OR)}


@dataclass(frozen=True)
class Bound:
    """A comparison whose field and values are known."""

    column: Column
    operator: str
    values: tuple[Any, ...]


@dataclass(frozen=True)
class BoundJunction:
    word: str
    parts: tuple[Bound | BoundJunction, ...]


class Compares(Func):
    """`column operator value`, as SQL has it: unknown where one of them is."""

    template = "(%(expressions)s)"
    output_field = BooleanField()

    def __init__(self, *expressions: Any, operator: str, **extra: Any) -> None:
        super().__init__(*expressions, arg_joiner=f" {operator} ", operator=operator, **extra)


class IsEmpty(Func):
    """`column IS NULL`, or `IS NOT NULL`."""

    template = "(%(expressions)s %(operator)s)"
    output_field = BooleanField()


class Listed(Func):
    """The values of an IN."""

    template = "(%(expressions)s)"
    output_field = BooleanField()  # of no meaning; found out from the values, it would be cast around them


def bound(entry: Entry, condition: Condition) -> Bound | BoundJunction:
    """Names and values looked up. Raises StatementRefused."""
    if isinstance(condition, Junction):
        return BoundJunction(condition.word, tuple(bound(entry, part) for part in condition.parts))
    return _comparison(entry, condition)


def _comparison(entry: Entry, condition: Comparison) -> Bound:
    column = literals.compared(entry, names.field_to_compare(entry, condition.field))
    is_unfit = (condition.operator in ORDERED and column.kind is Kind.BOOLEAN) or (
        condition.operator in PATTERNS and column.kind is not Kind.TEXT
    )
    if is_unfit:
        raise refusals.StatementOperatorNotAllowed(label=column.label, operator=condition.operator)
    values = tuple(literals.value(column, given) for given in condition.given)
    if condition.operator in PATTERNS and len(values[0]) > PATTERN_CHARS_MAX:
        raise refusals.StatementPatternTooLong(label=column.label, max=PATTERN_CHARS_MAX)
    return Bound(column, condition.operator, values)


def as_q(condition: Bound | BoundJunction) -> Q:
    """The condition for `filter`, with no row more or less than the text in `as_text` finds."""
    if isinstance(condition, BoundJunction):
        parts = [as_q(part) for part in condition.parts]
        return Q(*parts, _connector=Q.AND if condition.word == "AND" else Q.OR)
    column, operator = condition.column, condition.operator
    place = F(column.entry.columns(column.name)[0])
    values = [Value(one, output_field=column.field) for one in condition.values]
    if operator in EMPTY:
        return Q(IsEmpty(place, operator=operator))
    if operator in ENDS:
        low, high, word = ENDS[operator]
        ends = (Compares(place, values[0], operator=low), Compares(place, values[1], operator=high))
        return Q(*ends, _connector=word)
    if operator in ("IN", "NOT IN"):
        return Q(Compares(place, Listed(*values), operator=operator))
    return Q(Compares(place, values[0], operator=operator))


def as_text(condition: Bound | BoundJunction) -> str:
    """The condition as SQL that reads back as the same one."""
    if isinstance(condition, BoundJunction):
        parts = (f"({as_text(part)})" if isinstance(part, BoundJunction) else as_text(part) for part in condition.parts)
        return f" {condition.word} ".join(parts)
    column, operator = condition.column, condition.operator
    left = f"{names.column(column.entry, column.name).column} {operator}"
    values = [quoted(column.kind, literals.written(column.kind, one)) for one in condition.values]
    if operator in ("IN", "NOT IN"):
        return f"{left} ({', '.join(values)})"
    return f"{left} {' AND '.join(values)}".rstrip()


def quoted(kind: Kind | None, text: str) -> str:
    if kind in (Kind.INTEGER, Kind.DECIMAL, Kind.BOOLEAN):
        return text
    return "'" + text.replace("'", "''") + "'"
