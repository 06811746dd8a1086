"""Turns rows of a file, or of a selection, into changes: what the single form does with one, for thousands at a time.

Each row is looked up, read, compared, validated and described by the rules of services.draft, and either becomes a
Change, or is told in a finding. Rows are taken a few thousand at a time, so memory doesn't grow with the file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import Any

from django.db import models

from corrections.choices import Action
from corrections.conf import limits
from corrections.engine.proposals import NothingChanges, sealed
from corrections.engine.rows import Image, decoded, read
from corrections.errors import CorrectionError
from corrections.models import Change, Correction
from corrections.money import each
from corrections.permissions import Rights
from corrections.protection.keys import current_ring
from corrections.registry import ChangeView, Entry
from corrections.staging.cells import Cell, Cells, Plain, Refused, Sealable, cells_of, refused
from corrections.staging.columns import Columns
from corrections.staging.findings import Findings
from corrections.staging.hiding import shown
from corrections.staging.loading import Loading
from corrections.staging.references import References, as_it_would_be
from corrections.staging.refusals import OutsideYourScope, TargetNotFound, TargetTwice
from corrections.staging.rules import Proposed, Rules
from corrections.staging.showing import Encoded
from corrections.staging.since import Since
from corrections.staging.targets import Scopes

LABEL_CHARS_MAX = 200
LEARNED_FROM = 10  # one row in so many tells what labels and amounts look at; until then each row asks for itself


Told = tuple[str, str, Refused]  # field or heading, the value as it may be shown, why


@dataclass(slots=True)
class Asked:
    """One row: which record, if it was found, and what is asked for each field, as text; "" is left out."""

    position: int
    row: Any  # None where there is no such record
    texts: dict[str, str]
    named: tuple[str, str] = ("", "")  # by which field, and its text
    refusals: list[Told] = field(default_factory=list)
    about_record: list[Told] = field(default_factory=list)  # told only to whoever may correct the record
    columns: Image = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict)
    old: Image = field(default_factory=dict)
    after: Any = None

    def refuse(self, refusal: Refused, *, column: str = "", value: str = "") -> None:
        self.refusals.append((column, value, refusal))


def in_silence(rows: int) -> None:
    """Nobody hears how many rows were read."""


class Stager:
    """Stages the rows of one batch: `cells` read what is asked for, `heading` says what a field's column is called.

    Without a correction nothing is written but data keys: changes belong to none, and findings wait for `belong_to`.
    """

    def __init__(
        self,
        entry: Entry,
        correction: Correction | None,
        actor: Any,
        rights: Rights,
        cells: Mapping[str, Cells],
        heading: Callable[[str], str] = str,
        *,
        looked_at: Iterable[str] = (),
    ) -> None:
        self.entry, self.heading, self.cells = entry, heading, cells
        self.scopes = Scopes(entry, actor, rights)
        self.references = References(entry)
        self.rules = Rules(entry)
        self.findings = Findings(correction)
        self.encoded = {f.attname: Encoded(f) for f in entry.model._meta.concrete_fields}
        columns = self.cells_columns()
        refs = ("ref",) if any(entry.is_secret(name) for name in cells) else ()
        needed = {*columns, *looked_at, *refs, *self.scopes.columns, *self.rules.needed(columns)}
        self.loading = Loading(entry, needed)
        # They change together; whether the number is the same was seen by its index.
        self.secret_columns = {column for name in entry.secrets for column in entry.columns(name)}
        self.rows = self.staged = 0
        self.progress: Callable[[int], object] = in_silence
        self._seen: dict[Any, int] = {}
        self._touched: dict[tuple[str, ...], frozenset[str]] = {}

    def changes(self, asked: Iterable[Asked]) -> Iterator[Change]:
        """The changes, as they are staged; findings are written on the way."""
        rest = iter(asked)
        while lot := list(islice(rest, limits.BATCH_STAGE_ROWS)):
            self.rows += len(lot)
            yield from self._staged(lot)
            self._tell(lot)
            self.findings.store()
            self.progress(self.rows)

    def belong_to(self, correction: Correction) -> None:
        """What was staged without a correction is part of this one: stores what was found. The gate is open."""
        self.findings.correction = correction
        self.findings.store()

    def still_holds(self, actor: Any, rights: Rights, since: Since) -> bool:
        """Whether what was asked of the database would be answered alike now: rights, and records as they were."""
        return self.scopes.are_alike(actor, rights) and not since.has_written(self._seen)

    def remember(self, correction: Correction) -> None:
        """Knows the records and the unique values that the correction asks for already."""
        key = self.entry.model._meta.pk
        stored = correction.changes.order_by("position")
        for change in stored.values_list("target_pk", "position").iterator(chunk_size=limits.BATCH_STAGE_ROWS):
            self._seen[key.to_python(change[0])] = change[1]
        if self.rules.uniques_of(self.cells_columns()):
            self._remember_unique(stored)

    def _remember_unique(self, stored: models.QuerySet[Change]) -> None:
        rest = stored.iterator(chunk_size=limits.BATCH_STAGE_ROWS)
        while lot := list(islice(rest, limits.BATCH_STAGE_ROWS)):
            live = {str(row.pk): row for row in read(self.entry, [change.target_pk for change in lot])}
            for change in lot:
                row = live.get(change.target_pk)
                if row is not None:
                    after = as_it_would_be(row, decoded(self.entry, change.new), self.references)
                    self.rules.take(Proposed(after, change.new))

    def cells_columns(self) -> frozenset[str]:
        """Columns that this file can set."""
        return frozenset(column for name in self.cells for column in self.entry.columns(name))

    def _staged(self, lot: Sequence[Asked]) -> Iterator[Change]:
        self._targets(lot)
        good = [one for one in lot if not one.refusals]
        self._read(good)
        good = [one for one in good if not one.refusals]
        self._compare(good)
        good = [one for one in good if not one.refusals and one.columns]
        self._judge(good)
        good = [one for one in good if not one.refusals]
        yield from self._described(good)

    def _targets(self, lot: Sequence[Asked]) -> None:
        """Rows without a record that this maker may correct, or with one that was there before."""
        not_found = refused(TargetNotFound)
        found = [one.row for one in lot if one.row is not None]
        self.loading.complete(found)
        self.references.fill(found)
        for place, one in enumerate(lot):
            if one.row is None or not self._may_propose(one.row, found, place):
                one.row = None
                self._not_found(one, not_found)
                continue
            one.refusals.extend(one.about_record)
            first = self._seen.setdefault(one.row.pk, one.position)
            if first != one.position:
                one.refuse(refused(partial(TargetTwice, line=first)))

    def _not_found(self, one: Asked, not_found: Refused) -> None:
        """A record that is not there and one that is not theirs are told alike."""
        name, text = one.named
        if name:
            one.refuse(not_found, column=name, value=shown(self.entry, name, text))

    def _may_propose(self, row: models.Model, rest: Sequence[models.Model], place: int) -> bool:
        key = self.scopes.of(row)
        if place % LEARNED_FROM == 0:
            self._learn(row, rest)
        return self.scopes.may_propose((key,), row.pk)

    def _read(self, lot: Sequence[Asked]) -> None:
        for name, cells in self.cells.items():
            asking = [one for one in lot if one.texts.get(name)]
            known = cells.prepared(one.texts[name] for one in asking)
            if self.entry.is_secret(name):
                self._have_keys(name, [one.row for one in asking if self._is_new(one, known[one.texts[name]])])
            for one in asking:
                cell = known[one.texts[name]]
                if isinstance(cell, Plain):
                    one.columns[cell.column] = cell.canonical
                    one.values[cell.column] = cell.value
                elif isinstance(cell, Sealable):
                    self._seal(one, cell)
                else:
                    one.refuse(cell, column=name, value=shown(self.entry, name, one.texts[name]))

    @staticmethod
    def _is_new(one: Asked, cell: Cell) -> bool:
        """Whether a number was read that isn't the one the record has."""
        return isinstance(cell, Sealable) and getattr(one.row, f"{cell.name}_index") != cell.index

    def _have_keys(self, name: str, rows: Sequence[models.Model]) -> None:
        """The data keys of all owners at once; one by one they'd be a statement each."""
        owners = []
        for row in rows:
            try:
                owners.append(self.entry.secrets[name].owner_of(row))
            except CorrectionError:
                continue  # told when it is sealed
            self._learn(row, rows)
        current_ring().ensure(owners)

    def _seal(self, one: Asked, cell: Sealable) -> None:
        """The columns of a secret, unless the record has this very number."""
        row: Any = one.row
        if not self._is_new(one, cell):
            return
        try:
            columns = sealed(self.entry, row, cell.name, cell.text)
        except CorrectionError as error:
            refusal = error
            one.refuse(Refused(lambda: refusal, refusal.code), column=cell.name)
            return
        one.columns.update(columns)
        one.values.update(columns)

    def _compare(self, lot: Sequence[Asked]) -> None:
        """Leaves only what differs from the record."""
        encoded = self.encoded
        for one in lot:
            live = one.row.__dict__
            for column, value in [*one.columns.items()]:
                now = encoded[column].of(live[column])
                if now == value and column not in self.secret_columns:
                    del one.columns[column]
                    del one.values[column]
                else:
                    one.old[column] = now

    def _judge(self, lot: Sequence[Asked]) -> None:
        proposed = []
        for one in lot:
            one.after = as_it_would_be(one.row, one.values, self.references)
            proposed.append(Proposed(one.after, one.columns))
        self.rules.judge(proposed)
        for one, judged in zip(lot, proposed, strict=True):
            if judged.refusal is not None:
                one.refuse(judged.refusal)

    def _described(self, lot: Sequence[Asked]) -> Iterator[Change]:
        rows: list[Any] = [row for one in lot for row in (one.row, one.after)]
        self.references.fill(rows)
        for place, one in enumerate(lot):
            change = self._change(one)
            if place % LEARNED_FROM == 0:
                self._learn(one.row, rows)
                self._learn(one.after, rows)
            if change is not None:
                self.staged += 1
                yield change

    def _change(self, one: Asked) -> Change | None:
        before: Any = one.row
        scopes = (self.scopes.of(before), self.scopes.of(one.after))
        if scopes[0] != scopes[1] and not self.scopes.may_propose(scopes, before.pk):
            one.refuse(refused(OutsideYourScope))
            return None
        config = self.entry.config
        stakes = each(config.amount_at_stake(ChangeView(Action.UPDATE, self._names(one.columns), before, one.after)))
        return _change(
            correction_id=None if self.findings.correction is None else self.findings.correction.pk,
            position=one.position,
            action=Action.UPDATE.value,
            target_model=self.entry.key,
            target_pk=str(before.pk),
            target_label=config.label(before)[:LABEL_CHARS_MAX],
            old=one.old,
            new=one.columns,
            amount=stakes[0].amount if stakes else None,
            currency=stakes[0].currency if stakes else "",
            scope_before=scopes[0],
            scope_after=scopes[1],
        )

    def _learn(self, row: models.Model, rest: Sequence[models.Model]) -> None:
        """What was followed, or looked at, for one row is read for the others at once."""
        if not row._state.fields_cache.keys() <= self.references.followed:
            self.references.learn(row, rest)
        if len(row.__dict__) != self.loading.width:
            self.loading.learn(row, rest)

    def _names(self, columns: Image) -> frozenset[str]:
        key = tuple(columns)
        if key not in self._touched:
            self._touched[key] = frozenset(self.entry.field_of_column(column) for column in key)
        return self._touched[key]

    def _tell(self, lot: Sequence[Asked]) -> None:
        unchanged = refused(NothingChanges)
        for one in lot:
            for name, value, refusal in one.refusals:
                self.findings.refuse(one.position, refusal, column=self.heading(name), value=value)
            if one.refusals:
                self.findings.bad += 1
            elif not one.columns:
                self.findings.nothing_changes(one.position, unchanged)


def of_file(entry: Entry, columns: Columns, correction: Correction | None, actor: Any, rights: Rights) -> Stager:
    """What stages the rows of a file with these columns."""
    cells = {name: cells_of(entry, name, actor, rights) for name in columns.values}
    looked_at = {column for name in [*columns.keys, *columns.seen] for column in entry.columns(name)}
    return Stager(entry, correction, actor, rights, cells, columns.heading, looked_at=looked_at)


# An unsaved change as its constructor makes one: with a hundred thousand of them, that takes a second by itself. They
# are inserted by their columns and never saved one by one, so that they can share the state of an instance.
_BLANK = Change().__dict__


def _change(**values: Any) -> Change:
    change = Change.__new__(Change)
    change.__dict__ = _BLANK | values
    return change
