"""An accepted statement touches exactly the rows that a plain SELECT with the same WHERE returns.

Conditions are made at random over every kind of column, empty values included, and asked twice: once typed into the
database as they are, once as the statement was understood. NULL makes NOT and <> what people get wrong.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from corrections.errors import InvalidInput
from corrections.gate import recorded_write
from corrections.statements import Statement, parse
from tests.sandbox.models import Parcel, Region

pytestmark = pytest.mark.django_db

HEAD = "UPDATE parcels SET price = 1 WHERE "
TEXTS = ("", "a", "A", "ab", "aB", "O'Brien", "100%", "a_b", "上海", "Ünal", "ünal", "x y", "z")
NUMBERS = (-7, 0, 3, 30, 2_147_483_647)
PRICES = ("-0.01", "0.00", "0.10", "0.30", "12.50", "9999999999.99")
EVENING = dt.datetime(2026, 9, 30, 16, tzinfo=dt.UTC)  # midnight in Shanghai
MOMENTS = (EVENING, EVENING - dt.timedelta(microseconds=1), EVENING + dt.timedelta(hours=8), EVENING.replace(year=2024))


@pytest.fixture
def parcels(db: None) -> None:
    """Rows of every value, and of none, in combinations that don't go hand in hand."""
    regions = [None, *(Region.objects.create(name=name) for name in ("North", "South"))]
    with recorded_write(source="test"):
        Parcel.objects.bulk_create(
            Parcel(
                code=f"{TEXTS[place % 13]}{place}",
                address=TEXTS[place % len(TEXTS)],
                price=Decimal(PRICES[place % len(PRICES)]),
                weight=(None, *NUMBERS)[place % 6],
                is_lost=place % 7 == 0,
                sent_at=(None, *MOMENTS)[place // 2 % 5],
                region=regions[place // 3 % 3],
            )
            for place in range(130)
        )


@dataclass(frozen=True)
class Asked:
    """A condition as a person writes it, and as it is typed into this database."""

    written: str
    plain: str

    @classmethod
    def same(cls, text: str) -> Asked:
        return cls(text, text)


def quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def moments() -> st.SearchStrategy[Asked]:
    """SQLite keeps moments as text in UTC; PostgreSQL reads an offset itself."""

    def spelled(moment: dt.datetime, hours: int) -> Asked:
        zone = dt.timezone(dt.timedelta(hours=hours))
        written = quoted(moment.astimezone(zone).isoformat(sep=" "))
        stored = quoted(moment.replace(tzinfo=None).isoformat(sep=" "))
        return Asked(written, stored if connection.vendor == "sqlite" else written)

    return st.builds(spelled, st.sampled_from(MOMENTS), st.sampled_from([0, 8, -3]))


def plain(*texts: str) -> st.SearchStrategy[Asked]:
    return st.sampled_from(texts).map(Asked.same)


texts = st.one_of(plain(*map(quoted, TEXTS)), st.text("abAÜ'上 0", max_size=3).map(quoted).map(Asked.same))
patterns = st.text("ab%_A'上0", max_size=4).map(quoted).map(Asked.same)
integers = st.one_of(plain(*map(str, NUMBERS)), st.integers(-(2**40), 2**40).map(str).map(Asked.same))
prices = st.one_of(
    plain(*PRICES, "12.5", "0", "7"), st.decimals(-20, 20, places=2).map("{:.2f}".format).map(Asked.same)
).filter(lambda asked: asked.written not in {"-0.00", "-0.0", "-0"})
booleans = plain("TRUE", "false")
# Column, its values, whether they have an order.
COLUMNS = [
    ("code", texts, True),
    ("address", texts, True),
    ("price", prices, True),
    ("weight", integers, True),
    ("is_lost", booleans, False),
    ("sent_at", moments(), True),
    ("region_id", plain("1", "2", "3", "4"), True),
    ("id", plain("1", "20", "40", "90"), True),
]
EQUALS, ORDERS = ["=", "<>", "!="], ["<", "<=", ">", ">="]


@st.composite
def comparisons(draw: st.DrawFn) -> Asked:
    name, values, has_order = draw(st.sampled_from(COLUMNS))
    kind = draw(st.sampled_from(["compare", "in", "null", *(["between"] if has_order else [])]))
    if kind == "null":
        return Asked.same(f"{name} IS {draw(st.sampled_from(['', 'NOT ']))}NULL")
    if values is texts and draw(st.booleans()):
        return _joined(f"{name} {draw(st.sampled_from(['', 'NOT ']))}LIKE ", [draw(patterns)])
    negation = draw(st.sampled_from(["", "NOT "]))
    if kind == "in":
        return _joined(f"{name} {negation}IN (", draw(st.lists(values, min_size=1, max_size=4)), ", ", ")")
    if kind == "between":
        return _joined(f"{name} {negation}BETWEEN ", [draw(values), draw(values)], " AND ")
    operator = draw(st.sampled_from(EQUALS + ORDERS if has_order else EQUALS))
    return _joined(f"{name} {operator} ", [draw(values)])


def _joined(before: str, parts: list[Asked], between: str = "", after: str = "") -> Asked:
    return Asked(
        before + between.join(part.written for part in parts) + after,
        before + between.join(part.plain for part in parts) + after,
    )


def conditions() -> st.SearchStrategy[Asked]:
    """Joined with and without parentheses, so that what binds closer is tried as well."""

    def more(inner: st.SearchStrategy[Asked]) -> st.SearchStrategy[Asked]:
        pairs = st.lists(inner, min_size=2, max_size=3)
        return st.one_of(
            inner.map(lambda one: _joined("NOT ", [one]) if one.written[:4] != "NOT " else one),
            inner.map(lambda one: _joined("(", [one], after=")")),
            inner.map(lambda one: _joined("NOT (", [one], after=")")),
            pairs.map(lambda some: _joined("", some, " AND ")),
            pairs.map(lambda some: _joined("", some, " OR ")),
        )

    return st.recursive(comparisons(), more, max_leaves=6)


def selected(condition: str) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT id FROM sandbox_parcel WHERE {condition} ORDER BY id")
        return [pk for (pk,) in cursor.fetchall()]


def touched(statement: Statement) -> list[int]:
    return list(statement.entry.model._base_manager.filter(statement.where).order_by("pk").values_list("pk", flat=True))


@settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(asked=conditions())
def test_accepted_statement_touches_the_rows_of_the_plain_select(parcels: None, asked: Asked) -> None:
    found = parse(HEAD + asked.written)
    assert touched(found) == selected(asked.plain)
    again = parse(found.rule)
    assert again.rule == found.rule
    assert touched(again) == touched(found)
    if connection.vendor == "postgresql":  # the rule itself is SQL that says the same
        assert selected(found.rule.partition(" WHERE ")[2]) == touched(found)


# What people get wrong, counted by hand over three rows: weight 3, weight 30, no weight.
COUNTED = [
    ("weight = 3", 1),
    ("weight <> 3", 1),
    ("NOT weight = 3", 1),
    ("NOT (weight = 3 AND is_lost = FALSE)", 1),
    ("NOT (weight = 3 AND is_lost = TRUE)", 3),
    ("weight NOT IN (3)", 1),
    ("NOT weight BETWEEN 1 AND 5", 1),
    ("weight <> 3 OR weight IS NULL", 2),
    ("weight = 3 OR NOT weight = 3", 2),
    ("weight > 99999999999", 0),
    ("weight < 99999999999", 2),
    ("region_id <> 1", 0),
    ("price = 0.10", 3),
    ("price IN (0.1, 0.20)", 3),
    ("address = 'a'", 3),
    ("address = 'A'", 0),
    ("address <> 'A'", 3),
]


@pytest.mark.parametrize(("condition", "count"), COUNTED)
def test_unknown_is_neither_true_nor_false(db: None, condition: str, count: int) -> None:
    with recorded_write(source="test"):
        for place, weight in enumerate((3, 30, None)):
            Parcel.objects.create(code=f"P{place}", address="a", price="0.10", weight=weight)
    found = touched(parse(HEAD + condition))
    assert len(found) == count
    assert found == selected(condition)


def test_like_is_the_databases_own(db: None) -> None:
    """PostgreSQL tells capitals from small letters; SQLite doesn't, for A to Z."""
    with recorded_write(source="test"):
        for place, address in enumerate(("abc", "ABC", "ÄBC", "äbc")):
            Parcel.objects.create(code=f"P{place}", address=address)
    counts = {"postgresql": (1, 1), "sqlite": (2, 1)}[connection.vendor]
    for pattern, count in zip(("a%", "ä_c"), counts, strict=True):
        found = touched(parse(f"{HEAD}address LIKE '{pattern}'"))
        assert len(found) == count
        assert found == selected(f"address LIKE '{pattern}'")


# Pieces that make conditions, and much that no database takes.
HEAP = [
    *("weight = 3", "weight IS NULL", "address NOT LIKE '%B%'", "price IN (0.10, 12.5)", "is_lost = TRUE", "id <> 7"),
    *("weight NOT BETWEEN 3 AND 30", "NOT", "AND", "OR", "(", ")", "=", "IS", "NULL", "IS NOT NULL", "IN (3, 30)"),
    *("NOT IN (3)", "BETWEEN 1 AND 40", "LIKE 'a%'", "weight", "address", "3", "(3)", "IN", "BETWEEN"),
]


@settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(parts=st.lists(st.sampled_from(HEAP), min_size=1, max_size=6))
def test_nothing_is_accepted_that_the_database_reads_otherwise_or_not_at_all(parcels: None, parts: list[str]) -> None:
    condition = " ".join(parts)
    try:
        found = parse(HEAD + condition)
    except InvalidInput:
        return
    assert touched(found) == selected(condition)
