"""Whether two names are one: written alike, written differently, made to look alike, or another person's.

Unicode decides, not the eye: composed and decomposed letters, full-width forms, case, spaces and kinds of middle dots
are the same; letters of another script that look the same, and marks that can't be seen, never are.
"""

from __future__ import annotations

import enum
import unicodedata
from dataclasses import dataclass
from functools import cache
from typing import Any

from confusable_homoglyphs import categories, confusables

# 阿卜杜·热合曼 is typed with any of these.
MIDDLE_DOTS = dict.fromkeys(map(ord, "\u2022\u2027\u2219\u22c5\u25cf\u2e31\u2e33\u30fb\uff65\u0387\u318d."), "\u00b7")
QUOTES = dict.fromkeys(map(ord, "\u2018\u2019\u02bc`\u00b4"), "'")
# Marks that show nothing, beside those whose category says so: joiners, fillers, selectors of variants.
UNSEEN = {0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x3164, 0xFFA0, *range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)}
LOOKS_LIKE_MAX = 10  # letters named in a verdict


class Likeness(enum.Enum):
    SAME = "same"
    WRITTEN_DIFFERENTLY = "written differently"  # traditional and simplified, or without the middle dot
    LOOKS_ALIKE = "looks alike"
    HIDDEN = "hidden"
    OTHER = "other"


@dataclass(frozen=True)
class Match:
    """How two names compare, and the letters that say so, such as ``U+202E RIGHT-TO-LEFT OVERRIDE``."""

    likeness: Likeness
    letters: tuple[str, ...] = ()


def compare(one: str, other: str) -> Match:
    if one == other and one.isascii() and one.isprintable():
        return Match(Likeness.SAME)  # most names are, and a batch compares a million
    unseen = dict.fromkeys(letter for letter in one + other if is_unseen(letter))
    if unseen:
        return Match(Likeness.HIDDEN, tuple(map(named, unseen)))
    first, second = folded(one), folded(other)
    strangers = _strangers(one) or _strangers(other)
    if first == second and not strangers:
        return Match(Likeness.SAME)
    if _skeleton(one) == _skeleton(other):
        return Match(Likeness.LOOKS_ALIKE, strangers or _differing(one, other))
    if _simplified(first) == _simplified(second):
        return Match(Likeness.WRITTEN_DIFFERENTLY)
    return Match(Likeness.OTHER)


def is_same(one: str, other: str) -> bool:
    """Whether `compare` says SAME; what else they may be is not asked."""
    if one == other and one.isascii() and one.isprintable():
        return True
    return (
        folded(one) == folded(other)
        and not any(is_unseen(letter) for letter in one + other)
        and not (_strangers(one) or _strangers(other))
    )


def folded(name: str) -> str:
    """The spelling by which names are compared."""
    text = unicodedata.normalize("NFKC", name).translate(QUOTES).casefold()
    text = unicodedata.normalize("NFKC", text).translate(MIDDLE_DOTS)
    return "".join(text.split()).strip("\u00b7")


@cache
def is_unseen(letter: str) -> bool:
    if letter in "\t\n\r":
        return False
    return unicodedata.category(letter) in {"Cc", "Cf", "Cs", "Co"} or ord(letter) in UNSEEN


def named(letter: str) -> str:
    return f"U+{ord(letter):04X} {unicodedata.name(letter, '')}".strip()


def _strangers(name: str) -> tuple[str, ...]:
    """Letters of another script than the rest of a Latin name, that look like Latin ones."""
    if name.isascii():
        return ()
    letters = [letter for letter in unicodedata.normalize("NFKC", name) if letter.isalpha()]
    scripts = {_script(letter) for letter in letters}
    if "LATIN" not in scripts or len(scripts) == 1:
        return ()
    mixed = dict.fromkeys(letter for letter in letters if _latin_twin(letter) != letter)
    return tuple(map(named, mixed))[:LOOKS_LIKE_MAX]


def _differing(one: str, other: str) -> tuple[str, ...]:
    pairs = (pair for pair in zip(folded(one), folded(other), strict=False) if pair[0] != pair[1])
    return tuple(dict.fromkeys(named(letter) for pair in pairs for letter in pair))[:LOOKS_LIKE_MAX]


def _skeleton(name: str) -> str:
    """The name as a reader takes it: a capital that looks Latin counts, whatever its small letter looks like."""
    return folded("".join(map(_latin_twin, unicodedata.normalize("NFKC", name))))


@cache
def _script(letter: str) -> str:
    return str(categories.alias(letter))


@cache
def _latin_twin(letter: str) -> str:
    """The Latin letter that this one of another alphabet can be taken for, else the letter itself."""
    if letter.isascii() or _script(letter) in {"LATIN", "HAN", "COMMON"}:
        return letter
    found: Any = confusables.is_confusable(letter, preferred_aliases=["latin"])
    twins = [twin["c"] for twin in (found[0]["homoglyphs"] if found else ())]
    return min((twin for twin in twins if twin.isascii() and twin.isalpha()), key=str.casefold, default=letter)


@cache
def _converter() -> Any:
    from opencc import OpenCC  # read when a name differs, and not before

    return OpenCC("t2s")


def _simplified(text: str) -> str:
    return str(_converter().convert(text)).replace("\u00b7", "")
