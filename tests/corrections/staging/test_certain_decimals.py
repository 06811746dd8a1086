"""Amounts that are read without asking the rules are those, and only those, that every rule would take."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.db import models
from hypothesis import given
from hypothesis import strategies as st

from accounts.models import Payout
from corrections.engine import values
from corrections.registry import registry
from corrections.staging.cells import DecimalCells, Plain, certain_decimals

FIELD: Any = Payout._meta.get_field("amount")
near = st.from_regex(r"-?[0-9]{1,20}(\.[0-9]{0,6})?", fullmatch=True) | st.text(
    alphabet="0123456789.-+e １", max_size=25
)


def entry() -> Any:
    found = registry.get(Payout)
    assert found is not None
    return found


@given(near)
def test_what_is_certain_is_what_the_rules_take(text: str) -> None:
    certain = certain_decimals(FIELD)
    assert certain is not None
    if certain.fullmatch(text):
        value = values.parse(entry(), "amount", text)
        assert value == Decimal(text)
        assert DecimalCells(entry(), "amount").read(text) == Plain("amount", f"{value:.2f}", value)


@pytest.mark.parametrize("text", ["1", "-1", "800.5", "9" * 10])
def test_ordinary_amounts_are_certain(text: str) -> None:
    certain = certain_decimals(FIELD)
    assert certain is not None
    assert certain.fullmatch(text)


@pytest.mark.parametrize("text", ["0", "-0", "-0.00", "007", "1e2", "1,000", "+1", "1.", ".5", "1.005", "１", ""])
def test_what_could_be_refused_is_not_certain(text: str) -> None:
    certain = certain_decimals(FIELD)
    assert certain is not None
    assert not certain.fullmatch(text)


@pytest.mark.parametrize(
    "field",
    [
        models.DecimalField(max_digits=12, decimal_places=2, choices=[(1, "one")]),
        models.DecimalField(max_digits=12, decimal_places=2, validators=[lambda value: None]),
        models.DecimalField(max_digits=2, decimal_places=2),
        type("Own", (models.DecimalField,), {})(max_digits=12, decimal_places=2),
    ],
    ids=["choices", "validators", "no whole digits", "of its own kind"],
)
def test_nothing_is_certain_where_others_have_a_say(field: Any) -> None:
    assert certain_decimals(field) is None


def test_nothing_is_certain_where_values_may_be_that_long_no_more(settings: Any) -> None:
    settings.CORRECTIONS_VALUE_CHARS_MAX = 5
    assert certain_decimals(FIELD) is None
