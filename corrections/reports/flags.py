"""Raised risk flags as compliance counts them: by flag, by maker, by branch and month, and one by one.

A flag counts once for each correction, at the moment at which it was first raised, however often machines looked again.
Every table is one statement; all of them are within the reader's sight.
"""

from __future__ import annotations

import datetime as dt
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from django.db.models import Count, Exists, Max, OuterRef, QuerySet
from django.db.models.functions import TruncMonth
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from corrections.checks import BUILT_IN_FLAGS, for_the_reader
from corrections.choices import State
from corrections.conf import limits
from corrections.models import CheckResult, CorrectionScope
from corrections.registry import registry
from corrections.reports.columns import Heading, Style
from corrections.reports.filters import Filters, FilterUnusable, parse
from corrections.reports.history import CHUNK_ROWS, Sight, matching_corrections
from corrections.reports.lines import Line

ASKED = ("since", "until", "flag", "scope", "maker")


@dataclass(frozen=True)
class FlagFilters:
    """What is counted: `general` holds the period, branch and maker."""

    general: Filters = field(default_factory=Filters)
    flag: str = ""

    def as_json(self) -> dict[str, str]:
        return self.general.as_json() | ({"flag": self.flag} if self.flag else {})


@dataclass(frozen=True)
class Tally:
    """A line of a table. `narrow` are the filters that show what it counts."""

    label: str
    count: int
    narrow: Mapping[str, str]
    month: dt.date | None = None


@dataclass(frozen=True)
class Raised:
    """One flag of one correction."""

    pk: int
    at: dt.datetime
    title: str
    message: str
    is_hidden: bool
    correction_pk: int
    correction: str
    state: str
    maker: str


@dataclass(frozen=True)
class FlagPage:
    by_flag: Sequence[Tally]
    by_maker: Sequence[Tally]
    by_branch: Sequence[Tally]
    raised: Sequence[Raised]
    older: int | None = None  # key to go on from

    @property
    def total(self) -> int:
        return sum(tally.count for tally in self.by_flag)


def parse_flags(texts: Mapping[str, Any]) -> FlagFilters:
    """The filters behind texts by field name. Raises FilterUnusable naming the field."""
    code = str(texts.get("flag") or "").strip()
    if code and code not in titles():
        raise FilterUnusable(_("There is no such risk flag."), field="flag")
    return FlagFilters(parse({name: texts.get(name, "") for name in ASKED if name != "flag"}), code)


def titles() -> dict[str, str]:
    """What people call each flag that machines know, by its code."""
    registered = [flag for entry in registry.entries() for flag in entry.config.flags]
    return {flag.code: str(flag.title) for flag in (*BUILT_IN_FLAGS, *registered)}


def raised(filters: FlagFilters, sight: Sight) -> QuerySet[CheckResult]:
    """The first verdict of each flag on each correction."""
    before = CheckResult.objects.filter(
        correction=OuterRef("correction"), check_code=OuterRef("check_code"), is_flag=True, pk__lt=OuterRef("pk")
    )
    found = CheckResult.objects.filter(~Exists(before), is_flag=True).order_by()
    general = filters.general
    if filters.flag:
        found = found.filter(check_code=filters.flag)
    if (begins := general.begins()) is not None:
        found = found.filter(at__gte=begins)
    if (ends := general.ends()) is not None:
        found = found.filter(at__lt=ends)
    if general.scope:
        found = found.filter(correction__scopes__key=general.scope)
    if sight.keys is not None or general.narrows_corrections:
        found = found.filter(correction__in=matching_corrections(general, sight).values("pk"))
    return found


def flag_page(filters: FlagFilters, sight: Sight, *, below: int | None = None) -> FlagPage:
    """The tables, and the latest ones raised (below a key). Four statements, whatever there is to count."""
    found = raised(filters, sight)
    known = titles()
    size = limits.PAGE_ROWS
    listed = found if below is None else found.filter(pk__lt=below)
    rows = list(listed.select_related("correction").order_by("-pk")[: size + 1])
    return FlagPage(
        by_flag=_by_flag(found, known),
        by_maker=_by_maker(found),
        by_branch=_by_branch(found),
        raised=[_raised(row, known) for row in rows[:size]],
        older=rows[size - 1].pk if len(rows) > size else None,
    )


def _by_flag(found: QuerySet[CheckResult], known: Mapping[str, str]) -> list[Tally]:
    rows = found.values("check_code").annotate(n=Count("pk")).order_by("-n", "check_code")
    return [Tally(known.get(code, code), n, {"flag": code}) for code, n in rows.values_list("check_code", "n")]


