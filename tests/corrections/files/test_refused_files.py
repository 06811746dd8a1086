"""Files that nobody could read without guessing are refused as a whole, each with the code of what is wrong."""

from __future__ import annotations

import gzip
import io
import re
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import xlsxwriter

import corrections.files
from corrections.files import FileRefused, open_table
from tests.corrections.files.workbooks import (
    DECLARATION,
    HEADER,
    MAIN,
    SHEET_1,
    WORKBOOK_TYPE,
    book,
    packed,
    sheet_xml,
    text_cell,
)

LINE = f'<row r="2">{text_cell("A2", "7")}{text_cell("B2", "Wang")}</row>'
GOOD = HEADER + LINE
COMPOUND = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"

TEXTS: list[tuple[str, bytes, str, str]] = [
    ("nothing", b"", "a.csv", "file_is_empty"),
    ("only spaces", b" \r\n\t\r\n ", "a.csv", "file_is_empty"),
    ("only a byte-order mark", b"\xef\xbb\xbf\r\n", "a.csv", "file_is_empty"),
    ("a header of blanks", b" , ,\r\n,,\r\n", "a.csv", "header_missing"),
    ("a column without a heading", b"id,,name\r\n1,2,3\r\n", "a.csv", "header_cell_empty"),
    ("the same heading twice", b"id,name,id\r\n1,2,3\r\n", "a.csv", "column_twice"),
    ("the same heading in another case", b"id,Name,NAME \r\n1,2,3\r\n", "a.csv", "column_twice"),
    ("the same heading in full width", "id,ｉｄ\r\n1,2\r\n".encode(), "a.csv", "column_twice"),
    ("a letter for a header", b"x" * 300 + b"\r\n1\r\n", "a.csv", "header_cell_too_long"),
    ("hundreds of columns", b",".join(b"c%d" % n for n in range(101)) + b"\r\n", "a.csv", "too_many_columns"),
    ("a quotation mark never closed", b'id,name\r\n1,"Wang\r\n2,Li\r\n', "a.csv", "quote_not_closed"),
    ("one never closed in a long file", b'id,name\r\n1,"Wang\r\n' + b"2,Li\r\n" * 40_000, "a.csv", "quote_not_closed"),
    ("text after a closed mark", b'id,name\r\n1,"Wang" Wu\r\n', "a.csv", "quote_misplaced"),
    ("a mark within a cell", b'id,name\r\n1,Wang "Wu"\r\n', "a.csv", "quote_misplaced"),
    ("a mark after a space", b'id,name\r\n1, "Wang"\r\n', "a.csv", "quote_misplaced"),
    ("a cell without an end", b"id,name\r\n1," + b"x" * 140_000 + b"\r\n", "a.csv", "cell_far_too_long"),
    ("separators that both fit", b"a;b,c\r\n1;2,3\r\n", "a.csv", "separator_ambiguous"),
    ("separators that both don't fit", b"a;b,c\r\n1;2;3,4,5\r\n", "a.csv", "separator_ambiguous"),
    ("Latin-1", "id,name\r\n1,Ren\xe9\r\n".encode("latin-1"), "a.csv", "encoding_unknown"),
    ("UTF-16 without a mark", "id,name\r\n1,Wang\r\n".encode("utf-16-le"), "a.csv", "encoding_needs_a_mark"),
    ("UTF-16 cut in half", "id,name\r\n1,Wang\r\n".encode("utf-16")[:-1], "a.csv", "encoding_unknown"),
    ("UTF-32", "id,name\r\n1,Wang\r\n".encode("utf-32"), "a.csv", "encoding_unknown"),
    ("a NUL among text", b"id,name\r\n" + b"1,Wang\r\n" * 10 + b"2,\x00\r\n", "a.csv", "file_has_nul"),
    ("a NUL in UTF-16", "id,name\r\n1,\x00\r\n".encode("utf-16"), "a.csv", "file_has_nul"),
    ("UTF-8 that is torn", b"id,name\r\n1,\xe5\xbc\r\n" + b"\xff" * 3, "a.csv", "encoding_unknown"),
    ("a web page named .xls", b"<html><table><tr><td>id</td></tr></table></html>", "a.xls", "file_format_unknown"),
    ("a workbook of 2003 in XML", b'<?xml version="1.0"?><Workbook/>', "a.xml", "file_format_unknown"),
    ("a PDF", b"%PDF-1.7\n%\xe2\xe3\n1 0 obj\n", "a.csv", "file_format_unknown"),
    ("JSON", b'[{"id": 1}]', "a.csv", "file_format_unknown"),
    ("SYLK", b"ID;PWXL;N;E\r\nC;Y1;X1\r\n", "a.csv", "file_format_unknown"),
    ("rich text", rb"{\rtf1\ansi id}", "a.csv", "file_format_unknown"),
    ("a picture", b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "a.csv", "file_format_unknown"),
    ("a compressed CSV", gzip.compress(b"id,name\r\n1,Wang\r\n", mtime=0), "a.csv.gz", "file_format_unknown"),
    ("a text named .xlsx", b"id,name\r\n1,Wang\r\n", "a.xlsx", "file_name_contradicts_content"),
    ("an old workbook", COMPOUND + b"\x00" * 512, "a.xls", "workbook_is_legacy"),
    ("a workbook with a password", COMPOUND + "EncryptedPackage".encode("utf-16-le"), "a.xlsx", "workbook_encrypted"),
]


