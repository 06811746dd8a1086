"""What is repeated of a cell shows no number of a customer, whatever column it was typed into."""

from __future__ import annotations

import pytest

from corrections.registry import registry
from corrections.staging.hiding import hidden, shown


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("6222020000001187", "****1187"),
        ("6222 0200 0000 1187", "****1187"),
        ("6222-0200-0000-1187 paid", "****1187 paid"),
        ("11010119900307123X", "****123X"),
        ("13812345678", "****5678"),
        ("FK000001", "FK000001"),
        ("1234.56", "1234.56"),
        ("2026-10-01", "2026-10-01"),
        ("2026-10-01T12:00:00+08:00", "2026-10-01T12:00:00+08:00"),
        ("a\x00b", "a�b"),
        ("x" * 100, "x" * 59 + "…"),
    ],
)
def test_long_numbers_keep_their_last_four(text: str, seen: str) -> None:
    assert hidden(text) == seen


def test_a_secret_shows_four_characters_at_most() -> None:
    entry = registry.get("accounts.payout")
    assert entry is not None
    assert shown(entry, "counterparty_account", "6222020000001187") == "****1187"
    assert shown(entry, "counterparty_account", "62!") == "****"
    assert shown(entry, "counterparty_account", "") == ""
