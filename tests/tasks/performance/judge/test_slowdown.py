"""A slower route warns, fails above the limit, and is skipped without weeks to compare with."""

from datetime import UTC, datetime

import pytest

from tasks.check_result import CheckResult, Status, Table
from tasks.performance.judge.slowdown import judge_slowdown
from tasks.performance.limits import PerformanceLimits
from tasks.performance.routes import compared
from tests.tasks.performance.weeks import FULL, WEEKS, even, rollup, traffic

NOW = datetime(2026, 10, 27, tzinfo=UTC)
LIMITS = PerformanceLimits()


def judged(before_ms: float, now_ms: float, per_day: int = 100, measured: tuple[int, ...] = FULL) -> CheckResult:
    bins = even(before_ms, per_day)
    bins[-1] = even(now_ms, per_day)[-1]
    found = traffic((rollup("m", "/a", bins), rollup("m", "/b", even(20, 100))), measured)
    one = found.modules[:1]
    [result] = judge_slowdown(one, compared(found, LIMITS), found.weeks, LIMITS, NOW)
    return result


@pytest.mark.parametrize(
    ("before_ms", "now_ms", "status"),
    [
        (100, 100, Status.PASS),
        (100, 106, Status.PASS),
        (100, 130, Status.WARN),
        (150, 210, Status.FAIL),
        (100, 60, Status.PASS),
        (10, 13, Status.PASS),  # 3 ms: nobody notices
    ],
)
def test_a_route_that_changed(before_ms: float, now_ms: float, status: Status) -> None:
    assert judged(before_ms, now_ms).status is status


def test_what_is_said() -> None:
    found = judged(100, 130)
    assert found.reason.params["route"] == "/a" and found.observed is not None and found.observed.value == 1
    [table] = found.evidence
    assert isinstance(table, Table) and [row[0] for row in table.rows] == ["/a", "/b"]
    [faster] = judged(100, 60).evidence
    assert isinstance(faster, Table) and "faster" in [getattr(row[1], "text", "") for row in faster.rows]


def test_weeks_before() -> None:
    one = (0,) * (WEEKS - 2) + FULL[:2]
    assert judged(100, 130, measured=one).status is Status.SKIPPED
    two = (0,) * (WEEKS - 3) + FULL[:3]
    assert judged(100, 200, measured=two).status is Status.WARN


def test_too_few_requests() -> None:
    bins = even(100, 20)
    found = traffic((rollup("m", "/a", bins),))
    [result] = judge_slowdown(found.modules, compared(found, LIMITS), found.weeks, LIMITS, NOW)
    assert result.status is Status.SKIPPED
