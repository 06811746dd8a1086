"""Drafts whose changes come from a file or a selection: read, validated and stored in bulk, by the rules of one row.

I-12: a row that the single form would refuse becomes no change here; it is told in a finding of its own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import PurePath
from typing import Any

from django.db import models, transaction
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from corrections import staging
from corrections.choices import Action, AuditKind, BatchSource, ContributionKind, RowStage, State, Verdict
from corrections.conf import limits
from corrections.engine.in_sets import insert_changes, may_be_put_aside, put_aside
from corrections.engine.proposals import ActionNotAllowed, FieldNotCorrectable
from corrections.errors import InvalidInput
from corrections.files import Table, open_table, write_csv
from corrections.models import Batch, Change, Correction, EvidenceFile
from corrections.permissions import visible_records
from corrections.protection import sniffing
from corrections.protection.secrets import keyring
from corrections.registry import Entry
from corrections.services import _changes, _door, draft
from corrections.services.evidence import clean_name, read_content, stored_file

# While a correction is in one of these, its file can't be brought a second time.
UNFINISHED = (State.DRAFT, State.SUBMITTED, State.RETURNED, State.APPROVED, State.APPLYING, State.FAILED)


_Begun = tuple[staging.Stager, Iterable[staging.Asked]]
_Afterwards = Callable[[Correction], object]
_Begin = Callable[[_door.Act], _Begun]  # may be called a second time, under the lock


@dataclass(frozen=True)
class _Brought:
    """A file as it was brought."""

    content: bytes
    filename: str
    table: Table
    sha256: str


def draft_batch(
    *,
    actor: Any,
    model: type[models.Model] | str,
    file: Any,
    filename: str,
    reason: str,
    note: str,
    ticket: str = "",
    expected_rows: int | None = None,
    sheet: str = "",
    progress: Callable[[int], object] = staging.in_silence,
    afterwards: _Afterwards | None = None,
) -> Correction:
    """Starts a correction of many records of one model by a CSV or XLSX file; `file` is bytes or a binary file.

    `progress` hears how many rows were read so far. Of a workbook with several sheets `sheet` names one. `afterwards`
    is done with the draft in the same transaction: what it raises leaves nothing.

    Good rows become changes at the position of their line; of bad ones the correction's `row_findings` tell.
    Raises InvalidInput, NotAllowed, `expected_rows_differ`, `file_already_in_a_batch`, `no_good_row`; then nothing
    was stored.
    """
    entry = _entry(model)
    texts = draft.clean_texts(reason=reason, note=note, ticket=ticket)
    expected = _expected(expected_rows)
    brought = _brought(file, filename, sheet)
    columns = staging.read_header(entry, brought.table.reading.header)

    def begin(act: _door.Act) -> _Begun:
        _demand_new_file(entry, brought.sha256)
        stager = staging.of_file(entry, columns, act.correction, act.actor, act.rights)
        stager.progress = progress
        return stager, staging.FileRows(entry, columns, stager.loading).asked(brought.table.lines())

    with _staged(actor, texts, entry, begin, expected, afterwards) as (act, stager):
        stored = _stored(act, brought)
        _demand_new_file(entry, brought.sha256)
        batch = Batch(file=stored, filename=brought.filename, reading=_reading(brought.table))
        _finish(act, batch, BatchSource.FILE, stager, expected, sha256=brought.sha256)
    return act.correction


def draft_selection(
    *,
    actor: Any,
    model: type[models.Model] | str,
    pks: Iterable[Any] | None = None,
    where: Q | None = None,
    values: Mapping[str, Any],
    reason: str,
    note: str,
    ticket: str = "",
    expected_rows: int | None = None,
    source: str = BatchSource.SELECTION,
    rule: str = "",
    afterwards: _Afterwards | None = None,
) -> Correction:
    """Starts a correction that gives the same new values to many records: those of `pks`, or those that `where` finds.

    `where` finds only records that the maker may see. `rule` says for people how they were selected. `afterwards` is
    done with the draft in the same transaction.
    Raises as `draft_batch` does, and what `draft` raises for the values.
    """
    entry = _entry(model)
    texts = draft.clean_texts(reason=reason, note=note, ticket=ticket)
    expected = _expected(expected_rows)
    named = _named(entry, values)
    source, keys = _source(source), _keys(pks)

    def begin(act: _door.Act) -> _Begun:
        selected = staging.Selected(entry, _rows(act, entry, where), keys)
        selected.demand_limit()
        _demand_expected(expected, len(selected))
        cells = {name: staging.given(entry, name, raw, act.actor, act.rights) for name, raw in named.items()}
        stager = staging.Stager(entry, act.correction, act.actor, act.rights, cells)
        return stager, selected.asked(cells, stager.loading)

    with _staged(actor, texts, entry, begin, expected, afterwards) as (act, stager):
        _finish(act, Batch(rule=rule), source, stager, expected)
    return act.correction


def replace_bad_rows(*, actor: Any, correction: Correction, file: Any, filename: str, sheet: str = "") -> Correction:
    """Puts corrected lines in the place of bad ones, while the correction can be edited; good rows stay as they are.

    Lines are known by the column “(line)” of the downloaded results, or by their place. All others must be as they
    were, or absent. Raises InvalidInput naming the line; then nothing was changed.
    """
    brought = _brought(file, filename, sheet)
    with _door.opened(actor=actor, correction=correction) as act:
        draft.demand_editable(act)
        entry, old = staging.file_of(act.correction)
        batch = act.correction.batch
        replacing = staging.Replacing(entry, old, bool(batch.reading.get(staging.NUMBERED)), _bad_lines(act))
        replacing.take(brought.table)
        merged = _merged(brought, replacing)
        stager = _restage(act, entry, replacing)
        _recount(act, batch, stager, brought, _stored(act, merged), merged)
        draft.refresh(act)
        act.contribute(ContributionKind.EDITED)
        said = {"sha256": merged.sha256, "brought_sha256": brought.sha256, "replaced": len(replacing.lines)}
        act.record(AuditKind.ROWS_STAGED, **_told(batch, **said))
    return act.correction


def _bad_lines(act: _door.Act) -> set[int]:
    bad = act.correction.row_findings.filter(stage=RowStage.STAGING, verdict=Verdict.FAIL)
    return set(bad.order_by().values_list("position", flat=True))


def _merged(brought: _Brought, replacing: staging.Replacing) -> _Brought:
    """The file as it is now, as if it had been brought."""
    content = b"".join(write_csv(replacing.merged()))
    return _Brought(content, brought.filename, open_table(content, "merged.csv"), hashlib.sha256(content).hexdigest())


def _restage(act: _door.Act, entry: Entry, replacing: staging.Replacing) -> staging.Stager:
    columns = replacing.columns_replaced()
    stager = staging.of_file(entry, columns, act.correction, act.actor, act.rights)
    stager.remember(act.correction)
    of_lines = {"stage": RowStage.STAGING, "position__in": list(replacing.lines)}
    act.correction.row_findings.filter(**of_lines).delete()
    with keyring(), staging.uncollected():
        rows = staging.FileRows(entry, columns, stager.loading)
        insert_changes(stager.changes(rows.asked(replacing.replaced())))
    return stager


def _recount(
    act: _door.Act, batch: Batch, stager: staging.Stager, brought: _Brought, stored: EvidenceFile, merged: _Brought
) -> None:
    batch.file, batch.filename = stored, str(PurePath(brought.filename).with_suffix(".csv"))
    # In the results that the desk hands out apostrophes are its own, and nothing was guessed.
    guesses = [guess for guess in brought.table.reading.guesses if guess != "apostrophes_taken_off"]
    batch.reading = {**_reading(merged.table), "guesses": guesses, staging.NUMBERED: True}
    batch.bad_rows = len(_bad_lines(act))
    batch.unchanged_rows += stager.findings.unchanged
    batch.save(update_fields=["file", "filename", "reading", "bad_rows", "unchanged_rows"])


def _entry(model: Any) -> Entry:
    """A batch corrects records that exist."""
    entry = _changes.entry_named(None, model)
    if Action.UPDATE not in entry.actions:
        raise ActionNotAllowed
    return entry


def _named(entry: Entry, values: Mapping[str, Any]) -> dict[str, Any]:
    named = _changes.named_values(entry, values)
    key = str(entry.model._meta.pk.name)
    if key in named:
        raise FieldNotCorrectable(field=key, label=entry.verbose_name(key))
    if not named:
        raise staging.NoValueColumn
    return named


def _source(source: Any) -> BatchSource:
    """A selection, or a statement that found one; the other sources are not for whoever calls to claim."""
    if source in (BatchSource.SELECTION, BatchSource.STATEMENT):
        return BatchSource(source)
    raise InvalidInput(
        _("A selection comes from a list or from a statement."), code="batch_source_not_usable", field="source"
    )


def _keys(pks: Any) -> list[Any] | None:
    """The keys, one more of them than a batch may have at most: they may be asked for twice, and be endless."""
    try:
        if isinstance(pks, str | bytes | Mapping):
            raise TypeError("one key, or no list")
        return None if pks is None else [*islice(pks, limits.BATCH_ROWS_MAX + 1)]
    except TypeError:
        raise InvalidInput(
            _("Name the records by a list of their keys."), code="selection_not_usable", field="pks"
        ) from None


def _rows(act: _door.Act, entry: Entry, where: Q | None) -> models.QuerySet[Any] | None:
    return None if where is None else visible_records(act.actor, act.rights, entry).filter(where)


def _expected(rows: Any) -> int | None:
    if rows is None or (isinstance(rows, int) and not isinstance(rows, bool) and rows >= 0):
        return rows
    raise InvalidInput(
        _("The number of rows that you expect is a whole number."),
        code="expected_rows_not_usable",
        field="expected_rows",
    )


def _brought(file: Any, filename: Any, sheet: str) -> _Brought:
    content = bytes(file) if isinstance(file, bytes | bytearray) else read_content(file, limits.BATCH_BYTES_MAX)
    name = clean_name(filename)
    with staging.uncollected():
        table = open_table(content, name, sheet=sheet)
    return _Brought(content, name, table, hashlib.sha256(content).hexdigest())


def _reading(table: Table) -> dict[str, Any]:
    """How the file was read, for people. A heading is shown like any text that somebody typed."""
    reading = asdict(table.reading)
    reading["header"] = [staging.hidden(heading) for heading in table.reading.header]
    reading["guesses"] = list(table.reading.guesses)
    return reading


@contextmanager
def _opened(actor: Any, texts: Mapping[str, str]) -> Iterator[_door.Act]:
    """A new draft of this maker."""
    with _door.opened(actor=actor) as act:
        draft.demand_maker(act)
        act.correction = Correction.objects.create(
            maker=act.actor,
            maker_person_id=act.actor.person_id,
            maker_name=act.actor_name,
            created_at=act.now,
            **texts,
        )
        yield act


@contextmanager
def _drafting(actor: Any, texts: Mapping[str, str], afterwards: _Afterwards | None) -> Iterator[_door.Act]:
    if afterwards is None:
        with _opened(actor, texts) as act:
            yield act
        return
    with transaction.atomic():
        with _opened(actor, texts) as act:
            yield act
        afterwards(act.correction)


@contextmanager
def _staged(
    actor: Any,
    texts: Mapping[str, str],
    entry: Entry,
    begin: _Begin,
    expected: int | None,
    afterwards: _Afterwards | None,
) -> Iterator[tuple[_door.Act, staging.Stager]]:
    """A new draft with its changes. Where writers wait for each other, all is read and judged before the lock."""
    if not may_be_put_aside():
        with _drafting(actor, texts, afterwards) as act:
            yield act, _stage(begin(act), expected, insert_changes)
        return
    looking = _door.looking(actor)
    draft.demand_maker(looking)
    since = staging.Since(entry)
    with put_aside() as aside:
        stager = _stage(begin(looking), expected, aside.take)
        with _drafting(actor, texts, afterwards) as act:
            if stager.still_holds(act.actor, act.rights, since):
                aside.insert(act.correction.pk)
                stager.belong_to(act.correction)
            else:  # once more, while nobody else writes
                stager = _stage(begin(act), expected, insert_changes)
            yield act, stager


def _stage(begun: _Begun, expected: int | None, take: Callable[[Iterable[Change]], object]) -> staging.Stager:
    stager, rows = begun
    with keyring(), staging.uncollected():
        take(stager.changes(rows))
    _demand_expected(expected, stager.rows)
    if not stager.staged and not stager.findings.bad:
        raise staging.NoGoodRow
    return stager


def _demand_expected(expected: int | None, found: int) -> None:
    """I-04: the maker says how many rows it is about."""
    if expected is not None and expected != found:
        raise staging.ExpectedRowsDiffer(expected=expected, found=found)


def _demand_new_file(entry: Entry, sha256: str) -> None:
    """A file is not brought again while what became of it isn't settled."""
    same = Batch.objects.filter(file__sha256=sha256, target_model=entry.key, correction__state__in=UNFINISHED)
    other = same.select_related("correction").first()
    if other is not None:
        raise staging.FileAlreadyInABatch(other=other.correction.number or _("another draft"))


