"""The model's rules say the same of a row whether they are asked for many rows at once or for each by itself."""

from __future__ import annotations

from typing import Any

import pytest

from corrections.models import Correction
from corrections.registry import registry
from corrections.staging.rules import Rules
from tests.corrections.services.desk import Desk
from tests.corrections.services.files import batch, csv_of

pytestmark = pytest.mark.django_db


def told(correction: Correction) -> list[tuple[int, str, str]]:
    return list(correction.row_findings.order_by("position").values_list("position", "code", "message"))


def test_rules_in_bulk_say_what_each_says_alone(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.payout(channel_reference="R1")
    payouts = [desk.payout(status="created", failure_code="") for _ in range(6)]
    cells = ["R1,,", "R2,,", "R2,,", ",0,", ",800,refused", ",12.5,paid"]
    rows = [f"{payout.number},{text}" for payout, text in zip(payouts, cells, strict=True)]
    content = csv_of("number,channel_reference,amount,status", *rows)
    at_once = batch(desk, content)
    known = Rules._are_known
    monkeypatch.setattr(Rules, "_are_known", lambda self: known(self) and False)
    alone = batch(desk, content.replace(b"\r\n", b"\n"))
    assert told(at_once) == told(alone)
    assert [position for position, _code, _message in told(at_once)] == [2, 4, 5, 6]
    assert {c.position for c in at_once.changes.all()} == {c.position for c in alone.changes.all()} == {3, 7}


def test_no_registered_model_needs_its_rules_asked_row_by_row() -> None:
    """Or its files would take a statement per row and rule."""
    slow: list[Any] = [entry.key for entry in registry.entries() if Rules(entry).is_row_by_row]
    assert slow == []
