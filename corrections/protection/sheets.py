"""The first sheet of an .xlsx file as rows of text, for a preview only; batches are read elsewhere.

Values are those that were saved; formulas are not computed. Hidden rows and columns are shown like any other.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator
from xml.etree import ElementTree  # entity bombs: a document type is refused before parsing

from corrections.conf import limits
from corrections.errors import NoPreview

MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
SHARED_STRINGS = "xl/sharedStrings.xml"
SHEET = re.compile(r"xl/worksheets/sheet(\d+)\.xml")
CELL = re.compile(r"([A-Z]{1,3})\d+")


def first_sheet(content: bytes) -> list[list[str]]:
    """Rows in order, at most as many as a preview has lines. Raises NoPreview when a part is too large."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        names = archive.namelist()
        sheets = sorted((int(found[1]), name) for name in names if (found := SHEET.fullmatch(name)))
        if not sheets:
            raise NoPreview
        strings = _shared_strings(archive) if SHARED_STRINGS in names else []
        return list(_rows(_parsed(archive, sheets[0][1]), strings))


def _shared_strings(archive: zipfile.ZipFile) -> list[str]:
    return [_text(item) for item in _parsed(archive, SHARED_STRINGS).iter(f"{MAIN}si")]


def _rows(sheet: ElementTree.Element, strings: list[str]) -> Iterator[list[str]]:
    rows_max = limits.PREVIEW_PAGES_MAX * limits.PREVIEW_PAGE_LINES
    for number, row in enumerate(sheet.iter(f"{MAIN}row")):
        if number > rows_max:
            return
        values = [""] * limits.PREVIEW_COLUMNS_MAX
        for position, cell in enumerate(row.iter(f"{MAIN}c")):
            column = _column(cell.get("r", ""), position)
            if column < len(values):
                values[column] = _value(cell, strings)
        yield _without_tail(values)


def _column(reference: str, position: int) -> int:
    found = CELL.fullmatch(reference)
    if found is None:
        return position
    column = 0
    for letter in found[1]:
        column = column * 26 + ord(letter) - ord("A") + 1
    return column - 1


def _value(cell: ElementTree.Element, strings: list[str]) -> str:
    if cell.get("t") == "inlineStr":
        return _text(cell)
    value = cell.findtext(f"{MAIN}v", "")
    if cell.get("t") == "s" and value.isdecimal():
        return strings[int(value)] if int(value) < len(strings) else ""
    return value


def _text(element: ElementTree.Element) -> str:
    return "".join(part.text or "" for part in element.iter(f"{MAIN}t"))


def _without_tail(values: list[str]) -> list[str]:
    while values and not values[-1]:
        values.pop()
    return values


def _parsed(archive: zipfile.ZipFile, name: str) -> ElementTree.Element:
    with archive.open(name) as part:
        content = part.read(limits.PREVIEW_XML_BYTES_MAX + 1)
    if len(content) > limits.PREVIEW_XML_BYTES_MAX or b"<!DOCTYPE" in content or b"<!ENTITY" in content:
        raise NoPreview(code="preview_too_large")
    return ElementTree.fromstring(content)  # noqa: S314  no document type, bounded size
