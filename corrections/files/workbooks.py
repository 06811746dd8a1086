"""Which sheets a workbook has, and the one that is meant; formats and dates as the workbook declares them.

Source: ECMA-376 Part 1, SpreadsheetML; the names of the “strict” variant are taken as well.
"""

from __future__ import annotations

import posixpath
from dataclasses import dataclass

from django.utils.translation import gettext_lazy as _

from corrections.files.formats import PLAIN, Shown, shown_by
from corrections.files.packages import Clock, Element, Package, damaged
from corrections.files.table import FileRefused

MAIN = (
    "http://schemas.openxmlformats.org/spreadsheetml/2006/main",
    "http://purl.oclc.org/ooxml/spreadsheetml/main",
)
TRUE = {"1", "true", "on"}
DATA = frozenset(f"{main} {name}" for main in MAIN for name in ("v", "is", "f"))
NAMES_SHOWN_MAX = 5
STYLE_DIGITS_MAX = 6


@dataclass(frozen=True)
class Sheet:
    name: str
    part: str
    is_hidden: bool


@dataclass(frozen=True)
class Workbook:
    """`formats` say how a number of each style is shown; `strings` is the part of shared strings, or ""."""

    package: Package
    sheets: tuple[Sheet, ...]
    strings: str
    formats: tuple[Shown, ...]
    since_1904: bool


def workbook_of(package: Package) -> Workbook:
    """Raises FileRefused `workbook_damaged`."""
    part = _target(package, "", "officeDocument")
    elements = package.small(part)
    related = _related(package, part)
    properties = [element for element in elements if element.name == "workbookPr"]
    return Workbook(
        package,
        tuple(_sheets(elements, related)),
        _one(related, "sharedStrings"),
        _formats(package, _one(related, "styles")),
        any(is_true(element.attributes.get("date1904")) for element in properties),
    )


def chosen_sheet(book: Workbook, name: str) -> Sheet:
    """The sheet of that name, or the only one with data.

    Raises FileRefused `sheet_hidden`, `sheet_not_found`, `file_is_empty` or `several_sheets`.
    """
    hidden = [sheet for sheet in book.sheets if sheet.is_hidden]
    if hidden:
        raise FileRefused(
            _("The workbook has a hidden sheet, “%(sheet)s”. Show it or delete it."),
            code="sheet_hidden",
            sheet=hidden[0].name,
        )
    if name:
        return _named(book, name)
    clock = Clock()
    filled = [sheet for sheet in book.sheets if _has_data(book.package, sheet, clock)]
    if not filled:
        raise FileRefused(_("The file is empty."), code="file_is_empty")
    if len(filled) > 1:
        raise FileRefused(
            _("Several sheets hold data: %(sheets)s. Choose one."),
            code="several_sheets",
            sheets=", ".join(sheet.name for sheet in filled[:NAMES_SHOWN_MAX]),
        )
    return filled[0]


def format_of(formats: tuple[Shown, ...], style: str) -> Shown:
    """How a number of this style is shown; a style that isn't there is the plain one."""
    if not style:
        style = "0"
    place = int(style) if style.isdecimal() and len(style) <= STYLE_DIGITS_MAX else len(formats)
    return formats[place] if place < len(formats) else PLAIN


def is_true(value: str | None) -> bool:
    return value in TRUE


def _named(book: Workbook, name: str) -> Sheet:
    for sheet in book.sheets:
        if sheet.name.casefold() == name.strip().casefold():
            return sheet
    raise FileRefused(_("The workbook has no sheet “%(sheet)s”."), code="sheet_not_found", sheet=name)


def _has_data(package: Package, sheet: Sheet, clock: Clock) -> bool:
    found: list[str] = []

    def start(name: str, attributes: dict[str, str]) -> None:
        if name in DATA:
            found.append(name)

    for _block in package.parse(sheet.part, start):
        clock.look()
        if found:
            return True
    return False


def _sheets(elements: list[Element], related: dict[str, tuple[str, str]]) -> list[Sheet]:
    """Sheets of cells; those that are charts hold no data of their own."""
    sheets = []
    for element in elements:
        if element.name == "sheet" and element.parent == "sheets":
            kind, part = related.get(element.attributes.get("id", ""), ("", ""))
            hidden = element.attributes.get("state", "visible") != "visible"
            if kind == "worksheet":
                sheets.append(Sheet(element.attributes.get("name", ""), part, hidden))
    return sheets


def _formats(package: Package, part: str) -> tuple[Shown, ...]:
    if not part:
        return ()
    elements = package.small(part)
    codes = {
        element.attributes.get("numFmtId", ""): element.attributes.get("formatCode", "")
        for element in elements
        if element.name == "numFmt" and element.parent == "numFmts"
    }
    styles = [element for element in elements if element.name == "xf" and element.parent == "cellXfs"]
    return tuple(shown_by(style.attributes.get("numFmtId", "0"), codes) for style in styles)


def _related(package: Package, part: str) -> dict[str, tuple[str, str]]:
    """Kind and part of what a part refers to within the package, by id. Raises FileRefused `workbook_damaged`."""
    folder, name = posixpath.split(part)
    relations = posixpath.join(folder, "_rels", f"{name}.rels")
    if relations not in package:
        raise damaged()
    related = {}
    for element in package.small(relations):
        if element.name == "Relationship" and element.attributes.get("TargetMode") != "External":
            target = posixpath.normpath(posixpath.join("/", folder, element.attributes.get("Target", ""))).lstrip("/")
            if target in package:
                kind = posixpath.basename(element.attributes.get("Type", ""))
                related[element.attributes.get("Id", "")] = (kind, target)
    return related


def _target(package: Package, part: str, kind: str) -> str:
    found = _one(_related(package, part), kind)
    if not found:
        raise damaged()
    return found


def _one(related: dict[str, tuple[str, str]], kind: str) -> str:
    return next((part for found, part in related.values() if found == kind), "")
