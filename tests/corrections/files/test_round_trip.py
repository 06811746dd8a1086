"""What is written is read back, text for text, and neither way makes a formula."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Callable, Iterator, Sequence

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from corrections.errors import InvalidInput
from corrections.files import Line, open_table, write_csv, write_xlsx

Writer = Callable[[Sequence[Sequence[str]]], Iterator[bytes]]
WRITERS = [(write_csv, "a.csv"), (write_xlsx, "a.xlsx")]
HEADER = ("id", "name", "counterparty_bank:now")

# Whatever a database may hold, and what is most likely to break: signs, marks, escapes, line ends, half escapes.
TRICKY = st.text("=+-@'\"\\u005cx_XD8\t\r\n,;|\u200b\ufeff\x07\x85\ufffe<>&王😀 0159", max_size=20)
ANY = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=40)
ROWS = st.lists(st.tuples(*[TRICKY | ANY] * len(HEADER)), max_size=8)


def read(rows: Sequence[Sequence[str]], write: Writer, name: str) -> list[Line]:
    return list(open_table(b"".join(write([HEADER, *rows])), name).lines())


@pytest.mark.parametrize(("write", "name"), WRITERS)
@given(rows=ROWS)
@example(rows=[("'", "''", "'=1"), ("\\u0041", "\\", "\\u005cu0041"), ("_x0041_", "_x005F_x0041_", "_x_")])
@example(rows=[("0042", "6217000000000009001", "2026-11-23"), ("=1+1", "<r></r>", "\n=1")])
@example(rows=[(" ", " ", "\t"), ("a\r\nb", "\r", "\n"), ("\r\n1", "  x  ", "\u2028")])
@settings(max_examples=150)
def test_what_is_written_is_read_back(write: Writer, name: str, rows: list[tuple[str, ...]]) -> None:
    found = read(rows, write, name)
    assert [line.cells for line in found] == [row for row in rows if "".join(row).strip()]
    assert not any(line.problems or line.numeric for line in found)


@pytest.mark.parametrize(("write", "name"), WRITERS)
def test_lines_keep_their_numbers(write: Writer, name: str) -> None:
    assert [line.number for line in read([("1", "a", ""), ("", "", ""), ("2", "b", "c")], write, name)] == [2, 4]


@pytest.mark.parametrize(("write", "name"), WRITERS)
@pytest.mark.parametrize("text", ["a\x00b", "a\ud800b"])
def test_a_text_that_no_database_holds_is_not_written(write: Writer, name: str, text: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        b"".join(write([HEADER, ("1", text, "")]))
    assert (caught.value.code, "2" in str(caught.value)) == ("cell_not_writable", True)


def test_a_text_longer_than_a_cell_goes_into_csv_only() -> None:
    rows = [HEADER, ("1", "王" * 32_768, "")]
    assert b"".join(write_csv(rows))
    with pytest.raises(InvalidInput):
        b"".join(write_xlsx(rows))


def test_csv_comes_in_blocks_while_rows_are_made() -> None:
    made = []

    def rows() -> Iterator[Sequence[str]]:
        for number in range(10_000):
            made.append(number)
            yield ("x" * 20, str(number))

    blocks = write_csv(rows())
    next(blocks)
    assert len(made) < 5_000


@pytest.mark.parametrize(
    "text", ["=1+1", "+1", "-5.00", "@SUM(A1)", "\t=1", " =1", "＝1", '=HYPERLINK("http://e.test")']
)
def test_no_cell_evaluates(text: str) -> None:
    content = b"".join(write_csv([HEADER, (text, text, text)])).decode("utf-8-sig")
    assert all(cell.startswith("'") for cell in list(csv.reader(io.StringIO(content)))[1])
    with zipfile.ZipFile(io.BytesIO(b"".join(write_xlsx([HEADER, (text, text, text)])))) as book:
        sheet = book.read("xl/worksheets/sheet1.xml")
    assert b"<f" not in sheet
    assert b"<v>" not in sheet
    assert b"<hyperlink" not in sheet


def test_cells_of_a_workbook_are_of_the_format_text() -> None:
    with zipfile.ZipFile(io.BytesIO(b"".join(write_xlsx([HEADER, ("0042", "1", "2")])))) as book:
        assert b'formatCode="@"' in book.read("xl/styles.xml") or b'numFmtId="49"' in book.read("xl/styles.xml")


@pytest.mark.parametrize(("write", "name"), WRITERS)
def test_an_interrupted_file_leaves_nothing_behind(write: Writer, name: str, tmp_path: object) -> None:
    def broken() -> Iterator[Sequence[str]]:
        yield HEADER
        raise RuntimeError("the rows broke off")

    with pytest.raises(RuntimeError, match="the rows broke off"):
        b"".join(write(broken()))  # type: ignore[arg-type]
