"""Queries, cache, KPIs, load tests and the bottleneck: at each limit, and when nothing was observed."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from tasks.check_result import Status, msg
from tasks.database.limits import DatabaseLimits
from tasks.kpi.settings import Kpi
from tasks.load.facts import Ended, JudgedRun, Latency, LoadRun, LoadVerdict, RouteStats
from tasks.observation import Absent, Unobserved
from tasks.performance.facts import Gauge, Hours, QueryTimes, Signals, SlowQuery
from tasks.performance.judge.bottleneck import judge_bottleneck
from tasks.performance.judge.database import judge_cache, judge_queries
from tasks.performance.judge.kpi import judge_kpis
from tasks.performance.judge.load_test import judge_load_test
from tasks.performance.limits import PerformanceLimits
from tasks.resources.limits import ResourceLimits

NOW = datetime(2026, 10, 27, tzinfo=UTC)
LIMITS = PerformanceLimits()
ABSENT, BLIND = Absent(msg("none")), Unobserved(msg("blind"))


def queries(*pairs: tuple[float, float], reset: bool = False) -> QueryTimes:
    found = tuple(SlowQuery(f"q{n}", share, 10, mean) for n, (share, mean) in enumerate(pairs))
    return QueryTimes(NOW - timedelta(days=7), NOW, reset, found)


@pytest.mark.parametrize(
    ("seen", "status"),
    [
        (queries((50, 200.0), (20, 10.0)), Status.PASS),
        (queries((50, 10.0), (1.0, 200.1)), Status.WARN),
        (queries((50, 10.0), (0.99, 900.0)), Status.PASS),
        (queries((0.5, 900.0)), Status.PASS),
        (queries((50, 201.0), reset=True), Status.WARN),
        (queries(), Status.UNKNOWN),
        (ABSENT, Status.SKIPPED),
        (BLIND, Status.UNKNOWN),
    ],
)
def test_queries(seen: QueryTimes | Absent | Unobserved, status: Status) -> None:
    found = judge_queries(seen, LIMITS, NOW)
    assert found.status is status
    assert ("reset" in found.reason.text) == (isinstance(seen, QueryTimes) and seen.since_reset)


def test_queries_of_a_day_are_no_week() -> None:
    short = replace(queries((50, 10.0)), since=NOW - timedelta(days=3.4))
    assert judge_queries(short, LIMITS, NOW).status is Status.UNKNOWN
    assert judge_queries(replace(short, since=NOW - timedelta(days=3.5)), LIMITS, NOW).status is Status.PASS
    slow = replace(queries((50, 900.0)), since=NOW - timedelta(hours=1))
    assert judge_queries(slow, LIMITS, NOW).status is Status.WARN


def gauge(value: float, sampled: float = 50.0) -> Gauge:
    return Gauge(100, sampled, value, value, value)


@pytest.mark.parametrize(
    ("seen", "status"),
    [
        (gauge(90.0), Status.PASS),
        (gauge(89.99), Status.WARN),
        (gauge(99.0, 49.9), Status.UNKNOWN),
        (gauge(80.0, 1.0), Status.WARN),
        (None, Status.UNKNOWN),
        (ABSENT, Status.SKIPPED),
    ],
)
def test_cache(seen: Gauge | Absent | None, status: Status) -> None:
    assert judge_cache(seen, 90.0, LIMITS, NOW).status is status


@pytest.mark.parametrize(
    ("now", "before", "status", "word"),
    [
        (10.0, 8.0, Status.PASS, "+25.0"),
        (9.99, 8.0, Status.FAIL, "+24.9"),
        (20.0, float("nan"), Status.PASS, ""),
        (20.01, 0.0, Status.FAIL, ""),
        (float("nan"), 8.0, Status.UNKNOWN, ""),
    ],
)
def test_kpi(now: float, before: float, status: Status, word: str) -> None:
    kpi = Kpi(name="orders", sql="SELECT 1", floor=10, ceiling=20)
    means = pd.DataFrame({"now": [now], "before": [before], "sampled_percent": [50.0]}, index=["kpi:orders"])
    [found] = judge_kpis([kpi], means, LIMITS, NOW)
    [sparse] = judge_kpis([kpi], means.assign(sampled_percent=49.9), LIMITS, NOW)
    assert sparse.status is (Status.UNKNOWN if status is Status.PASS else status)
    assert found.status is status and found.reason.params.get("percent", "") == word


def test_kpis_that_are_not_set_or_were_never_sampled() -> None:
    nothing = pd.DataFrame(columns=["before", "now", "sampled_percent"])
    assert judge_kpis([], nothing, LIMITS, NOW)[0].status is Status.SKIPPED
    assert judge_kpis([Kpi(name="a", sql="SELECT 1", ceiling=1)], nothing, LIMITS, NOW)[0].status is Status.UNKNOWN


def run(days_ago: float, verdict: LoadVerdict) -> JudgedRun:
    at = NOW - timedelta(days=days_ago)
    whole = RouteStats("", "", Latency(100, 10.0, 10.0, 20.0, 30.0, 40.0), 0, 50.0)
    probe = ("", "", None, (), whole, (), (), (), None, None, None, (None, None), (), None)
    return JudgedRun(
        LoadRun(at, at, "smoke", False, "staging", "http://s", *probe[:2], Ended.FINISHED, *probe[2:]), verdict, None
    )


@pytest.mark.parametrize(
    ("valid", "newest", "status", "word"),
    [
        (run(8, LoadVerdict.PASS), None, Status.PASS, "passed"),
        (run(8.01, LoadVerdict.PASS), None, Status.WARN, "passed"),
        (run(1, LoadVerdict.FAIL), None, Status.FAIL, "failed"),
        (run(30, LoadVerdict.FAIL), None, Status.FAIL, "failed"),
        (run(2, LoadVerdict.PASS), run(1, LoadVerdict.INVALID), Status.PASS, "invalid"),
        (run(2, LoadVerdict.FAIL), run(1, LoadVerdict.INVALID), Status.FAIL, "invalid"),
        (None, run(1, LoadVerdict.INVALID), Status.UNKNOWN, "No load test was valid"),
        (None, None, Status.UNKNOWN, "no valid"),
        (ABSENT, None, Status.SKIPPED, "none"),
    ],
)
def test_load_test(valid: JudgedRun | Absent | None, newest: JudgedRun | None, status: Status, word: str) -> None:
    found = judge_load_test(valid, newest, LIMITS, NOW, NOW)
    assert found.status is status and word in found.reason.text


def hours(p95: "np.ndarray | None" = None) -> Hours:
    valid = np.tile(np.arange(1, 25), 7)
    at = tuple(NOW + timedelta(hours=hour) for hour in range(valid.size))
    return Hours(at, valid, np.full(valid.size, 50.0) if p95 is None else p95)


QUIET = Signals(hours(), (), gauge(40.0), gauge(40.0), gauge(99.0), queries((60, 10.0)))
NOTHING = Hours((), np.zeros(0, dtype=np.int64), np.zeros(0))
FOLLOWS = hours(50.0 + 3 * np.tile(np.arange(24), 7))


@pytest.mark.parametrize(
    ("signals", "status", "word"),
    [
        (QUIET, Status.PASS, "No bottleneck"),
        (replace(QUIET, connections=gauge(79.9)), Status.PASS, "No bottleneck"),
        (replace(QUIET, connections=gauge(80.0)), Status.WARN, "connections"),
        (replace(QUIET, cpu=gauge(80.0)), Status.WARN, "CPU"),
        (replace(QUIET, cpu=gauge(80.0, 1.0)), Status.WARN, "CPU"),
        (replace(QUIET, cpu=gauge(20.0, 49.9)), Status.UNKNOWN, "1 of 5"),
        (replace(QUIET, cpu=Gauge(9, 100.0, 90.0, 99.0, None)), Status.UNKNOWN, "1 of 5"),
        (replace(QUIET, queries=queries((30, 201.0))), Status.WARN, "one query"),
        (replace(QUIET, queries=queries((29.9, 201.0), (70, 200.0))), Status.PASS, "No bottleneck"),
        (replace(QUIET, cache=gauge(80.0)), Status.PASS, "No bottleneck"),
        (replace(QUIET, cache=gauge(80.0), slow=("m",)), Status.WARN, "memory"),
        (replace(QUIET, hours=FOLLOWS), Status.WARN, "the load"),
        (replace(QUIET, hours=NOTHING), Status.UNKNOWN, "1 of 5"),
        (replace(QUIET, cpu=None, cache=None), Status.UNKNOWN, "2 of 5"),
        (replace(QUIET, cpu=None, connections=gauge(99.0)), Status.WARN, "connections"),
        (replace(QUIET, cpu=ABSENT, queries=ABSENT), Status.PASS, "3 signals"),
        (Signals(NOTHING, (), None, None, None, BLIND), Status.UNKNOWN, "5 of 5"),
        (Signals(ABSENT, (), ABSENT, ABSENT, ABSENT, ABSENT), Status.SKIPPED, "Nothing is set"),
    ],
)
def test_bottleneck(signals: Signals, status: Status, word: str) -> None:
    found = judge_bottleneck(signals, LIMITS, DatabaseLimits(), ResourceLimits(), NOW)
    assert found.status is status and word in found.reason.text.format(**found.reason.params)
