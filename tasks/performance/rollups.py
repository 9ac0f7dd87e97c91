"""From the hours of one route at a time to the weeks and days of routes, modules and the service. Pure arithmetic."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from tasks.logs.count.packed import BINS, VALUES_MS, quantiles_ms
from tasks.logs.store.traffic import RouteHours
from tasks.performance.facts import COMPARED, P95, QUANTILES, Counts, Figures, Hours, Rollup

LEAST_A_DAY = 10
"""A day with fewer timed requests has no quantile."""
LEAST_AN_HOUR = 20
"""An hour with fewer has none: of 20 requests one lies above the p95."""

DAYS = 7


@dataclass(frozen=True, slots=True)
class Calendar:
    """On which hour of the span, counted from its first, each day begins, the days of all weeks one behind another."""

    day_hours: tuple[int, ...]
    hours: int

    @property
    def weeks(self) -> int:
        """How many weeks the span has."""
        return len(self.day_hours) // DAYS


class Sum:
    """The requests of one scope by day of the span, added up route by route."""

    def __init__(self, days: int) -> None:
        self._sums = np.zeros((5, days), dtype=np.int64)
        self._bins = np.zeros((days, BINS), dtype=np.int64)

    @classmethod
    def of(cls, route: RouteHours, calendar: Calendar) -> "Sum":
        """The requests of one route."""
        found, at = cls(0), calendar.day_hours
        by_hour = np.stack((route.valid, route.bad, route.timed, route.compared, route.within))
        found._sums = np.add.reduceat(by_hour, at, axis=1)
        found._bins = np.add.reduceat(route.bins, at, axis=0)
        return found

    def add(self, other: "Sum") -> None:
        """Count the requests of another scope here as well."""
        self._sums += other._sums
        self._bins += other._bins

    def rollup(self, module: str, route: str, limit_ms: float) -> Rollup:
        """What it comes to by week and day."""
        by_week = self._sums.reshape(5, -1, DAYS).sum(axis=2)
        valid, bad, timed, compared, within = by_week
        days = self._bins.reshape(-1, DAYS, BINS)
        weeks = days.sum(axis=1)
        exact = bool((compared == timed).all())
        over = compared - within if exact else weeks[:, limit_ms < VALUES_MS].sum(axis=1)
        return Rollup(module, route, valid, bad, timed, over, exact, figures_ms(weeks), daily_ms(days))


def figures_ms(bins: Counts) -> Figures:
    """P50, P95, P99 and TYPICAL of each row of bins in ms, within 1 %; NaN for a row without a count."""
    count = bins.sum(axis=-1)
    mean = np.exp((bins @ np.log(VALUES_MS)) / np.maximum(count, 1))
    return np.stack([*(quantiles_ms(bins, q) for q in QUANTILES), np.where(count > 0, mean, np.nan)], axis=-1)


def daily_ms(bins: Counts) -> Figures:
    """COMPARED of each row of bins in ms; NaN for a row with too few requests."""
    return np.where((bins.sum(axis=-1) < LEAST_A_DAY)[..., None], np.nan, figures_ms(bins)[..., COMPARED])


class HourSum:
    """The requests of the whole service in the hours of the last week."""

    def __init__(self, calendar: Calendar) -> None:
        self._first = calendar.day_hours[-DAYS]
        self._valid = np.zeros(calendar.hours - self._first, dtype=np.int64)
        self._bins = np.zeros((self._valid.size, BINS), dtype=np.int64)

    def add(self, route: RouteHours) -> None:
        """Count a route's requests."""
        self._valid += route.valid[self._first :]
        self._bins += route.bins[self._first :]

    def hours(self, start: datetime) -> Hours:
        """What it comes to; the week begins at `start`."""
        at = tuple(start + timedelta(hours=hour) for hour in range(self._valid.size))
        few = self._bins.sum(axis=1) < LEAST_AN_HOUR
        return Hours(at, self._valid, np.where(few, np.nan, quantiles_ms(self._bins, QUANTILES[P95])))


def calendar_of(days: Sequence[datetime], end: datetime) -> Calendar:
    """The calendar of days that begin at these instants, the first of them the span's; a day is whole hours long.

    Where clocks are changed by half an hour, the days behind begin half an hour late.
    """
    first = days[0]

    def hour(at: datetime) -> int:
        return int((at - first).total_seconds()) // 3600

    return Calendar(tuple(hour(day) for day in days), -int((first - end).total_seconds() // 3600))
