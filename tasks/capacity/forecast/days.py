"""The days of a figure as an even series: short gaps filled, the week's season and what is left told apart."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tasks.capacity.forecast.change import without_steps

Values = NDArray[np.float64]
WEEK = 7
_HALF = WEEK // 2


@dataclass(frozen=True, slots=True, eq=False)
class Even:
    """A figure of every day from the day number `first` on; `there` tells measured days from filled ones."""

    first: int
    values: Values
    there: NDArray[np.bool_]

    @property
    def last(self) -> int:
        """The newest day."""
        return self.first + self.values.size - 1

    @property
    def measured(self) -> int:
        """Days that were measured."""
        return int(self.there.sum())


@dataclass(frozen=True, slots=True, eq=False)
class Parts:
    """A series as season (by day number modulo 7), `level` without it, its 7-day mean `trend`, and `noise` around.

    `trend` and `noise` lack three days at either end.
    """

    season: Values
    level: Values
    trend: Values
    noise: Values


def even_days(days: NDArray[np.int64], values: Values, longest_gap: int) -> Even:
    """The days after the last gap of more than `longest_gap` days; growth in a shorter one is spread evenly."""
    gaps = np.flatnonzero(np.diff(days) > longest_gap + 1)
    begin = int(gaps[-1]) + 1 if gaps.size else 0
    days, values = days[begin:], values[begin:]
    every = np.arange(days[0], days[-1] + 1)
    return Even(int(days[0]), np.interp(every, days, values), np.isin(every, days))


def parts_of(even: Even) -> Parts:
    """Season by the median of each weekday's deviation: a holiday leaves no mark on it, nor does a single step."""
    numbers = np.arange(even.first, even.last + 1)
    usual = without_steps(even.values)
    off, weekday = usual[_HALF:-_HALF] - _weekly_mean(usual), numbers[_HALF:-_HALF] % WEEK
    season = np.array([np.median(off[weekday == day]) if (weekday == day).any() else 0.0 for day in range(WEEK)])
    season -= season.mean()
    level = even.values - season[numbers % WEEK]
    trend = _weekly_mean(level)
    noise = (level[_HALF:-_HALF] - trend) * np.sqrt(WEEK / (WEEK - 1))
    return Parts(season, level, trend, noise)


def _weekly_mean(values: Values) -> Values:
    return np.convolve(values, np.full(WEEK, 1 / WEEK), "valid")
