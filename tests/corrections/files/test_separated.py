"""Text files: exact cells by line, and problems that spoil one line only."""

from __future__ import annotations

import pytest

from corrections.files import Line, open_table
from corrections.files.words import GUESSES, PROBLEMS


def lines(content: str | bytes) -> list[Line]:
    return list(open_table(content.encode() if isinstance(content, str) else content, "a.csv").lines())


def codes(line: Line) -> list[tuple[str, str]]:
    return [(problem.code, problem.column) for problem in line.problems]


def test_cells_are_exact_and_lines_bear_the_number_of_their_first_line() -> None:
    found = lines('id,name\r\n1," Wang ""Da"" "\r\n\r\n2,"one\r\ntwo"\n , \n3,０４２\n')
    assert found == [
        Line(2, ("1", ' Wang "Da" ')),
        Line(4, ("2", "one\r\ntwo")),
        Line(7, ("3", "０４２")),
    ]


def test_lines_can_be_read_again() -> None:
    table = open_table(b"id,name\n1,Wang\n", "a.csv")
    assert list(table.lines()) == list(table.lines()) == [Line(2, ("1", "Wang"))]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_may_end_in_any_way(end: str) -> None:
    assert [line.number for line in lines(end.join(("id,name", "1,a", "2,b")))] == [2, 3]


def test_a_header_below_blank_lines_is_found_and_blank_columns_behind_it_are_left_off() -> None:
    table = open_table(b"\n , ,\n id , name ,,\n1,Wang,,\n", "a.csv")
    assert table.reading.header == ("id", "name")
    assert list(table.lines()) == [Line(4, ("1", "Wang"))]


def test_a_short_row_is_filled_and_a_long_one_is_bad() -> None:
    short, blank_beyond, long = lines("id,name,branch\n1\n2,Wang,A,,\n3,Wang,A,,x\n")
    assert short == Line(2, ("1", "", ""))
    assert blank_beyond == Line(3, ("2", "Wang", "A"))
    assert (long.cells, codes(long)) == (("3", "Wang", "A"), [("more_cells_than_columns", "")])


@pytest.mark.parametrize("bad", ["\x07", "\x7f", "\x85", "\ufffe", "\x1b[31m", "\\u0000", "\\ud800"])
def test_a_cell_with_control_characters_is_bad_and_the_others_are_not(bad: str) -> None:
    first, second = lines(f"id,name\n1,Wa{bad}ng\n2,Li\n")
    assert codes(first) == [("cell_has_control_characters", "name")]
    assert second == Line(3, ("2", "Li"))


def test_a_text_that_a_spreadsheet_evaluates_is_bad_unless_it_is_marked_as_text() -> None:
    bad, trick, marked, within = lines('id,name\n1,=A1\n2,"=""0042"""\n3,\'=A1\n4,a=b\n')
    assert codes(bad) == codes(trick) == [("cell_is_formula", "name")]
    assert (marked.cells, marked.problems) == (("3", "=A1"), ())
    assert (within.cells, within.problems) == (("4", "a=b"), ())
    assert [line.problems for line in lines("id,name\n-5.00,+86\n@x,-\n")] == [(), ()]


def test_a_cell_longer_than_any_field_is_bad(settings: object) -> None:
    settings.CORRECTIONS_BATCH_CELL_CHARS_MAX = 5  # type: ignore[attr-defined]
    long, fit, together = lines("id,name\n1,123456\n2,12345\n1234,5678\n")
    assert codes(long) == [("cell_too_long", "name")]
    assert fit.problems == together.problems == ()


def test_a_problem_says_what_to_do_and_never_repeats_the_value() -> None:
    (line,) = lines("id,name\n1,secret\x07value\n")
    assert "secret" not in str(line.problems[0].message)
    assert str(line.problems[0].message) == str(PROBLEMS["cell_has_control_characters"])


