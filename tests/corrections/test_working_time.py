"""When the desk is at work: weekdays, holidays, worked weekends, hours of a day's own, clocks that are put forward."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.test import override_settings
from django.test.utils import CaptureQueriesContext
from hypothesis import assume, given
from hypothesis import strategies as st

from corrections.conf import unusable
from corrections.engine import gate
from corrections.models import CalendarDay
from corrections.working_time import Calendar, DayNotRead, Hours, NoWorkingTime, calendar_between, hours_said
from tests.factories.staff import superuser

SHANGHAI = ZoneInfo("Asia/Shanghai")
BERLIN = ZoneInfo("Europe/Berlin")
USUAL = Hours(dt.time(9), dt.time(18))


def holidays(first: str, last: str) -> dict[dt.date, Hours | None]:
    day, end = dt.date.fromisoformat(first), dt.date.fromisoformat(last)
    return {day + dt.timedelta(days=n): None for n in range((end - day).days + 1)}


# National Day of 2026: seven days off, paid for with a Sunday and a Saturday (调休).
NATIONAL_DAY: dict[dt.date, Hours | None] = {
    **holidays("2026-10-01", "2026-10-07"),
    dt.date(2026, 9, 27): USUAL,
    dt.date(2026, 10, 10): USUAL,
}


def plain(exceptions: dict[dt.date, Hours | None] | None = None, zone: ZoneInfo = SHANGHAI) -> Calendar:
    return Calendar(exceptions=exceptions or {}, zone=zone)


def at(text: str, zone: ZoneInfo = SHANGHAI) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=zone)


@pytest.mark.parametrize(
    ("moment", "wanted"),
    [
        ("2026-11-23 08:59:59.999999", False),
        ("2026-11-23 09:00", True),
        ("2026-11-23 17:59:59.999999", True),
        ("2026-11-23 18:00", False),
        ("2026-11-22 12:00", False),  # a Sunday
        ("2026-11-21 12:00", False),  # a Saturday
        ("2026-09-27 12:00", True),  # a Sunday that is worked
        ("2026-10-01 12:00", False),
        ("2026-10-07 12:00", False),
        ("2026-10-08 12:00", True),
        ("2026-10-10 12:00", True),  # a Saturday that is worked
        ("2026-10-11 12:00", False),
        ("2028-02-29 12:00", True),  # a leap day on a Tuesday
    ],
)
def test_a_moment_is_working_time_from_the_opening_to_before_the_closing(moment: str, wanted: bool) -> None:
    assert plain(NATIONAL_DAY).is_working(at(moment)) is wanted


def test_the_desk_clock_decides_not_the_clock_of_the_moment() -> None:
    utc = dt.datetime(2026, 11, 23, 1, 0, tzinfo=dt.UTC)  # 09:00 in Shanghai, a Monday
    assert plain().is_working(utc)
    assert not plain().is_working(utc - dt.timedelta(microseconds=1))
    assert not plain(zone=BERLIN).is_working(utc)


def test_a_moment_without_a_time_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="naive"):
        plain().is_working(dt.datetime(2026, 11, 23, 12))  # noqa: DTZ001


@pytest.mark.parametrize(
    ("since", "hours", "wanted"),
    [
        ("2026-11-23 10:00", 0, "2026-11-23 10:00"),
        ("2026-11-22 10:00", 0, "2026-11-22 10:00"),  # nothing has passed, so it is still now
        ("2026-11-23 10:00", 4, "2026-11-23 14:00"),
        ("2026-11-23 10:00", 8, "2026-11-23 18:00"),  # the closing, not the next opening
        ("2026-11-23 10:00", 9, "2026-11-24 10:00"),
        ("2026-11-23 07:00", 1, "2026-11-23 10:00"),  # before the opening
        ("2026-11-23 20:00", 1, "2026-11-24 10:00"),  # after the closing
        ("2026-11-20 17:00", 2, "2026-11-23 10:00"),  # over a weekend
        ("2026-11-21 12:00", 1, "2026-11-23 10:00"),
        ("2026-09-30 17:00", 2, "2026-10-08 10:00"),  # over National Day
        ("2026-09-26 12:00", 9, "2026-09-27 18:00"),  # onto the Sunday that is worked
        ("2026-10-09 17:00", 2, "2026-10-10 10:00"),  # onto the Saturday that is worked
        ("2026-10-10 17:00", 2, "2026-10-12 10:00"),
        ("2026-12-31 17:00", 2, "2027-01-01 10:00"),  # over the end of a year
        ("2028-02-28 17:00", 2, "2028-02-29 10:00"),  # onto a leap day
        ("2027-02-26 17:00", 2, "2027-03-01 10:00"),  # no leap day, and a weekend
    ],
)
def test_hours_are_added_while_the_desk_is_at_work(since: str, hours: int, wanted: str) -> None:
    assert plain(NATIONAL_DAY).add_working_hours(at(since), hours) == at(wanted)


def test_parts_of_an_hour_are_added() -> None:
    assert plain().add_working_hours(at("2026-11-23 17:45"), Decimal("0.5")) == at("2026-11-24 09:15")


@pytest.mark.parametrize(
    ("since", "until", "wanted"),
    [
        ("2026-11-23 10:00", "2026-11-23 10:00", "0"),
        ("2026-11-23 12:00", "2026-11-23 10:00", "0"),  # backwards
        ("2026-11-23 10:00", "2026-11-23 12:15", "2.25"),
        ("2026-11-23 17:00", "2026-11-24 10:00", "2"),
        ("2026-11-20 18:00", "2026-11-23 09:00", "0"),  # a weekend
        ("2026-09-30 18:00", "2026-10-08 09:00", "0"),  # National Day
        ("2026-09-28 00:00", "2026-10-05 00:00", "27"),
        ("2026-09-26 00:00", "2026-09-28 00:00", "9"),
    ],
)
def test_hours_between_two_moments_are_those_at_work(since: str, until: str, wanted: str) -> None:
    assert plain(NATIONAL_DAY).working_hours_between(at(since), at(until)) == Decimal(wanted)


def test_a_day_may_have_hours_of_its_own() -> None:
    eve = plain({dt.date(2026, 12, 31): Hours(dt.time(8, 30), dt.time(12))})
    assert eve.is_working(at("2026-12-31 08:30"))
    assert not eve.is_working(at("2026-12-31 12:00"))
    assert eve.working_hours_between(at("2026-12-31 00:00"), at("2027-01-01 00:00")) == Decimal("3.5")


def test_a_day_that_closes_at_midnight_is_worked_to_its_end() -> None:
    late = plain({dt.date(2026, 11, 11): Hours(dt.time(9), dt.time(0))})
    assert late.is_working(at("2026-11-11 23:59:59.999999"))
    assert not late.is_working(at("2026-11-12 00:00"))
    assert late.working_hours_between(at("2026-11-11 00:00"), at("2026-11-12 00:00")) == 15


def test_a_day_around_the_clock_has_twenty_four_hours() -> None:
    all_day = plain({dt.date(2026, 11, 11): Hours(dt.time(0), dt.time(0))})
    assert all_day.working_hours_between(at("2026-11-10 18:00"), at("2026-11-12 09:00")) == 24


def test_a_day_that_closes_before_it_opens_is_not_worked() -> None:
    wrong = plain({dt.date(2026, 11, 11): Hours(dt.time(18), dt.time(9))})
    assert wrong.working_hours_between(at("2026-11-11 00:00"), at("2026-11-12 00:00")) == 0


NIGHT = Hours(dt.time(1), dt.time(4))


@pytest.mark.parametrize(
    ("day", "wanted"),
    [
        (dt.date(2026, 3, 28), 3),
        (dt.date(2026, 3, 29), 2),  # put forward: 02:00 to 03:00 is not there
        (dt.date(2026, 10, 25), 4),  # put back: 02:00 to 03:00 is there twice
    ],
)
def test_hours_are_those_that_really_pass_when_clocks_are_changed(day: dt.date, wanted: int) -> None:
    calendar = plain({day: NIGHT}, BERLIN)
    midnight = dt.datetime.combine(day, dt.time(0), BERLIN)
    assert calendar.working_hours_between(midnight, midnight + dt.timedelta(days=1)) == wanted
    begins = dt.datetime.combine(day, NIGHT.opens, BERLIN)
    assert calendar.add_working_hours(begins, wanted) == dt.datetime.combine(day, NIGHT.closes, BERLIN)


@pytest.mark.parametrize("opens", [dt.time(2, 15), dt.time(1, 45)])
def test_hours_that_a_clock_never_shows_are_no_longer_than_written(opens: dt.time) -> None:
    day = dt.date(2026, 3, 29)
    calendar = plain({day: Hours(opens, dt.time(2, 45))}, BERLIN)
    found = calendar.working_hours_between(at("2026-03-29 00:00", BERLIN), at("2026-03-30 00:00", BERLIN))
    assert Decimal(0) < found <= 1


def test_the_second_of_two_closing_times_closes() -> None:
    day = dt.date(2026, 10, 25)
    calendar = plain({day: Hours(dt.time(1), dt.time(2, 30))}, BERLIN)
    assert calendar.is_working(dt.datetime(2026, 10, 25, 2, 29, tzinfo=BERLIN, fold=1))
    assert not calendar.is_working(dt.datetime(2026, 10, 25, 2, 30, tzinfo=BERLIN, fold=1))


# Limits


def test_a_calendar_without_any_working_day_is_refused_and_not_searched_for_ever() -> None:
    closed = plain(holidays("2026-01-01", "2036-01-01"))
    with pytest.raises(NoWorkingTime) as refusal:
        closed.add_working_hours(at("2026-01-01 00:00"), 1)
    assert "1100 days" in str(refusal.value)


def test_days_that_are_counted_have_a_limit() -> None:
    since = at("2026-11-23 00:00")
    with override_settings(CORRECTIONS_WORKING_DAYS_MAX=3):
        assert plain().working_hours_between(since, since + dt.timedelta(days=2)) == 18
        with pytest.raises(NoWorkingTime):
            plain().working_hours_between(since, since + dt.timedelta(days=3))
        assert plain().add_working_hours(since, 27) == at("2026-11-25 18:00")
        with pytest.raises(NoWorkingTime):
            plain().add_working_hours(since, 28)


@pytest.mark.parametrize(
    ("settings", "wanted"),
    [
        ({}, []),
        ({"CORRECTIONS_DESK_OPENS_HOUR": 8, "CORRECTIONS_DESK_CLOSES_HOUR": 24}, []),
        ({"CORRECTIONS_DESK_CLOSES_HOUR": 9}, ["DESK_CLOSES_HOUR"]),
        ({"CORRECTIONS_DESK_CLOSES_HOUR": 25}, ["DESK_CLOSES_HOUR"]),
        ({"CORRECTIONS_DESK_OPENS_HOUR": "nine"}, ["DESK_OPENS_HOUR"]),
    ],
)
def test_hours_that_no_day_has_are_found_at_start_up(settings: dict[str, object], wanted: list[str]) -> None:
    with override_settings(**settings):
        assert unusable() == wanted


def test_a_desk_may_close_at_midnight_every_day() -> None:
    with override_settings(CORRECTIONS_DESK_CLOSES_HOUR=24):
        assert plain().is_working(at("2026-11-23 23:59"))
        assert not plain().is_working(at("2026-11-24 00:00"))


# The rows


@pytest.mark.django_db
def test_the_calendar_is_read_in_one_statement_and_further_days_are_not_guessed() -> None:
    with gate.opened(actor=superuser()):
        for day, note in (("2026-09-30", ""), ("2026-10-01", "National Day"), ("2026-10-08", "too late")):
            CalendarDay.objects.create(day=day, note=note)
        CalendarDay.objects.create(day="2026-09-27", is_working=True, closes_at="16:00")
    with CaptureQueriesContext(connection) as captured:
        calendar = calendar_between(dt.date(2026, 9, 26), dt.date(2026, 10, 7))
        assert not calendar.is_working(at("2026-10-01 12:00"))
    assert len(captured) == 1
    assert calendar.exceptions == {
        dt.date(2026, 9, 27): Hours(dt.time(9), dt.time(16)),
        dt.date(2026, 9, 30): None,
        dt.date(2026, 10, 1): None,
    }
    for outside in ("2026-09-25 12:00", "2026-10-08 12:00"):
        with pytest.raises(DayNotRead):
            calendar.is_working(at(outside))
    with pytest.raises(DayNotRead):
        calendar.add_working_hours(at("2026-10-06 12:00"), 40)


def test_a_row_that_names_no_hours_has_those_of_a_weekday() -> None:
    assert hours_said(is_working=True, opens_at=None, closes_at=None) == USUAL
    assert hours_said(is_working=True, opens_at=dt.time(10), closes_at=None) == Hours(dt.time(10), dt.time(18))
    assert hours_said(is_working=False, opens_at=dt.time(10), closes_at=dt.time(12)) is None


# Properties

DAYS = st.dates(dt.date(2024, 1, 1), dt.date(2029, 12, 31))
CLOCKS = st.times().map(lambda time: time.replace(second=0, microsecond=0, tzinfo=None))
SAID = st.dictionaries(DAYS, st.one_of(st.none(), st.builds(Hours, CLOCKS, CLOCKS)), max_size=20)
MOMENTS = st.datetimes(dt.datetime(2024, 1, 1), dt.datetime(2028, 1, 1), timezones=st.just(dt.UTC))  # noqa: DTZ001
QUARTERS = st.integers(0, 800).map(lambda count: Decimal(count) / 4)
ZONES = st.sampled_from([SHANGHAI, BERLIN, ZoneInfo("America/New_York"), ZoneInfo("Australia/Lord_Howe")])


@given(said=SAID, moment=MOMENTS, hours=QUARTERS, zone=ZONES)
def test_what_was_added_lies_between(
    said: dict[dt.date, Hours | None], moment: dt.datetime, hours: Decimal, zone: ZoneInfo
) -> None:
    calendar = plain(said, zone)
    ends = calendar.add_working_hours(moment, hours)
    assert calendar.working_hours_between(moment, ends) == hours
    if hours:
        assert calendar.is_working(ends - dt.timedelta(microseconds=1))


@given(said=SAID, zone=ZONES, moments=st.lists(MOMENTS, min_size=3, max_size=3))
def test_hours_of_two_stretches_add_up(
    said: dict[dt.date, Hours | None], zone: ZoneInfo, moments: list[dt.datetime]
) -> None:
    first, middle, last = sorted(moments)
    assume((last - first).days < 1_000)
    calendar = plain(said, zone)
    between = calendar.working_hours_between
    apart = between(first, last) - between(first, middle) - between(middle, last)
    assert abs(apart) < Decimal("1e-18")
