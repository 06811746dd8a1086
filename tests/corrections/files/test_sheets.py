"""Workbooks: a cell has its exact text, or the code of why nobody can be certain of it."""

from __future__ import annotations

import datetime as dt
import io

import pytest
import xlsxwriter

from corrections.files import Line, Table, open_table
from tests.corrections.files.workbooks import HEADER, MAIN, book, sheet_xml, text_cell


def table_of(rows: str, **made: object) -> Table:
    return open_table(book(HEADER + rows, **made), "a.xlsx")  # type: ignore[arg-type]


def line_of(cell: str, **made: object) -> Line:
    """The line of a row whose second cell, B2, is this."""
    (line,) = table_of(f'<row r="2">{text_cell("A2", "7")}{cell}</row>', **made).lines()
    return line


def codes(line: Line) -> list[tuple[str, str]]:
    return [(problem.code, problem.column) for problem in line.problems]


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        ('<c r="B2" t="inlineStr"><is><t>Wang</t></is></c>', "Wang"),
        ('<c r="B2" t="inlineStr"><is><t xml:space="preserve"> Wang </t></is></c>', " Wang "),
        ('<c r="B2" t="inlineStr"><is><t>&lt;a&amp;b&gt; &#x5F20;&#19977;</t></is></c>', "<a&b> 张三"),
        ('<c r="B2" t="inlineStr"><is><r><rPr><b/></rPr><t>Wa</t></r><r><t>ng</t></r></is></c>', "Wang"),
        ('<c r="B2" t="inlineStr"><is><t>王</t><rPh sb="0" eb="1"><t>おう</t></rPh></is></c>', "王"),
        ('<c r="B2" t="inlineStr"><is><t>one\r\ntwo\rthree</t></is></c>', "one\ntwo\nthree"),
        ('<c r="B2" t="inlineStr"><is><t>a_x0009_b_x005F_x0009_c</t></is></c>', "a\tb_x0009_c"),
        ('<c r="B2" t="inlineStr"><is><t>_xD83D__xDE00_</t></is></c>', "😀"),
        ('<c r="B2" t="str"><v>Wang</v></c>', "Wang"),
        ('<c r="B2" t="s"><v>1</v></c>', "shared"),
        ('<c r="B2" t="s"><v>2</v></c>', "of runs"),
        ('<c r="B2" t="s"><v>4</v></c>', "after an empty one"),
        ("<c t='s' r='B2'  ><v >1</v ></c >", "shared"),
        ('<c r="B2" t="s" ph="&gt;"><v>1</v><extLst/></c>', "shared"),
        ('<c t="s"><v>1</v></c>', "shared"),
        ('<c r="B2" t="s"/>', ""),
        ('<c r="B2" t="inlineStr"><is><t/></is></c>', ""),
        ("", ""),
    ],
)
def test_a_text_is_exact(cell: str, text: str) -> None:
    strings = (
        "<si><t>zero</t></si><si><t>shared</t></si>\n <si><r><t>of</t></r><r><t xml:space='preserve'> runs</t></r></si>"
        "<si/><si><t>after an empty one</t></si>"
    )
    assert line_of(cell, strings=strings) == Line(2, ("7", text))


