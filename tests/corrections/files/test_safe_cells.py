"""No cell evaluates, none is converted, and every text comes back."""

from __future__ import annotations

import csv
import datetime as dt
import io
import tempfile
import zipfile

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from corrections.files.safe_cells import for_csv, for_sheet, restored
from corrections.reports.writers import write_csv, write_xlsx
from tests.corrections.reports.reading import xlsx_cells

AT = dt.datetime(2026, 11, 23, 8, 0, tzinfo=dt.UTC)

EVALUATED = [
    "=1+1",
    "+1",
    "-5.00",
    "@SUM(A1)",
    "=cmd|' /C calc'!A0",
    '=HYPERLINK("http://example.test","x")',
    " =1+1",
    "\t=1+1",
    "\r=1+1",
    "\n=1+1",
    "\u00a0=1+1",
    "\u200b=1+1",
    "\ufeff=1+1",
    "\u2028=1+1",
    "\u3000＝1+1",
    "＝1+1",
    "＋1",
    "－1",
    "＠SUM(A1)",
    "﹦1",
    "\u202e=1+1",
    "<r></is></c><c><f>1+1</f></c><c><is><r></r>",
]
CONVERTED = [
    "6217000000000009001",
    "6217 0000 0000 0009 001",
    "123456789012",
    "0042",
    "00",
    "1e5",
    "1E+5",
    ".5e3",
    "1-2",
    "1/2",
    "2026-11-23",
    "2026-11-23 10:00",
    "3.11.7",
    "12:30",
    "9 pm",
    "MAR1",
    "Dec 5",
    "5 Dec 2026",
    "2026年11月23日",
    "5%",
    "$5",
    "¥80,000.00",
    "(5)",
    "TRUE",
    "false",
    "６２１７０００００００００００９００１",
]
PLAIN = ["", "ICBC", "****1187", "80000.00", "14", "0.5", "0", "T-1", "DZ-2026-000001", "张晓明", "Zhang *ing", "شركة"]
UNSEEN = [
    "a\x00b",
    "a\u2028b",
    "a\u202eb",
    "a\ud800b",
    "a\ufffeb",
    "a\rb",
    "\x7f",
    "\\u0041",
    "\\",
    "\\\u200b",
    "'",
    "''",
]

texts = st.one_of(
    st.text(st.characters(), max_size=60),
    st.text("=+-@'\"\\u0 \t\r\n\u2028\u200b,;|<r>＝\x00", max_size=12),
    st.from_regex(r"\A[0-9.,eE/: -]{1,24}\Z"),
    st.sampled_from(EVALUATED + CONVERTED + PLAIN + UNSEEN),
)


@pytest.mark.parametrize("text", EVALUATED)
def test_what_would_be_evaluated_begins_with_an_apostrophe(text: str) -> None:
    assert for_csv(text).startswith("'")
    assert for_sheet(text).startswith("'")


@pytest.mark.parametrize("text", CONVERTED)
def test_what_a_file_without_types_would_change_begins_with_an_apostrophe(text: str) -> None:
    assert for_csv(text).startswith("'")


@pytest.mark.parametrize("text", PLAIN)
def test_an_ordinary_text_stays_as_it_is(text: str) -> None:
    assert for_csv(text) == for_sheet(text) == text


@pytest.mark.parametrize("text", UNSEEN)
def test_nothing_invisible_reaches_a_file(text: str) -> None:
    for cell in (for_csv(text), for_sheet(text)):
        assert all(char.isprintable() for char in cell)
        cell.encode()


@given(texts)
@settings(max_examples=500)
def test_every_text_comes_back(text: str) -> None:
    assert restored(for_csv(text)) == text
    assert restored(for_sheet(text)) == text


@given(texts)
@settings(max_examples=500)
def test_no_cell_begins_with_a_sign_whatever_stands_before_it(text: str) -> None:
    for cell in (for_csv(text), for_sheet(text)):
        assert cell.lstrip(" \t\r\n\u00a0\u3000")[:1] not in tuple("=+-@＝＋－＠")
        assert not set(cell) & set("\x00\r\u2028\u2029\u202e")


@given(st.lists(st.lists(texts, min_size=3, max_size=3), max_size=8))
@settings(max_examples=150, deadline=None)
def test_a_csv_file_gives_every_text_back(lines: list[list[str]]) -> None:
    file = io.BytesIO()
    write_csv(file, ["a", "b", "c"], [(line[:1], line[1:]) for line in lines], made_at=AT, about={})
    content = file.getvalue()
    assert content.startswith(b"\xef\xbb\xbf")
    _head, *cells = csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""))
    assert [[restored(cell) for cell in line] for line in cells] == lines
    assert content.count(b"\r") == len(lines) + 1  # no cell brings a line end of its own that breaks a reader


@given(st.lists(st.lists(texts, min_size=3, max_size=3), max_size=8))
@example([["<r><t>x</t></r>", "_x0041_", " spaces "]])
@settings(max_examples=100, deadline=None)
def test_a_workbook_gives_every_text_back_and_holds_texts_only(lines: list[list[str]]) -> None:
    with tempfile.TemporaryFile() as file:
        write_xlsx(
            file, ["a", "b", "c"], [(line[:1], line[1:]) for line in lines], made_at=AT, about={"made by": "=Ana"}
        )
        file.seek(0)
        content = file.read()
    _head, *cells = xlsx_cells(content)
    width_3 = [[str(cell) for cell in (*line, "", "", "")[:3]] for line in cells]
    found = [[restored(cell) for cell in line] for line in width_3]
    assert found + [[""] * 3] * (len(lines) - len(found)) == lines
    with zipfile.ZipFile(io.BytesIO(content)) as parts:
        for name in parts.namelist():
            if name.startswith("xl/worksheets/"):
                xml = parts.read(name)
                assert b"<f>" not in xml
                assert b"<hyperlink" not in xml
                assert b"<v>" not in xml  # texts stand inline: there is no number, and no shared string


def test_a_cell_longer_than_a_workbook_can_hold_is_cut_and_says_so() -> None:
    with tempfile.TemporaryFile() as file:
        write_xlsx(file, ["a"], [(["\U0001f600" * 20_000], [])], made_at=AT, about={})
        file.seek(0)
        [_head, [cell]] = xlsx_cells(file.read())
    assert cell.endswith("(cut here; the CSV file has it whole)")
    assert len(cell.encode("utf-16-le")) <= 2 * 32_767
