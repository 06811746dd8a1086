"""I-13 in the log: no long number, neither in a message nor in a traceback."""

from __future__ import annotations

import logging
import sys

import pytest

from backoffice.logs import MaskingFormatter, mask_numbers


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("card 4111111111111111 refused", "card ****1111 refused"),
        ("card 4111 1111 1111 1111", "card ****1111"),
        ("identity 11010519491231002X", "identity ****002X"),
        ("mobile +8613800138000", "mobile ****8000"),
        ("correction DZ-2026-004217 of payout 12345678", "correction DZ-2026-004217 of payout 12345678"),
        ("digest 6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b",) * 2,
    ],
)
def test_long_numbers_are_masked(text: str, shown: str) -> None:
    assert mask_numbers(text) == shown


def test_traceback_is_masked_and_time_is_not() -> None:
    try:
        raise ValueError("Failing row contains (4111111111111111)")
    except ValueError:
        record = logging.LogRecord("desk", logging.ERROR, __file__, 1, "refused", None, sys.exc_info())
    line = MaskingFormatter().format(record)
    assert "4111111111111111" not in line
    assert "****1111" in line
    assert line.startswith("20")