def test_a_file_larger_than_the_limit_is_refused(settings: object) -> None:
    settings.CORRECTIONS_BATCH_BYTES_MAX = 20  # type: ignore[attr-defined]
    assert refusal(b"id,name\r\n1,Wang\r\n2,Li\r\n", "a.csv").code == "file_too_large"


@pytest.mark.parametrize("rows", [b"1,Wang\r\n" * 4, b"1,Wang\r\n\r\n" * 4])
def test_a_text_of_more_rows_than_the_limit_is_refused(settings: object, rows: bytes) -> None:
    settings.CORRECTIONS_BATCH_ROWS_MAX = 3  # type: ignore[attr-defined]
    assert refusal(b"id,name\r\n" + rows, "a.csv").code == "too_many_rows"


def encrypted_entry() -> bytes:
    """A zip whose directory says that a part is encrypted."""
    content = bytearray(book(GOOD))
    entry = content.index(b"PK\x01\x02")
    content[entry + 8] |= 1
    return bytes(content)


def other_method() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
    return file.getvalue()


def overlapping_parts() -> bytes:
    """Parts that share their bytes: the directory names the same place again and again."""
    content = book(GOOD)
    directory, end = content.index(b"PK\x01\x02"), content.rindex(b"PK\x05\x06")
    entries = b"".join(
        content[directory:end].replace(b"xl/styles.xml", b"xl/styles%03d" % number) for number in range(120)
    )
    tail = bytearray(content[end:])
    count = entries.count(b"PK\x01\x02")
    tail[8:10] = tail[10:12] = count.to_bytes(2, "little")
    tail[12:16] = len(entries).to_bytes(4, "little")
    return content[:directory] + entries + bytes(tail)


def real(fill: Callable[[object], None]) -> bytes:
    """A workbook as xlsxwriter makes it: a header, one line, and what `fill` does to the sheet."""
    file = io.BytesIO()
    made = xlsxwriter.Workbook(file)
    sheet = made.add_worksheet("Data")
    sheet.write_row(0, 0, ["id", "name"])
    sheet.write_row(1, 0, ["7", "Wang"])
    fill(sheet)
    made.close()
    return file.getvalue()


def of_rows(rows: str) -> bytes:
    return book(HEADER + rows)


def of_sheet(**around: str) -> bytes:
    return book(sheets={"Data": sheet_xml(GOOD, **around)})


DOCTYPE = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>'
OF_BOMB = sheet_xml(GOOD).replace(DECLARATION, DECLARATION + DOCTYPE)
OTHER = "http://example.test/other"

