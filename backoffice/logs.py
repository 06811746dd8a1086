"""How log lines look and what never stands in them; configured by settings.LOGGING, called by nobody else."""

from __future__ import annotations

import logging
import re

# Card, account, identity and mobile numbers (I-13): eleven digits or more, spaces or dashes between groups allowed.
LONG_NUMBER = re.compile(r"(?<![0-9A-Za-z])\+?(?:[0-9][ -]?){7,}[0-9]{3}[0-9Xx](?![0-9A-Za-z])")


def mask_numbers(text: str) -> str:
    """The text with every long number reduced to its last four characters."""
    return LONG_NUMBER.sub(lambda found: "****" + found.group()[-4:], text)


class MaskingFormatter(logging.Formatter):
    """One line per event (a traceback follows it), with long numbers masked in message and traceback alike."""

    def __init__(self) -> None:
        super().__init__("{asctime} {levelname} {name} {message}", "%Y-%m-%dT%H:%M:%S%z", style="{")

    def format(self, record: logging.LogRecord) -> str:
        stamp = self.formatTime(record, self.datefmt)
        return stamp + mask_numbers(super().format(record)[len(stamp) :])
