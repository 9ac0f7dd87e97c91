"""Marks of a time axis: few, evenly spread, at whole days or hours of the zone."""

from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.charts.ticks import ticks
from reports.words import Words

Say = Callable[[str], Words]
TOKYO, BERLIN = ZoneInfo("Asia/Tokyo"), ZoneInfo("Europe/Berlin")


def texts(first: datetime, span: timedelta, words: Words) -> list[str]:
    return [text for _, text in ticks(first, first + span, 7, words)]


def test_a_month_is_marked_weekly_at_the_begin_of_days(words: Say) -> None:
    first, span = datetime(2026, 11, 1, tzinfo=TOKYO), timedelta(days=30)
    assert texts(first, span, words("en")) == ["Nov 1", "Nov 8", "Nov 15", "Nov 22", "Nov 29"]
    assert texts(first, span, words("ja")) == ["11月1日", "11月8日", "11月15日", "11月22日", "11月29日"]
    assert [at for at, _ in ticks(first, first + span, 7, words("en"))][1] == datetime(
        2026, 11, 8, tzinfo=TOKYO
    ).timestamp()


def test_seven_days_have_a_mark_each(words: Say) -> None:
    assert len(texts(datetime(2026, 11, 18, tzinfo=TOKYO), timedelta(days=6), words("en"))) == 7


def test_hours_are_marked_by_the_clock_and_midnight_by_its_date(words: Say) -> None:
    marks = texts(datetime(2026, 11, 18, 17, 20, tzinfo=TOKYO), timedelta(hours=30), words("en"))
    assert marks == ["18:00", "Nov 19", "06:00", "12:00", "18:00"]


def test_no_mark_stands_on_an_hour_that_the_clocks_skip(words: Say) -> None:
    first = datetime(2026, 3, 29, 0, 30, tzinfo=BERLIN)
    assert texts(first, timedelta(hours=5), words("en")) == ["01:00", "03:00", "04:00", "05:00"]


@given(
    st.datetimes(datetime(2000, 1, 1), datetime(2040, 1, 1), timezones=st.sampled_from([TOKYO, BERLIN])),
    st.timedeltas(timedelta(0), timedelta(days=5000)),
    st.integers(2, 7),
)
def test_marks_are_few_and_rise_within_the_span(first: datetime, span: timedelta, most: int) -> None:
    last = first + span
    times = [at for at, _ in ticks(first, last, most, Words("en", "Asia/Tokyo"))]
    assert len(times) <= most
    assert all(a < b for a, b in pairwise(times))
    assert all(first.timestamp() - 3600 <= at <= last.timestamp() + 3600 for at in times)


@pytest.mark.parametrize("hours", [0, 1])
def test_a_span_without_a_whole_hour_may_have_no_mark(words: Say, hours: int) -> None:
    first = datetime(2026, 11, 18, 9, 1, tzinfo=TOKYO)
    assert len(texts(first, timedelta(hours=hours), words("en"))) in (0, 6)
