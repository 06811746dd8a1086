"""What is set up wrongly for bank cards stops the start."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from accounts.system_checks import list_of_cards_is_readable, verifier_is_usable


def test_nothing_set_up_is_in_order() -> None:
    assert verifier_is_usable() == list_of_cards_is_readable() == []


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("CARD_VERIFIER_URL", "http://verifier.example.com/", "accounts.E001"),
        ("CARD_VERIFIER_SECONDS", "soon", "accounts.E001"),
        ("CARD_VERIFIER_UNKNOWN", "pass", "accounts.E002"),
    ],
)
def test_a_verifier_that_can_t_be_used_is_found(name: str, value: str, code: str, settings: Any) -> None:
    settings.CARD_VERIFIER_URL = "https://verifier.example.com/"
    setattr(settings, name, value)
    assert [error.id for error in verifier_is_usable()] == [code]


@pytest.mark.parametrize("content", [None, b"\xff\xfe", b"   broken"])
def test_a_list_that_can_t_be_read_is_found(content: bytes | None, tmp_path: Path, settings: Any) -> None:
    path = tmp_path / "own.dat"
    if content is not None:
        path.write_bytes(content)
    settings.CARD_BINS_FILE = str(path)
    assert [error.id for error in list_of_cards_is_readable()] == ["accounts.E003"]
