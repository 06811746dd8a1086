"""Conditions that Python and every database answer alike, so that the database need not be asked.

Three-valued, as SQL is: True, False, or None for unknown; UNSURE where only the database can tell.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final

from django.db import models
from django.db.models import F, Q

UNSURE: Final = object()

# Kinds of columns whose order is the same everywhere; texts are ordered by collations, and only compared for equality.
ORDERED: tuple[tuple[type[models.Field[Any, Any]], tuple[type, ...]], ...] = (
    (models.IntegerField, (int,)),
    (models.DecimalField, (Decimal, int)),
    (models.DateTimeField, ()),
    (models.DateField, ()),
)
TEXTS = (models.CharField, models.TextField)
COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "exact": operator.eq,
    "gt": operator.gt,
    "gte": operator.ge,
    "lt": operator.lt,
    "lte": operator.le,
}
Test = Callable[[Mapping[str, Any]], Any]


def compiled(condition: Q, fields: Mapping[str, Any]) -> Test:
    """What answers the condition for a row's values by column; `fields` are the model's, by every name."""
    tests = [_child(child, fields) for child in condition.children]
    if condition.connector not in {Q.AND, Q.OR}:
        return _unsure
    joined = _all(tests) if condition.connector == Q.AND else _any(tests)
    return _not(joined) if condition.negated else joined


def _child(child: Any, fields: Mapping[str, Any]) -> Test:
    if isinstance(child, Q):
        return compiled(child, fields)
    return _lookup(child[0], child[1], fields) if isinstance(child, tuple) else _unsure


def _unsure(values: Mapping[str, Any]) -> Any:
    return UNSURE


def _lookup(path: str, wanted: Any, fields: Mapping[str, Any]) -> Test:
    name, _sep, kind = path.partition("__")
    field: Any = fields.get(name)
    kind = kind or "exact"
    if field is None:
        return _unsure
    if kind == "isnull" and isinstance(wanted, bool):
        return lambda values: (values[field.attname] is None) is wanted
    if isinstance(field, models.ForeignKey) or getattr(field, "db_collation", None):
        return _unsure
    if isinstance(wanted, F):
        return _against(field, kind, fields.get(str(getattr(wanted, "name", ""))))
    return _constant(field, kind, wanted)


def _against(field: Any, kind: str, other: Any) -> Test:
    """One column against another of the same type."""
    is_ordered = type(other) is type(field) and isinstance(field, tuple(of for of, _types in ORDERED))
    if kind not in COMPARE or not is_ordered:
        return _unsure
    compare, left, right = COMPARE[kind], str(field.attname), str(getattr(other, "attname", ""))
    return lambda values: _compared(compare, values[left], values[right])


def _constant(field: Any, kind: str, wanted: Any) -> Test:
    column = field.attname
    if kind == "in" and isinstance(wanted, list | tuple | set | frozenset) and wanted:
        if not all(_is_plain(field, "exact", one) for one in wanted):
            return _unsure
        known = frozenset(_plain(one) for one in wanted)
        return lambda values: None if values[column] is None else values[column] in known
    if kind not in COMPARE or not _is_plain(field, kind, wanted):
        return _unsure
    compare, constant = COMPARE[kind], _plain(wanted)
    return lambda values: _compared(compare, values[column], constant)


def _plain(value: Any) -> Any:
    """Members of enumerations as what they stand for."""
    return str.__str__(value) if isinstance(value, str) else value


def _is_plain(field: Any, kind: str, wanted: Any) -> bool:
    if isinstance(field, TEXTS):
        return kind == "exact" and isinstance(wanted, str)
    if isinstance(wanted, bool):
        return isinstance(field, models.BooleanField) and kind == "exact"
    types = next((types for of, types in ORDERED if isinstance(field, of)), ())
    return bool(types) and isinstance(wanted, types)


def _compared(compare: Callable[[Any, Any], bool], left: Any, right: Any) -> Any:
    return None if left is None or right is None else compare(left, right)


def _all(tests: list[Test]) -> Test:
    def answer(values: Mapping[str, Any]) -> Any:
        found: Any = True
        for test in tests:
            one = test(values)
            if one is False:
                return False
            if one is not True:
                found = UNSURE if one is UNSURE or found is UNSURE else None
        return found

    return answer


def _any(tests: list[Test]) -> Test:
    def answer(values: Mapping[str, Any]) -> Any:
        found: Any = False
        for test in tests:
            one = test(values)
            if one is True:
                return True
            if one is not False:
                found = UNSURE if one is UNSURE or found is UNSURE else None
        return found

    return answer


def _not(test: Test) -> Test:
    def answer(values: Mapping[str, Any]) -> Any:
        one = test(values)
        return one if one is None or one is UNSURE else not one

    return answer
