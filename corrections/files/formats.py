"""How a spreadsheet shows a number of some format: as it is kept, as a date, or as something else.

Only formats that show the number that is kept, or a date, are understood; of any other nobody can say what the
person saw. Source: ECMA-376 Part 1, 18.8.30 and 18.8.31.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

NUMBER, DATE, TIME, OTHERWISE = "number", "date", "time", "otherwise"


class Shown(NamedTuple):
    """`decimals` are those that are shown, None where the spreadsheet shows what fits."""

    kind: str
    decimals: int | None = None


PLAIN = Shown(NUMBER)
# The formats that need no code in the file. 27 to 36 and 50 to 58 are those of Chinese workbooks.
BUILT_IN: dict[int, Shown] = {
    **dict.fromkeys((0, 49), PLAIN),
    **dict.fromkeys((1, 3, 5, 6, 37, 38, 41, 42), Shown(NUMBER, 0)),
    **dict.fromkeys((2, 4, 7, 8, 39, 40, 43, 44), Shown(NUMBER, 2)),
    **dict.fromkeys((14, 15, 16, 17, *range(27, 32), 36, *range(50, 55), 57, 58), Shown(DATE)),
    **dict.fromkeys((18, 19, 20, 21, 22, 32, 33, 34, 35, 45, 46, 47, 55, 56), Shown(TIME)),
}

GENERAL = {"general", "@", "g/通用格式", "g/標準"}
ELAPSED = re.compile(r"\[(?:h+|m+|s+)\]", re.IGNORECASE)
_SIGN = "[¥￥$€£元]"
_MONEY = rf"(?:(?:[A-Z]{{2}})?{_SIGN}|[A-Z]{{3}})"
# What stands around a number without changing what it says: money, colours, brackets, and what fills a space.
BESIDE_NUMBER = re.compile(
    rf'"(?:{_MONEY}|\s)*"|\[\$(?:{_MONEY})?(?:-[0-9A-F]+)?\]|\[[A-Z]+ ?\d*\]|[_*].|\\[¥￥$€£()+\-\s]|[¥￥$€£()+\-\s]',
    re.IGNORECASE | re.DOTALL,
)
BESIDE_DATE = re.compile(r'"[^"]*"|\\.|\[[^\]]*\]|[_*].', re.DOTALL)
NUMBER_CODE = re.compile(r"[#?]*,?[#?]*0?(?:\.(?P<decimals>[0#?]+))?")
TIME_LETTERS = re.compile(r"[hs]|am/pm|a/p|上午|下午", re.IGNORECASE)
DATE_LETTERS = re.compile(r"[ymde年月日]+[ymde年月日\s,./\-;@]*", re.IGNORECASE)


def shown_by(format_id: str, codes: Mapping[str, str]) -> Shown:
    """How a format of this id shows a number; `codes` are those that the workbook declares."""
    if format_id in codes:
        return _shown_by_code(codes[format_id])
    return BUILT_IN.get(int(format_id), Shown(OTHERWISE)) if format_id.isdecimal() else Shown(OTHERWISE)


def _shown_by_code(code: str) -> Shown:
    section = code.split(";")[0]
    if section.strip().lower() in GENERAL:
        return PLAIN
    if ELAPSED.search(section):
        return Shown(TIME)
    number = BESIDE_NUMBER.sub("", section)
    if number and (found := NUMBER_CODE.fullmatch(number)):
        return Shown(NUMBER, len(found["decimals"] or ""))
    date = BESIDE_DATE.sub("", section)
    # A part of a time decides: what is shown is more than a day.
    if TIME_LETTERS.search(date) and not set(date) & set("#?%"):
        return Shown(TIME)
    return Shown(DATE) if DATE_LETTERS.fullmatch(date) else Shown(OTHERWISE)
