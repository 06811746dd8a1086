"""Whatever bytes come, a file is read or refused; nothing else ever leaves this room."""

from __future__ import annotations

import io
import random
import zipfile
from contextlib import suppress

from hypothesis import given, settings
from hypothesis import strategies as st

from corrections.files import FileRefused, open_table
from tests.corrections.files.workbooks import HEADER, SHEET_1, book, sheet_xml, text_cell

ROWS = f'{HEADER}<row r="2">{text_cell("A2", "7")}<c r="B2" s="1" t="n"><v>46296</v></c></row>'
SHEET = sheet_xml(ROWS, before='<cols><col min="3" max="3" hidden="1"/></cols>', after="<mergeCells/>")
STRINGS = "<si><t>x</t></si>"


def read(content: bytes, name: str) -> None:
    with suppress(FileRefused):
        for _line in open_table(content, name).lines():
            pass


@given(content=st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
@settings(max_examples=200)
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    read(content, "a.csv")
    read(b"PK\x03\x04" + content, "a.xlsx")


@given(seed=st.integers(0, 2**32))
@settings(max_examples=150)
def test_a_workbook_with_torn_bytes_is_read_or_refused(seed: int) -> None:
    chance = random.Random(seed)
    content = bytearray(book(sheets={"Data": SHEET}, strings=STRINGS, styles=["yyyy-mm-dd"]))
    for _flip in range(chance.randint(1, 4)):
        content[chance.randrange(len(content))] = chance.randrange(256)
    read(bytes(content), "a.xlsx")


@given(seed=st.integers(0, 2**32))
@settings(max_examples=300)
def test_a_sheet_with_torn_letters_is_read_or_refused(seed: int) -> None:
    chance = random.Random(seed)
    letters = list(SHEET)
    for _flip in range(chance.randint(1, 3)):
        letters[chance.randrange(len(letters))] = chance.choice("<>/=\"' &;:ab0129-_x\\\x01ÿ")
    read(book(parts={SHEET_1: "".join(letters)}, styles=["yyyy-mm-dd"]), "a.xlsx")


@given(seed=st.integers(0, 2**32), part=st.sampled_from(["xl/workbook.xml", "xl/styles.xml", "xl/sharedStrings.xml"]))
@settings(max_examples=150)
def test_other_parts_with_torn_letters_are_read_or_refused(seed: int, part: str) -> None:

    chance = random.Random(seed)
    with zipfile.ZipFile(io.BytesIO(book(sheets={"Data": SHEET}, strings=STRINGS, styles=["yyyy-mm-dd"]))) as archive:
        letters = list(archive.read(part).decode())
    for _flip in range(chance.randint(1, 3)):
        letters[chance.randrange(len(letters))] = chance.choice("<>/=\"' &;:ab0129-_x\\")
    read(book(sheets={"Data": SHEET}, styles=["0"], parts={part: "".join(letters)}), "a.xlsx")
