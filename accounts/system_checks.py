"""What is set up for bank cards is found out at start-up, not by the first customer."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.checks import Error, register
from django.core.exceptions import ImproperlyConfigured

from accounts import cards
from accounts.verifiers import configured

UNKNOWN_MEANS = ("warn", "fail")


@register
def verifier_is_usable(**kwargs: Any) -> list[Error]:
    try:
        configured()
    except (ImproperlyConfigured, ValueError) as error:
        return [Error(str(error), id="accounts.E001")]
    if getattr(settings, "CARD_VERIFIER_UNKNOWN", "warn") not in UNKNOWN_MEANS:
        return [Error("CARD_VERIFIER_UNKNOWN is neither “warn” nor “fail”.", id="accounts.E002")]
    return []


@register
def list_of_cards_is_readable(**kwargs: Any) -> list[Error]:
    try:
        cards.range_of("62")
    except (OSError, ValueError, LookupError, AssertionError):
        hint = "It is a UTF-8 text in the format of accounts/bins.dat."
        return [Error("The list that CARD_BINS_FILE names can't be read.", hint=hint, id="accounts.E003")]
    return []