WORKBOOKS: list[tuple[str, Callable[[], bytes], str]] = [
    ("a zip that is no workbook", lambda: packed({"a.txt": "x"}), "file_format_unknown"),
    ("a document of Word", lambda: book(GOOD, types="application/msword"), "file_format_unknown"),
    ("a torn zip", lambda: book(GOOD)[:-40], "workbook_damaged"),
    ("a torn part", lambda: torn_part(), "workbook_damaged"),
    ("macros by name", lambda: book(GOOD, parts={"xl/vbaProject.bin": b"x"}), "workbook_has_macros"),
    (
        "macros by type",
        lambda: book(GOOD, types="application/vnd.ms-excel.sheet.macroEnabled.main+xml"),
        "workbook_has_macros",
    ),
    ("an encrypted part", encrypted_entry, "workbook_encrypted"),
    ("a part packed otherwise", other_method, "workbook_damaged"),
    ("parts upon each other", overlapping_parts, "workbook_damaged"),
    ("no workbook part", lambda: packed({"[Content_Types].xml": types_alone()}), "workbook_damaged"),
    ("no sheet", lambda: book(sheets={}), "file_is_empty"),
    ("an empty sheet", lambda: book(""), "file_is_empty"),
    ("cells without values", lambda: book('<row r="1"><c r="A1" s="0"/></row>'), "file_is_empty"),
    ("two sheets with data", lambda: book(sheets={"A": sheet_xml(GOOD), "B": sheet_xml(GOOD)}), "several_sheets"),
    ("a hidden sheet", lambda: two_sheets("hidden"), "sheet_hidden"),
    ("a very hidden sheet", lambda: two_sheets("veryHidden"), "sheet_hidden"),
    ("a hidden row", lambda: of_rows(LINE.replace('<row r="2"', '<row r="2" hidden="1"')), "rows_hidden"),
    ("a hidden header", lambda: book(GOOD.replace('<row r="1"', '<row r="1" hidden="true"')), "rows_hidden"),
    ("a row of no height", lambda: of_rows(LINE.replace('r="2">', 'r="2" ht="0" customHeight="1">', 1)), "rows_hidden"),
    ("rows hidden unless said", lambda: of_sheet(before='<sheetFormatPr zeroHeight="1"/>'), "rows_hidden"),
    ("a filtered row", lambda: real(lambda sheet: sheet.set_row(1, options={"hidden": True})), "rows_hidden"),
    ("a hidden column", lambda: of_sheet(before='<cols><col min="2" max="2" hidden="1"/></cols>'), "columns_hidden"),
    (
        "a column of no width",
        lambda: of_sheet(before='<cols><col min="1" max="1" width="0"/></cols>'),
        "columns_hidden",
    ),
    (
        "a column hidden by hand",
        lambda: real(lambda s: s.set_column("B:B", None, None, {"hidden": 1})),
        "columns_hidden",
    ),
    ("merged cells", lambda: of_sheet(after='<mergeCells><mergeCell ref="A2:B2"/></mergeCells>'), "cells_merged"),
    ("cells merged by hand", lambda: real(lambda sheet: sheet.merge_range("A4:B4", "x")), "cells_merged"),
    ("a header with a formula", lambda: real(lambda sheet: sheet.write_formula("B1", "=1+1")), "header_cell_unusable"),
    (
        "a header that is an error",
        lambda: book(GOOD.replace(text_cell("B1", "name"), error("B1"))),
        "header_cell_unusable",
    ),
    ("a table that begins at B", lambda: book(f'<row r="1">{text_cell("B1", "id")}</row>'), "header_cell_empty"),
    ("the same heading twice", lambda: real(lambda sheet: sheet.write_string("C1", "ID")), "column_twice"),
    ("an entity bomb", lambda: book(sheets={"Data": OF_BOMB}), "workbook_has_entities"),
    (
        "an entity bomb among strings",
        lambda: book(GOOD, parts={"xl/sharedStrings.xml": f'{DOCTYPE}<sst xmlns="{MAIN}"/>'}),
        "workbook_has_entities",
    ),
    (
        "an entity bomb in UTF-16",
        lambda: book(GOOD, parts={SHEET_1: OF_BOMB.replace("UTF-8", "UTF-16").encode("utf-16")}),
        "workbook_has_entities",
    ),
    (
        "an encoding that nobody knows",
        lambda: book(GOOD, parts={SHEET_1: sheet_xml(GOOD).replace("UTF-8", "UTX-8")}),
        "workbook_damaged",
    ),
    ("another encoding", lambda: book(GOOD, parts={SHEET_1: in_utf_16()}), "workbook_damaged"),
    ("XML that is torn", lambda: book(GOOD, parts={SHEET_1: sheet_xml(GOOD)[:-20]}), "workbook_damaged"),
    (
        "bytes that aren't UTF-8",
        lambda: book(GOOD, parts={SHEET_1: sheet_xml(GOOD).encode("latin-1") + b"\xff"}),
        "workbook_damaged",
    ),
    ("a comment", lambda: book(GOOD + "<!-- <row/> -->"), "workbook_damaged"),
    ("CDATA", lambda: of_rows(LINE.replace("Wang", "<![CDATA[Wang]]>")), "workbook_damaged"),
    ("a processing instruction", lambda: of_rows(LINE + "<?x y?>"), "workbook_damaged"),
    ("two names for one namespace", lambda: of_sheet(after=f'<y:x xmlns:y="{MAIN}"/>'), "workbook_damaged"),
    ("one name for two namespaces", lambda: of_sheet(after=f'<x xmlns="{OTHER}"/>'), "workbook_damaged"),
    ("no namespace", lambda: book(sheets={"Data": sheet_xml(GOOD).replace(MAIN, OTHER)}), "file_is_empty"),
    ("rows out of order", lambda: of_rows(LINE + LINE.replace("2", "1")), "workbook_damaged"),
    ("the same row twice", lambda: of_rows(LINE + LINE), "workbook_damaged"),
    ("a row beyond the format", lambda: of_rows('<row r="1048577"/>'), "workbook_damaged"),
    ("a row that is no number", lambda: of_rows('<row r="-1"/>'), "workbook_damaged"),
    (
        "cells out of order",
        lambda: of_rows(f'<row r="2">{text_cell("B2", "x")}{text_cell("A2", "y")}</row>'),
        "workbook_damaged",
    ),
    ("a cell of another row", lambda: of_rows(f'<row r="2">{text_cell("A22", "x")}</row>'), "workbook_damaged"),
    ("a column beyond the format", lambda: of_rows(f'<row r="2">{text_cell("XFE2", "x")}</row>'), "workbook_damaged"),
    (
        "a cell within a cell",
        lambda: of_rows(f'<row r="2"><c r="A2">{text_cell("B2", "x")}</c></row>'),
        "workbook_damaged",
    ),
    ("a row within a row", lambda: of_rows(f'<row r="2">{LINE}</row>'), "workbook_damaged"),
    ("something else among rows", lambda: of_rows("<x/>"), "workbook_damaged"),
    ("something else among cells", lambda: of_rows(LINE.replace("</row>", "<x/></row>")), "workbook_damaged"),
    ("rows a second time", lambda: of_sheet(after=f"<sheetData>{LINE}</sheetData>"), "workbook_damaged"),
    (
        "hidden columns that are no numbers",
        lambda: of_sheet(before='<cols><col min="x" max="2" hidden="1"/></cols>'),
        "workbook_damaged",
    ),
]


