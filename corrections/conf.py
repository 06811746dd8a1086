"""Every limit of the engine, by name (I-15); a project overrides one with the setting CORRECTIONS_<NAME>."""

from __future__ import annotations

from typing import Any

from django.conf import settings

HOURS_PER_DAY = 24

DEFAULTS: dict[str, int] = {
    # One correction
    "CHANGES_MAX": 200,  # target rows in a correction that is entered by hand
    "VALUE_CHARS_MAX": 10_000,
    "NOTE_CHARS_MAX": 4_000,
    "COMMENT_CHARS_MAX": 2_000,
    "REVISIONS_MAX": 50,
    "SUBMITTED_DAYS_MAX": 30,  # then an undecided correction expires, where its policy says nothing sooner
    "REKEY_MISSES_MAX": 3,  # blind keyings that differ, then another checker must sign
    # Batches
    "BATCH_ROWS_MAX": 1_000_000,  # rows of one file, selection or statement
    "BATCH_BYTES_MAX": 48 * 1024 * 1024,  # of the file as it is uploaded
    "BATCH_UNPACKED_BYTES_MAX": 512 * 1024 * 1024,  # of a workbook
    "BATCH_UNPACKED_RATIO_MAX": 60,  # of a part of a workbook; honest ones reach 36
    "BATCH_STRINGS_BYTES_MAX": 256 * 1024 * 1024,  # of the texts of a workbook, which are kept while it is read
    "BATCH_OPEN_SECONDS_MAX": 120,  # to look a workbook through before its lines are read
    "BATCH_COLUMNS_MAX": 100,
    "BATCH_HEADING_CHARS_MAX": 200,
    "BATCH_CELL_CHARS_MAX": 10_000,
    "BATCH_CELLS_MAX": 20_000_000,  # of a workbook, empty ones included
    "BATCH_FINDINGS_MAX": 10_000,  # bad rows that are told one by one; a file with more is the wrong file
    "BATCH_AT_ONCE_ROWS_MAX": 10_000,  # applied in one transaction; more rows are applied in chunks
    "BATCH_CHUNK_ROWS_POSTGRESQL": 10_000,
    "BATCH_CHUNK_ROWS_SQLITE": 2_000,  # one writer at a time: others wait for a chunk
    "BATCH_REST_PERCENT": 15,  # of the time of a chunk, in which the worker lets others write on SQLite
    "BATCH_STAGE_ROWS": 2_000,  # rows that are looked up, validated and assessed together
    "BATCH_REFUSED_ROWS_MAX": 1_000,  # by the database within one chunk; each takes several statements to find
    "BATCH_LEASE_SECONDS": 60,  # a worker that is silent for so long within a chunk loses it
    "BATCH_FAULTS_MAX": 8,  # of the database, one after the other with no chunk between; then the batch is paused
    "BATCH_FAULT_SECONDS": 2,  # until a worker tries again after a fault; doubled by each further one
    "BATCH_FAULT_SECONDS_MAX": 300,
    "BATCH_LOOKS_MAX": 3,  # at a large batch before an act, where what they rest on changes meanwhile
    "BATCH_WATCH_AFTER_SECONDS": 1,  # an answer that takes longer becomes a page that says how far it is
    "BATCH_SAMPLE_ROWS": 20,  # drawn at random for the checkers
    "BATCH_CHECK_FINDINGS_MAX": 1_000,  # rows that one check is told of one by one; of more it says how many
    "BATCH_MOVED_ON_MAX": 200,  # values that a revert leaves alone and lists on the correction itself
    "BATCH_PAIRS_MAX": 50,  # pairs of old and new values that are counted one by one
    "STATEMENT_CHARS_MAX": 20_000,  # of a data-fix statement as it is pasted
    "STATEMENT_PIECES_MAX": 5_000,  # words, names, values and signs
    "STATEMENT_CONDITIONS_MAX": 100,  # joined by AND and OR
    "STATEMENT_DEPTH_MAX": 10,  # parentheses within parentheses
    "STATEMENT_VALUES_MAX": 1_000,  # in one list
    # Working time, where the calendar says nothing else
    "DESK_OPENS_HOUR": 9,
    "DESK_CLOSES_HOUR": 18,  # 24 is midnight
    "WORKING_DAYS_MAX": 1_100,  # days of the calendar that one sum of working hours goes over: three years
    # Risk flags
    "PAIR_DECISIONS_MIN": 10,  # fewer decisions on one maker's corrections are no habit
    # Signatures
    "TOKEN_MINUTES_MAX": 15,  # a proof by one-time password is recent for so long, this minute included
    "BREAK_GLASS_HOURS": 24,  # then a correction that is not countersigned is told to compliance daily
    "BREAK_GLASS_REASON_CHARS_MIN": 10,  # a sentence in Chinese is short
    # Clocks and notices
    "CLOCK_ROWS_MAX": 10_000,  # corrections that one round deals with, of each kind; the next round goes on
    "CLOCK_SETTLE_SECONDS": 600,  # a transaction that writes audit events has ended by then
    "EVENTS_PER_PASS": 1_000,
    "NOTICE_DAYS_MAX": 7,  # of events older than this nobody is told any more
    "NOTICE_RECEIVERS_MAX": 50,  # people who are told of one event
    "NOTICES_COUNT_MAX": 99,  # the header says “99+” beyond
    "MAILS_PER_ROUND_MAX": 500,
    "MAIL_DAYS_MAX": 3,  # then a mail that could not be sent is given up; its notice stays
    "SIGNERS_SHOWN_MAX": 12,  # names of people who can sign a step; the others are counted
    "SIGNERS_TRIED_MAX": 30,  # for one signature, where it depends on who stands in for whom
    "DELEGATION_DAYS_MAX": 60,  # a role is lent for so long at most, the first and the last day included
    "DELEGATIONS_MAX": 20,  # that one person has given and that are not over
    "DELEGATIONS_SHOWN_MAX": 200,
    "ROLE_REASON_CHARS_MAX": 200,
    "ROLE_REQUESTS_SHOWN_MAX": 200,
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
    # Approval policies: what a version may ask for, so that every moment and every sum can be reckoned
    "POLICY_STEPS_MAX": 8,
    "POLICY_PEOPLE_MAX": 9,  # different people in one step
    "POLICY_DAYS_MAX": 3_660,
    "POLICY_HOURS_MAX": 8_784,
    "POLICY_ROWS_MAX": 10_000_000,  # from which a version holds; several files may add up to more than one
    "POLICY_SAMPLE_ROWS_MAX": 100,  # compared one by one by each approver of a batch
    "POLICY_NAMES_MAX": 200,  # in one list of a version
    "COVERAGE_CASES_MAX": 100_000,  # looked at to find what no policy matches
    "COVERAGE_LINES_MAX": 200,
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
    "FLAG_COUNTS_MAX": 200,  # lines of a table of raised flags
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


def policy_currency() -> str:
    """The one currency in which policies name amounts."""
    return str(getattr(settings, "CORRECTIONS_POLICY_CURRENCY", "CNY"))


def person_model() -> str:
    """Label of the model for human beings, e.g. ``staff.Person``."""
    return str(settings.CORRECTIONS_PERSON_MODEL)


def statements_are_on() -> bool:
    """Whether data-fix statements may be pasted; off unless the project says so in so many words."""
    return getattr(settings, "CORRECTIONS_STATEMENTS", False) is True


def unusable() -> list[str]:
    """Names of overridden limits that are not whole numbers above zero, or that no day has."""
    found: list[str] = []
    for name in DEFAULTS:
        value: Any = getattr(settings, f"CORRECTIONS_{name}", 1)
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            found.append(name)
    hours = {"DESK_OPENS_HOUR", "DESK_CLOSES_HOUR"}
    if not hours & set(found) and not limits.DESK_OPENS_HOUR < limits.DESK_CLOSES_HOUR <= HOURS_PER_DAY:
        found.append("DESK_CLOSES_HOUR")
    return found
