"""Every rule that never breaks has a test that bears its number."""

from __future__ import annotations

import re
from pathlib import Path

TESTS = Path(__file__).parents[1]


def test_every_rule_has_a_test_of_its_name() -> None:
    named = re.compile(r"(?:class TestI|def test_i)(\d\d)|\bI-(\d\d)\b")
    found = {
        int(one or other)
        for path in TESTS.rglob("test_*.py")
        if path != Path(__file__)
        for one, other in named.findall(path.read_text("utf-8"))
    }
    assert set(range(1, 16)) <= found
