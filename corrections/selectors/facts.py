"""The short lists that hang on one correction, read from their tables in one query."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.db.models import BigIntegerField, Case, CharField, F, QuerySet, TextField, Value, When
from django.db.models.functions import Cast, Concat, JSONObject
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from corrections.checks import for_the_reader, title_of
from corrections.choices import State
from corrections.models import (
    CalendarDay,
    CheckResult,
    Contribution,
    Correction,
    CorrectionScope,
    Decision,
    Delegation,
    Rekeying,
    Revision,
)

_text = partial(Value, output_field=CharField())
_number = partial(Value, output_field=BigIntegerField())

HIDDEN = 2
CLOCK_DAYS = 120  # looked ahead for when a step escalates


@dataclass(frozen=True)
class Scope:
    key: str
    label: str

    def __str__(self) -> str:
        return self.label or "*"


@dataclass(frozen=True)
class Verdict:
    """What a machine found in the present revision."""

    verdict: str
    check_code: str
    message: str
    is_flag: bool = False
    is_hidden: bool = False  # from the maker
    moment: str = "submission"

    @property
    def title(self) -> str:
        """What people call the check or flag."""
        return title_of(self.check_code)


@dataclass(frozen=True)
class Keying:
    """One field keyed blindly by one person in one go: whether it agreed, never the value."""

    field: str
    change_id: int
    revision: int
    person_id: int
    person_name: str
    at: str  # tells one go from another, nothing else
    agrees: bool


@dataclass(frozen=True)
class Facts:
    scopes: tuple[Scope, ...]
    contributors: frozenset[int]
    verdicts: tuple[Verdict, ...]
    keyings: tuple[Keying, ...] = ()
    decisions: tuple[Decision, ...] = ()  # of every revision
    revisions: tuple[Revision, ...] = ()  # the last two, newest first, where there are two
    days: tuple[CalendarDay, ...] = ()  # of the desk's calendar, as far as a clock may run


def facts_of(correction: Correction) -> Facts:
    """Scopes by label, people who contributed, the present revision's verdicts, all blind keyings; in order."""
    parts = [
        _rows("scope", CorrectionScope.objects.filter(correction=correction), "label", "key"),
        _rows("person", Contribution.objects.filter(correction=correction), m="person_id"),
        _rows(
            "verdict",
            CheckResult.objects.filter(correction=correction, revision=correction.revision).exclude(moment="draft"),
            *(_joined("moment", "verdict"), "check_code", "message", Cast("looked_at", TextField())),
            m="id",
            n=Case(When(is_hidden=True, then=2), When(is_flag=True, then=1), default=0, output_field=BigIntegerField()),
        ),
        _rows(
            "keying",
            Rekeying.objects.filter(correction=correction),
            *("field", "person_name", Cast("at", TextField()), _joined("revision", "person_id", "change_id")),
            m="id",
            n=Case(When(agrees=True, then=1), default=0, output_field=BigIntegerField()),
        ),
        _rows("decision", Decision.objects.filter(correction=correction), Cast(_object(DECISION), TextField()), m="id"),
        *_revisions(correction),
        *_days(correction),
    ]
    kinds = ("scope", "person", "verdict", "keying", "decision", "revision", "day")
    found: dict[str, list[Any]] = {kind: [] for kind in kinds}
    for what, a, b, c, d, m, n in sorted(parts[0].union(*parts[1:], all=True), key=lambda row: (row[5], row[1])):
        found[what].append((a, b, c, d, m, n))
    return Facts(
        scopes=tuple(Scope(key, label) for label, key, _c, _d, _m, _n in found["scope"]),
        contributors=frozenset(person for _a, _b, _c, _d, person, _n in found["person"]),
        verdicts=tuple(_verdict(*row) for row in found["verdict"]),
        keyings=tuple(_keying(*row) for row in found["keying"]),
        decisions=tuple(_with_delegations([_decision(correction, *row) for row in found["decision"]])),
        revisions=tuple(_revision(correction, *row) for row in found["revision"])[::-1],
        days=tuple(_day(*row) for row in found["day"]),
    )


# Columns of a decision that pages show.
DECISION = (
    *("id", "revision", "step", "role", "kind", "comment", "person_id", "person_name", "decided_at"),
    *("delegation_id", "held_role", "acknowledged", "token", "confirmed"),
)


