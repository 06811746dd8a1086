"""What Python answers for certain, the database answers alike; and what the database is asked is what Django asks."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest
from django.db import models
from django.db.models import F, Q
from django.db.models.constraints import CheckConstraint
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.choices import WHOLE
from corrections.registry import registry
from corrections.staging.conditions import Condition
from corrections.staging.truth import UNSURE, compiled

pytestmark = pytest.mark.django_db

NEW_YEAR = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
WORDS = ["", "a", "A", "paid", "refused", "active", "pending", "customer", "internal", "CNY", "JPY", *sorted(WHOLE)[:1]]


def value_of(field: Any) -> st.SearchStrategy[Any]:
    """Values that a column may hold, and that conditions tell apart."""
    kinds: list[tuple[type, st.SearchStrategy[Any]]] = [
        (models.ForeignKey, st.integers(1, 3)),
        (models.BooleanField, st.booleans()),
        (models.DecimalField, st.decimals(Decimal("-5"), Decimal(5), places=2)),
        (models.IntegerField, st.integers(-2, 700)),
        (models.DateTimeField, st.sampled_from([NEW_YEAR, NEW_YEAR + dt.timedelta(hours=1)])),
        (models.DateField, st.dates(dt.date(2026, 1, 1), dt.date(2026, 1, 3))),
        (models.TimeField, st.times()),
        (models.UUIDField, st.uuids()),
        (models.JSONField, st.just({})),
    ]
    words = [str(value) for value, _label in getattr(field, "flatchoices", ())] + WORDS
    found = next((values for kind, values in kinds if isinstance(field, kind)), st.sampled_from(words))
    return st.one_of(st.none(), found) if field.null else found


CONSTRAINTS = [
    (entry.model, constraint)
    for entry in registry.entries()
    for constraint in entry.model._meta.constraints
    if isinstance(constraint, CheckConstraint)
]


@pytest.mark.parametrize(("model", "constraint"), CONSTRAINTS, ids=lambda one: getattr(one, "name", ""))
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_condition_is_answered_as_django_answers_it(model: Any, constraint: CheckConstraint, data: Any) -> None:
    parts = Condition.parts(model, constraint.condition, "default")
    assert parts is not None
    names = {f.attname: f for part in parts for f in part.fields}
    row = model(**{name: data.draw(value_of(field), label=name) for name, field in sorted(names.items())})
    expected = Q(constraint.condition).check(row._get_field_expression_map(meta=model._meta))
    in_database = [part.hold([part.key(row)])[part.key(row)] for part in parts]
    assert all(in_database) == expected
    for part, there in zip(parts, in_database, strict=True):
        certain = part.test(row.__dict__)
        assert certain is UNSURE or (certain is not False) == there


def test_most_rules_of_the_business_need_no_database() -> None:
    """Or a file of a hundred thousand amounts would ask it a hundred thousand times."""
    one = dict.fromkeys(("amount", "principal", "instalment", "requested_amount"), Decimal(1))
    unsure = set()
    for model, constraint in CONSTRAINTS:
        fields = {name: f for f in model._meta.concrete_fields for name in (f.name, f.attname)}
        values = {**model().__dict__, "currency": "CNY", **one}
        if compiled(Q(constraint.condition), fields)(values) is UNSURE:
            unsure.add(constraint.name)
    assert not unsure


@pytest.mark.parametrize(
    "condition",
    [
        Q(number__contains="a"),
        Q(branch=3),
        Q(amount=None),
        Q(number__gt="a"),
        Q(a=1) ^ Q(b=2),
        Q(amount=F("id")),
        Q(number__in=[]),
    ],
)
def test_what_databases_may_answer_differently_is_left_to_them(condition: Q) -> None:
    entry = registry.get("accounts.payout")
    assert entry is not None
    fields = {name: f for f in entry.model._meta.concrete_fields for name in (f.name, f.attname)}
    row = {"number": "a", "branch_id": 3, "amount": Decimal(1), "id": 1}
    assert compiled(condition, fields)(row) is UNSURE
