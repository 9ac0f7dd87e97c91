"""When resources are full: inside, at and outside each limit, and nothing observed."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from tasks.capacity.forecast.outlook import Outlook, Passage
from tasks.capacity.judge.resources import judge_resource, judge_resources
from tasks.capacity.limits import CapacityLimits
from tasks.capacity.resources import KINDS, Resource, resources_of
from tasks.check_result import CheckResult, Forecast, Message, Status, Table
from tasks.samples.facts import DailySeries
from tests.capacity_days import TODAY, series

NOW = datetime(2026, 11, 1, tzinfo=UTC)
LIMITS = CapacityLimits()
ZONE = ZoneInfo("Asia/Tokyo")
DATES = (date(2026, 11, 20), date(2026, 12, 1), date(2027, 1, 1))
NOISE = np.random.default_rng(1).normal(size=60) * 0.2


def disk(values: np.ndarray, subject: str = "host/disk:/", **more: object) -> DailySeries:
    return series("disk.used", subject, values, **more)  # type: ignore[arg-type]


def resources(*given: DailySeries, expected: tuple[tuple[str, str], ...] = ()) -> tuple[Resource, ...]:
    return resources_of(given, expected, TODAY, LIMITS)


def judged(*given: DailySeries, expected: tuple[tuple[str, str], ...] = ()) -> dict[str, CheckResult]:
    results = judge_resources(resources(*given, expected=expected), LIMITS, ZONE, NOW)
    assert len({r.subject for r in results}) == len(results)
    return {r.subject: r for r in results}


def with_passage(soon: float, later: float, *, full: bool = False) -> Resource:
    [resource] = resources(disk(50 + NOISE))
    assert isinstance(resource.outlook, Outlook)
    return replace(resource, outlook=replace(resource.outlook, passage=Passage(soon, later, DATES), full=full))


@pytest.mark.parametrize(
    ("soon", "later", "status", "observed"),
    [
        (0.0, 0.0, Status.PASS, 0.0),
        (0.1, 0.399, Status.PASS, 39.9),
        (0.1, 0.4, Status.PASS, 40.0),
        (0.1, 0.401, Status.WARN, 40.1),
        (0.4, 0.8, Status.WARN, 80.0),
        (0.401, 0.8, Status.FAIL, 40.1),
        (1.0, 1.0, Status.FAIL, 100.0),
    ],
)
def test_limits(soon: float, later: float, status: Status, observed: float) -> None:
    result = judge_resource(with_passage(soon, later), LIMITS, NOW)
    assert result.status is status and result.observed is not None and result.limit is not None
    assert (result.observed.value, result.limit.value) == (observed, 40.0)
    assert result.reason.params == {"middle": "2026-12-01", "low": "2026-11-20", "high": "2027-01-01"}


def test_what_is_full_fails_whatever_the_limits_are() -> None:
    lax = CapacityLimits(fail_30_days_percent=100, warn_90_days_percent=100)
    result = judge_resource(with_passage(1.0, 1.0, full=True), lax, NOW)
    assert result.status is Status.FAIL and "At its limit now" in result.reason.text


def test_a_disk_that_fills_and_one_that_does_not() -> None:
    found = judged(disk(50 + 0.6 * np.arange(60) + NOISE), disk(50 + NOISE, "host/disk:/var"))
    assert found["host/disk:/"].status is Status.FAIL
    assert found["host/disk:/var"].status is Status.PASS
    assert list(found) == ["service", "host/disk:/", "host/disk:/var"]
    overall = found["service"]
    assert (overall.status, overall.reason.params["name"]) == (Status.FAIL, "host/disk:/")
    [table] = [e for e in overall.evidence if isinstance(e, Table)]
    assert [row[0] for row in table.rows] == ["host/disk:/", "host/disk:/var"]
    charts = [e for e in overall.evidence if isinstance(e, Forecast)]
    assert len(charts) == 2 and charts[0].limit == 95
    assert charts[0].measured[59] is not None and charts[0].low[59] is None
    assert charts[0].measured[60] is None and charts[0].low[60] is not None
    assert charts[0].at[59] == "2026-10-30T15:00Z"  # the beginning of the 31st in Tokyo


@pytest.mark.parametrize(("days", "status"), [(20, Status.UNKNOWN), (21, Status.PASS)])
def test_twenty_days_are_too_few(days: int, status: Status) -> None:
    found = judged(disk(50 + NOISE[:days]))
    assert {r.status for r in found.values()} == {status}


def test_what_stopped_is_unknown_and_later_gone() -> None:
    fine = disk(50 + NOISE, "host/disk:/var")
    for ago, status in ((4, Status.UNKNOWN), (35, Status.UNKNOWN), (36, None)):
        found = judged(fine, disk(50 + NOISE, newest=TODAY - timedelta(days=ago)))
        result = found.get("host/disk:/")
        assert (result.status if result else None) is status
        assert found["service"].status is (Status.UNKNOWN if status else Status.PASS)


def test_what_is_asked_for_and_not_there_is_unknown() -> None:
    expected = (("disk.used", "host"), ("cpu.used", "host"), ("database.size", "database"))
    found = judged(disk(50 + NOISE), expected=expected)
    assert {s: r.status for s, r in found.items()} == {
        "service": Status.UNKNOWN,
        "host/disk:/": Status.PASS,
        "host/cpu": Status.UNKNOWN,
        "database/size": Status.UNKNOWN,
    }
    nothing = judged(expected=expected)
    assert {r.status for r in nothing.values()} == {Status.UNKNOWN}
    assert judged() == {}


def test_a_failure_is_not_hidden_by_what_is_unknown() -> None:
    found = judged(disk(np.full(60, 97.0)), expected=(("cpu.used", "host"),))
    assert found["service"].status is Status.FAIL and "now" in found["service"].reason.text


def test_days_with_too_few_figures_are_missing_days() -> None:
    assert judged(disk(50 + NOISE, samples=12))["host/disk:/"].status is Status.PASS
    assert judged(disk(50 + NOISE, samples=11))["host/disk:/"].status is Status.UNKNOWN


def test_a_size_without_a_limit_is_shown_and_not_judged() -> None:
    size = series("database.size", "database", (50 + 0.5 * np.arange(60) + NOISE) * 1e9, unit="B")
    found = judged(size, disk(50 + NOISE))
    result = found["database/size"]
    assert result.status is Status.SKIPPED and result.observed is not None and result.observed.unit == "GB"
    assert found["service"].status is Status.PASS
    limits = CapacityLimits(database_gb=85.0)
    [full] = resources_of([size], (), TODAY, limits)
    assert judge_resource(full, limits, NOW).status is Status.FAIL


def test_two_figures_of_one_machine_have_different_subjects() -> None:
    names = [("disk.used", "host/disk:/"), ("inodes.used", "host/disk:/"), ("memory.used", "host")]
    names += [("cpu.used", "host"), ("container.memory", "container"), ("database.connections", "database")]
    found = judged(*(series(name, subject, 50 + NOISE) for name, subject in names))
    assert set(found) == {
        "service",
        "host/disk:/",
        "host/inodes:/",
        "host/memory",
        "host/cpu",
        "container/memory",
        "database/connections",
    }
    assert {kind.name for kind in KINDS} == {*(name for name, _ in names), "database.size"}


def test_a_change_of_growth_is_said() -> None:
    t = np.arange(60)
    overall = judged(disk(20 + 0.4 * t + 0.8 * np.maximum(t - 40, 0) + NOISE))["service"]
    [table] = [e for e in overall.evidence if isinstance(e, Table)]
    growth = table.rows[0][4]
    assert isinstance(growth, Message) and growth.text.startswith("growth changed on {day}: {before} → {after}")
