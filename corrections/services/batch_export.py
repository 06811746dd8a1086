"""Handing out tables of a batch: a template with records filled in, and the rows with what became of each.

Like every export: written to a private file first, recorded as an event, and only then handed out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import IO, Any

from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from corrections import staging
from corrections.choices import AuditKind
from corrections.conf import limits
from corrections.errors import InvalidInput, NotAllowed
from corrections.files import CSV_TYPE, XLSX_TYPE, write_csv, write_xlsx
from corrections.models import Batch, Correction
from corrections.permissions import may_see_correction, rights_of, visible_records
from corrections.policies import Demand
from corrections.registry import Entry
from corrections.selectors.blind import hidden_names
from corrections.services import _door
from corrections.services.batch_control import NotABatch
from corrections.services.export import Export, ExportTooLarge, size_and_digest


class KeyedBlindly(NotAllowed):
    code = "values_are_keyed_blindly"
    message = _("Values of this batch are still to be keyed blindly, so its rows are not handed out.")


TYPES = {"csv": CSV_TYPE, "xlsx": XLSX_TYPE}
WRITERS: dict[str, Callable[[Iterable[Sequence[str]]], Iterator[bytes]]] = {"csv": write_csv, "xlsx": write_xlsx}


def export_template(
    *,
    actor: Any,
    entry: Entry,
    file: IO[bytes],
    format: str,  # noqa: A002 (the word of the form)
    where: Q | None = None,
) -> Export:
    """Writes the model's correctable columns into `file`; with `where` also the records that it matches.

    Of records only those that the actor may see; protected values stay out. An empty template is no export.
    """
    _demand_format(format)
    account = _door.fresh_actor(actor)
    rights = rights_of(account)
    if account.person_id is None or entry.config.maker_role not in rights.roles:
        raise NotAllowed(code="maker_role_is_required")
    rows = None if where is None else visible_records(account, rights, entry).filter(where).order_by("pk")
    if rows is not None and rows.order_by()[: limits.EXPORT_PAGE_ROWS_MAX + 1].count() > limits.EXPORT_PAGE_ROWS_MAX:
        raise ExportTooLarge(max=f"{limits.EXPORT_PAGE_ROWS_MAX:,}")
    export = _written(file, format, staging.template_rows(entry, rows), entry.model._meta.model_name or "template")
    if rows is not None:
        with _door.opened(actor=actor) as act:
            act.record(AuditKind.EXPORTED, subject=f"template:{entry.key}", **_told(export))
    return export


def export_results(
    *,
    actor: Any,
    correction: Correction,
    file: IO[bytes],
    format: str,  # noqa: A002
) -> Export:
    """Writes the rows of a batch, each with its verdict, into `file`."""
    _demand_format(format)
    account = _door.fresh_actor(actor)
    keys = list(correction.scopes.values_list("key", flat=True))
    if account.person_id is None or not may_see_correction(account, rights_of(account), correction, keys):
        raise NotAllowed
    if not Batch.objects.filter(correction=correction).exists():
        raise NotABatch
    _demand_not_blind(account, correction)
    export = _written(file, format, staging.results(correction), str(correction.number or f"batch-{correction.pk}"))
    with _door.opened(actor=actor, correction=correction) as act:
        act.record(AuditKind.EXPORTED, subject="batch", **_told(export))
    return export


def _demand_not_blind(account: Any, correction: Correction) -> None:
    """A file would tell whoever is still to key a value what it is."""
    demand = Demand.from_json(correction.demand) if correction.demand else Demand()
    brought = correction.contributions.filter(person_id=account.person_id).exists()
    hidden = hidden_names(
        correction,
        demand=demand,
        decisions=correction.decisions.filter(revision=correction.revision),
        has_contributed=brought or correction.maker_person_id == account.person_id,
    )
    if hidden:
        raise KeyedBlindly


def _demand_format(chosen: str) -> None:
    if chosen not in WRITERS:
        raise InvalidInput(_("Choose CSV or XLSX."), code="export_format_unknown", field="format")


def _written(file: IO[bytes], chosen: str, rows: Iterable[Sequence[str]], name: str) -> Export:
    counted = _Counted(rows)
    for block in WRITERS[chosen](counted):
        file.write(block)
    return Export(chosen, max(0, counted.count - 1), *size_and_digest(file), timezone.now(), name=name)


class _Counted:
    """Passes rows on and counts them, the header included."""

    def __init__(self, rows: Iterable[Sequence[str]]) -> None:
        self.rows, self.count = rows, 0

    def __iter__(self) -> Iterator[Sequence[str]]:
        for row in self.rows:
            self.count += 1
            yield row


def _told(export: Export) -> dict[str, Any]:
    return {"format": export.format, "rows": export.rows, "bytes": export.size, "sha256": export.sha256}