def types_alone() -> str:
    return f'<Types xmlns="x"><Override ContentType="{WORKBOOK_TYPE}"/></Types>'


def torn_part() -> bytes:
    content = bytearray(book(HEADER + LINE, parts={"xl/worksheets/sheet1.xml": sheet_xml(GOOD)}))
    place = content.index(b"xl/worksheets/sheet1.xml") + len("xl/worksheets/sheet1.xml") + 20
    content[place] ^= 0xFF
    return bytes(content)


def in_utf_16() -> bytes:
    return sheet_xml(GOOD).replace("UTF-8", "UTF-16").encode("utf-16")


def two_sheets(state: str) -> bytes:
    return book(sheets={"Data": sheet_xml(GOOD), "Old": sheet_xml("")}, states={"Old": state})


def error(reference: str) -> str:
    return f'<c r="{reference}" t="e"><v>#REF!</v></c>'


def refusal(content: bytes, filename: str, **chosen: str) -> FileRefused:
    with pytest.raises(FileRefused) as caught:
        open_table(content, filename, **chosen)
    return caught.value


@pytest.mark.parametrize(("content", "filename", "code"), [row[1:] for row in TEXTS], ids=[row[0] for row in TEXTS])
def test_a_text_that_is_no_table_is_refused(content: bytes, filename: str, code: str) -> None:
    refused = refusal(content, filename)
    assert refused.code == code
    assert "%(" not in str(refused)


