"""Two names are one, or not: composed letters, full-width forms, look-alikes, marks that can't be seen."""

from __future__ import annotations

import unicodedata

import pytest

from accounts.name_match import Likeness, compare, folded, is_same, named

SAME = [
    ("Zhang Xiaoming", "Zhang Xiaoming"),
    ("Zhang Xiaoming", "ZHANG  XIAOMING "),
    ("Zhang Xiaoming", "ＺＨＡＮＧ　Ｘｉａｏｍｉｎｇ"),
    (unicodedata.normalize("NFC", "José Muñoz"), unicodedata.normalize("NFD", "José Muñoz")),
    ("张 晓明", "张晓明"),
    ("阿卜杜·热合曼", "阿卜杜•热合曼"),
    ("阿卜杜·热合曼", "阿卜杜・热合曼"),
    ("阿卜杜·热合曼", "阿卜杜．热合曼"),
    ("O'Brien", "O’Brien"),
    ("Straße", "STRASSE"),
    ("Олег", "ОЛЕГ"),
]
LOOKS_ALIKE = [
    ("Оleg Braun", "Oleg Braun", "U+041E CYRILLIC CAPITAL LETTER O"),
    ("Olеg Braun", "Oleg Braun", "U+0435 CYRILLIC SMALL LETTER IE"),
    ("Вob", "Bob", "U+0412 CYRILLIC CAPITAL LETTER VE"),
    ("Αnna", "Anna", "U+0391 GREEK CAPITAL LETTER ALPHA"),
    ("РАРА", "PAPA", "U+0440 CYRILLIC SMALL LETTER ER"),
]
HIDDEN = [
    ("张\u202e晓明", "U+202E RIGHT-TO-LEFT OVERRIDE"),
    ("张\u2066晓明", "U+2066 LEFT-TO-RIGHT ISOLATE"),
    ("张\u200b晓明", "U+200B ZERO WIDTH SPACE"),
    ("张\u200d晓明", "U+200D ZERO WIDTH JOINER"),
    ("\ufeff张晓明", "U+FEFF ZERO WIDTH NO-BREAK SPACE"),
    ("张\ufe00晓明", "U+FE00 VARIATION SELECTOR-1"),
    ("张\u3164晓明", "U+3164 HANGUL FILLER"),
    ("张\U000e0100晓明", "U+E0100 VARIATION SELECTOR-17"),
]
WRITTEN_DIFFERENTLY = [("陳偉", "陈伟"), ("張曉明", "张晓明"), ("阿卜杜·热合曼", "阿卜杜热合曼")]
OTHER = [("Li Na", "Li Ma"), ("张晓明", "张晓民"), ("Oleg", "Олег"), ("Zhang", "张"), ("", "张")]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_the_same_name_written_alike(one: str, other: str) -> None:
    assert compare(one, other).likeness is compare(other, one).likeness is Likeness.SAME
    assert is_same(one, other)
    assert folded(one) == folded(other)


@pytest.mark.parametrize(("name", "real", "letter"), LOOKS_ALIKE)
def test_a_look_alike_is_never_the_same_and_its_letter_is_named(name: str, real: str, letter: str) -> None:
    match = compare(name, real)
    assert match.likeness is Likeness.LOOKS_ALIKE
    assert letter in match.letters
    assert not is_same(name, real)


def test_a_look_alike_on_both_sides_is_not_passed() -> None:
    assert compare("Оleg", "Оleg").likeness is Likeness.LOOKS_ALIKE


@pytest.mark.parametrize(("name", "mark"), HIDDEN)
def test_a_mark_that_cant_be_seen_is_named_on_either_side(name: str, mark: str) -> None:
    for pair in ((name, "张晓明"), ("张晓明", name), (name, name)):
        match = compare(*pair)
        assert (match.likeness, match.letters) == (Likeness.HIDDEN, (mark,))


@pytest.mark.parametrize(("one", "other"), WRITTEN_DIFFERENTLY)
def test_traditional_and_simplified_are_not_equal_but_known_for_what_they_are(one: str, other: str) -> None:
    assert compare(one, other).likeness is compare(other, one).likeness is Likeness.WRITTEN_DIFFERENTLY


@pytest.mark.parametrize(("one", "other"), OTHER)
def test_another_name_is_another_name(one: str, other: str) -> None:
    assert compare(one, other).likeness is Likeness.OTHER


def test_a_letter_without_name_is_named_by_its_number() -> None:
    assert named("\ue000") == "U+E000"
