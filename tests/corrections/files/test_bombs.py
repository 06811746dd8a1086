"""A bomb is refused within two seconds and 64 MB, whatever its directory says."""

from __future__ import annotations

import io
import time
import tracemalloc
import zipfile
from collections.abc import Callable

import pytest

from corrections.files import FileRefused, open_table
from tests.corrections.files.test_refused_files import overlapping_parts
from tests.corrections.files.workbooks import HEADER, MAIN, book, packed, sheet_xml, text_cell

MEGABYTE = 1024 * 1024
SECONDS_MAX = 2.0
BYTES_MAX = 64 * MEGABYTE
ENTITIES = "".join(f'<!ENTITY e{n + 1} "{f"&e{n};" * 20}">' for n in range(9))
LAUGHS = f'<!DOCTYPE x [<!ENTITY e0 "ha">{ENTITIES}]><worksheet xmlns="{MAIN}">&e9;</worksheet>'


def zeros(megabytes: int) -> bytes:
    return book(HEADER, parts={"xl/media/image1.png": b"\0" * megabytes * MEGABYTE})


def lying_directory() -> bytes:
    """A directory that promises a small sheet where a large one is packed."""
    content = bytearray(book(sheets={"Data": sheet_xml(HEADER + "<row/>" * 400_000)}))
    entry = content.rindex(b"xl/worksheets/sheet1.xml") - 46
    content[entry + 24 : entry + 28] = (1_000).to_bytes(4, "little")
    return bytes(content)


def many_parts() -> bytes:
    return packed({f"xl/{number}": "" for number in range(20_000)})


def one_endless_tag() -> bytes:
    noise = "".join(f"{n * 2654435761 % 2**32:08x}" for n in range(400_000))
    return book(sheets={"Data": sheet_xml(f'<row r="1"><c r="A1" x="{noise}"/></row>')})


def one_endless_cell() -> bytes:
    noise = "".join(f"{n * 2654435761 % 2**32:08x}" for n in range(1_200_000))
    return book(HEADER + f'<row r="2">{text_cell("A2", noise)}</row>')


def one_endless_string() -> bytes:
    noise = "".join(f"{n * 2654435761 % 2**32:08x}" for n in range(1_200_000))
    return book(HEADER, strings=f"<si><t>{noise}</t></si>")


def deep() -> bytes:
    return book(HEADER, parts={"xl/styles.xml": "<x>" * 1_000_000 + "</x>" * 1_000_000})


def deep_types() -> bytes:
    return book(HEADER, parts={"[Content_Types].xml": "<x>" * 600_000 + "</x>" * 600_000})


BOMBS: list[tuple[str, Callable[[], bytes], set[str]]] = [
    ("zeros", lambda: zeros(200), {"workbook_too_large"}),
    ("zeros beyond the limit", lambda: zeros(513), {"workbook_too_large"}),
    ("a zip of a zip's bytes again and again", overlapping_parts, {"workbook_damaged"}),
    ("a sheet that unpacks far", lambda: book("<row/>" * 2_000_000), {"workbook_too_large"}),
    ("a directory that lies", lying_directory, {"workbook_damaged"}),
    ("thousands of parts", many_parts, {"workbook_too_large"}),
    ("a billion laughs", lambda: book(sheets={"Data": LAUGHS}), {"workbook_has_entities"}),
    (
        "laughs among content types",
        lambda: book(HEADER, parts={"[Content_Types].xml": LAUGHS}),
        {"workbook_has_entities"},
    ),
    ("laughs in the workbook", lambda: book(HEADER, parts={"xl/workbook.xml": LAUGHS}), {"workbook_has_entities"}),
    ("a tag without end", one_endless_tag, {"workbook_damaged"}),
    ("a cell without end", one_endless_cell, {"workbook_damaged"}),
    ("a string without end", one_endless_string, {"workbook_damaged"}),
    ("styles a million deep", deep, {"workbook_too_large", "workbook_damaged"}),
    ("types half a million deep", deep_types, {"workbook_too_large", "workbook_damaged", "file_format_unknown"}),
    ("a text of one line", lambda: b"x" * 40 * MEGABYTE, {"cell_far_too_long"}),
    ("a text of separators", lambda: b"a," * 2 * MEGABYTE, {"too_many_columns", "header_cell_empty", "column_twice"}),
    ("a text of quotation marks", lambda: b'a,b\n"' + b'""' * 10 * MEGABYTE, {"quote_not_closed", "cell_far_too_long"}),
]


@pytest.mark.parametrize(("make", "codes"), [row[1:] for row in BOMBS], ids=[row[0] for row in BOMBS])
def test_a_bomb_is_refused_soon_and_with_little_memory(make: Callable[[], bytes], codes: set[str]) -> None:
    content = make()
    name = "a.xlsx" if content.startswith(b"PK") else "a.csv"
    begun = time.process_time()
    assert refused(content, name) in codes
    assert time.process_time() - begun < SECONDS_MAX
    tracemalloc.start()
    try:
        assert refused(content, name) in codes
        assert tracemalloc.get_traced_memory()[1] < BYTES_MAX
    finally:
        tracemalloc.stop()


def refused(content: bytes, name: str) -> str:
    with pytest.raises(FileRefused) as caught:
        open_table(content, name)
    return caught.value.code


def test_a_workbook_that_takes_too_long_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    content = book(HEADER)
    ticks = iter(range(0, 1_000_000, 121))
    monkeypatch.setattr(time, "monotonic", lambda: float(next(ticks)))
    assert refused(content, "a.xlsx") == "workbook_too_slow"


def test_two_distant_cells_are_two_cells() -> None:
    """A file of a few bytes that others take for a billion cells."""
    content = book(HEADER + '<row r="1048576"><c r="XFD1048576" s="1"/></row>')
    table = open_table(content, "a.xlsx")
    tracemalloc.start()
    try:
        assert list(table.lines()) == []
        assert tracemalloc.get_traced_memory()[1] < MEGABYTE
    finally:
        tracemalloc.stop()


def test_a_sheet_full_of_array_formulas_is_refused_while_it_is_read() -> None:
    cells = "".join(f'<c><f t="array" ref="A{n}:A9999"/></c>' for n in range(2, 12))
    rows = "".join(f'<row r="{n}">{cells}</row>' for n in range(2, 150))
    with pytest.raises(FileRefused) as caught:
        list(open_table(book(HEADER + rows), "a.xlsx").lines())
    assert caught.value.code == "too_many_formulas"


def test_only_the_promised_bytes_of_a_part_are_unpacked() -> None:
    """What the limits are reckoned from is what the zip module keeps to."""
    with zipfile.ZipFile(io.BytesIO(lying_directory())) as archive, pytest.raises(zipfile.BadZipFile):
        archive.read("xl/worksheets/sheet1.xml")
