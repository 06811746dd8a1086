"""Text that no spreadsheet evaluates, converts or breaks, and the way back; no file format lives here.

Two changes, both reversible by `restored`:

- A character that is invisible, reorders text, or can't stand in a file (control characters, line separators, bidi
  overrides, lone surrogates, non-characters) becomes ``\\uXXXX``; a backslash that already stood before a ``u``
  becomes ``\\u005c``. A line feed stays what it is.
- A text that a spreadsheet would evaluate gets a leading apostrophe, and so does one that begins with an apostrophe.
  In CSV, which carries no types, so does a text that it would turn into something else: digits too long for a
  number, leading zeros, exponents, dates, times, percentages, truth values.

Source: OWASP, CSV Injection; full-width signs and invisible characters before the sign count as the sign.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

MARK = "'"
CACHED_CHARS_MAX = 200  # longer texts are rarely seen twice and would fill the cache

UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\uffff\ud800-\udfff]"
    r"|\\(?=u)"
)
ESCAPED = re.compile(r"\\u([0-9a-f]{4})")

SIGNS = "=+-@"
# Separators and control characters, seen by a spreadsheet's own trimming or not.
SKIPPED = ("Z", "C")

NUMBER = re.compile(r"[\d\s.,'’]+")
NUMBER_DIGITS_MAX = 11  # one more, and a spreadsheet shows an exponent
_MONTH = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?"
CONVERTED = re.compile(
    rf"""
      0\d.*                                              # leading zeros
    | \d*[.,]?\d+e[+-]?\d+                               # an exponent
    | \d+[-/]\d+(?:[-/]\d+)?(?:\s.*)? | \d+\.\d+\..*     # dates, fractions, versions
    | \d+\s*:.* | \d+\s*[ap]\.?m?\.?                     # times
    | {_MONTH}[-\s,./]*\d.* | \d+[-\s,./]*{_MONTH}.*     # months by name
    | \d+\s*[年月日时時分].*
    | [\d.,\s]+[%‰$€£¥₩₽₹] | [$€£¥₩₽₹\[({{][^a-z]*\d.*   # percentages, currencies, brackets
    | true | false
    """,
    re.VERBOSE | re.IGNORECASE | re.DOTALL,
)


def for_csv(text: str) -> str:
    """The cell of a text in a file without types."""
    return _for_csv_cached(text) if len(text) <= CACHED_CHARS_MAX else _for_csv(text)


def for_sheet(text: str) -> str:
    """The cell of a text in a workbook, where it is written as a text: only what would be evaluated is marked."""
    return _for_sheet_cached(text) if len(text) <= CACHED_CHARS_MAX else _for_sheet(text)


def restored(cell: str) -> str:
    """The text behind a cell that `for_csv` or `for_sheet` gave."""
    return ESCAPED.sub(_unescaped, cell.removeprefix(MARK))


def _for_csv(text: str) -> str:
    escaped = UNSEEN.sub(_escaped, text)
    return MARK + escaped if _is_evaluated(text, escaped) or _is_converted(escaped) else escaped


def _for_sheet(text: str) -> str:
    escaped = UNSEEN.sub(_escaped, text)
    return MARK + escaped if _is_evaluated(text, escaped) else escaped


_for_csv_cached = lru_cache(maxsize=4096)(_for_csv)
_for_sheet_cached = lru_cache(maxsize=4096)(_for_sheet)


def _escaped(found: re.Match[str]) -> str:
    return f"\\u{ord(found.group()):04x}"


def _unescaped(found: re.Match[str]) -> str:
    return chr(int(found.group(1), 16))


def _is_evaluated(text: str, escaped: str) -> bool:
    """Whether the first character that counts makes a formula, a command, or a workbook's own markup."""
    if not escaped:
        return False
    if escaped[0].isalnum():
        return False
    # xlsxwriter writes a text that begins so as markup, unescaped: another way to a formula.
    return escaped.startswith((MARK, "<r>", "\n")) or text[0] in "\t\r" or _first_sign(text) in SIGNS


def _first_sign(text: str) -> str:
    """The first character that is neither space nor invisible, full-width forms as their plain ones."""
    for char in text:
        if unicodedata.category(char)[0] not in SKIPPED:
            return unicodedata.normalize("NFKC", char)[0]
    return " "


def _is_converted(escaped: str) -> bool:
    """Whether a spreadsheet would show something else than this text. Money and counts stay numbers."""
    if len(escaped) > CACHED_CHARS_MAX:
        return False
    plain = unicodedata.normalize("NFKC", escaped).strip()
    if NUMBER.fullmatch(plain) and sum(map(str.isdigit, plain)) > NUMBER_DIGITS_MAX:
        return True
    return CONVERTED.fullmatch(plain) is not None
