"""The history report's query: one FieldChange per changed field of every history row that a filter lets through.

Read from the historical tables as the database wrote them. A secret is its masked text; its ciphertext and index are
compared to see a change, and leave this module never. Each model is read in chunks in the order of time, each chunk
with the row before each of its rows; all models together come in that order too.
"""

from __future__ import annotations

import datetime as dt
import heapq
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from django.db import models
from django.db.models import Case, Exists, OuterRef, Q, QuerySet, Subquery, When
from django.utils.translation import gettext_lazy as _

from corrections.choices import Action, State
from corrections.errors import NotAllowed
from corrections.grants import scope_model
from corrections.integrity.canonical import encode
from corrections.models import Correction
from corrections.permissions import COMPANY, Rights
from corrections.registry import Entry, registry
from corrections.reports.filters import Filters, FilterUnusable, number_column, people_named, record_keys
from corrections.roles import Role
from corrections.selectors.corrections import among

CHUNK_ROWS = 500
ACTIONS = {"+": Action.CREATE, "~": Action.UPDATE, "-": Action.DELETE}
NOT_RECORDED = object()  # a value from before history began
KEYED_BLINDLY = object()  # a value that somebody has still to key without having seen it
WRITTEN_STATES = (State.APPLIED, State.REVERTED, State.APPLYING, State.STOPPED)

# Columns of a historical row in front of the record's own.
HEAD = (
    "history_id",
    "history_date",
    "history_type",
    "history_source",
    "history_actor",
    "history_change_reason",
    "history_correction",
)


class ComplianceNeeded(NotAllowed):
    code = "history_report_needs_compliance"


class FieldChange(NamedTuple):
    """One field of one history row. `before` and `after` are canonical; of a secret, its masked texts."""

    entry: Entry
    pk: str
    record: str  # what people call it; "" where no column says so
    field: str
    before: Any
    after: Any
    action: str
    when: dt.datetime
    source: str
    actor: str
    because: str
    correction: int | None
    scope: str
    history_id: int | None


@dataclass(frozen=True)
class Sight:
    """What a reader may see: scope keys, or None for everything."""

    keys: frozenset[str] | None

    @classmethod
    def of(cls, rights: Rights) -> Sight:
        """Only compliance sees reports; being a superuser is no reason. Raises ComplianceNeeded."""
        if Role.COMPLIANCE not in rights.roles:
            raise ComplianceNeeded
        keys = rights.scope_keys([Role.COMPLIANCE])
        if keys is not None and not keys:
            raise ComplianceNeeded
        return cls(keys)

    def covers(self, *keys: str) -> bool:
        return self.keys is None or set(keys) <= self.keys

    def corrections(self) -> QuerySet[Correction]:
        """Corrections that touch no scope outside the reader's."""
        found = Correction.objects.order_by()
        return found if self.keys is None else found.filter(pk__in=among(self.keys))


def matching_corrections(filters: Filters, sight: Sight) -> QuerySet[Correction]:
    """Corrections that a filter by maker, checker, reason or state lets through."""
    found = sight.corrections()
    if filters.maker:
        found = found.filter(maker_person__in=people_named("maker", filters.maker))
    if filters.checker:
        people = people_named("checker", filters.checker)
        found = found.filter(pk__in=Correction.objects.filter(decisions__person__in=people).values("pk"))
    if filters.reason:
        found = found.filter(reason=filters.reason)
    if filters.state:
        found = found.filter(state=filters.state)
    return found


def written_changes(filters: Filters, sight: Sight, *, chunk_rows: int = CHUNK_ROWS) -> Iterator[FieldChange]:
    """Every field change that was written, in the order of time, then of model and history row.

    Whoever wants the first lines only reads in smaller chunks.
    """
    streams = [reader.rows(chunk_rows) for reader in readers(filters, sight)]
    for _when, _key, _id, reader, row, previous in heapq.merge(*streams, key=lambda found: found[:3]):
        yield from reader.changes(row, previous)