def _by_maker(found: QuerySet[CheckResult]) -> list[Tally]:
    number = "correction__maker_person__employee_no"
    rows = found.values(number).annotate(n=Count("pk"), name=Max("correction__maker_name")).order_by("-n", number)
    shown = rows.values_list(number, "name", "n")[: limits.FLAG_COUNTS_MAX]
    return [Tally(name, n, {"maker": number_}) for number_, name, n in shown]


def _by_branch(found: QuerySet[CheckResult]) -> list[Tally]:
    """Newest month first; a correction of several branches counts in each of them."""
    month = TruncMonth("at", tzinfo=timezone.get_default_timezone())
    rows = found.values("correction__scopes__key", month=month)
    rows = rows.annotate(n=Count("pk"), label=Max("correction__scopes__label"))
    rows = rows.order_by("-month", "-n", "correction__scopes__key")
    shown = rows.values_list("month", "correction__scopes__key", "label", "n")[: limits.FLAG_COUNTS_MAX]
    return [_of_month(month.date(), key or "", label or "", n) for month, key, label, n in shown]


def _of_month(first: dt.date, key: str, label: str, n: int) -> Tally:
    last = (first + dt.timedelta(days=31)).replace(day=1) - dt.timedelta(days=1)
    narrow = {"since": str(first), "until": str(last)} | ({"scope": key} if ":" in key else {})
    return Tally(label or key or _("whole company"), n, narrow, first)


def _raised(row: CheckResult, known: Mapping[str, str]) -> Raised:
    correction = row.correction
    return Raised(
        pk=row.pk,
        at=row.at,
        title=known.get(row.check_code, row.check_code),
        message=for_the_reader(row.message, row.looked_at),
        is_hidden=row.is_hidden,
        correction_pk=correction.pk,
        correction=str(correction),
        state=correction.get_state_display(),
        maker=correction.maker_name,
    )


# The file: a line for each flag of each correction, oldest first

HEADINGS: tuple[Heading, ...] = (
    ("raised_at", gettext_lazy("raised at")),
    ("flag", gettext_lazy("risk flag")),
    ("is_hidden_from_maker", gettext_lazy("hidden from the maker")),
    ("finding", gettext_lazy("finding")),
    ("looked_at", gettext_lazy("what it looked at")),
    ("correction", gettext_lazy("correction")),
    ("state", gettext_lazy("state")),
    ("revision", gettext_lazy("revision")),
    ("maker", gettext_lazy("maker")),
    ("branch", gettext_lazy("branch")),
)


class FlagReport:
    """Headings and lines as texts: codes for machines, words for people."""

    def __init__(self, filters: FlagFilters, sight: Sight, *, is_words: bool) -> None:
        self.rows = raised(filters, sight)
        self.style = Style(is_words)
        self._titles = titles() if is_words else {}

    def headings(self) -> list[str]:
        return [str(label) if self.style.is_words else key for key, label in HEADINGS]

    def lines(self) -> Iterator[Line]:
        found = self.rows.select_related("correction").order_by("pk").iterator(chunk_size=CHUNK_ROWS)
        while chunk := list(islice(found, CHUNK_ROWS)):
            branches = self._branches({row.correction_id for row in chunk})
            for row in chunk:
                yield self._cells(row, branches[row.correction_id]), []

    def _branches(self, corrections: set[int]) -> dict[int, list[str]]:
        names: dict[int, list[str]] = defaultdict(list)
        scopes = CorrectionScope.objects.filter(correction__in=corrections).order_by("label", "key")
        for pk, key, label in scopes.values_list("correction_id", "key", "label"):
            names[pk].append((label or key) if self.style.is_words else key)
        return names

    def _cells(self, row: CheckResult, branches: Sequence[str]) -> list[str]:
        style, correction = self.style, row.correction
        facts = {name: value for name, value in row.looked_at.items() if name != "said"}
        return [
            style.moment(row.at),
            self._titles.get(row.check_code, row.check_code),
            (_("yes") if row.is_hidden else _("no")) if style.is_words else str(int(row.is_hidden)),
            for_the_reader(row.message, row.looked_at) if style.is_words else row.message,
            json.dumps(facts, ensure_ascii=False, sort_keys=True),
            str(correction.number or ""),
            style.choice(State, correction.state),
            str(row.revision),
            correction.maker_name,
            "\n".join(branches),
        ]
