"""When the desk is at work by its calendar, and sums of working hours; pure, but for reading the calendar.

A day is worked from Monday to Friday, from DESK_OPENS_HOUR to DESK_CLOSES_HOUR of the desk's clock, unless a
CalendarDay says otherwise: a holiday, a weekend that is worked (调休), or hours of its own. The opening moment is
working time, the closing moment is not. Closing at 00:00 is the end of that day.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from corrections.conf import limits
from corrections.errors import CorrectionError
from corrections.models import CalendarDay

SATURDAY = 5
MIDNIGHT = dt.time(0)
HOUR = dt.timedelta(hours=1)
DAY = dt.timedelta(days=1)
Period = tuple[dt.datetime, dt.datetime]


class NoWorkingTime(CorrectionError):
    """The loop over days ended at its limit (I-15): no day is worked, or too many hours were asked for."""

    code = "working_hours_cannot_be_counted"
    message = _(
        "Working hours can't be counted within %(days)s days. Ask a policy administrator to look at the calendar."
    )


class DayNotRead(LookupError):
    """A day outside of what was read could be a holiday that nobody knows of: the caller read too little."""


@dataclass(frozen=True)
class Hours:
    """From when to when a day is worked, by the clock on the wall; `closes` 00:00 is the end of the day."""

    opens: dt.time
    closes: dt.time


def weekday_hours() -> Hours:
    """The desk's hours on a day like any other."""
    return Hours(_clock(limits.DESK_OPENS_HOUR), _clock(limits.DESK_CLOSES_HOUR))


def _clock(hour: int) -> dt.time:
    return dt.time(hour % 24)  # 24 is the midnight that ends the day


@dataclass(frozen=True)
class Calendar:
    """What is known of the days from `first` to `last` (None: of every day).

    `exceptions` are the days that are not as their weekday says: their hours, or None for one that is not worked.
    """

    exceptions: Mapping[dt.date, Hours | None] = field(default_factory=dict)
    first: dt.date | None = None
    last: dt.date | None = None
    usual: Hours = field(default_factory=weekday_hours)
    zone: dt.tzinfo = field(default_factory=timezone.get_default_timezone)

    def hours_of(self, day: dt.date) -> Hours | None:
        """The hours of a day; None where it is not worked. Raises DayNotRead."""
        if (self.first is not None and day < self.first) or (self.last is not None and day > self.last):
            raise DayNotRead(f"{day} is outside of {self.first} to {self.last}.")
        if day in self.exceptions:
            return self.exceptions[day]
        return None if day.weekday() >= SATURDAY else self.usual

    def is_working(self, moment: dt.datetime) -> bool:
        """Whether the desk is at work at this moment. Raises DayNotRead."""
        period = self._period(self._day(moment))
        return period is not None and period[0] <= moment < period[1]

    def add_working_hours(self, moment: dt.datetime, hours: int | Decimal) -> dt.datetime:
        """The moment at which so many working hours have passed; this very moment for none.

        Hours that end with a day end at its closing, not at the next opening. Raises NoWorkingTime, DayNotRead.
        """
        left = _time(hours)
        if left <= dt.timedelta(0):
            return moment
        for begins, ends in self._periods(moment):
            begins = max(begins, moment)
            if begins + left <= ends:
                return begins + left
            left -= max(ends - begins, dt.timedelta(0))
        raise NoWorkingTime(days=limits.WORKING_DAYS_MAX)

    def working_hours_between(self, since: dt.datetime, until: dt.datetime) -> Decimal:
        """How many working hours lie between two moments; none where the second is not after the first.

        Raises NoWorkingTime where they lie further apart than the loop over days goes, DayNotRead.
        """
        found = dt.timedelta(0)
        if until <= since:
            return _hours(found)
        last = self._day(until)
        if (last - self._day(since)).days >= limits.WORKING_DAYS_MAX:
            raise NoWorkingTime(days=limits.WORKING_DAYS_MAX)
        for begins, ends in self._periods(since, last):
            found += max(min(ends, until) - max(begins, since), dt.timedelta(0))
        return _hours(found)

    def _periods(self, since: dt.datetime, last: dt.date | None = None) -> Iterator[Period]:
        """The worked periods from the day of a moment on, to `last` or to the limit."""
        first = self._day(since)
        for days in range(limits.WORKING_DAYS_MAX):
            day = first + dt.timedelta(days=days)
            if last is not None and day > last:
                return
            period = self._period(day)
            if period is not None:
                yield period

    def _day(self, moment: dt.datetime) -> dt.date:
        return timezone.localdate(moment, self.zone)  # refuses a moment without a time zone

    def _period(self, day: dt.date) -> Period | None:
        """From when to when a day is worked, in UTC: between them lies what really passes, whatever the clocks do."""
        hours = self.hours_of(day)
        if hours is None:
            return None
        closing_day = day + DAY if hours.closes == MIDNIGHT else day
        begins = self._moment(day, hours.opens, fold=0)
        # A wall clock that shows the closing time twice closes at the second.
        ends = max(self._moment(closing_day, hours.closes, fold=fold) for fold in (0, 1))
        return (begins, ends) if begins < ends else None

    def _moment(self, day: dt.date, clock: dt.time, *, fold: int) -> dt.datetime:
        return dt.datetime.combine(day, clock.replace(fold=fold), self.zone).astimezone(dt.UTC)


def _time(hours: int | Decimal) -> dt.timedelta:
    return dt.timedelta(microseconds=int((Decimal(hours) * (HOUR // dt.timedelta(microseconds=1))).to_integral_value()))


def _hours(time: dt.timedelta) -> Decimal:
    return Decimal(time // dt.timedelta(microseconds=1)) / (HOUR // dt.timedelta(microseconds=1))


def hours_said(*, is_working: bool, opens_at: dt.time | None, closes_at: dt.time | None) -> Hours | None:
    """The hours that the row of a day says; those of a weekday where it names none."""
    if not is_working:
        return None
    usual = weekday_hours()
    return Hours(usual.opens if opens_at is None else opens_at, usual.closes if closes_at is None else closes_at)


def calendar_of(rows: Iterable[Any], first: dt.date | None = None, last: dt.date | None = None) -> Calendar:
    """The calendar that rows of CalendarDay say."""
    said = {
        row.day: hours_said(is_working=row.is_working, opens_at=row.opens_at, closes_at=row.closes_at) for row in rows
    }
    return Calendar(exceptions=said, first=first, last=last)


def calendar_between(first_day: dt.date, last_day: dt.date) -> Calendar:
    """The desk's calendar of these days, both included, read in one statement. Further days it refuses to tell."""
    return calendar_of(CalendarDay.objects.filter(day__gte=first_day, day__lte=last_day), first_day, last_day)