@pytest.mark.parametrize(("make", "code"), [row[1:] for row in WORKBOOKS], ids=[row[0] for row in WORKBOOKS])
def test_a_workbook_that_misleads_is_refused(make: Callable[[], bytes], code: str) -> None:
    refused = refusal(make(), "a.xlsx")
    assert refused.code == code
    assert "%(" not in str(refused)


def test_the_workbook_without_any_of_that_is_read() -> None:
    for content in (book(GOOD), real(lambda sheet: None)):
        table = open_table(content, "a.xlsx")
        assert table.reading.header == ("id", "name")
        assert [line.cells for line in table.lines()] == [("7", "Wang")]


def test_a_sheet_is_chosen_by_name_in_any_case() -> None:
    content = book(sheets={"One": sheet_xml(GOOD), "Two": sheet_xml(GOOD.replace("Wang", "Li"))})
    assert [line.cells for line in open_table(content, "a.xlsx", sheet="two").lines()] == [("7", "Li")]
    refused = refusal(content, "a.xlsx", sheet="Three")
    assert (refused.code, "Three" in str(refused)) == ("sheet_not_found", True)


def test_hiding_is_refused_even_beside_a_chosen_sheet() -> None:
    assert refusal(two_sheets("hidden"), "a.xlsx", sheet="Data").code == "sheet_hidden"


@pytest.mark.parametrize(
    ("limit", "value", "code"),
    [
        ("BATCH_ROWS_MAX", 1, "too_many_rows"),
        ("BATCH_CELLS_MAX", 5, "too_many_cells"),
        ("BATCH_COLUMNS_MAX", 1, "too_many_columns"),
        ("BATCH_UNPACKED_BYTES_MAX", 500, "workbook_too_large"),
        ("BATCH_STRINGS_BYTES_MAX", 1, "workbook_too_large"),
        ("EVIDENCE_XLSX_PARTS_MAX", 3, "workbook_too_large"),
    ],
)
def test_a_workbook_beyond_a_limit_is_refused(settings: object, limit: str, value: int, code: str) -> None:
    setattr(settings, f"CORRECTIONS_{limit}", value)
    content = book(HEADER + LINE + LINE.replace("2", "3"), strings="<si><t>x</t></si>")
    assert refusal(content, "a.xlsx").code == code


def test_every_code_of_refusal_is_earned_by_a_file_here() -> None:
    folder = Path(corrections.files.__file__).parent
    source = "".join(path.read_text("utf-8") for path in folder.glob("*.py") if path.name != "writing.py")
    codes = set(re.findall(r'code="(\w+)"', source))
    here = {code for *_rest, code in TEXTS} | {code for *_rest, code in WORKBOOKS}
    elsewhere = {"workbook_too_slow", "workbook_too_large", "too_many_formulas", "too_many_cells", "sheet_not_found"}
    assert codes - here - elsewhere == {"file_too_large", "too_many_rows"}
    assert len(TEXTS) + len(WORKBOOKS) >= 40
