"""What people write around a correction: one way to take a text, or to refuse it with its field and the remedy."""

from __future__ import annotations

import re
import unicodedata
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from corrections.errors import InvalidInput

# Turn the reading order round, so that a text reads otherwise than it is stored.
TURNING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
# Thirteen to nineteen digits, as people group them; not part of a longer number or word.
LONG_NUMBER = re.compile(r"(?<![0-9A-Za-z])[0-9](?:[ -]?[0-9]){12,18}(?![0-9A-Za-z])", re.ASCII)
# A resident identity number: region, date of birth, order, check character (GB 11643-1999).
RESIDENT_NUMBER = re.compile(r"(?<![0-9A-Za-z])[1-9][0-9]{5}(?:18|19|20)[0-9]{9}[0-9Xx](?![0-9A-Za-z])", re.ASCII)
RESIDENT_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)

LABELS = {
    "note": _("note"),
    "ticket": _("ticket"),
    "comment": _("comment"),
    "reason": _("reason"),
    "title": _("title"),
    "cause": _("cause"),
    "defect_number": _("defect number"),
}


def clean(raw: Any, *, field: str, longest: int) -> str:
    """The trimmed text, "" for nothing. Raises InvalidInput for what is no text, too long, deceptive, or a secret."""
    if raw is None:
        return ""
    if not isinstance(raw, str | Promise):
        raise InvalidInput(_("This must be text."), code="text_not_usable", field=field)
    text = str.__str__(str(raw)).strip()
    if len(text) > longest:
        problem = _("The %(label)s is longer than %(max)s characters. Shorten it.")
        raise InvalidInput(problem, code="text_too_long", field=field, label=LABELS.get(field, field), max=longest)
    if any(_is_deceptive(char) for char in text):
        raise InvalidInput(_("The text has an invisible character."), code="text_not_usable", field=field)
    if shows_a_number(text):
        raise InvalidInput(
            _("The text holds a card or identity number in clear. Leave it out, or write its last four digits."),
            code="text_shows_a_protected_number",
            field=field,
        )
    return text


def _is_deceptive(char: str) -> bool:
    return char in TURNING or (unicodedata.category(char) in {"Cc", "Cs"} and char not in "\n\t\r")


def shows_a_number(text: str) -> bool:
    """Whether a text holds a card or identity number (I-13), told from other long numbers by its check digit."""
    return any(_is_card(found.group()) for found in LONG_NUMBER.finditer(text)) or any(
        _is_resident(found.group()) for found in RESIDENT_NUMBER.finditer(text)
    )


def hidden(text: str) -> str:
    """The text with every card or identity number in it reduced to its last four characters."""
    text = LONG_NUMBER.sub(lambda found: _last_four(found.group(), _is_card(found.group())), text)
    return RESIDENT_NUMBER.sub(lambda found: _last_four(found.group(), _is_resident(found.group())), text)


def _last_four(number: str, is_secret: bool) -> str:
    return f"****{number[-4:]}" if is_secret else number


def _is_card(number: str) -> bool:
    """Begins as bank cards do, and its last digit is the check digit of ISO/IEC 7812 (Luhn)."""
    digits = [int(char) for char in number if char.isdigit()]
    doubled = [digit * 2 - 9 * (digit > 4) for digit in digits[-2::-2]]
    return digits[0] in range(2, 7) and (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def _is_resident(number: str) -> bool:
    total = sum(weight * int(char) for weight, char in zip(RESIDENT_WEIGHTS, number[:17], strict=True))
    return "10X98765432"[total % 11] == number[17].upper()
