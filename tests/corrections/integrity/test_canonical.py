"""The canonical form: golden vectors that never change, no two values in one form, and nothing lost on the way back."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import models
from django.utils.safestring import mark_safe
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from corrections.choices import State
from corrections.engine import rows, values
from corrections.gate import recorded_write
from corrections.integrity.canonical import decode, digest, encode, to_bytes
from tests.sandbox.models import Parcel

VECTORS = json.loads((Path(__file__).parents[3] / "fixtures" / "vectors" / "canonical.json").read_text("utf-8"))

MONEY = models.DecimalField(max_digits=15, decimal_places=2)
FIELDS: dict[str, models.Field[Any, Any]] = {
    "money": MONEY,
    "integer": models.BigIntegerField(),
    "boolean": models.BooleanField(),
    "text": models.TextField(),
    "moment": models.DateTimeField(),
    "date": models.DateField(),
    "time": models.TimeField(),
    "duration": models.DurationField(),
    "uuid": models.UUIDField(),
    "bytes": models.BinaryField(),
    "json": models.JSONField(),
    "float": models.FloatField(),
}

# What PostgreSQL's text and jsonb can hold, and people are allowed to enter.
TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc", "Cf"]), max_size=40)
WHOLE = st.integers(-(2**63), 2**63 - 1)
PLAIN_FLOAT = st.floats(-(10.0**9), 10.0**9, allow_nan=False).map(lambda x: round(x, 6) + 0.0)
DOCUMENT = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**20), 10**20) | TEXT | PLAIN_FLOAT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=8,
).filter(lambda x: x is not None)  # a document that is null and no document at all are one to Django
# Two zones never compare an hour that the clock skips or repeats as equal, so all come as UTC.
MOMENT = st.datetimes(
    dt.datetime(1, 1, 3),  # noqa: DTZ001 (hypothesis adds the zone)
    dt.datetime(9999, 12, 28),  # noqa: DTZ001
    timezones=st.sampled_from([dt.UTC, ZoneInfo("Europe/Prague"), ZoneInfo("Asia/Shanghai")]),
).map(lambda moment: moment.astimezone(dt.UTC))
AMOUNT = st.decimals(Decimal("-9999999999999.99"), Decimal("9999999999999.99"), places=2, allow_nan=False)
KINDS: dict[str, st.SearchStrategy[Any]] = {
    "money": AMOUNT,
    "integer": WHOLE,
    "boolean": st.booleans(),
    "text": st.text(max_size=40),
    "moment": MOMENT,
    "date": st.dates(),
    "time": st.times(),
    "duration": st.timedeltas(),
    "uuid": st.uuids(),
    "bytes": st.binary(max_size=40),
    "json": DOCUMENT,
    "float": st.floats(allow_nan=False),
}


@pytest.mark.parametrize("vector", VECTORS["content"], ids=lambda vector: vector["name"])
def test_content_has_the_bytes_and_digest_that_it_always_had(vector: dict[str, Any]) -> None:
    assert to_bytes(vector["content"]).decode() == vector["bytes"]
    assert digest(vector["content"]) == vector["sha256"]


@pytest.mark.parametrize("vector", VECTORS["values"], ids=lambda vector: f"{vector['kind']} {vector['canonical']}")
def test_values_have_the_form_that_they_always_had(vector: dict[str, Any]) -> None:
    field = FIELDS[vector["kind"]]
    value = decode(field, vector["canonical"])
    assert repr(value) == vector["python"]
    assert encode(field, value) == vector["canonical"]


@settings(max_examples=150, deadline=None)
@given(st.data())
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_encoded_comes_back_equal(kind: str, data: st.DataObject) -> None:
    value = data.draw(KINDS[kind])
    field = FIELDS[kind]
    canonical = encode(field, value)
    assert type(canonical) in {str, int, bool}  # and so no dict: that one is the placeholder's
    back = decode(field, canonical)
    assert back == value
    assert encode(field, back) == canonical
    assert decode(field, json.loads(to_bytes(canonical))) == value


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_comes_back_as_nothing_and_differs_from_empty(kind: str) -> None:
    assert encode(FIELDS[kind], None) is None
    assert decode(FIELDS[kind], None) is None
    if kind == "text":
        assert encode(FIELDS[kind], "") == ""


@pytest.mark.parametrize(
    ("one", "other"),
    [(1, True), (0, False), (1, "1"), (True, "true"), (None, "null"), (None, ""), ([], {}), ([1, 2], [[1, 2]]),
     ("é", "e\u0301"), ("A", "Ａ"), ({"a": 1}, {"a": "1"}), ({"a": None}, {}), ("a", "a ")],
)  # fmt: skip
def test_different_content_has_different_digests(one: Any, other: Any) -> None:
    assert digest(one) != digest(other)
    assert digest({"x": one}) != digest({"x": other})


def test_the_order_of_keys_is_no_difference() -> None:
    assert digest({"b": 1, "a": {"d": 1, "c": 2}}) == digest({"a": {"c": 2, "d": 1}, "b": 1})


@pytest.mark.parametrize(
    "content", [1.0, {"a": [1.5]}, {"a": (0.1,)}, {1: "a"}, {None: 1}, {"a": Decimal(1)}, {"a": b"x"}, {"a": {1}}]
)
def test_what_could_be_read_in_two_ways_has_no_form(content: Any) -> None:
    with pytest.raises(ValueError, match="no canonical form"):
        to_bytes(content)


def test_one_amount_has_one_form_however_it_is_written() -> None:
    for amount in ("800", "800.0", "800.00", Decimal("8E+2"), Decimal("800.0"), 800):
        assert encode(MONEY, amount) == "800.00"


def test_one_moment_has_one_form_in_every_zone() -> None:
    moment = dt.datetime(2026, 10, 25, 2, 30, tzinfo=ZoneInfo("Europe/Prague"), fold=1)
    assert encode(FIELDS["moment"], moment) == "2026-10-25T01:30:00.000000+00:00"
    assert encode(FIELDS["moment"], moment.replace(fold=0)) == "2026-10-25T00:30:00.000000+00:00"
    assert encode(FIELDS["moment"], moment.astimezone(ZoneInfo("Asia/Shanghai"))) == "2026-10-25T01:30:00.000000+00:00"


def test_members_of_enumerations_and_safe_texts_are_plain_texts() -> None:
    for value, plain in ((State.DRAFT, "draft"), (mark_safe("<b>"), "<b>")):
        assert encode(FIELDS["text"], value) == plain
        assert type(encode(FIELDS["text"], value)) is str


def stored(**columns: Any) -> Parcel:
    """A row that was written to the database and read back."""
    with recorded_write(source="test"):
        pk = Parcel.objects.create(code=f"P-{Parcel.objects.count()}", **columns).pk
    return Parcel.objects.get(pk=pk)


@pytest.mark.django_db
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    price=st.decimals(Decimal("-9999999999.99"), Decimal("9999999999.99"), places=2),
    weight=st.none() | st.integers(-(2**31), 2**31 - 1),
    address=TEXT,
    is_lost=st.booleans(),
    details=DOCUMENT,
    sent_at=st.none() | MOMENT,
)
@example(
    price=Decimal("9999999999.99"),
    weight=None,
    address=" a ",
    is_lost=True,
    details={"change": 1},
    sent_at=dt.datetime(1, 1, 3, tzinfo=dt.UTC),
)
@example(
    price=Decimal("0.10"),
    weight=0,
    address="",
    is_lost=False,
    details={},
    sent_at=dt.datetime(9999, 12, 28, 23, 59, 59, 999999, tzinfo=dt.UTC),
)
def test_a_row_keeps_its_form_through_the_database(**columns: Any) -> None:
    """What is encoded before it is written is what is encoded after it was read, on both databases."""
    entry = rows.entry_of("sandbox.parcel")
    before = rows.column_image(entry, Parcel(**columns), columns)
    row = stored(**columns)
    assert rows.column_image(entry, row, columns) == before
    again = stored(**rows.decoded(entry, before))
    assert rows.column_image(entry, again, columns) == before


@pytest.mark.django_db
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(DOCUMENT)
def test_a_document_that_is_taken_keeps_its_form_through_the_database(details: Any) -> None:
    entry = rows.entry_of("sandbox.parcel")
    taken = values.parse(entry, "details", details) if details not in ({}, [], "") else details
    row = stored(details=taken)
    assert rows.column_image(entry, row, ["details"]) == {"details": encode(FIELDS["json"], taken)}