def test_marks_of_safe_cells_are_taken_off_and_told() -> None:
    table = open_table(b"id,name\n'0042,'=1+1\n''s,a\\u200bb\n5,it's\n", "a.csv")
    assert table.reading.guesses == ("apostrophes_taken_off", "escapes_read")
    assert [line.cells for line in table.lines()] == [("0042", "=1+1"), ("'s", "a\u200bb"), ("5", "it's")]
    assert open_table(b"id,name\n5,it's\n", "a.csv").reading.guesses == ()


@pytest.mark.parametrize(
    ("content", "encoding", "separator", "guesses"),
    [
        ("id,姓名\n1,王\n".encode(), "utf-8", ",", ()),
        ("id,姓名\n1,王\n".encode("utf-8-sig"), "utf-8-sig", ",", ()),
        ("id\t姓名\n1\t王\n".encode("utf-16"), "utf-16", "\t", ("separator_tab",)),
        (b"\xfe\xff" + "id;姓名\n1;王\n".encode("utf-16-be"), "utf-16", ";", ("separator_semicolon",)),
        ("id|姓名\n1|王\n".encode("gb18030"), "gb18030", "|", ("encoding_gb18030", "separator_bar")),
        ("姓名\n王\n".encode(), "utf-8", ",", ("separator_none",)),
        ("sep=;\nid;姓名\n1;王\n".encode(), "utf-8", ";", ("separator_semicolon", "separator_declared")),
        ("SEP=,\r\nid,姓名\r\n1,王\r\n".encode("utf-8-sig"), "utf-8-sig", ",", ("separator_declared",)),
        ('"sep=|"\nid|姓名\n1|王\n'.encode("utf-16"), "utf-16", "|", ("separator_bar", "separator_declared")),
    ],
)
def test_encoding_and_separator_are_found_and_guesses_told(
    content: bytes, encoding: str, separator: str, guesses: tuple[str, ...]
) -> None:
    table = open_table(content, "a.csv")
    assert table.reading.format == "csv"
    assert (table.reading.encoding, table.reading.separator, table.reading.guesses) == (encoding, separator, guesses)
    assert table.reading.header[-1] == "姓名"
    assert next(table.lines()).cells[-1] == "王"
    assert set(guesses) <= set(GUESSES)


def test_a_separator_that_the_first_line_names_is_no_guess_and_lines_keep_their_numbers() -> None:
    table = open_table(b"sep=;\nid,name;note,more\n1,2;x\n", "a.csv")
    assert table.reading.header == ("id,name", "note,more")
    assert list(table.lines()) == [Line(3, ("1,2", "x"))] == list(table.lines())


@pytest.mark.parametrize("first", ["sep=:", "sep=", "sep=;;", "separator", " sep=;"])
def test_a_heading_that_only_looks_like_it_is_a_heading(first: str) -> None:
    assert open_table(f"{first}\n1\n".encode(), "a.csv").reading.header[0] == first.strip().split(";")[0]


def test_a_separator_within_cells_is_none() -> None:
    table = open_table(b'amount;name\n"1,5";Wang\n2,5;"Li, Na"\n', "a.csv")
    assert table.reading.separator == ";"
    assert [line.cells for line in table.lines()] == [("1,5", "Wang"), ("2,5", "Li, Na")]


def test_the_separator_is_that_of_all_rows_when_a_heading_holds_another() -> None:
    table = open_table(b"id,name;note\n1,Wang\n", "a.csv")
    assert table.reading.header == ("id", "name;note")


def test_a_file_that_only_begins_like_a_picture_is_text() -> None:
    assert open_table(b"BMcode,name\n1,Wang\n", "a.csv").reading.header == ("BMcode", "name")


@pytest.mark.parametrize("name", ["a.csv", "a.TXT", "a.tsv", "a"])
def test_a_text_may_have_any_name_of_a_text(name: str) -> None:
    assert open_table(b"id,name\n1,Wang\n", name).reading.header == ("id", "name")
