"""A condition of a table for many rows: answered in Python where that is certain, else by the database all at once.

The database is asked exactly what Django asks it of one row: its own statement (`Q.check`) is compiled once, for each
pattern of values that are null; from then on only the values in it are exchanged.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from django.core.exceptions import EmptyResultSet, FieldError, FullResultSet
from django.db import DatabaseError, connections, models, transaction
from django.db.models import BooleanField, Q, Value
from django.db.models.functions import Coalesce
from django.db.models.sql import Query

from corrections.staging.truth import Test, compiled

AT_ONCE = 200  # conditions in one statement


class _Hole:
    """Stands among the parameters of a compiled statement where the value of a column belongs."""

    def __init__(self, name: str) -> None:
        self.name = name


class _Held(Value):
    """A value of a column that can be found again in the compiled statement."""

    def __init__(self, value: Any, output_field: Any, name: str) -> None:
        super().__init__(value, output_field)
        self.hole = _Hole(name)

    def as_sql(self, compiler: Any, connection: Any) -> Any:
        sql, params = super().as_sql(compiler, connection)
        return sql, [self.hole] if len(params) == 1 else params


@dataclass
class Condition:
    """A part of a condition that must hold by itself; `columns` are what it depends on."""

    model: type[models.Model]
    asked: Q
    using: str
    fields: tuple[Any, ...]
    columns: frozenset[str]
    test: Test
    compiled: dict[tuple[bool, ...], tuple[str, tuple[Any, ...]] | bool] = field(default_factory=dict)

    @classmethod
    def parts(cls, model: type[models.Model], condition: Any, using: str) -> list[Condition] | None:
        """What must hold, part by part: `a AND b` is broken where a or b is. None where other tables have a say."""
        found = [cls._of(model, part, using) for part in _conjuncts(Q(condition))]
        return None if None in found else [part for part in found if part is not None]

    @classmethod
    def _of(cls, model: type[models.Model], asked: Q, using: str) -> Condition | None:
        by_name = {name: f for f in model._meta.concrete_fields for name in (f.name, f.attname)}
        try:
            fields = tuple(dict.fromkeys(by_name[name] for name in sorted(asked.referenced_base_fields)))
        except (KeyError, FieldError, AttributeError):
            return None
        if any(isinstance(f, models.JSONField | models.BinaryField) for f in fields):
            return None
        columns = frozenset(str(f.attname) for f in fields)
        return cls(model, asked, using, fields, columns, compiled(asked, by_name))

    def key(self, row: models.Model) -> tuple[Any, ...]:
        """What the answer for a row depends on."""
        return tuple(row.__dict__[f.attname] for f in self.fields)

    def hold(self, rows: Iterable[tuple[Any, ...]]) -> dict[tuple[Any, ...], bool]:
        """Whether it holds, by key; what is unknown to the database holds, as in a constraint."""
        answers: dict[tuple[Any, ...], bool] = {}
        waiting: list[tuple[tuple[Any, ...], str, list[Any]]] = []
        for key in rows:
            found = self._statement(key)
            if isinstance(found, bool):
                answers[key] = found
            else:
                sql, params = found
                prepared = self._prepared(key)
                waiting.append((key, sql, [prepared[p.name] if isinstance(p, _Hole) else p for p in params]))
        for start in range(0, len(waiting), AT_ONCE):
            answers.update(self._ask(waiting[start : start + AT_ONCE]))
        return answers

    def _ask(self, waiting: list[tuple[tuple[Any, ...], str, list[Any]]]) -> dict[tuple[Any, ...], bool]:
        columns = ", ".join(f"({sql})" for _key, sql, _params in waiting)
        params = [param for *_rest, own in waiting for param in own]
        try:
            with transaction.atomic(using=self.using), connections[self.using].cursor() as cursor:
                cursor.execute(f"SELECT {columns}", params)
                found = cursor.fetchone()
        except DatabaseError:
            # One of them can't be evaluated. Django lets such a row pass, and the database refuses it at the write.
            return {waiting[0][0]: True} if len(waiting) == 1 else self._ask_in_halves(waiting)
        return {key: one is not None for (key, *_rest), one in zip(waiting, found, strict=True)}

    def _ask_in_halves(self, waiting: list[tuple[tuple[Any, ...], str, list[Any]]]) -> dict[tuple[Any, ...], bool]:
        middle = len(waiting) // 2
        return {**self._ask(waiting[:middle]), **self._ask(waiting[middle:])}

    def _prepared(self, key: tuple[Any, ...]) -> dict[str, Any]:
        connection = connections[self.using]
        return {f.name: f.get_db_prep_value(value, connection) for f, value in zip(self.fields, key, strict=True)}

    def _statement(self, key: tuple[Any, ...]) -> tuple[str, tuple[Any, ...]] | bool:
        pattern = tuple(value is None for value in key)
        if pattern not in self.compiled:
            self.compiled[pattern] = self._compile(key)
        return self.compiled[pattern]

    def _compile(self, key: tuple[Any, ...]) -> tuple[str, tuple[Any, ...]] | bool:
        query = Query(None)
        for f, value in zip(self.fields, key, strict=True):
            query.add_annotation(_Held(value, f, f.name), f.name, select=False)
        query.add_annotation(Value(1), "_check")
        query.add_q(Q(Coalesce(self.asked, True, output_field=BooleanField())))
        try:
            sql, params = query.get_compiler(using=self.using).as_sql()
        except EmptyResultSet:
            return False
        except FullResultSet:
            return True
        return sql, tuple(params)


def _conjuncts(condition: Q) -> Iterator[Q]:
    if condition.connector != Q.AND or condition.negated:
        yield condition
        return
    for child in condition.children:
        if isinstance(child, Q):
            yield from _conjuncts(child)
        else:
            yield Q(child)
