"""Kinds of secrets: what each looks like in its one accepted spelling, and how much of it may be shown.

The mask of a kind never shows more than the last four characters (of a mobile number also the first three),
and less of a short one. Messages here name the kind and never repeat what was typed.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_variables

from corrections.conf import limits
from corrections.errors import InvalidInput

STARS = "****"


@dataclass(frozen=True)
class Kind:
    """`dropped` are the separators people type between groups; they are not part of the value."""

    pattern: re.Pattern[str]
    dropped: str
    code: str
    message: Promise
    mask: Callable[[str], str]


def _last_four(text: str) -> str:
    shown = 4 if len(text) >= 8 else 2 if len(text) >= 5 else 0
    return STARS + (text[-shown:] if shown else "")


def _mobile(text: str) -> str:
    return (text[:3] if len(text) >= 11 else "") + _last_four(text)


KINDS: dict[str, Kind] = {
    "card": Kind(
        re.compile(r"[0-9]{12,19}"),
        " -",
        "card_number_invalid",
        _("A card number has 12 to 19 digits."),
        _last_four,
    ),
    "identity": Kind(
        re.compile(r"[A-Z0-9]{5,30}|[0-9]{6}/[0-9]{3,4}"),
        " ",
        "identity_number_invalid",
        _("An identity number has 5 to 30 letters and digits."),
        _last_four,
    ),
    "mobile": Kind(
        re.compile(r"\+?[0-9]{7,15}"),
        " -()",
        "mobile_number_invalid",
        _("A mobile number has 7 to 15 digits, with a + before the country code."),
        _mobile,
    ),
    "account": Kind(
        re.compile(r"(?=.*[0-9])[A-Z0-9][A-Z0-9/-]{0,33}"),
        " ",
        "account_number_invalid",
        _("An account number has up to 34 digits and letters, with - or / between them."),
        _last_four,
    ),
}


@sensitive_variables()
def normalise(kind: str, plain: str) -> str:
    """The one spelling that is sealed and indexed. Raises InvalidInput, never repeating the value."""
    rules = KINDS[kind]
    if not isinstance(plain, str) or len(plain) > limits.SECRET_CHARS_MAX or not plain.isascii():
        raise InvalidInput(rules.message, code=rules.code)
    text = plain.translate({ord(letter): None for letter in rules.dropped}).upper()
    if not rules.pattern.fullmatch(text):
        raise InvalidInput(rules.message, code=rules.code)
    return _without_home_country(text) if kind == "mobile" else text


@sensitive_variables()
def mask(kind: str, plain: str) -> str:
    """The text that pages, exports and history show, e.g. ``****1234`` or ``138****1234``."""
    return KINDS[kind].mask(normalise(kind, plain))


@sensitive_variables()
def _without_home_country(text: str) -> str:
    # +86 138… and 138… are one mobile number, and must find each other.
    return text[3:] if re.fullmatch(r"\+861[0-9]{10}", text) else text
