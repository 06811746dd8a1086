"""Questions to the past that are asked together, in one statement, however many flags and policies ask."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, TypeVar

from django.db.models import (
    Aggregate,
    CharField,
    Count,
    DecimalField,
    Field,
    IntegerField,
    Lookup,
    Max,
    Q,
    QuerySet,
    Subquery,
    Sum,
)

from corrections.models import Change, Correction

Answers = Mapping[str, Any]
T = TypeVar("T")

# In one statement; databases take some 1,600 columns, and many rows of a batch ask one each.
QUESTIONS_MAX = 500


def count(rows: QuerySet[Any]) -> Subquery:
    """How many rows there are."""
    return _one(rows, Count("pk"), IntegerField())


def total(rows: QuerySet[Any], field: str) -> Subquery:
    """The sum of a column; None where there is no row."""
    return _one(rows, Sum(field), DecimalField(max_digits=30, decimal_places=4))


def latest(rows: QuerySet[Any], field: str) -> Subquery:
    """The greatest text of a column; None where there is no row."""
    return _one(rows, Max(field), CharField())


def _one(rows: QuerySet[Any], aggregate: Aggregate, kind: Any) -> Subquery:
    # An aggregate without GROUP BY, as a scalar: Django would group by the key of the rows.
    plain = rows.order_by().annotate(asked=_Ungrouped(aggregate, kind)).values("asked")
    return Subquery(plain, output_field=kind)


class _Ungrouped(Aggregate):
    """Stands in for an aggregate, without telling Django that it is one."""

    contains_aggregate = False

    def __init__(self, aggregate: Aggregate, kind: Any) -> None:
        self.function = aggregate.function
        super().__init__(*aggregate.source_expressions, output_field=kind)


@Field.register_lookup
class Among(Lookup):
    """``field__among=frozenset(…)``: like ``__in``, with all values as one parameter.

    Of the two thousand rows of a page Django would otherwise resolve, prepare and quote each value by itself, and in
    every question that names them; that cost more than the answers.
    """

    lookup_name = "among"

    def get_prep_lookup(self) -> list[Any]:
        prepared: Any = self.lhs.output_field
        return sorted({prepared.get_prep_value(value) for value in self.rhs if value is not None})

    def as_sql(self, compiler: Any, connection: Any) -> Any:
        column, params = self.process_lhs(compiler, connection)
        if connection.vendor == "postgresql":
            kind = self.lhs.output_field.db_type(connection).partition("(")[0]
            return f"{column} = ANY(%s::{KEYS.get(kind, kind)}[])", [*params, self.rhs]
        return f"{column} IN (SELECT value FROM json_each(%s))", [*params, json.dumps(self.rhs)]  # noqa: S608


# A column that counts by itself is of a type that can't be cast to.
KEYS = {"bigserial": "bigint", "serial": "integer", "smallserial": "smallint"}


def changes_of_targets(changes: Sequence[Change]) -> QuerySet[Change]:
    """Changes, of whatever correction, of the records that these change."""
    by_model: dict[str, list[str]] = defaultdict(list)
    for change in changes:
        if change.target_pk:
            by_model[change.target_model].append(change.target_pk)
    condition = Q()
    for model, pks in sorted(by_model.items()):
        condition |= Q(target_model=model, target_pk__among=frozenset(pks))
    return Change.objects.filter(condition) if condition else Change.objects.none()


def ask(correction: Correction, questions: Mapping[str, Subquery]) -> dict[str, Any]:
    """All answers at once. Costs one statement (for QUESTIONS_MAX of them), and none where nothing is asked."""
    found: dict[str, Any] = {}
    for labels in batched(questions, QUESTIONS_MAX):
        names = {f"q{place}": label for place, label in enumerate(labels)}
        asked = {name: questions[label] for name, label in names.items()}
        row = Correction.objects.filter(pk=correction.pk).order_by().values(**asked).get()
        found |= {names[name]: value for name, value in row.items()}
    return found


def batched(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Lists of at most `size`."""
    rest = iter(items)
    while some := list(islice(rest, size)):
        yield some
