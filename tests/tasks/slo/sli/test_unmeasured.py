"""Gaps, silences and lines that could not be read."""

from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from tasks.logs.limits import LogLimits
from tasks.logs.unread import UnreadHour
from tasks.slo.facts import Flags
from tasks.slo.sli.unmeasured import evenly, hours_of, lost, missing, quiet, unread_by_hour

DAY = 1440
HOURS = np.arange(28 * DAY) // 60


def test_a_gap_is_more_than_a_look_that_came_late() -> None:
    measured = np.array([True, False, True, False, False, True])
    assert missing(measured).tolist() == [0, 0, 0, 1, 1, 0]
    assert missing(measured[:2]).tolist() == [0, 1] and missing(measured[:0]).size == 0


def silent(days: int, *spans: tuple[int, int]) -> Flags:
    measured = np.ones(days * DAY, dtype=np.bool_)
    for start, end in spans:
        measured[start:end] = False
    return measured


@pytest.mark.parametrize(
    ("minutes", "rate", "is_lost"), [(60, 1, True), (6, 2, True), (5, 100, False), (9, 1, False), (600, 0, False)]
)
def test_a_silence_holds_what_is_usual_if_that_is_no_chance(minutes: int, rate: int, is_lost: bool) -> None:
    measured = silent(28, (20_000, 20_000 + minutes))
    found = lost(HOURS, np.where(measured, rate, 0), measured)
    assert (found > 0).sum() == (minutes if is_lost else 0)
    assert not is_lost or 0.6 * minutes * rate < found.sum() < minutes * rate


def test_nights_that_are_always_quiet_lose_nothing() -> None:
    nights = [(day * DAY + 60, day * DAY + 300) for day in range(28)]
    measured = silent(28, *nights)
    assert not lost(HOURS, measured.astype(np.int64), measured).any()
    young = silent(3, (2 * DAY + 60, 2 * DAY + 300))
    assert lost(HOURS[: 3 * DAY], young.astype(np.int64), young).any()  # by the hour of the day where no week is known


@pytest.mark.parametrize(
    ("days", "start", "minutes", "is_quiet"),
    [
        (28, 20 * DAY + 120, 360, True),  # a night like the others
        (28, 20 * DAY - 30, 360, False),  # half an hour of the evening, too
        (28, 20 * DAY + 780, 60, False),  # a morning's hour
        (28, 8 * DAY, 20 * DAY, False),  # most of the month
        (13, 9 * DAY + 120, 360, False),  # too young to know its weeks
    ],
)
def test_a_silence_as_long_as_any_is_quiet_where_hardly_any_are_usual(
    days: int, start: int, minutes: int, is_quiet: bool
) -> None:
    measured = silent(days, (start, start + minutes))
    by_day = np.arange(days * DAY) % DAY >= 600
    found = quiet(HOURS[: days * DAY], np.where(measured & by_day, 1, 0), measured)
    assert found.sum() == (minutes if is_quiet else 0)
    assert not quiet(HOURS[: days * DAY], np.zeros(days * DAY, dtype=np.int64), ~measured).any()


def test_days_begin_by_the_clock_on_the_wall() -> None:
    zone = ZoneInfo("Europe/Berlin")
    start, end = (int(datetime(2026, month, 1, tzinfo=zone).timestamp()) // 60 for month in (10, 11))
    hours = hours_of(start, end, zone)
    assert hours.size == 31 * DAY + 60 and [hours[0] % 24, hours[-1] % 24] == [0, 23]
    awake = (hours % 24 >= 7) & (hours % 24 < 22)
    assert not lost(hours, awake.astype(np.int64), awake).any()
    assert quiet(hours, awake.astype(np.int64), awake).sum() == (~awake).sum()
    assert lost(np.arange(start, end) // 60, awake.astype(np.int64), awake).any()


def test_the_first_torn_lines_of_a_day_are_a_rotation_and_requests_without_status_never() -> None:
    hours = [
        UnreadHour("app", 24, 1, 0),
        UnreadHour("app", 30, 3, 1),
        UnreadHour("nginx", 30, 2, 0),
        UnreadHour("app", 48, 2, 0),
    ]
    assert unread_by_hour(hours, 2, LogLimits()) == {30: 3}
    assert sum(unread_by_hour(hours, 0, LogLimits()).values()) == 9


def test_requests_whose_client_left_are_doubt_on_days_with_too_many() -> None:
    few, many = UnreadHour("app", 24, 0, 0, 10, 500), UnreadHour("app", 50, 0, 0, 11, 500)
    rest = [UnreadHour("app", hour, 0, 0, 0, requests) for hour, requests in ((25, 490), (51, 489))]
    assert unread_by_hour([few, many, *rest], 2, LogLimits()) == {50: 11}


def test_an_hour_is_spread_over_its_minutes() -> None:
    found = evenly({0: 60.0, 1: 30.0, 9: 1.0}, 30, 60)
    assert found[:30].sum() == 30 and found[30:].sum() == pytest.approx(15)
