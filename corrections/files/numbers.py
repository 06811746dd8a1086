"""Numbers and dates of a workbook as text, where there is one certain text; else why there is none.

A spreadsheet keeps a number as a binary float of 15 decimal digits. Days before 1900-03-01 differ between programs:
one of them believes in 1900-02-29.
"""

from __future__ import annotations

import datetime as dt
import re
from decimal import Decimal

from corrections.files.formats import DATE, NUMBER, TIME, Shown

DIGITS_KEPT = 15
NUMBER_OF_XML = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?", re.ASCII)
DATE_OF_XML = re.compile(r"(\d{4}-\d\d-\d\d)(?:T00:00(?::00(?:\.0+)?)?)?", re.ASCII)
DAY_ZERO = dt.date(1899, 12, 30)
DAY_ZERO_1904 = dt.date(1904, 1, 1)
DAY_CERTAIN_MIN = 61  # 1900-03-01
DAY_MAX = 2_958_465  # 9999-12-31
DAY_MAX_1904 = DAY_MAX - 1_462


def number_text(raw: str, shown: Shown, since_1904: bool) -> tuple[str, str]:
    """The text of a number as the file keeps it, and the code of a problem or ""."""
    if shown.kind == NUMBER and len(raw) <= DIGITS_KEPT and raw.isdecimal() and raw.isascii() and raw[0] != "0":
        return raw, ""
    if NUMBER_OF_XML.fullmatch(raw) is None:
        return raw, "cell_unreadable"
    if shown.kind == NUMBER:
        return _plain(raw, shown.decimals)
    if shown.kind in {DATE, TIME}:
        return _date(raw, shown.kind, since_1904)
    return raw, "number_shown_otherwise"


def date_text(raw: str) -> tuple[str, str]:
    """The same of a cell that is kept as a date by ISO 8601."""
    found = DATE_OF_XML.fullmatch(raw)
    try:
        dt.datetime.fromisoformat(raw)
    except ValueError:
        return raw, "cell_unreadable"
    return (found[1], "") if found else (raw, "date_has_time")


def _plain(raw: str, decimals: int | None) -> tuple[str, str]:
    value = float(raw)
    if abs(value) >= 10**DIGITS_KEPT:
        return raw, "number_digits_lost"
    # The shortest text of this float; what was typed in 15 digits or fewer comes back by it.
    exact = Decimal(repr(value)).normalize()
    if len(exact.as_tuple().digits) > DIGITS_KEPT:
        return raw, "number_not_exact"
    text = format(exact, "f") if exact else "0"
    if decimals is not None and len(text.partition(".")[2]) > decimals:
        return text, "number_shown_otherwise"
    return text, ""


def _date(raw: str, kind: str, since_1904: bool) -> tuple[str, str]:
    days = float(raw)
    if not 0 <= days < (DAY_MAX_1904 if since_1904 else DAY_MAX) + 1:
        return raw, "cell_unreadable"
    if not since_1904 and days < DAY_CERTAIN_MIN:
        return raw, "date_ambiguous"
    zero = DAY_ZERO_1904 if since_1904 else DAY_ZERO
    text = (zero + dt.timedelta(days=int(days))).isoformat()
    return text, "date_has_time" if kind == TIME or days != int(days) else ""
