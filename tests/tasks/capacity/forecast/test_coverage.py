"""80 % intervals of forecasts against what came, for growth of many kinds; the first run of each is in `make test`."""

from collections.abc import Callable

import numpy as np
import pytest

from tasks.capacity.forecast.change import last_change
from tasks.capacity.forecast.days import even_days, parts_of
from tasks.capacity.forecast.paths import draw_paths, first_passage, sources_of, weekly_means
from tests.deep import rows

DAYS, AHEAD = 65, 365
T = np.arange(DAYS + AHEAD)
Process = Callable[[np.random.Generator], np.ndarray]
WEEKEND = np.where(T % 7 >= 5, -4.0, 1.6)


def noise(chance: np.random.Generator) -> np.ndarray:
    return chance.normal(size=T.size)


def steps(chance: np.random.Generator, every: int) -> np.ndarray:
    """Clean-ups and imports, in the past and to come."""
    return np.cumsum(np.where(chance.random(T.size) < 1 / every, chance.normal(0, 6, T.size), 0))


def bent(chance: np.random.Generator, before: float, after: float) -> np.ndarray:
    return before * T + (after - before) * np.maximum(T - chance.integers(DAYS - 40, DAYS - 19), 0)


PROCESSES: dict[str, Process] = {
    "linear": lambda c: 20 + 0.3 * T + 0.5 * noise(c),
    "wandering": lambda c: 20 + 0.3 * T + 0.5 * np.cumsum(noise(c)),
    "season": lambda c: 20 + 0.3 * T + WEEKEND + 0.5 * noise(c),
    "steps": lambda c: 20 + 0.3 * T + steps(c, 20) + 0.3 * noise(c),
    "one-step": lambda c: 20 + 0.3 * T - np.where(c.integers(10, DAYS - 5) <= T, 12, 0) + 0.5 * noise(c),
    "faster": lambda c: 20 + bent(c, 0.2, 0.8) + 0.5 * noise(c),
    "slower": lambda c: 20 + bent(c, 0.8, 0.2) + 0.5 * noise(c),
    "no-growth": lambda c: 50 + noise(c),
    "strong-noise": lambda c: 20 + 0.3 * T + 6 * noise(c),
}
LEAST, RUNS = 0.69, 100
"""The specification's. The seeds are fixed: what holds once holds always."""


def drawn(series: np.ndarray, run: int, *, accumulates: bool) -> np.ndarray:
    """What may follow of the past days of a series."""
    parts = parts_of(even_days(T[:DAYS], series[:DAYS], 14))
    change = last_change(parts.level)
    sources = sources_of(parts, None if change is None else change.at, accumulates=accumulates)
    return draw_paths(parts, DAYS, sources, AHEAD, run, 800)


def covered(
    process: Process, runs: int, *, accumulates: bool = True, horizons: tuple[int, ...] = (30, 60)
) -> dict[str, float]:
    """Share of runs in which the level some days ahead, and the date of a limit, lay in the 80 % interval."""
    hits = dict.fromkeys((*map(str, horizons), "date"), 0)
    for run in range(runs):
        series = process(np.random.default_rng(run))
        paths = drawn(series, run, accumulates=accumulates)
        for days in horizons:
            low, high = np.quantile(paths[:, days - 1], [0.1, 0.9])
            hits[str(days)] += bool(low <= series[DAYS - 1 + days] <= high)
        limit = float(series[:DAYS].max()) + 15
        low, high = np.quantile(first_passage(paths, limit), [0.1, 0.9], method="inverted_cdf")
        [came] = first_passage(series[None, DAYS:], limit)
        hits["date"] += bool(low <= came <= high)
    return {name: hit / runs for name, hit in hits.items()}


@pytest.mark.deep
@pytest.mark.parametrize("process", rows(PROCESSES, PROCESSES))
def test_intervals_hold_what_they_promise(process: Process) -> None:
    found = covered(process, RUNS)
    assert min(found.values()) >= LEAST, found


FLUCTUATING: dict[str, Process] = {
    name: PROCESSES[name] for name in ("linear", "season", "faster", "slower", "no-growth", "strong-noise")
}


@pytest.mark.deep
@pytest.mark.parametrize("process", rows(FLUCTUATING, FLUCTUATING))
def test_intervals_of_what_does_not_accumulate_hold_it_too(process: Process) -> None:
    found = covered(process, RUNS, accumulates=False)
    assert min(found.values()) >= LEAST, found


def full_within_90_days(level: float, noise_of: float, limit: float, days: int, run: int) -> float:
    """Probability of being full of a machine that is busy, and that nothing happens to."""
    series = np.random.default_rng(run).normal(level, noise_of, days)
    parts = parts_of(even_days(np.arange(days), series, 14))
    change = last_change(parts.level)
    sources = sources_of(parts, None if change is None else change.at, accumulates=False)
    means = weekly_means(draw_paths(parts, days, sources, 90, run, 800), series)
    return float((first_passage(means, limit) <= 90).mean())


@pytest.mark.parametrize(("level", "noise_of", "limit", "days"), [(55, 8, 80, 65), (70, 3, 80, 65), (60, 5, 95, 30)])
def test_a_busy_machine_that_does_not_grow_is_not_full_soon(
    level: float, noise_of: float, limit: float, days: int
) -> None:
    assert [run for run in range(20) if full_within_90_days(level, noise_of, limit, days, run) > 0.4] == []


@pytest.mark.parametrize("process", rows(PROCESSES, ("linear", "season", "faster", "no-growth")))
def test_few_runs_of_each(process: Process) -> None:
    assert min(covered(process, 12).values()) >= 0.5
