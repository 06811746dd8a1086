"""Every limit of the engine, by name (I-15); a project overrides one with the setting CORRECTIONS_<NAME>."""

from __future__ import annotations

from typing import Any

from django.conf import settings

DEFAULTS: dict[str, int] = {
    # One correction
    "CHANGES_MAX": 200,  # target rows in a correction that is entered by hand
    "VALUE_CHARS_MAX": 10_000,
    "NOTE_CHARS_MAX": 4_000,
    "COMMENT_CHARS_MAX": 2_000,
    "REVISIONS_MAX": 50,
    "SUBMITTED_DAYS_MAX": 30,  # then an undecided correction expires
    # Evidence
    "EVIDENCE_FILES_MAX": 20,
    "EVIDENCE_BYTES_MAX": 10 * 1024 * 1024,
    "EVIDENCE_STORED_BYTES_MAX": 64 * 1024 * 1024,  # a stored file beyond this was not written by us
    "EVIDENCE_CSV_ROWS_MAX": 1_000,  # looked at to find the separator
    "EVIDENCE_XLSX_PARTS_MAX": 2_000,
    "EVIDENCE_XLSX_BYTES_MAX": 200 * 1024 * 1024,  # unpacked
    # Previews of evidence
    "PREVIEW_PAGES_MAX": 200,
    "PREVIEW_SOURCE_PIXELS_MAX": 60_000_000,
    "PREVIEW_EDGE_PIXELS_MAX": 2_000,
    "PREVIEW_PAGE_LINES": 60,
    "PREVIEW_LINE_CELLS": 120,  # a Chinese character takes two
    "PREVIEW_COLUMNS_MAX": 30,
    "PREVIEW_COLUMN_CELLS_MAX": 40,
    "PREVIEW_XML_BYTES_MAX": 16 * 1024 * 1024,
    "PREVIEW_WATERMARK_CHARS_MAX": 120,
    # Secrets
    "SECRET_CHARS_MAX": 64,  # as typed, with spaces and dashes
    "DATA_KEYS_PER_STATEMENT_MAX": 500,
    # Pages and exports
    "PAGE_ROWS": 50,
    "COUNT_MAX": 10_000,  # lists say “10,000+” beyond
    "RELATED_ROWS_MAX": 20,
    "RELATED_TARGETS_MAX": 3,  # records of one correction for which a page shows what hangs on them
    "SCOPES_SHOWN_MAX": 500,  # in a list to choose from
    "RECEIVERS_SHOWN_MAX": 200,  # people to hand a correction to
    "HISTORY_ROWS_MAX": 200,  # per page of a record's timeline
    "EXPORT_ROWS_MAX": 5_000_000,
    "EXPORT_PAGE_ROWS_MAX": 200_000,  # from a page, while a browser waits; the command goes on to EXPORT_ROWS_MAX
    "REPORT_PREVIEW_ROWS": 50,
    "XLSX_ROWS_MAX": 1_048_575,
}


class Limits:
    """Attribute access to the limits, read late so that tests and projects may override one."""

    def __getattr__(self, name: str) -> int:
        try:
            default = DEFAULTS[name]
        except KeyError:
            raise AttributeError(name) from None
        return int(getattr(settings, f"CORRECTIONS_{name}", default))


limits = Limits()


def person_model() -> str:
    """Label of the model for human beings, e.g. ``staff.Person``."""
    return str(settings.CORRECTIONS_PERSON_MODEL)


def unusable() -> list[str]:
    """Names of overridden limits that are not whole numbers above zero."""
    found: list[str] = []
    for name in DEFAULTS:
        value: Any = getattr(settings, f"CORRECTIONS_{name}", 1)
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            found.append(name)
    return found
