"""What may be repeated of a cell that somebody typed: nothing that could be a customer's number (I-13)."""

from __future__ import annotations

import re

from corrections.protection.masks import STARS
from corrections.registry import Entry

SHOWN_CHARS_MAX = 60
# Any nine digits in a row, or thirteen in groups: cards, identities, mobiles and accounts, typed into whatever column.
NUMBERS = re.compile(r"(?:[0-9]{8,}|(?:[0-9]{2,6}[ -]){2,}[0-9]*)[0-9Xx]", re.ASCII)
DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[ T].*)?", re.ASCII)


def hidden(text: str) -> str:
    """The text, cut, with every long number reduced to its last four characters."""
    short = text if DATE.fullmatch(text) else NUMBERS.sub(lambda found: STARS + found.group()[-4:], text)
    short = "".join(char if char.isprintable() else "�" for char in short)
    return short if len(short) <= SHOWN_CHARS_MAX else short[: SHOWN_CHARS_MAX - 1] + "…"


def shown(entry: Entry, name: str, text: str) -> str:
    """What a finding repeats of a cell of this field."""
    if not text:
        return ""
    if entry.is_secret(name):
        return STARS + (text[-4:] if len(text) >= 8 else "")
    mask = entry.fields[name].mask if name in entry.fields else None
    return hidden(mask(text) if mask else text)
