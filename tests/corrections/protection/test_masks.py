"""The accepted spelling of each kind of secret, and how little of it a mask shows."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corrections.errors import InvalidInput
from corrections.protection.masks import KINDS, mask, normalise

CARD = "4111111111111111"

SPELLINGS = {
    "card": st.from_regex(r"[0-9]{12,19}", fullmatch=True),
    "identity": st.from_regex(r"[A-Z0-9]{5,30}|[0-9]{6}/[0-9]{3,4}", fullmatch=True),
    "mobile": st.from_regex(r"\+?[0-9]{7,15}", fullmatch=True),
    "account": st.from_regex(r"[0-9][A-Z0-9/-]{0,33}", fullmatch=True),
}


@pytest.mark.parametrize(
    ("kind", "typed", "kept"),
    [
        ("card", "4111 1111-1111 1111", CARD),
        ("identity", "11010519491231002x", "11010519491231002X"),
        ("identity", "706213/1234", "706213/1234"),
        ("identity", "706213", "706213"),
        ("mobile", "138 1234 1234", "13812341234"),
        ("mobile", "+86 138-1234-1234", "13812341234"),
        ("mobile", "+420 601 123 456", "+420601123456"),
        ("account", "19-2000145399/0800", "19-2000145399/0800"),
        ("account", "de89 3704 0044 0532 0130 00", "DE89370400440532013000"),
    ],
)
def test_one_spelling_is_kept(kind: str, typed: str, kept: str) -> None:
    assert normalise(kind, typed) == kept
    assert normalise(kind, kept) == kept


@pytest.mark.parametrize(
    ("kind", "typed"),
    [
        ("card", "４１１１１１１１１１１１１１１１"),  # full-width digits
        ("card", "٤١١١١١١١١١١١١١١١"),
        ("card", "4111\u00a01111\u00a01111\u00a01111"),
        ("card", CARD + "\n"),
        ("card", "41111111111"),
        ("card", "4" * 20),
        ("card", "****1111"),
        ("card", "4111_1111_1111_1111"),
        ("card", " " * 65),
        ("identity", "7062"),
        ("identity", "706213/12"),
        ("identity", "身份证110105"),
        ("mobile", "123456"),
        ("mobile", "138+12341234"),
        ("mobile", "1" * 16),
        ("account", "ABCDEF"),
        ("account", "/1234"),
        ("account", "1" * 35),
        ("account", "12;34"),
    ],
)
def test_another_spelling_is_refused_without_repeating_it(kind: str, typed: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        normalise(kind, typed)
    assert caught.value.code == KINDS[kind].code
    assert typed not in str(caught.value)
    assert typed not in repr(caught.value)


def test_what_is_not_text_is_refused() -> None:
    with pytest.raises(InvalidInput):
        normalise("card", int(CARD))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("kind", "plain", "shown"),
    [
        ("card", CARD, "****1111"),
        ("identity", "11010519491231123X", "****123X"),
        ("identity", "706213", "****13"),
        ("mobile", "13812341234", "138****1234"),
        ("mobile", "12345678", "****5678"),
        ("mobile", "1234567", "****67"),
        ("account", "100021187", "****1187"),
        ("account", "1234567", "****67"),
        ("account", "1234", "****"),
        ("account", "1", "****"),
    ],
)
def test_mask_of_each_kind(kind: str, plain: str, shown: str) -> None:
    assert mask(kind, plain) == shown


@pytest.mark.parametrize("kind", sorted(KINDS))
@given(data=st.data())
def test_mask_shows_at_most_the_last_four_and_the_first_three_of_a_mobile(kind: str, data: st.DataObject) -> None:
    plain = normalise(kind, data.draw(SPELLINGS[kind]))
    head, stars, tail = mask(kind, plain).partition("****")
    assert stars
    assert len(tail) <= (4 if len(plain) >= 8 else 2)
    assert len(head) <= (3 if kind == "mobile" else 0)
    assert plain.startswith(head)
    assert plain.endswith(tail)
    assert len(head) + len(tail) <= max(len(plain) - 3, 0)


@pytest.mark.parametrize("kind", sorted(KINDS))
@given(typed=st.text(max_size=80))
def test_any_text_is_normalised_for_good_or_refused(kind: str, typed: str) -> None:
    try:
        kept = normalise(kind, typed)
    except InvalidInput:
        return
    assert normalise(kind, kept) == kept
    assert re.fullmatch(r"[A-Z0-9+/-]+", kept)
