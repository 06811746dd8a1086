"""A number or a date has one certain text, or none."""

from __future__ import annotations

import pytest

from corrections.files.formats import DATE, NUMBER, OTHERWISE, PLAIN, TIME, Shown, shown_by
from corrections.files.numbers import date_text, number_text

DAY = Shown(DATE)


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("0", "0"),
        ("-0", "0"),
        ("42", "42"),
        ("-42", "-42"),
        ("100", "100"),
        ("1234.5", "1234.5"),
        ("1.10", "1.1"),
        ("1.1000000000000001", "1.1"),
        ("1234.5599999999999", "1234.56"),
        ("1E-4", "0.0001"),
        ("9.9999999999999995E-7", "0.000001"),
        ("1e5", "100000"),
        ("999999999999999", "999999999999999"),
        ("123456789012.345", "123456789012.345"),
    ],
)
def test_a_number_of_fifteen_digits_comes_back_as_it_was_typed(raw: str, text: str) -> None:
    assert number_text(raw, PLAIN, False) == (text, "")


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        ("6217000000000009001", "number_digits_lost"),
        ("6.2170000000000092E+18", "number_digits_lost"),
        ("1000000000000000", "number_digits_lost"),
        ("1e400", "cell_unreadable_or_lost"),
        ("0.30000000000000004", "number_not_exact"),
        ("123456789012.3456", "number_not_exact"),
        ("１２", "cell_unreadable"),
        ("1,5", "cell_unreadable"),
        ("1_000", "cell_unreadable"),
        ("0x10", "cell_unreadable"),
        ("INF", "cell_unreadable"),
        ("", "cell_unreadable"),
        ("1e99999", "cell_unreadable"),
    ],
)
def test_a_number_that_is_not_kept_exactly_has_no_text(raw: str, code: str) -> None:
    expected = {"cell_unreadable", "number_digits_lost"} if code.endswith("_or_lost") else {code}
    assert number_text(raw, PLAIN, False)[1] in expected


@pytest.mark.parametrize(
    ("format_id", "code", "shown"),
    [
        ("0", None, PLAIN),
        ("49", None, PLAIN),
        ("1", None, Shown(NUMBER, 0)),
        ("4", None, Shown(NUMBER, 2)),
        ("9", None, Shown(OTHERWISE)),
        ("11", None, Shown(OTHERWISE)),
        ("14", None, DAY),
        ("31", None, DAY),
        ("22", None, Shown(TIME)),
        ("999", None, Shown(OTHERWISE)),
        ("x", None, Shown(OTHERWISE)),
        ("164", "General", PLAIN),
        ("164", "@", PLAIN),
        ("164", "0", Shown(NUMBER, 0)),
        ("164", "#,##0.00", Shown(NUMBER, 2)),
        ("164", "#,##0.00;[Red]-#,##0.00", Shown(NUMBER, 2)),
        ("164", '"¥"#,##0.00_);("¥"#,##0.00)', Shown(NUMBER, 2)),
        ("164", "[$¥-804]#,##0.0", Shown(NUMBER, 1)),
        ("164", '_-* #,##0.00\\ "CNY"_-', Shown(NUMBER, 2)),
        ("164", '0.00" 元"', Shown(NUMBER, 2)),
        ("164", "000000", Shown(OTHERWISE)),
        ("164", "0%", Shown(OTHERWISE)),
        ("164", "0.00E+00", Shown(OTHERWISE)),
        ("164", "# ?/?", Shown(OTHERWISE)),
        ("164", "#,##0,", Shown(OTHERWISE)),
        ("164", ";;;", Shown(OTHERWISE)),
        ("164", '"P"0', Shown(OTHERWISE)),
        ("164", "[$P]0", Shown(OTHERWISE)),
        ("164", "\\P0", Shown(OTHERWISE)),
        ("164", "[>100]0;0.0", Shown(OTHERWISE)),
        ("164", "yyyy-mm-dd", DAY),
        ("164", "yyyy/m/d;@", DAY),
        ("164", 'yyyy"年"m"月"d"日";@', DAY),
        ("164", "[$-F800]dddd\\,\\ mmmm\\ dd\\,\\ yyyy", DAY),
        ("164", "[DBNum1][$-804]yyyy年m月d日", DAY),
        ("164", "d.m.yy", DAY),
        ("164", "yyyy-mm-dd hh:mm", Shown(TIME)),
        ("164", "h:mm AM/PM", Shown(TIME)),
        ("164", "mm:ss.0", Shown(TIME)),
        ("164", "[h]:mm", Shown(TIME)),
        ("164", '上午/下午h"时"mm"分"', Shown(TIME)),
    ],
)
def test_a_format_shows_what_is_kept_or_a_date_or_something_else(
    format_id: str, code: str | None, shown: Shown
) -> None:
    assert shown_by(format_id, {} if code is None else {format_id: code}) == shown


@pytest.mark.parametrize(
    ("raw", "shown", "code"),
    [
        ("1234.5", Shown(NUMBER, 2), ""),
        ("1234.567", Shown(NUMBER, 2), "number_shown_otherwise"),
        ("0.5", Shown(NUMBER, 0), "number_shown_otherwise"),
        ("42", Shown(NUMBER, 0), ""),
        ("42", Shown(OTHERWISE), "number_shown_otherwise"),
    ],
)
def test_a_number_must_be_what_its_cell_shows(raw: str, shown: Shown, code: str) -> None:
    assert number_text(raw, shown, False)[1] == code


@pytest.mark.parametrize(
    ("raw", "since_1904", "text", "code"),
    [
        ("46296", False, "2026-10-01", ""),
        ("46296.0", False, "2026-10-01", ""),
        ("44834", True, "2026-10-01", ""),
        ("61", False, "1900-03-01", ""),
        ("2958465", False, "9999-12-31", ""),
        ("2957003", True, "9999-12-31", ""),
        ("60", False, "60", "date_ambiguous"),
        ("1", False, "1", "date_ambiguous"),
        ("0", True, "1904-01-01", ""),
        ("46296.5", False, "2026-10-01", "date_has_time"),
        ("-1", False, "-1", "cell_unreadable"),
        ("2958466", False, "2958466", "cell_unreadable"),
        ("1e300", False, "1e300", "cell_unreadable"),
    ],
)
def test_a_date_is_a_day_that_every_program_agrees_on(raw: str, since_1904: bool, text: str, code: str) -> None:
    assert number_text(raw, DAY, since_1904) == (text, code)


def test_a_time_of_day_has_no_certain_text() -> None:
    assert number_text("46296", Shown(TIME), False) == ("2026-10-01", "date_has_time")


@pytest.mark.parametrize(
    ("raw", "text", "code"),
    [
        ("2026-10-01", "2026-10-01", ""),
        ("2026-10-01T00:00:00", "2026-10-01", ""),
        ("2026-10-01T14:30:00", "2026-10-01T14:30:00", "date_has_time"),
        ("2026-13-01", "2026-13-01", "cell_unreadable"),
        ("tomorrow", "tomorrow", "cell_unreadable"),
    ],
)
def test_a_date_by_iso_8601(raw: str, text: str, code: str) -> None:
    assert date_text(raw) == (text, code)