def _object(names: Sequence[str]) -> JSONObject:
    return JSONObject(**{name: name for name in names})


def _decision(correction: Correction, text: str, *_rest: Any) -> Decision:
    columns = json.loads(text)
    at = parse_datetime(columns["decided_at"])
    assert at is not None  # noqa: S101 - the database wrote it
    columns["decided_at"] = at if timezone.is_aware(at) else at.replace(tzinfo=dt.UTC)
    for name in ("acknowledged", "confirmed"):
        if isinstance(columns[name], str):  # SQLite keeps JSON as text
            columns[name] = json.loads(columns[name])
    return Decision(correction=correction, **columns)


def _with_delegations(decisions: list[Decision]) -> list[Decision]:
    """Decisions in somebody's stead with whose it was; they are few, and asked for only where there are any."""
    wanted = {decision.delegation_id for decision in decisions if decision.delegation_id}
    loans = Delegation.objects.select_related("giver").in_bulk(wanted) if wanted else {}
    for decision in decisions:
        decision.delegation = loans.get(decision.delegation_id)
    return decisions


def _revisions(correction: Correction) -> Iterator[QuerySet[Any, Any]]:
    if correction.revision > 1:
        rows = Revision.objects.filter(correction=correction, number__gte=correction.revision - 1)
        yield _rows("revision", rows, Cast("content", TextField()), m="number")


def _revision(correction: Correction, content: str, _b: str, _c: str, _d: str, number: int, _n: int) -> Revision:
    return Revision(correction=correction, number=number, content=json.loads(content))


def _days(correction: Correction) -> Iterator[QuerySet[Any, Any]]:
    """Days of the calendar from the opening of the step on, for a correction whose step may escalate."""
    since = correction.step_opened_at
    if since is None or correction.state != State.SUBMITTED or not correction.demand.get("escalation_hours"):
        return
    first, last = clock_days(since)
    rows = CalendarDay.objects.filter(day__range=(first, last))
    is_working = Case(When(is_working=True, then=1), default=0, output_field=BigIntegerField())
    yield _rows("day", rows, *(Cast(name, CharField()) for name in ("day", "opens_at", "closes_at")), n=is_working)


def clock_days(since: dt.datetime) -> tuple[dt.date, dt.date]:
    """The days of the calendar that a clock may run over: the day before for whatever time zone, and enough after."""
    day = timezone.localdate(since)
    return day - dt.timedelta(days=1), day + dt.timedelta(days=CLOCK_DAYS)


def _day(day: str, opens_at: str | None, closes_at: str | None, _text: str, _m: int, is_working: int) -> CalendarDay:
    return CalendarDay(
        day=dt.date.fromisoformat(day),
        is_working=bool(is_working),
        opens_at=dt.time.fromisoformat(opens_at) if opens_at else None,
        closes_at=dt.time.fromisoformat(closes_at) if closes_at else None,
    )


def _verdict(found: str, code: str, message: str, looked_at: str, _id: int, treated: int) -> Verdict:
    moment, verdict = found.split(":")
    said = for_the_reader(message, json.loads(looked_at))
    return Verdict(verdict, code, said, treated > 0, treated == HIDDEN, moment)


def _keying(field: str, person_name: str, at: str, keys: str, _id: int, agrees: int) -> Keying:
    revision, person, change = map(int, keys.split(":"))
    return Keying(field, change, revision, person, person_name, at, bool(agrees))


def _joined(*names: str) -> Any:
    """Columns as one text, with colons between."""
    parts: list[Any] = [Cast(names[0], CharField())]
    for name in names[1:]:
        parts += [Value(":"), Cast(name, CharField())]
    return Concat(*parts, output_field=CharField())


def _rows(what: str, rows: QuerySet[Any], *texts: Any, m: Any = "", n: Any = "") -> QuerySet[Any, Any]:
    """Rows of one table in the columns that all of them share: what it is, four texts, two numbers."""
    columns = [F(text) if isinstance(text, str) else text for text in texts] + [_text("")] * (4 - len(texts))
    numbers = [F(name) if isinstance(name, str) and name else name or _number(0) for name in (m, n)]
    return rows.order_by().values_list(_text(what), *columns, *numbers)
