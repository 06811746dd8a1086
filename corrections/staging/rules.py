"""The model's own rules for many rows: each asked once per set of values that it depends on, many in one statement.

What is asked is what `validate` asks of a single row (engine/proposals.py): conditions are evaluated by the database,
uniqueness against the rows that are there. A rule that can't be asked for many rows is asked for each.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from django.core.exceptions import ValidationError
from django.db import connections, models, router
from django.db.models.constraints import BaseConstraint, CheckConstraint, UniqueConstraint

from corrections.engine.proposals import readable, validate
from corrections.engine.rows import Image
from corrections.errors import CorrectionError
from corrections.registry import Entry
from corrections.staging.cells import Refused, refused
from corrections.staging.conditions import Condition
from corrections.staging.refusals import TakenWithinFile
from corrections.staging.truth import UNSURE

KEPT_MAX = 100_000


@dataclass(slots=True)
class Proposed:
    """A row as it would be, with the columns that are new; `refusal` is what a rule says of it."""

    row: models.Model
    new: Image
    refusal: Refused | None = None


@dataclass
class Check:
    """A constraint, a part of its condition, and the answers that are known."""

    constraint: CheckConstraint
    condition: Condition
    known: dict[tuple[Any, ...], bool] = field(default_factory=dict)


@dataclass
class Unique:
    """Fields that no two records share, where the condition holds. `taken` are values that this file asks for."""

    names: tuple[str, ...]
    columns: tuple[str, ...]
    condition: models.Q | None
    depends_on: frozenset[str]
    constraint: UniqueConstraint | None
    taken: set[int] = field(default_factory=set)


class Rules:
    """The rules of one model."""

    def __init__(self, entry: Entry) -> None:
        self.entry = entry
        self.using = router.db_for_write(entry.model)
        self.attnames = {f.name: str(f.attname) for f in entry.model._meta.concrete_fields}
        self.checks: list[Check] = []
        self.uniques: list[Unique] = []
        # Asked of each row by itself: a `clean` of the model's own, and constraints of kinds that are not known here.
        self.is_row_by_row = not self._are_known() or entry.model.clean is not models.Model.clean
        self._relevant: dict[tuple[str, ...], tuple[list[Check], list[Unique]]] = {}

    def _are_known(self) -> bool:
        options = self.entry.model._meta
        fields: Sequence[Any] = options.concrete_fields
        for f in fields:
            if f.unique_for_date or f.unique_for_month or f.unique_for_year:
                return False
            if f.unique and not f.primary_key:
                self._add_unique((f.name,), None, None)
        for names in options.unique_together:
            self._add_unique(tuple(names), None, None)
        # Under a collation of its own, texts that Python tells apart may be one and the same.
        collated = {f.name for f in fields if getattr(f, "db_collation", None)}
        is_known = all(self._is_known(constraint) for constraint in options.constraints)
        return is_known and not any(collated.intersection(unique.names) for unique in self.uniques)

    def _is_known(self, constraint: BaseConstraint) -> bool:
        if type(constraint) is CheckConstraint:
            parts = Condition.parts(self.entry.model, constraint.condition, self.using)
            self.checks += [Check(constraint, part) for part in parts or ()]
            return parts is not None
        if type(constraint) is UniqueConstraint and constraint.fields and constraint.nulls_distinct is not False:
            self._add_unique(tuple(constraint.fields), constraint.condition, constraint)
            return self.uniques[-1].condition is None or bool(self.uniques[-1].depends_on)
        return False

    def _add_unique(
        self, names: tuple[str, ...], condition: models.Q | None, constraint: UniqueConstraint | None
    ) -> None:
        columns = tuple(self.attnames[name] for name in names)
        more = () if condition is None else [self.attnames.get(n, n) for n in condition.referenced_base_fields]
        self.uniques.append(Unique(names, columns, condition, frozenset([*columns, *more]), constraint))

    def judge(self, proposed: Sequence[Proposed]) -> None:
        """Sets the refusal of every row that a rule refuses. Rows that are refused already take no value away."""
        hanging = [one for one in proposed if self._of(one.new)[1]]
        if self.is_row_by_row:
            for one in proposed:
                self._alone(one)
        else:
            self._conditions(proposed)
            self._uniqueness(hanging)
        for one in hanging:
            if one.refusal is None:
                self._within_file(one)

    def _alone(self, one: Proposed) -> None:
        try:
            validate(self.entry, one.row, one.new)
        except CorrectionError:
            one.refusal = refused(lambda: self._said_alone(one))

    def _said_alone(self, one: Proposed) -> CorrectionError:
        try:
            validate(self.entry, one.row, one.new)
        except CorrectionError as error:
            return error
        raise AssertionError("A row was refused, and then was not.")

    def _of(self, new: Image) -> tuple[list[Check], list[Unique]]:
        """Rules that hang on one of these columns; the others held before, and hold still."""
        touched = tuple(new)
        if touched not in self._relevant:
            self._relevant[touched] = self.on(frozenset(touched))
        return self._relevant[touched]

    def on(self, columns: frozenset[str]) -> tuple[list[Check], list[Unique]]:
        checks = [check for check in self.checks if columns & check.condition.columns]
        return checks, [unique for unique in self.uniques if columns & unique.depends_on]

    def needed(self, columns: frozenset[str]) -> set[str]:
        """Columns of a row that are looked at where these are new."""
        if self.is_row_by_row:
            return set(self.entry.all_columns())
        checks, uniques = self.on(columns)
        return {column for check in checks for column in check.condition.columns}.union(
            *(unique.depends_on for unique in uniques)
        )

    def _conditions(self, proposed: Sequence[Proposed]) -> None:
        unsure: dict[int, list[Proposed]] = {}
        broken: dict[int, list[CheckConstraint]] = {}
        for place, one in enumerate(proposed):
            values = one.row.__dict__
            for check in self._of(one.new)[0]:
                answer = check.condition.test(values)
                if answer is UNSURE:
                    unsure.setdefault(id(check), []).append(one)
                elif answer is False:
                    broken.setdefault(place, []).append(check.constraint)
        if unsure:
            self._unsure(proposed, unsure, broken)
        for place, constraints in broken.items():
            one = proposed[place]
            one.refusal = refused(partial(self._broken, tuple(constraints)))

    def _unsure(
        self, proposed: Sequence[Proposed], unsure: dict[int, list[Proposed]], broken: dict[int, list[CheckConstraint]]
    ) -> None:
        """Asks the database for what Python can't tell for certain."""
        places = {id(one): place for place, one in enumerate(proposed)}
        for check in self.checks:
            if len(check.known) > KEPT_MAX:
                check.known.clear()
            asking = [(one, check.condition.key(one.row)) for one in unsure.get(id(check), ())]
            check.known.update(check.condition.hold({key for _one, key in asking}.difference(check.known)))
            for one, key in asking:
                if not check.known[key]:
                    broken.setdefault(places[id(one)], []).append(check.constraint)

    def _broken(self, broken: Iterable[CheckConstraint]) -> CorrectionError:
        errors: dict[str, Any] = {}
        for constraint in {constraint.name: constraint for constraint in broken}.values():
            error = ValidationError(constraint.get_violation_error_message(), code=constraint.violation_error_code)
            errors = error.update_error_dict(errors)
        return readable(self.entry, ValidationError(errors))

    def _uniqueness(self, proposed: Sequence[Proposed]) -> None:
        hanging: dict[int, list[Proposed]] = {}
        for one in proposed:
            for unique in self._of(one.new)[1] if one.refusal is None else ():
                hanging.setdefault(id(unique), []).append(one)
        for unique in self.uniques if hanging else ():
            asked = [one for one in hanging.get(id(unique), ()) if one.refusal is None]
            asked = [one for one in asked if self._has_values(unique, one.row)]
            if not asked:
                continue
            there = self._there(unique, [one.row for one in asked])
            for one in asked:
                others = there.get(self._values(unique, one.row), set())
                if others - {one.row.pk}:
                    self._alone(one)  # it has the last word, and the words

    def uniques_of(self, columns: frozenset[str]) -> list[Unique]:
        return [unique for unique in self.uniques if columns & unique.depends_on]

    def take(self, one: Proposed) -> None:
        """Remembers what another row of the same correction asks for."""
        self._within_file(one)

    def _within_file(self, one: Proposed) -> None:
        """Two rows of one file that ask for the same unique values: the second is bad."""
        for unique in self._of(one.new)[1]:
            if not self._has_values(unique, one.row):
                continue
            if unique.condition is not None and not self._holds(unique.condition, one.row):
                continue
            mark = hash(self._values(unique, one.row))
            if mark in unique.taken:
                one.refusal = refused(partial(self._taken, unique.names))
                return
            unique.taken.add(mark)

    def _taken(self, names: tuple[str, ...]) -> CorrectionError:
        labels = ", ".join(self.entry.verbose_name(self.entry.field_of_column(self.attnames[name])) for name in names)
        return TakenWithinFile(field=names[0], labels=labels)

    def _holds(self, condition: models.Q, row: Any) -> bool:
        return bool(condition.check(row._get_field_expression_map(meta=row._meta), using=self.using))

    def _there(self, unique: Unique, rows: Sequence[models.Model]) -> dict[tuple[Any, ...], set[Any]]:
        """Keys of the rows that have one of these sets of values now."""
        found = self.entry.model._default_manager.using(self.using).order_by()
        for place, name in enumerate(unique.columns):
            found = found.filter(**{f"{name}__in": list({self._values(unique, row)[place] for row in rows})})
        if unique.condition is not None:
            found = found.filter(unique.condition)
        there: dict[tuple[Any, ...], set[Any]] = {}
        for pk, *values in found.values_list("pk", *unique.columns):
            there.setdefault(tuple(values), set()).add(pk)
        return there

    @staticmethod
    def _values(unique: Unique, row: models.Model) -> tuple[Any, ...]:
        return tuple(getattr(row, column) for column in unique.columns)

    def _has_values(self, unique: Unique, row: models.Model) -> bool:
        empty = (None, "") if connections[self.using].features.interprets_empty_strings_as_nulls else (None,)
        return all(value not in empty for value in self._values(unique, row))
