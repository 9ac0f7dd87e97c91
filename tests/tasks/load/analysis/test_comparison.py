"""Slowdowns between runs: found when they are there, and not when they are not."""

from dataclasses import replace

import numpy as np
import pytest

from tasks.load.analysis.comparison import Change, comparable, compare
from tasks.load.facts import DatabaseWindow, Latency, LoadRun, RouteStats
from tasks.load.limits import LoadLimits
from tasks.load.settings import GUIDE_GATES
from tests.load_runs import a_run, a_step, not_reached, slowed

LIMITS = LoadLimits()
MODULES, ROUTES = 3, 4


class World:
    """A service whose runs differ by chance: each route by `noise`, all of a run together by `shared`."""

    def __init__(self, seed: int, noise: float, shared: float) -> None:
        self._random = np.random.default_rng(seed)
        self._noise, self._shared = noise, shared
        self._usual = np.exp(self._random.uniform(np.log(50), np.log(400), (MODULES, ROUTES)))

    def run(self, slower: float = 1.0) -> LoadRun:
        """A run; all routes of module m1 are slower by a factor."""
        day = self._random.normal(0, self._shared)
        factor = np.where(np.arange(MODULES) == 1, slower, 1.0)[:, None]
        p50, p95 = (
            self._usual * tail * factor * np.exp(day + self._random.normal(0, spread, self._usual.shape))
            for tail, spread in ((1.0, self._noise), (2.2, 1.3 * self._noise))
        )
        routes = [part(m, f"/{r}", p50[m, r], p95[m, r]) for m in range(MODULES) for r in range(ROUTES)]
        means = [np.exp(np.log(times).mean(axis=1)) for times in (p50, p95)]
        modules = tuple(part(m, "", means[0][m], means[1][m]) for m in range(MODULES))
        return replace(a_run(), modules=modules, routes=tuple(routes))


def part(module: int, route: str, p50: float, p95: float, count: int = 500) -> RouteStats:
    times = Latency(count, float(p50), float(p50), float(p95), float(p95) * 1.5, float(p95) * 3)
    return RouteStats(f"m{module}", route, times, 0, 10.0)


def slower(run: LoadRun, earlier: list[LoadRun]) -> set[str]:
    return {change.module for change in compare(run, earlier, GUIDE_GATES, LIMITS) if change.slower}


def study(worlds: int, noise: float, shared: float) -> tuple[int, int, int]:
    """Clean reruns that raised an alarm, slowdowns of 15 % that were named, and other modules that were named too."""
    alarms = named = others = 0
    for seed in range(worlds):
        world = World(seed, noise, shared)
        earlier = [world.run() for _ in range(6)]
        alarms += sum(bool(slower(world.run(), earlier)) for _ in range(20))
        found = slower(world.run(1.15), earlier)
        named, others = named + ("m1" in found), others + bool(found - {"m1"})
    return alarms, named, others


def test_a_slow_module_is_named_and_twenty_clean_reruns_are_quiet() -> None:
    alarms, named, others = study(4, 0.03, 0.01)
    assert (alarms, named, others) == (0, 4, 0)


@pytest.mark.deep
@pytest.mark.parametrize(
    ("noise", "shared", "found"),
    [
        (0.03, 0.015, 0.85),
        pytest.param(0.03, 0.0, 0.9, marks=pytest.mark.study),
        pytest.param(0.04, 0.02, 0.5, marks=pytest.mark.study),
    ],
)
def test_alarms_and_slowdowns_of_many_services(noise: float, shared: float, found: float) -> None:
    worlds = 40
    alarms, named, others = study(worlds, noise, shared)
    assert alarms <= 0.01 * 20 * worlds
    assert named >= found * worlds and others <= 0.05 * worlds


def by_name(run: LoadRun, earlier: list[LoadRun]) -> dict[tuple[str, str, str], Change]:
    return {(c.module, c.route, c.statistic): c for c in compare(run, earlier, GUIDE_GATES, LIMITS)}


def test_runs_that_never_differ_still_need_the_least_effect() -> None:
    earlier = [a_run() for _ in range(5)]
    assert not any(c.slower for c in by_name(slowed(a_run(), {"users": 1.099}), earlier).values())
    found = by_name(slowed(a_run(), {"users": 1.13}), earlier)
    assert {name for name, change in found.items() if change.slower} == {
        ("users", route, statistic) for route in ("", "/me") for statistic in ("p50_ms", "p95_ms")
    }
    change = found["users", "/me", "p50_ms"]
    assert (change.usual_ms, change.percent) == (pytest.approx(40.0), pytest.approx(13.0))
    assert change.low_percent < 13.0 < change.high_percent


def test_a_few_milliseconds_are_nobodys_slowdown() -> None:
    quick = [a_run(a_step(10, 20.0)) for _ in range(5)]  # p50 20 ms, p95 40 ms
    found = by_name(slowed(a_run(a_step(10, 20.0)), {"users": 1.2}), quick)
    assert not found["users", "/me", "p50_ms"].slower  # 4 ms
    assert found["users", "/me", "p95_ms"].slower  # 8 ms


def test_one_bad_run_of_the_past_does_not_hide_a_slowdown() -> None:
    world = World(3, 0.02, 0.005)
    earlier = [world.run() for _ in range(7)] + [world.run(1.6)]
    assert slower(world.run(1.2), earlier) == {"m1"}


def test_a_slow_day_of_the_whole_machine_is_no_slowdown_of_a_module() -> None:
    world = World(4, 0.01, 0.06)
    earlier = [world.run() for _ in range(8)]
    assert slower(slowed(earlier[0], {"": 1.05}), earlier) == set()


def test_too_few_requests_are_not_compared() -> None:
    earlier = [a_run() for _ in range(5)]
    few = a_run(a_step(10, per_second=396 / 60))
    assert {name[1] for name in by_name(few, earlier)} == {""}  # 99 of each route, 99 or 198 of a module
    assert {name[0] for name in by_name(few, earlier)} == {"shopping"}
    assert by_name(a_run(), [*earlier[:4], few]).keys() == by_name(few, earlier).keys()


def test_fewer_runs_than_needed_are_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match="4 earlier runs, 5 needed"):
        compare(a_run(), [a_run()] * 4, (), LIMITS)


def test_what_seeks_the_limit_is_compared_where_it_was_usually_held() -> None:
    def steps(knee: float, everything: float = 1.0) -> LoadRun:
        return a_run(a_step(5, 40 * everything), a_step(10, 44 * everything), a_step(20, knee), seeks_limit=True)

    earlier = [steps(knee) for knee in (300.0, 900.0, 500.0, 1500.0, 250.0)]
    assert not any(c.slower for c in by_name(steps(4000.0), earlier).values())
    assert all(c.slower for c in by_name(steps(300.0, 1.2), earlier).values())
    gone = a_run(not_reached(5), not_reached(10), not_reached(20), seeks_limit=True)
    assert by_name(gone, earlier) == {}


@pytest.mark.parametrize(("size", "same"), [(8.4e6, True), (8.3e6, False), (12e6, True), (12.1e6, False)])
def test_a_database_of_another_size_is_another_test(size: float, same: bool) -> None:
    other = a_run(database=DatabaseWindow((20.0,), (), None, int(size)))
    assert bool(comparable(a_run(), [other], LIMITS)) is same  # 10 MB
    assert comparable(a_run(database=None), [other], LIMITS) and comparable(a_run(), [a_run(database=None)], LIMITS)
