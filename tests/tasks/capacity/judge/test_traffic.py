"""Peaks against the tested load: inside, at and outside each limit, and nothing observed."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from tasks.capacity.judge.held import HeldLoad, held_load
from tasks.capacity.judge.traffic import judge_headroom, judge_traffic
from tasks.capacity.limits import CapacityLimits
from tasks.check_result import Forecast, Status, msg
from tasks.load.facts import Ended, JudgedRun, Latency, LoadRun, LoadVerdict, RouteStats, StepStats
from tasks.observation import Absent, Unobserved
from tasks.samples.facts import DailySeries
from tests.capacity_days import TODAY, series

NOW = datetime(2026, 11, 1, tzinfo=UTC)
LIMITS = CapacityLimits()
ZONE = ZoneInfo("UTC")
NONE = Latency(0, None, None, None, None, None)
NOISE = np.random.default_rng(1).normal(size=60) * 0.2
HELD = {"users": 50.0, "shopping": 100.0}
TESTED = HeldLoad(NOW - timedelta(days=3), 40, 150.0, HELD, at_least=False, synthetic=False)


def stats(module: str, count: int) -> RouteStats:
    return RouteStats(module, "", replace(NONE, count=count), 0, count / 60)


def step(users: int, count: int) -> StepStats:
    modules = (stats("users", count // 3), stats("shopping", count - count // 3))
    return StepStats(users, NOW, 60.0, None, stats("", count), modules, (), None)


def a_run(
    verdict: LoadVerdict = LoadVerdict.PASS, capacity: float | None = 100.0, *, days: float = 3, seeks: bool = True
) -> JudgedRun:
    at = NOW - timedelta(days=days)
    run = LoadRun(
        at=at,
        finished_at=at,
        profile="steps",
        seeks_limit=seeks,
        environment="staging",
        base_url="http://staging.example",
        script="",
        data_set="",
        ended=Ended.FINISHED,
        problem=None,
        steps=tuple(step(users, users * 60 * 5) for users in (10, 20, 40)),
        whole=stats("", 1),
        modules=(),
        routes=(),
        failures=(),
        probe=None,
        generator=None,
        locust=None,
        environment_seen=(None, None),
        refused=(),
        database=None,
    )
    return JudgedRun(run, verdict, capacity)


def peaks(values: np.ndarray, subject: str = "service") -> DailySeries:
    return series("traffic.peak", subject, values, unit="/s", samples=1)


class TestWhatWasHeld:
    def test_the_highest_step_that_held(self) -> None:
        found = held_load([a_run()], NOW, LIMITS)
        assert isinstance(found, HeldLoad)
        assert (found.users, found.per_second, found.at_least) == (20, 100.0, False)
        assert found.modules == {"users": pytest.approx(33.33, abs=0.01), "shopping": pytest.approx(66.67, abs=0.01)}

    def test_one_that_looked_for_the_limit_goes_before_a_newer_smoke_test(self) -> None:
        found = held_load([a_run(capacity=50.0, days=1, seeks=False), a_run()], NOW, LIMITS)
        assert isinstance(found, HeldLoad) and found.per_second == 100.0
        alone = held_load([a_run(capacity=50.0, days=1, seeks=False)], NOW, LIMITS)
        assert isinstance(alone, HeldLoad) and alone.at_least

    def test_one_load_is_no_capacity_and_another_test_has_it(self) -> None:
        smoke = a_run(capacity=None, days=1, seeks=False)
        smoke = replace(smoke, run=replace(smoke.run, steps=smoke.run.steps[:1]))
        ramped = a_run(capacity=50.0, days=9, seeks=False)
        found = held_load([smoke, ramped], NOW, LIMITS)
        assert isinstance(found, HeldLoad) and found.per_second == 50.0
        alone = held_load([smoke], NOW, LIMITS)
        assert isinstance(alone, Unobserved) and "has one load only" in alone.reason.text
        old = held_load([replace(smoke, run=replace(smoke.run, at=NOW - timedelta(days=36)))], NOW, LIMITS)
        assert isinstance(old, Unobserved) and "is older than" in old.reason.text

    def test_invalid_ones_say_nothing(self) -> None:
        assert isinstance(held_load([a_run(LoadVerdict.INVALID)], NOW, LIMITS), Absent)
        assert isinstance(held_load([], NOW, LIMITS), Absent)

    @pytest.mark.parametrize(("days", "kind"), [(35, HeldLoad), (35.01, Unobserved)])
    def test_age(self, days: float, kind: type) -> None:
        assert isinstance(held_load([a_run(days=days)], NOW, LIMITS), kind)

    @pytest.mark.parametrize("capacity", [None, 10.0])
    def test_nothing_held(self, capacity: float | None) -> None:
        assert isinstance(held_load([a_run(LoadVerdict.FAIL, capacity)], NOW, LIMITS), Unobserved)


class TestTraffic:
    def test_each_module_against_its_own_load(self) -> None:
        growing = 20 + 0.4 * np.arange(60) + NOISE
        given = [peaks(growing, "module:shopping"), peaks(growing, "module:users"), peaks(2.7 * growing)]
        results = judge_traffic(given, TESTED, TODAY, LIMITS, ZONE, NOW)
        assert [(r.subject, r.status) for r in results] == [
            ("service", Status.WARN),
            ("module:shopping", Status.PASS),
            ("module:users", Status.FAIL),
        ]
        assert all(any(isinstance(e, Forecast) for e in r.evidence) for r in results)

    def test_without_a_load_test_nothing_is_judged(self) -> None:
        [result] = judge_traffic([peaks(20 + NOISE)], Absent(msg("none")), TODAY, LIMITS, ZONE, NOW)
        assert result.status is Status.SKIPPED and result.evidence
        [result] = judge_traffic([peaks(20 + NOISE)], Unobserved(msg("old")), TODAY, LIMITS, ZONE, NOW)
        assert result.status is Status.UNKNOWN

    def test_a_module_that_was_not_tested(self) -> None:
        [result] = judge_traffic([peaks(20 + NOISE, "module:other")], TESTED, TODAY, LIMITS, ZONE, NOW)
        assert result.status is Status.SKIPPED

    def test_too_few_days(self) -> None:
        [result] = judge_traffic([peaks(20 + NOISE[:20])], TESTED, TODAY, LIMITS, ZONE, NOW)
        assert result.status is Status.UNKNOWN

    def test_a_load_that_is_only_a_lower_bound_condemns_nothing(self) -> None:
        growing = peaks(20 + 0.4 * np.arange(60) + NOISE, "module:users")
        [result] = judge_traffic([growing], replace(TESTED, at_least=True), TODAY, LIMITS, ZONE, NOW)
        assert result.status is Status.UNKNOWN


class TestHeadroom:
    @pytest.mark.parametrize(
        ("peak", "status", "headroom"),
        [(99.0, Status.PASS, 1.52), (100.0, Status.PASS, 1.5), (101.0, Status.WARN, 1.49)],
    )
    def test_limits(self, peak: float, status: Status, headroom: float) -> None:
        values = np.concatenate((np.full(10, 500.0), np.full(27, 20.0), [peak]))
        result = judge_headroom([peaks(values)], TESTED, TODAY, LIMITS, 1.5, True, NOW)
        assert result.status is status and result.observed is not None
        assert result.observed.value == headroom

    @pytest.mark.parametrize(("days", "status"), [(13, Status.UNKNOWN), (14, Status.PASS)])
    def test_days_of_the_peak(self, days: int, status: Status) -> None:
        assert judge_headroom([peaks(np.full(days, 20.0))], TESTED, TODAY, LIMITS, 1.5, True, NOW).status is status

    @pytest.mark.parametrize(
        ("tested", "configured", "status"),
        [
            (Absent(msg("none")), False, Status.SKIPPED),
            (Absent(msg("none")), True, Status.UNKNOWN),
            (Unobserved(msg("old")), False, Status.UNKNOWN),
        ],
    )
    def test_nothing_observed(self, tested: Absent | Unobserved, configured: bool, status: Status) -> None:
        assert judge_headroom([peaks(20 + NOISE)], tested, TODAY, LIMITS, 1.5, configured, NOW).status is status
        assert judge_headroom([], TESTED, TODAY, LIMITS, 1.5, configured, NOW).status is Status.UNKNOWN

    def test_a_lower_bound_is_enough_where_it_is_high_and_unknown_where_it_is_not(self) -> None:
        low = replace(TESTED, at_least=True)
        for peak, status in ((20.0, Status.PASS), (140.0, Status.UNKNOWN)):
            assert judge_headroom([peaks(np.full(28, peak))], low, TODAY, LIMITS, 1.5, True, NOW).status is status
