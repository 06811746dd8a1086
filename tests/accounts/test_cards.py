"""What a card number says of itself: check digit, length, scheme, issuer; and the list may be the company's own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from accounts import cards
from tests.factories.accounts import MASTERCARD, UNIONPAY, VISA

NINETEEN = "6205500000000000004"


@pytest.mark.parametrize("number", [VISA, MASTERCARD, UNIONPAY, NINETEEN, "378282246310005", "4222222222222"])
def test_published_test_numbers_have_their_check_digit(number: str) -> None:
    assert cards.has_check_digit(number)
    wrong = number[:-1] + str((int(number[-1]) + 1) % 10)
    assert not cards.has_check_digit(wrong)


@pytest.mark.parametrize("number", ["", "４１１１１１１１１１１１１１１１", "4111 1111 1111 1111"])
def test_only_ascii_digits_have_a_check_digit(number: str) -> None:
    assert not cards.has_check_digit(number)


@pytest.mark.parametrize(
    ("first", "scheme"),
    [
        ("4111", "visa"),
        ("51", "mastercard"),
        ("55", "mastercard"),
        ("50", ""),
        ("56", ""),
        ("2220", ""),
        ("2221", "mastercard"),
        ("2720", "mastercard"),
        ("2721", ""),
        ("3527", ""),
        ("3528", "jcb"),
        ("3589", "jcb"),
        ("3590", ""),
        ("34", "amex"),
        ("37", "amex"),
        ("36", ""),
        ("62", "unionpay"),
        ("61", ""),
        ("63", ""),
    ],
)
def test_ranges_of_the_schemes_with_their_bounds(first: str, scheme: str) -> None:
    assert cards.range_of(first.ljust(16, "0")).scheme == scheme


@pytest.mark.parametrize(
    ("first", "bank"),
    [("622202", "ICBC"), ("622204", ""), ("622848", "ABC"), ("621660", "BOC"), ("621700", "CCB"), ("622588", "CMB")],
)
def test_issuers_by_their_first_digits(first: str, bank: str) -> None:
    assert cards.range_of(first.ljust(19, "0")).bank == bank


@pytest.mark.parametrize(
    ("number", "fits"),
    [
        ("4" + "0" * 12, True),
        ("4" + "0" * 13, False),
        ("4" + "0" * 15, True),
        ("4" + "0" * 18, True),
        ("62" + "0" * 13, False),
        ("62" + "0" * 14, True),
        ("62" + "0" * 17, True),
        ("34" + "0" * 13, True),
        ("34" + "0" * 14, False),
        ("9" + "0" * 10, False),
        ("9" + "0" * 11, True),
        ("9" + "0" * 18, True),
        ("9" + "0" * 19, False),
    ],
)
def test_lengths_belong_to_schemes(number: str, fits: bool) -> None:
    assert cards.is_of_a_length(number) is fits


def test_a_company_names_its_own_list(tmp_path: Path, settings: Any) -> None:
    own = tmp_path / "bins.dat"
    own.write_text('# ours\n99 scheme="unionpay" lengths="16"\n 0001 bank="OURS"\n', encoding="utf-8")
    settings.CARD_BINS_FILE = str(own)
    assert cards.range_of("9900010000000000") == cards.Range("unionpay", "OURS", ((16, 16),))
    assert cards.range_of(VISA) == cards.Range()