def rows_at_least(filters: Filters, sight: Sight, most: int) -> int:
    """How many rows alone give a line each: what was created or removed. Counted no further than just past `most`."""
    count = 0
    for reader in readers(filters, sight):
        certain = reader.query.filter(history_type__in=["+", "-"]).values("history_id")
        count += certain[: most - count + 1].count()
        if count > most:
            break
    return count


def demand_known_record(filters: Filters, sight: Sight) -> None:
    """Refuses a record without history in the reader's sight, whether it is missing or another branch's.

    What is no record's number never gets into the audit event: it may be a card's, typed into the wrong box (I-13).
    """
    if filters.record:
        wanted = readers(Filters(model=filters.model, record=filters.record), sight)
        if not any(reader.query.exists() for reader in wanted):
            raise FilterUnusable(_("There is no such record in your branches."), field="record")


def readers(filters: Filters, sight: Sight) -> list[Reader]:
    entries = sorted(registry.entries(), key=lambda entry: entry.key)
    wanted = [entry for entry in entries if not filters.model or entry.key == filters.model]
    narrows = filters.narrows_corrections or (filters.asks_for_corrections and sight.keys is not None)
    matching = matching_corrections(filters, sight).values("pk") if narrows else None
    found = [Reader(entry, filters, sight, matching) for entry in wanted]
    return [reader for reader in found if reader.can_match]


# One history row in front of others: when, model, id; then its reader, the row, and the row before it.
Found = tuple[dt.datetime, str, int, "Reader", tuple[Any, ...], tuple[Any, ...] | None]


class Reader:
    """Reads one model's history."""

    def __init__(self, entry: Entry, filters: Filters, sight: Sight, matching: QuerySet[Any, Any] | None) -> None:
        self.entry, self.filters, self.sight, self.matching = entry, filters, sight, matching
        self.scope_label = "" if (model := scope_model(entry)) is None else model._meta.label_lower
        self.pk = str(entry.model._meta.pk.attname)
        kept = {field.attname for field in entry.history_model._meta.concrete_fields}
        self.columns = tuple(column for column in entry.all_columns() if column in kept)
        self.names = tuple(dict.fromkeys((*HEAD, *self.columns, *filter(None, [self.scope_path]))))
        self.place = {name: place for place, name in enumerate(self.names)}
        self.number = self.place.get(number_column(entry), -1)
        key = entry.field_of_column(self.pk)
        found = [FieldReader(entry, name, self.place) for name in entry.display_fields() if name != key]
        self.fields = [field for field in found if field.places]

    @property
    def scope_path(self) -> str:
        """From a history row to the key of its scope; "" for a model without one."""
        path = self.entry.config.scope_path
        return self.pk if path == "self" else f"{path}_id" if path else ""

    @property
    def can_match(self) -> bool:
        """A model without scope belongs to the company, which no branch's filter and no branch's reader covers."""
        return bool(self.scope_path) or (self.sight.keys is None and not self.filters.scope)

    @cached_property
    def query(self) -> QuerySet[Any]:
        """History rows that match, as far as the database can tell; `changes` looks at both scopes again."""
        filters = self.filters
        found = self.entry.history_model._default_manager.order_by("history_date", "history_id")
        if (begins := filters.begins()) is not None:
            found = found.filter(history_date__gte=begins)
        if (ends := filters.ends()) is not None:
            found = found.filter(history_date__lt=ends)
        if filters.record:
            found = found.filter(**{f"{self.pk}__in": record_keys(self.entry, filters.record)})
        if filters.asks_for_corrections:
            found = found.filter(history_correction__isnull=False)  # in the words of the index of such rows
        if self.matching is not None:
            found = found.filter(history_correction__in=self.matching)
        if filters.written_by == "systems":
            found = found.filter(history_correction__isnull=True)
        return self._in_sight(found)

    def _in_sight(self, found: QuerySet[Any]) -> QuerySet[Any]:
        if self.sight.keys is not None:
            found = found.filter(**{f"{self.scope_path}__in": self._keys(self.sight.keys)})
        if self.filters.scope:
            here = {f"{self.scope_path}__in": self._keys([self.filters.scope])}
            earlier = self._earlier().filter(**here)
            found = found.filter(Q(**here) | Q(Exists(earlier)))
        return found

    def _keys(self, keys: Any) -> list[str]:
        prefix = f"{self.scope_label}:"
        return [key.removeprefix(prefix) for key in sorted(keys) if key.startswith(prefix)]

    def _earlier(self) -> QuerySet[Any]:
        """History rows of the same record before the one at hand."""
        rows = self.entry.history_model._default_manager.order_by("-history_id")
        return rows.filter(**{self.pk: OuterRef(self.pk)}, history_id__lt=OuterRef("history_id"))

    def rows(self, chunk_rows: int) -> Iterator[Found]:
        """Matching rows in the order of time, each with the row before it where it says what an update changed."""
        before = Case(When(history_type="~", then=Subquery(self._earlier().values("history_id")[:1])))
        query = following = self.query.annotate(before_id=before)
        while True:
            rows = list(following.values_list(*self.names, "before_id")[:chunk_rows])
            previous = self._by_id([row[-1] for row in rows if row[-1] is not None])
            for row in rows:
                yield row[1], self.entry.key, row[0], self, row, previous.get(row[-1])
            if len(rows) < chunk_rows:
                return
            last, when = rows[-1][:2]
            later = Q(history_date__gt=when) | Q(history_date=when, history_id__gt=last)
            following = query.filter(later, history_date__gte=when)  # the second lets the index begin there

    def _by_id(self, ids: Sequence[int]) -> dict[int, tuple[Any, ...]]:
        rows = self.entry.history_model._default_manager.order_by().filter(history_id__in=ids)
        return {row[0]: row for row in rows.values_list(*self.names)} if ids else {}

    def changes(self, row: tuple[Any, ...], previous: tuple[Any, ...] | None) -> Iterator[FieldChange]:
        """The fields in which a row differs from the one before it."""
        scope = self._scope(row)
        scopes = {scope} if previous is None else {scope, self._scope(previous)}
        if not self.sight.covers(*scopes) or (self.filters.scope and self.filters.scope not in scopes):
            return
        history_id, when, kind, source, actor, because, correction = row[: len(HEAD)]
        pk = str(row[self.place[self.pk]])
        record = str(row[self.number]) if self.number >= 0 else ""
        for field in self.fields:
            pair = field.pair(kind, row, previous)
            if pair is not None:
                yield FieldChange(
                    self.entry, pk, record, field.name, *pair, ACTIONS[kind], when, source, actor, because, correction,
                    scope, history_id,
                )  # fmt: skip

    def _scope(self, row: tuple[Any, ...]) -> str:
        key = row[self.place[self.scope_path]] if self.scope_path else None
        return COMPANY if key is None else f"{self.scope_label}:{key}"


