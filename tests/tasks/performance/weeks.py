"""Weeks of made-up requests, straight in the bins of the stored sketches: what a log of them would be counted to."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from tasks.logs.count.packed import BINS, VALUES_MS
from tasks.logs.count.sketch import GAMMA
from tasks.performance.facts import Hours, Rollup, Traffic, Weeks
from tasks.performance.rollups import daily_ms, figures_ms

START = datetime(2026, 10, 19, tzinfo=UTC)
"""A Monday; of five weeks the report's begins at it."""
WEEKS, DAYS = 5, 7
FULL = (10_080,) * WEEKS
_SPREAD = 0.45
_TOPS = np.log(VALUES_MS) + np.log((GAMMA + 1) / 2)
_REACH = 100


@dataclass(frozen=True)
class Study:
    """Weeks of routes: requests a week by route, and the counts by week and day."""

    volumes: NDArray[np.float64]
    bins: NDArray[np.int64]


def made_up(rng: np.random.Generator, routes: int, slow: int | None = None, factor: float = 1.2) -> Study:
    """Five weeks in which days differ by 3 %, weeks by 2.5 %, weekdays by 3 %; one route may be slower in the last."""
    volumes = np.exp(rng.uniform(np.log(300), np.log(200_000), routes))
    shape = (routes, WEEKS, DAYS)
    middle = np.log(rng.uniform(8, 80, routes))[:, None, None] + rng.normal(0, 0.03, (routes, 1, DAYS))
    middle = middle + rng.normal(0, 0.025, (routes, WEEKS, 1)) + rng.normal(0, 0.03, shape)
    if slow is not None:
        middle[slow, -1] += np.log(factor)
    weekday = np.array([1.0, 0.95, 0.95, 1.0, 1.05, 1.25, 1.2])
    count = rng.poisson(volumes[:, None, None] / weekday.sum() * weekday * np.exp(rng.normal(0, 0.05, shape)))
    # Each route's requests lie in the 200 bins around its middle: more than four times the spread on either side.
    low = np.searchsorted(_TOPS, middle.mean(axis=(1, 2)))[:, None] + np.arange(-_REACH, _REACH)
    below = norm.cdf((_TOPS[low][:, None, None] - middle[..., None]) / _SPREAD)
    shares = np.diff(below, prepend=0, axis=-1)
    shares[..., -1] += 1 - below[..., -1]
    bins = np.zeros((*shape, BINS), dtype=np.int64)
    counts = rng.multinomial(count, shares / shares.sum(axis=-1, keepdims=True))
    np.put_along_axis(bins, np.broadcast_to(low[:, None, None], counts.shape), counts, axis=-1)
    return Study(volumes, bins)


def rollup(module: str, route: str, bins: NDArray[np.int64], bad: int = 0, limit_ms: float = 200.0) -> Rollup:
    """The requests of a scope from its counts by week and day; `bad` of the last week failed."""
    weeks = bins.sum(axis=1)
    count = weeks.sum(axis=1)
    over = weeks[:, limit_ms < VALUES_MS].sum(axis=1)
    failed = np.zeros_like(count)
    failed[-1] = bad
    return Rollup(module, route, count, failed, count, over, False, figures_ms(weeks), daily_ms(bins))


def traffic(routes: tuple[Rollup, ...], measured: tuple[int, ...] = FULL) -> Traffic:
    """The weeks of routes, of which nothing is known by hour."""
    starts = tuple(START - timedelta(weeks=week) for week in reversed(range(WEEKS)))
    weeks = Weeks(starts, START + timedelta(weeks=1), measured, FULL)
    return Traffic(weeks, routes[0], routes, routes, Hours((), np.zeros(0, dtype=np.int64), np.zeros(0)))


def even(ms: float, per_day: int) -> NDArray[np.int64]:
    """Counts of requests that all take alike."""
    bins = np.zeros((WEEKS, DAYS, BINS), dtype=np.int64)
    bins[..., int(np.searchsorted(_TOPS, np.log(ms)))] = per_day
    return bins
