"""Handing out a history report: written to a private file first, recorded as an event, and only then handed out.

If the event can't be written nothing leaves: the caller gets the file's content only after this has returned.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from typing import IO, Any

from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from corrections.choices import AuditKind
from corrections.conf import limits
from corrections.errors import InvalidInput, NotAllowed
from corrections.permissions import rights_of
from corrections.reports.filters import LABELS, Filters
from corrections.reports.history import Sight, rows_at_least
from corrections.reports.lines import Line, Report
from corrections.reports.snapshot import snapshot
from corrections.reports.writers import FORMATS, WRITERS, XLSX
from corrections.services import _door

SAY_LINES = 10_000


class ExportTooLarge(InvalidInput):
    code = "export_is_too_large"
    message = gettext_lazy(
        "The report has more than %(max)s lines. Choose a shorter period, or one kind of record or branch."
    )


class RightsMoved(NotAllowed):
    code = "rights_changed_meanwhile"
    message = gettext_lazy("Your rights changed while the report was written, so it was not handed out.")


@dataclass(frozen=True)
class Export:
    """What was handed out, as the audit event says it too."""

    format: str
    rows: int
    size: int
    sha256: str
    made_at: dt.datetime
    name: str = "history"

    @property
    def filename(self) -> str:
        return f"{self.name}-{timezone.localtime(self.made_at):%Y%m%d-%H%M%S}.{self.format}"


def export_history(
    *,
    actor: Any,
    filters: Filters,
    format: str,  # noqa: A002 (the word of the command line and the form)
    file: IO[bytes],
    rows_max: int | None = None,
    say: Callable[[int], None] | None = None,
) -> Export:
    """Writes the report into `file` (empty, open for writing and reading) and records that it was handed out.

    The file is nobody's until this returns; on any error the caller throws it away. CSV speaks codes, XLSX the
    active language. `say` hears how many lines are written. Raises ComplianceNeeded, FilterUnusable, ExportTooLarge.
    """
    if format not in FORMATS:
        raise InvalidInput(gettext_lazy("Choose CSV or XLSX."), code="export_format_unknown", field="format")
    most = min(rows_max or limits.EXPORT_ROWS_MAX, limits.XLSX_ROWS_MAX if format == XLSX else limits.EXPORT_ROWS_MAX)
    account = _door.fresh_actor(actor)
    if account.person_id is None:
        raise _door.ActorIsNoPerson
    made_at = timezone.now()
    with snapshot():
        sight = Sight.of(rights_of(account))
        if rows_at_least(filters, sight, most) > most:
            raise ExportTooLarge(max=f"{most:,}")
        rows = _write(account, filters, sight, format, file, made_at, most, say)
    export = Export(format, rows, *size_and_digest(file), made_at)
    _record(actor, filters, sight, export)
    return export


def _write(
    account: Any,
    filters: Filters,
    sight: Sight,
    format: str,  # noqa: A002
    file: IO[bytes],
    made_at: dt.datetime,
    most: int,
    say: Callable[[int], None] | None,
) -> int:
    # Codes are the same for every reader, whatever language the desk speaks.
    with translation.override("en") if format != XLSX else nullcontext():
        report = Report(filters, sight, is_words=format == XLSX)
        counted = Counted(report.lines(), most, say)
        about = {
            _("made by"): _door.name_of(account),
            _("made at"): f"{timezone.localtime(made_at):%Y-%m-%d %H:%M:%S} {timezone.get_current_timezone_name()}",
            **{str(LABELS[name]): value for name, value in filters.as_json().items()},
        }
        WRITERS[format](file, report.headings(), counted, made_at=made_at, about=about)
    return counted.count


class Counted:
    """Passes lines on, counts them, and stops at the limit: whoever iterates gets ExportTooLarge."""

    def __init__(self, lines: Iterator[Line], most: int, say: Callable[[int], None] | None) -> None:
        self.lines, self.most, self.say, self.count = lines, most, say, 0

    def __iter__(self) -> Iterator[Line]:
        for line in self.lines:
            self.count += 1
            if self.count > self.most:
                raise ExportTooLarge(max=f"{self.most:,}")
            if self.say is not None and self.count % SAY_LINES == 0:
                self.say(self.count)
            yield line


def size_and_digest(file: IO[bytes]) -> tuple[int, str]:
    file.flush()
    size = file.seek(0, 2)
    file.seek(0)
    sha256 = hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]
    file.seek(0)
    return size, sha256


def _record(actor: Any, filters: Filters, sight: Sight, export: Export) -> None:
    """The event; the actor and the rights are read afresh, as they may have gone while the report was written."""
    with _door.opened(actor=actor) as act:
        if Sight.of(act.rights) != sight:
            raise RightsMoved
        act.record(
            AuditKind.EXPORTED,
            subject="history",
            filters=filters.as_json(),
            format=export.format,
            rows=export.rows,
            bytes=export.size,
            sha256=export.sha256,
            snapshot_at=export.made_at.isoformat(),
        )
