"""What a card number says of itself: check digit, length, scheme and issuing bank. The one place that knows the lists.

python-stdnum has the check digit (Luhn) and the format of the list, no list of cards: no library keeps one of Chinese
issuers. The ranges stand in bins.dat, or in the file that the setting CARD_BINS_FILE names, and are read once.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from django.conf import settings
from django.views.decorators.debug import sensitive_variables
from stdnum import luhn, numdb

from accounts.choices import CardScheme

SHIPPED = Path(__file__).with_name("bins.dat")
DIGITS_MIN, DIGITS_MAX = 12, 19


@dataclass(frozen=True)
class Range:
    """What the list says of a number; empty where it says nothing."""

    scheme: str = ""
    bank: str = ""
    lengths: tuple[tuple[int, int], ...] = ()


@sensitive_variables()
def has_check_digit(number: str) -> bool:
    """Luhn's rule, over ASCII digits."""
    return number.isascii() and number.isdigit() and bool(luhn.is_valid(number))


@sensitive_variables()
def range_of(number: str) -> Range:
    """Scheme, issuer and lengths by the first digits."""
    told: dict[str, str] = {}
    for _part, properties in _list(_file()).info(number):
        told.update(properties)
    return Range(
        scheme=told.get("scheme", ""),
        bank=told.get("bank", ""),
        lengths=tuple(map(_bounds, filter(None, told.get("lengths", "").split(",")))),
    )


@sensitive_variables()
def is_of_a_length(number: str) -> bool:
    """Whether numbers of its scheme have that many digits; 12 to 19 where the scheme is not known."""
    bounds = range_of(number).lengths or ((DIGITS_MIN, DIGITS_MAX),)
    return any(low <= len(number) <= high for low, high in bounds)


def names_scheme(scheme: str) -> bool:
    return scheme not in ("", CardScheme.UNKNOWN)


def _file() -> Path:
    return Path(getattr(settings, "CARD_BINS_FILE", "") or SHIPPED)


@cache
def _list(path: Path) -> numdb.NumDB:
    with path.open(encoding="utf-8") as lines:
        return numdb.read(line for line in lines if line.strip() and not line.lstrip().startswith("#"))


def _bounds(text: str) -> tuple[int, int]:
    low, _dash, high = text.partition("-")
    return int(low), int(high or low)
