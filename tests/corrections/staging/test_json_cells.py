"""A cell of a JSON column is JSON, read in one way only."""

from __future__ import annotations

import pytest

from corrections.registry import registry
from corrections.staging.cells import Plain, PlainCells, Refused


@pytest.mark.parametrize(
    "text", ["{", "nonsense", '{"a": 1, "a": 2}', "[" * 100_000, "NaN", '{"a": Infinity}', "1e400"]
)
def test_what_could_be_read_in_two_ways_is_refused(text: str) -> None:
    entry = registry.get("sandbox.parcel")
    assert entry is not None
    cells = PlainCells(entry, "details")
    refusal = cells.prepared([text])[text]
    assert isinstance(refusal, Refused)
    assert refusal.code in {"value_not_json", "value_too_long"}


def test_json_is_kept_in_its_canonical_form() -> None:
    entry = registry.get("sandbox.parcel")
    assert entry is not None
    cells = PlainCells(entry, "details")
    text = '{"b": 1, "a": [true, null]}'
    assert cells.prepared([text])[text] == Plain("details", '{"a":[true,null],"b":1}', {"b": 1, "a": [True, None]})