def _stored(act: _door.Act, brought: _Brought) -> EvidenceFile:
    """The file, encrypted in the evidence store; it supports nothing, it is what is asked for."""
    kind = sniffing.TYPES[brought.table.reading.format]
    return stored_file(act, brought.content, kind, most=limits.BATCH_BYTES_MAX)


def _finish(
    act: _door.Act, batch: Batch, source: BatchSource, stager: staging.Stager, expected: int | None, **said: Any
) -> None:
    batch.correction, batch.target_model, batch.source, batch.expected_rows = (
        act.correction,
        stager.entry.key,
        source,
        expected,
    )
    _count(batch, stager)
    batch.save(force_insert=True)
    draft.refresh(act)
    act.contribute(ContributionKind.MADE)
    act.record(AuditKind.DRAFTED)
    act.record(AuditKind.ROWS_STAGED, **_told(batch, **said))


def _count(batch: Batch, stager: staging.Stager) -> None:
    batch.rows, batch.bad_rows, batch.unchanged_rows = stager.rows, stager.findings.bad, stager.findings.unchanged


def _told(batch: Batch, **more: Any) -> dict[str, Any]:
    counts = {"rows": batch.rows, "bad_rows": batch.bad_rows, "unchanged_rows": batch.unchanged_rows}
    return {"source": str(batch.source), **counts, **more}