class FieldReader:
    """One field of a history row: where its columns stand, and what of it may be shown."""

    def __init__(self, entry: Entry, name: str, place: dict[str, int]) -> None:
        self.name = name
        self.places = [place[column] for column in entry.columns(name) if column in place]
        column = entry.columns(name)[-1]  # of a secret, the masked text
        self.column = next(field for field in entry.model._meta.concrete_fields if field.attname == column)
        self.is_json = isinstance(self.column, models.JSONField)

    def pair(self, kind: str, row: tuple[Any, ...], previous: tuple[Any, ...] | None) -> tuple[Any, Any] | None:
        """Values before and after, or None where nothing changed."""
        if kind != "~":
            value = self._shown(row)
            if value is None or value == "":
                return None
            return (None, value) if kind == "+" else (value, None)
        if previous is None:
            return NOT_RECORDED, self._shown(row)
        if all(row[place] == previous[place] for place in self.places) and not self._is_other_json(row, previous):
            return None
        return self._shown(previous), self._shown(row)

    def _is_other_json(self, row: tuple[Any, ...], previous: tuple[Any, ...]) -> bool:
        # In Python True equals 1 and 1.0; in a document they differ.
        one, other = row[self.places[-1]], previous[self.places[-1]]
        return self.is_json and json.dumps(one, sort_keys=True) != json.dumps(other, sort_keys=True)

    def _shown(self, row: tuple[Any, ...]) -> Any:
        value = row[self.places[-1]]
        return value if value is None or type(value) is str else encode(self.column, value)