@pytest.mark.parametrize(
    ("cell", "text", "code"),
    [
        ('<c r="B2"><f>1+1</f><v>2</v></c>', "", "cell_is_formula"),
        ('<c r="B2" t="str"><f>"a"&amp;"b"</f><v>ab</v></c>', "", "cell_is_formula"),
        ('<c r="B2"><f/></c>', "", "cell_is_formula"),
        ('<c r="B2"><f t="shared" si="0"/><v>2</v></c>', "", "cell_is_formula"),
        ('<c r="B2"><f t="array" ref="B2">SUM(A1:A2)</f><v>2</v></c>', "", "cell_is_formula"),
        ('<c r="B2" t="e"><v>#N/A</v></c>', "#N/A", "cell_is_error"),
        ('<c r="B2" t="b"><v>1</v></c>', "TRUE", "cell_is_truth_value"),
        ('<c r="B2" t="z"><v>1</v></c>', "1", "cell_unreadable"),
        ('<c r="B2"><v>twelve</v></c>', "twelve", "cell_unreadable"),
        ('<c r="B2"><v> </v></c>', "", "cell_unreadable"),
        ('<c r="B2"><v>NaN</v></c>', "NaN", "cell_unreadable"),
        ('<c r="B2" t="s"><v>99</v></c>', "", "cell_unreadable"),
        ('<c r="B2" t="s"><v>-1</v></c>', "", "cell_unreadable"),
        ('<c r="B2" t="s"><v>1_0</v></c>', "", "cell_unreadable"),
        ('<c r="B2" t="inlineStr"><is><t>a_x0007_b</t></is></c>', "a\x07b", "cell_has_control_characters"),
        ('<c r="B2" t="inlineStr"><is><t>a_xD800_b</t></is></c>', "a\ud800b", "cell_has_control_characters"),
        (text_cell("B2", "x" * 10_001), "x" * 10_001, "cell_too_long"),
    ],
)
def test_a_cell_without_a_certain_text_is_bad(cell: str, text: str, code: str) -> None:
    line = line_of(cell)
    assert (line.cells, codes(line)) == (("7", text), [(code, "name")])


def test_what_an_array_formula_fills_is_its_result_too() -> None:
    formula = '<c r="B2"><f t="array" ref="B2:B3">A2:A3</f><v>1</v></c>'
    rows = (
        f'<row r="2">{text_cell("A2", "7")}{formula}</row><row r="3">{text_cell("A3", "8")}<c r="B3"><v>2</v></c></row>'
        f'<row r="4">{text_cell("A4", "9")}<c r="B4"><v>3</v></c></row>'
    )
    found = list(table_of(rows).lines())
    assert [codes(line) for line in found] == [[("cell_is_formula", "name")], [("cell_is_formula", "name")], []]
    assert [line.cells[1] for line in found] == ["", "", "3"]


def test_a_real_spreadsheets_formulas_dates_and_numbers_are_told_apart() -> None:
    file = io.BytesIO()
    made = xlsxwriter.Workbook(file)
    sheet = made.add_worksheet()
    sheet.write_row(0, 0, ["a", "b", "c", "d"])
    sheet.write_dynamic_array_formula("A2:A3", "=B2:B3", None, 5)
    sheet.write_number("B2", 1234.5)
    sheet.write_datetime("C2", dt.date(2026, 10, 1), made.add_format({"num_format": "yyyy-mm-dd"}))
    sheet.write_number("D2", 6217000000000009001)
    sheet.write_boolean("B3", True)
    made.close()
    table = open_table(file.getvalue(), "a.xlsx")
    first, second = table.lines()
    assert first.cells == ("", "1234.5", "2026-10-01", "6.217000000000009E+18")
    assert first.numeric == ("b", "c", "d")
    assert codes(first) == [("cell_is_formula", "a"), ("number_digits_lost", "d")]
    assert codes(second) == [("cell_is_formula", "a"), ("cell_is_truth_value", "b")]
    assert table.reading.guesses == ("dates_read", "numbers_read")


def test_a_number_is_told_so_that_a_text_field_may_refuse_it() -> None:
    line = line_of('<c r="B2"><v>42</v></c>')
    assert line == Line(2, ("7", "42"), (), ("name",))


