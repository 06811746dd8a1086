"""Short ways to make a report and read it back, as a test needs them."""

from __future__ import annotations

import csv
import io
import tempfile
from typing import Any

import python_calamine

from corrections.files.safe_cells import restored
from corrections.permissions import rights_of
from corrections.reports.filters import parse
from corrections.reports.history import Sight
from corrections.reports.lines import Report
from corrections.services.export import Export, export_history


def lines(user: Any, *, is_words: bool = False, group_lines: int = 500, **filters: str) -> list[dict[str, str]]:
    """The report's lines by column, before any file."""
    report = Report(parse(filters), Sight.of(rights_of(user)), is_words=is_words, group_lines=group_lines)
    names = report.headings()
    return [dict(zip(names, own + shared, strict=True)) for own, shared in report.lines()]


def exported(user: Any, *, format: str = "csv", **filters: str) -> tuple[Export, bytes]:  # noqa: A002
    with tempfile.TemporaryFile() as file:
        export = export_history(actor=user, filters=parse(filters), format=format, file=file)
        return export, file.read()


def csv_lines(content: bytes) -> list[dict[str, str]]:
    text = io.StringIO(content.decode("utf-8-sig"), newline="")
    return [{name: restored(cell) for name, cell in line.items()} for line in csv.DictReader(text)]


def xlsx_cells(content: bytes, sheet: int = 0) -> list[list[Any]]:
    book = python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(content))
    return book.get_sheet_by_index(sheet).to_python(skip_empty_area=False)
