"""A batch as a page shows it: what was read, what it does in sum, what machines say of its rows, how far it is.

Nothing here walks over the rows: sums were counted at staging and submission (batch_totals.py), progress stands in
the chunks, and single rows are read by the page (batch_rows.py). The caller has asked who may see the correction.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Any

from django.db.models import Count
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from corrections.checks import title_of
from corrections.choices import AuditKind, RowStage, State, Verdict
from corrections.conf import limits
from corrections.files import GUESSES
from corrections.models import Batch, Correction, RowFinding
from corrections.registry import Entry, registry
from corrections.selectors import display
from corrections.selectors.batch_progress import Progress, changes_of, progress_of
from corrections.selectors.blind import HIDDEN, hides

WHY: Mapping[str, Any] = {
    "largest_move": gettext_lazy("one of the largest differences"),
    "largest_amount": gettext_lazy("one of the largest amounts at stake"),
    "rare_pair": gettext_lazy("few rows change like this"),
}
SEPARATORS: Mapping[str, Any] = {
    ",": gettext_lazy("comma"),
    ";": gettext_lazy("semicolon"),
    "\t": gettext_lazy("tabulator"),
    "|": gettext_lazy("vertical bar"),
}


def batch_of(correction: Correction) -> Batch | None:
    """The batch behind a correction; None for one that is entered by hand. Costs nothing where it was joined."""
    try:
        return correction.batch
    except Batch.DoesNotExist:
        return None


@dataclass(frozen=True)
class Amount:
    """Sum of one amount field in one currency, over all rows."""

    label: str
    before: dict[str, str]
    after: dict[str, str]
    difference: dict[str, str]
    rows: int
    is_hidden: bool = False


@dataclass(frozen=True)
class Pair:
    before: str
    after: str
    count: int
    position: int


@dataclass(frozen=True)
class FieldCount:
    """How many rows change a field, and from what to what."""

    label: str
    count: int
    pairs: tuple[Pair, ...]
    more: int  # rows with other pairs
    is_hidden: bool


@dataclass(frozen=True)
class Share:
    label: str
    before: int
    after: int


@dataclass(frozen=True)
class Spread:
    """How the rows are spread over the values of one field, or over the scopes, before and after."""

    label: str
    shares: tuple[Share, ...]

    @property
    def moves(self) -> bool:
        return any(share.before != share.after for share in self.shares)


@dataclass(frozen=True)
class Outlier:
    position: int
    why: str
    about: str
    amount: dict[str, str]


@dataclass(frozen=True)
class FindingCount:
    """How many findings of one kind there are."""

    stage: str
    verdict: str
    code: str
    column: str
    count: int

    @property
    def title(self) -> str:
        """What the check is called; of anything else its code says it."""
        return title_of(self.code) if self.stage == RowStage.CHECK else ""


@dataclass(frozen=True)
class Halt:
    """Who paused or stopped a batch, and why."""

    who: str
    why: str


class BatchSheet:
    """The read model of one batch. Every part is read at most once."""

    def __init__(
        self,
        batch: Batch,
        correction: Correction,
        *,
        scopes: Sequence[Any],
        hidden: frozenset[str],
        clean: Callable[[str], str],
    ) -> None:
        self.batch = batch
        self._clean = clean
        self.correction = correction
        self._scopes = {scope.key: scope.label for scope in scopes}
        self._hidden = hidden  # names of fields whose new values this account may not see yet

    @cached_property
    def entry(self) -> Entry | None:
        return registry.get(self.batch.target_model)

    @property
    def kind(self) -> str:
        """What the records are called, in the plural."""
        entry = self.entry
        return capfirst(str(entry.model._meta.verbose_name_plural)) if entry else self.batch.target_model

    @property
    def rule(self) -> str:
        """How the records were chosen and what becomes of them, without what is hidden from the reader."""
        return self._clean(self.batch.rule)

    @property
    def changes(self) -> int:
        """Rows that change something: neither bad nor already so."""
        return changes_of(self.batch)

    @property
    def is_chunked(self) -> bool:
        return self.batch.chunk_rows is not None or self.changes > limits.BATCH_AT_ONCE_ROWS_MAX

    # What was read

    @property
    def reading(self) -> list[tuple[str, str]]:
        """How the file was read, for people."""
        return list(_reading(self.batch.reading or {}))

    @property
    def guesses(self) -> list[str]:
        return [str(GUESSES.get(code, code)) for code in (self.batch.reading or {}).get("guesses", [])]

    @property
    def has_unexpected_rows(self) -> bool:
        expected = self.batch.expected_rows
        return expected is not None and expected != self.batch.rows

    # Sums

    @property
    def _totals(self) -> Mapping[str, Any]:
        return self.batch.totals or {}

    @property
    def has_totals(self) -> bool:
        return bool(self._totals) and self.entry is not None

    def _hides(self, name: str) -> bool:
        return self.entry is not None and hides(self._hidden, self.entry, name)

    def _label(self, name: str) -> str:
        return self.entry.verbose_name(name) if self.entry and name else ""

    @cached_property
    def amounts(self) -> list[Amount]:
        """Totals before and after per amount field and currency; those that change first."""
        found = [self._amount(*line) for line in self._totals.get("amounts", [])]
        return sorted(found, key=lambda one: not one.rows)

    def _amount(self, name: str, currency: str, before: str, after: str, rows: int) -> Amount:
        difference = f"{Decimal(after) - Decimal(before):+f}"
        is_hidden = self._hides(name)
        if is_hidden:
            return Amount(self._label(name), {currency: before}, {}, {}, rows, is_hidden=True)
        return Amount(self._label(name), {currency: before}, {currency: after}, {currency: difference}, rows)

    @cached_property
    def fields(self) -> list[FieldCount]:
        return [self._field(name, count) for name, count in self._totals.get("fields", [])]

    def _field(self, name: str, count: int) -> FieldCount:
        pairs = tuple(self._pair(name, *line) for line in self._totals.get("pairs", {}).get(name, []))
        more = self._totals.get("more_pairs", {}).get(name, 0)
        return FieldCount(self._label(name), count, pairs, more, self._hides(name))

    def _pair(self, name: str, old: Any, new: Any, count: int, position: int) -> Pair:
        after = HIDDEN if self._hides(name) else self._shown(name, new)
        return Pair(self._shown(name, old), after, count, position)

    def _shown(self, name: str, value: Any) -> str:
        entry = self.entry
        if entry is None:
            return str(value)
        return display.shown(entry, name, {entry.columns(name)[0]: value}, self._names) or display.EMPTY

    @cached_property
    def _names(self) -> display.Labels:
        """Labels of what the values refer to; one query per model that is referred to."""
        entry = self.entry
        if entry is None:
            return {}
        listed = [(name, value) for name, value in self._values() if display.reference_field(entry, name) is not None]
        return display.labels_of((entry, {entry.columns(name)[0]: value}) for name, value in listed)

    def _values(self) -> Iterator[tuple[str, Any]]:
        for name, pairs in self._totals.get("pairs", {}).items():
            for old, new, *_rest in pairs:
                yield from ((name, old), (name, new))

    @cached_property
    def spreads(self) -> list[Spread]:
        """Rows by status and the like, and by branch; those that move first."""
        found = [self._spread(name, lines) for name, lines in self._totals.get("choices", {}).items()]
        scopes = [Share(self._scope(key), before, after) for key, before, after in self._totals.get("scopes", [])]
        if scopes:
            found.append(Spread(_("branch"), tuple(scopes)))
        return sorted(found, key=lambda one: not one.moves)

    def _spread(self, name: str, lines: list[Any]) -> Spread:
        if self._hides(name):
            lines = [[value, before, before] for value, before, _after in lines if before]
        return Spread(self._label(name), tuple(Share(self._shown(name, value), *counts) for value, *counts in lines))

    def _scope(self, key: str) -> str:
        return self._scopes.get(key) or (key or _("whole company"))

    @cached_property
    def outliers(self) -> list[Outlier]:
        """Rows that are unlike the others, each once, with the first reason why."""
        found: dict[int, Outlier] = {}
        for position, why, name, currency, size in self._totals.get("outliers", []):
            if position in found or (name and self._hides(name)):
                continue
            amount = {} if why == "rare_pair" else {currency: size}
            found[position] = Outlier(position, str(WHY.get(why, why)), self._label(name), amount)
        return list(found.values())

    # What machines say of the rows

    @cached_property
    def findings(self) -> list[FindingCount]:
        """Findings by kind; their number has a limit at staging, and each is a row's."""
        found = RowFinding.objects.filter(correction=self.correction).order_by()
        grouped = found.values_list("stage", "verdict", "code", "column").annotate(count=Count("id"))
        named = [FindingCount(*line) for line in grouped[: limits.FLAG_COUNTS_MAX]]
        return sorted(named, key=lambda one: (one.stage, one.verdict, -one.count, one.code))

    def _of(self, stage: str, *verdicts: str) -> list[FindingCount]:
        return [one for one in self.findings if one.stage == stage and one.verdict in verdicts]

    @property
    def bad(self) -> list[FindingCount]:
        """Why rows of the file can't become a change."""
        return self._of(RowStage.STAGING, Verdict.FAIL)

    @property
    def warned(self) -> list[FindingCount]:
        """What checks say of single rows."""
        return self._of(RowStage.CHECK, Verdict.FAIL, Verdict.WARN)

    @property
    def skipped(self) -> list[FindingCount]:
        """For what rows were left out when the batch was applied."""
        return self._of(RowStage.APPLY, Verdict.FAIL)

    # How far it is

    @cached_property
    def halt(self) -> Halt | None:
        """Of a batch that is paused, being stopped, or stopped."""
        batch, state = self.batch, self.correction.state
        kind = AuditKind.PAUSED if batch.paused_at and not batch.stop_asked_at else AuditKind.STOP_ASKED
        if state not in (State.APPLYING, State.STOPPED) or not (batch.paused_at or batch.stop_asked_at):
            return None
        event = self.correction.audit_events.filter(kind=kind).order_by("-id").first()
        if event is None:
            return None
        why = event.detail.get("comment") or event.detail.get("reason", "")
        return Halt(event.actor_name, self._clean(str(why)))

    @cached_property
    def progress(self) -> Progress | None:
        return progress_of(self.batch, self.correction, failed=sum(one.count for one in self.skipped))


def _reading(read: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if read.get("format"):
        yield _("format"), str(read["format"]).upper()
    if read.get("sheet"):
        yield _("sheet"), str(read["sheet"])
    if read.get("encoding"):
        yield _("encoding"), str(read["encoding"]).upper()
    if read.get("separator"):
        yield _("separator"), str(SEPARATORS.get(read["separator"], read["separator"]))
    if read.get("header"):
        yield str(pgettext_lazy("of a table", "columns")), ", ".join(map(str, read["header"]))
