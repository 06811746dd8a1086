"""Workbooks made by hand, tag by tag: no library writes what these tests are about."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006"
WORKBOOK_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"
DECLARATION = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
SHEET_1 = "xl/worksheets/sheet1.xml"

# Two columns and one line of texts, as a fit file has them.
HEADER = (
    '<row r="1"><c r="A1" t="inlineStr"><is><t>id</t></is></c><c r="B1" t="inlineStr"><is><t>name</t></is></c></row>'
)


def text_cell(reference: str, text: str) -> str:
    return f'<c r="{reference}" t="inlineStr"><is><t>{text}</t></is></c>'


def sheet_xml(rows: str, *, before: str = "", after: str = "", prefix: str = "") -> str:
    """A worksheet; `prefix` with its colon, when the names have one, is put before our own tags only."""
    name = f"xmlns:{prefix.rstrip(':')}" if prefix else "xmlns"
    return (
        f'{DECLARATION}<{prefix}worksheet {name}="{MAIN}">{before}'
        f"<{prefix}sheetData>{rows}</{prefix}sheetData>{after}</{prefix}worksheet>"
    )


def book(
    rows: str = "",
    *,
    sheets: Mapping[str, str] | None = None,
    states: Mapping[str, str] | None = None,
    styles: Sequence[str] = (),
    strings: str = "",
    properties: str = "",
    parts: Mapping[str, str | bytes] | None = None,
    types: str = WORKBOOK_TYPE,
) -> bytes:
    """A workbook of these sheets (name → XML of the part), by default one of these rows.

    `styles` are format codes, style 1 being the first; `parts` are added or put in place of ours.
    """
    sheets = {"Data": sheet_xml(rows)} if sheets is None else sheets
    contents: dict[str, str | bytes] = {
        "[Content_Types].xml": _types(types),
        "_rels/.rels": _relations({"rId1": ("officeDocument", "xl/workbook.xml")}),
        "xl/workbook.xml": _workbook(list(sheets), states or {}, properties),
        "xl/_rels/workbook.xml.rels": _relations(_of_workbook(len(sheets))),
        "xl/styles.xml": _styles(styles),
        "xl/sharedStrings.xml": f'{DECLARATION}<sst xmlns="{MAIN}">{strings}</sst>',
        **{f"xl/worksheets/sheet{number}.xml": xml for number, xml in enumerate(sheets.values(), start=1)},
        **(parts or {}),
    }
    return packed(contents)


def packed(contents: Mapping[str, str | bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in contents.items():
            archive.writestr(name, content)
    return file.getvalue()


def _types(workbook: str) -> str:
    override = f'<Override PartName="/xl/workbook.xml" ContentType="{workbook}"/>'
    return f'{DECLARATION}<Types xmlns="{PACKAGE}/content-types">{override}</Types>'


def _relations(targets: Mapping[str, tuple[str, str]]) -> str:
    lines = "".join(
        f'<Relationship Id="{key}" Type="{RELATIONS}/{kind}" Target="/{target}"/>'
        for key, (kind, target) in targets.items()
    )
    return f'{DECLARATION}<Relationships xmlns="{PACKAGE}/relationships">{lines}</Relationships>'


def _of_workbook(count: int) -> dict[str, tuple[str, str]]:
    sheets = {f"rId{number}": ("worksheet", f"xl/worksheets/sheet{number}.xml") for number in range(1, count + 1)}
    return {
        **sheets,
        "strings": ("sharedStrings", "xl/sharedStrings.xml"),
        "styles": ("styles", "xl/styles.xml"),
    }


def _workbook(names: Sequence[str], states: Mapping[str, str], properties: str) -> str:
    lines = "".join(
        f'<sheet name="{name}" sheetId="{number}" state="{states.get(name, "visible")}" r:id="rId{number}"/>'
        for number, name in enumerate(names, start=1)
    )
    return (
        f'{DECLARATION}<workbook xmlns="{MAIN}" xmlns:r="{RELATIONS}">{properties}<sheets>{lines}</sheets></workbook>'
    )


def _styles(codes: Sequence[str]) -> str:
    formats = "".join(
        f'<numFmt numFmtId="{number}" formatCode="{code}"/>' for number, code in enumerate(codes, start=164)
    )
    styles = "".join(f'<xf numFmtId="{number}"/>' for number in (0, *range(164, 164 + len(codes))))
    return (
        f'{DECLARATION}<styleSheet xmlns="{MAIN}"><numFmts>{formats}</numFmts>'
        f'<cellStyleXfs><xf numFmtId="9"/></cellStyleXfs><cellXfs>{styles}</cellXfs></styleSheet>'
    )
