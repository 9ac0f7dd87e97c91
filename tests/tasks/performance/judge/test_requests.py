"""Measured minutes, response times and failures: just inside, at, just outside each limit, and nothing observed."""

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest

from tasks.check_result import Message, Status, msg
from tasks.performance.facts import Rollup, Weeks
from tasks.performance.judge.requests import judge_errors, judge_latency, judge_measured, with_silent
from tasks.performance.judge.words import doubt_of, doubted, shown
from tasks.performance.limits import PerformanceLimits
from tasks.performance.routes import compared
from tests.tasks.performance.weeks import FULL, even, rollup, traffic

NOW = datetime(2026, 10, 27, tzinfo=UTC)
LIMITS = PerformanceLimits()


def weeks(minutes: int, expected: int = 10_080) -> Weeks:
    found = traffic((rollup("m", "/a", even(10, 100)),)).weeks
    return replace(found, measured_min=(*FULL[1:], minutes), expected_min=(*FULL[1:], expected))


@pytest.mark.parametrize(
    ("minutes", "expected", "status"),
    [
        (10_080, 10_080, Status.PASS),
        (9_576, 10_080, Status.PASS),
        (9_575, 10_080, Status.UNKNOWN),
        (9_000, 9_000, Status.PASS),
        (0, 10_080, Status.UNKNOWN),
        (0, 0, Status.UNKNOWN),
    ],
)
def test_measured(minutes: int, expected: int, status: Status) -> None:
    found = judge_measured(weeks(minutes, expected), LIMITS, None, NOW)
    assert found.status is status
    assert (doubt_of(weeks(minutes, expected), LIMITS, None) is None) == (status is Status.PASS)
    assert judge_measured(weeks(minutes, expected), LIMITS, msg("no log"), NOW).reason == msg("no log")


def exact(over: int, timed: int = 1000, valid: int | None = None) -> Rollup:
    found = rollup("m", "", even(199.9, 200))
    counts = [np.array([0, 0, 0, 0, n]) for n in (timed if valid is None else valid, 0, timed, over)]
    return replace(found, valid=counts[0], bad=counts[1], timed=counts[2], over=counts[3], exact=True)


@pytest.mark.parametrize(
    ("found", "status"),
    [
        (exact(49), Status.PASS),
        (exact(50), Status.PASS),
        (exact(51), Status.FAIL),
        (exact(51, timed=199), Status.SKIPPED),
        (exact(51, timed=200), Status.FAIL),
        (exact(0, timed=949, valid=1000), Status.UNKNOWN),
        (exact(0, timed=950, valid=1000), Status.PASS),
        (exact(100, timed=949, valid=1000), Status.FAIL),
        (exact(0, timed=0, valid=1000), Status.UNKNOWN),
        (rollup("m", "", even(190, 200)), Status.PASS),
        (rollup("m", "", even(210, 200)), Status.FAIL),
    ],
)
def test_latency(found: Rollup, status: Status) -> None:
    [_, module] = judge_latency(rollup("", "", even(10, 100)), [found], no_routes(), (), LIMITS, NOW)
    assert (module.subject, module.status) == ("module:m", status), module.reason


def no_routes() -> pd.DataFrame:
    return compared(traffic((rollup("x", "/a", even(10, 100)),)), LIMITS)


def test_no_module_with_enough_requests_is_unknown_not_skipped() -> None:
    few = rollup("m", "", even(10, 1))
    found = judge_latency(replace(few, module=""), [few], no_routes(), (), LIMITS, NOW)
    assert [r.status for r in found] == [Status.UNKNOWN, Status.SKIPPED]


@pytest.mark.parametrize(
    ("requests_a_day", "bad", "status"),
    [
        (1000, 0, Status.PASS),
        (1000, 7, Status.PASS),
        (1000, 8, Status.FAIL),
        (10, 0, Status.SKIPPED),
        (10, 3, Status.WARN),
        (0, 0, Status.SKIPPED),
    ],
)
def test_errors(requests_a_day: int, bad: int, status: Status) -> None:
    [found] = judge_errors([rollup("m", "", even(10, requests_a_day), bad)], LIMITS, NOW)
    assert found.status is status


def test_doubt_takes_what_is_green_and_leaves_what_is_bad() -> None:
    results = judge_errors([rollup("m", "", even(10, 1000), bad) for bad in (0, 100)], LIMITS, NOW)
    why = Message("torn")
    assert [r.status for r in doubted(results, why, NOW)] == [Status.UNKNOWN, Status.FAIL]
    assert doubted(results, why, NOW)[0].reason == why and doubted(results, None, NOW) == results


def test_a_named_module_without_requests_is_listed() -> None:
    service = rollup("", "", even(10, 100))
    [there, silent] = with_silent([rollup("a", "", even(10, 100))], ["a", "b"], service)
    assert (there.module, silent.module, int(silent.valid[-1])) == ("a", "b", 0)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, 0.0), (0.0012345, 0.00123), (53.456, 53.5), (1234.5, 1234.0), (None, None), (float("nan"), None)],
)
def test_three_digits_are_shown(value: float | None, text: float | None) -> None:
    assert shown(value) == text