def test_blank_rows_and_columns_are_left_off_but_what_stands_beyond_the_header_is_not() -> None:
    rows = (
        '<row r="2"/><row r="3"><c r="A3" s="1"/></row>'
        f'<row r="5" spans="1:9">{text_cell("A5", "7")}<c r="D5" s="1"/></row>'
        f'<row r="6">{text_cell("A6", "8")}{text_cell("D6", "x")}</row><row r="7">{text_cell("A7", "  ")}</row>'
        f'<row r="8">{text_cell("D8", "x")}</row><row r="9"/>'
    )
    found = list(table_of(rows).lines())
    assert [(line.number, line.cells, codes(line)) for line in found] == [
        (5, ("7", ""), []),
        (6, ("8", ""), [("more_cells_than_columns", "")]),
        (8, ("", ""), [("more_cells_than_columns", "")]),
    ]


def test_a_million_empty_rows_are_no_lines() -> None:
    rows = "".join(f'<row r="{number}" ht="15"/>' for number in range(3, 300_000))
    found = list(table_of(f'<row r="2">{text_cell("A2", "7")}</row>{rows}').lines())
    assert [line.number for line in found] == [2]


def test_hidden_rows_and_columns_without_data_do_no_harm() -> None:
    rows = f'<row r="2">{text_cell("A2", "7")}</row><row r="3" hidden="1"><c r="A3" s="1"/></row>'
    content = book(
        sheets={"Data": sheet_xml(HEADER + rows, before='<cols><col min="3" max="16384" hidden="1"/></cols>')}
    )
    assert len(list(open_table(content, "a.xlsx").lines())) == 1


def test_an_empty_second_sheet_and_an_empty_tail_do_no_harm() -> None:
    content = book(sheets={"Data": sheet_xml(HEADER), "Sheet2": sheet_xml("")})
    table = open_table(content, "a.xlsx")
    assert (table.reading.sheet, list(table.lines())) == ("Data", [])


@pytest.mark.parametrize("name", ["http://purl.oclc.org/ooxml/spreadsheetml/main", MAIN])
@pytest.mark.parametrize("prefix", ["", "x:", "main-1:"])
def test_names_may_have_any_prefix_and_the_strict_namespace(prefix: str, name: str) -> None:
    def cell(reference: str, text: str) -> str:
        inline = f"<{prefix}is><{prefix}t>{text}</{prefix}t></{prefix}is>"
        return f'<{prefix}c r="{reference}" t="inlineStr">{inline}</{prefix}c>'

    rows = "".join(
        f'<{prefix}row r="{row}">{cell(f"A{row}", first)}{cell(f"B{row}", second)}</{prefix}row>'
        for row, (first, second) in enumerate((("id", "name"), ("7", "Wang")), start=1)
    )
    xml = sheet_xml(rows, prefix=prefix).replace(MAIN, name)
    assert [line.cells for line in open_table(book(sheets={"Data": xml}), "a.xlsx").lines()] == [("7", "Wang")]


def test_rows_written_in_any_way_read_the_same() -> None:
    """The pattern for usual rows and the way tag by tag agree."""
    cells = (
        '<c r="A2" s="1" t="s"><v>0</v></c><c r="B2"><v>5</v></c><c r="D2" s="1"/><c r="E2" t="str"><v>x&amp;y</v></c>'
    )
    unusual = cells.replace('"/>', '"></c>').replace("<v>", "<v  >").replace('s="1" t="s"', "t='s' s='1'")
    header = "".join(text_cell(f"{letter}1", letter) for letter in "ABCDE")
    read = [
        list(
            open_table(
                book(f'<row r="1">{header}</row><row r="2">{written}</row>', strings="<si><t>z</t></si>"), "a.xlsx"
            ).lines()
        )
        for written in (cells, unusual)
    ]
    assert read[0] == read[1] == [Line(2, ("z", "5", "", "", "x&y"), (), ("B",))]


def test_lines_can_be_read_again_and_at_the_same_time() -> None:
    table = table_of(f'<row r="2">{text_cell("A2", "7")}</row><row r="3">{text_cell("A3", "8")}</row>')
    assert [a.number for a, b in zip(table.lines(), table.lines(), strict=True) if a == b] == [2, 3]
