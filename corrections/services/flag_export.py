"""Handing out the raised risk flags: a private file first, then the event, and only then handed out."""

from __future__ import annotations

from contextlib import nullcontext
from typing import IO, Any

from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from corrections.choices import AuditKind
from corrections.conf import limits
from corrections.errors import InvalidInput
from corrections.permissions import rights_of
from corrections.reports.filters import LABELS
from corrections.reports.flags import FlagFilters, FlagReport
from corrections.reports.history import Sight
from corrections.reports.snapshot import snapshot
from corrections.reports.writers import FORMATS, WRITERS, XLSX
from corrections.services import _door
from corrections.services.export import Counted, Export, RightsMoved, size_and_digest

SUBJECT = "flags"


def export_flags(*, actor: Any, filters: FlagFilters, format: str, file: IO[bytes]) -> Export:  # noqa: A002
    """Writes a line for each flag of each correction into `file`, and records that it was handed out.

    The file is nobody's until this returns. Raises ComplianceNeeded, FilterUnusable, ExportTooLarge, RightsMoved.
    """
    if format not in FORMATS:
        raise InvalidInput(gettext_lazy("Choose CSV or XLSX."), code="export_format_unknown", field="format")
    account = _door.fresh_actor(actor)
    if account.person_id is None:
        raise _door.ActorIsNoPerson
    made_at = timezone.now()
    # Codes are the same for every reader, whatever language the desk speaks.
    with snapshot(), translation.override("en") if format != XLSX else nullcontext():
        sight = Sight.of(rights_of(account))
        report = FlagReport(filters, sight, is_words=format == XLSX)
        counted = Counted(report.lines(), limits.EXPORT_PAGE_ROWS_MAX, None)
        about = {
            _("made by"): _door.name_of(account),
            _("made at"): f"{timezone.localtime(made_at):%Y-%m-%d %H:%M:%S} {timezone.get_current_timezone_name()}",
            **{str(LABELS[name]): value for name, value in filters.as_json().items()},
        }
        WRITERS[format](file, report.headings(), counted, made_at=made_at, about=about)
    export = Export(format, counted.count, *size_and_digest(file), made_at, name=SUBJECT)
    _record(actor, filters, sight, export)
    return export


def _record(actor: Any, filters: FlagFilters, sight: Sight, export: Export) -> None:
    """The event; the actor and the rights are read afresh, as they may have gone while the report was written."""
    with _door.opened(actor=actor) as act:
        if Sight.of(act.rights) != sight:
            raise RightsMoved
        act.record(
            AuditKind.EXPORTED,
            subject=SUBJECT,
            filters=filters.as_json(),
            format=export.format,
            rows=export.rows,
            bytes=export.size,
            sha256=export.sha256,
            snapshot_at=export.made_at.isoformat(),
        )
