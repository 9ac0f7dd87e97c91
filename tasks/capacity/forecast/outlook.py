"""What lies ahead of one figure: how likely it is at its limit by when, how it grows, and when that changed."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tasks.capacity.forecast.change import last_change
from tasks.capacity.forecast.days import WEEK, Even, Parts, even_days, parts_of
from tasks.capacity.forecast.line import Line, line_through
from tasks.capacity.forecast.paths import Paths, Source, draw_paths, first_passage, sources_of, weekly_means
from tasks.capacity.limits import CapacityLimits
from tasks.check_result import msg
from tasks.observation import Unobserved

Values = NDArray[np.float64]
HORIZON: Final = 365
QUANTILES: Final = (0.1, 0.5, 0.9)
SOON_DAYS: Final = 30
LATER_DAYS: Final = 90
_EPOCH = date(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class GrowthChange:
    """From a day on, growth per day is `after` instead of `before`."""

    day: date
    before: float
    after: float


@dataclass(frozen=True, slots=True)
class Passage:
    """When the limit is reached. `soon` and `later` are the probabilities that it is within 30 and 90 days of the
    report; `dates` the 10, 50 and 90 % quantiles of the day, None for one that is not within a year.
    """

    soon: float
    later: float
    dates: tuple[date | None, date | None, date | None]


@dataclass(frozen=True, slots=True)
class Band:
    """10, 50 and 90 % quantiles of a day to come."""

    day: date
    low: float
    middle: float
    high: float


@dataclass(frozen=True, slots=True, eq=False)
class Outlook:
    """A figure that can be forecast; `passage` is None where it has no limit, `full` says that it is there already."""

    even: Even
    parts: Parts
    sources: tuple[Source, ...]
    limit: float | None
    full: bool
    passage: Passage | None
    change: GrowthChange | None
    line: Line | None

    @property
    def now(self) -> float:
        """The figure of the newest day."""
        return float(self.even.values[-1])

    @property
    def newest(self) -> date:
        """The newest day."""
        return day_of(self.even.last)

    @property
    def growth_per_day(self) -> float:
        """Since the last change of growth, else of all days."""
        if self.change is not None:
            return self.change.after
        return 0.0 if self.line is None else self.line.slope

    def bands(self, days: int) -> tuple[Band, ...]:
        """What the same paths come to on each of the next days."""
        paths = _paths(self.even, self.parts, self.sources)[:, :days]
        quantiles = np.maximum(np.quantile(paths, QUANTILES, axis=0), 0.0)
        return tuple(
            Band(self.newest + timedelta(days=n), *(float(v) for v in quantiles[:, n - 1])) for n in range(1, days + 1)
        )


def look_ahead(
    days: Sequence[tuple[date, float]],
    limit: float | None,
    as_of: date,
    limits: CapacityLimits,
    *,
    accumulates: bool,
) -> Outlook | Unobserved:
    """The outlook of the days before `as_of`, oldest first; why there is none where they are too few or too old.

    What `accumulates` keeps what it has grown by, as a disk does and CPU usage does not: of that it is not one busy day
    that is at the limit, but the mean of a week.
    """
    if not days:
        return Unobserved(msg("No figures of this kind are stored: monitoring stores them every minute"))
    newest = days[-1][0]
    if (as_of - newest).days > limits.max_stale_days:
        return Unobserved(msg("Not forecast: there are no figures after {day}", day=newest.isoformat()))
    numbers = np.array([(day - _EPOCH).days for day, _ in days])
    even = even_days(numbers, np.array([value for _, value in days]), limits.max_gap_days)
    if even.measured < limits.min_days:
        text = msg("Not forecast: {n} of {days} days with figures", n=even.measured, days=limits.min_days)
        return Unobserved(text)
    parts = parts_of(even)
    change = last_change(parts.level)
    sources = sources_of(parts, None if change is None else change.at, accumulates=accumulates)
    standing = float(even.values[-1] if accumulates else even.values[-WEEK:].mean())
    full = limit is not None and standing >= limit
    return Outlook(
        even,
        parts,
        sources,
        limit,
        full,
        None if limit is None else _passage(even, parts, sources, limit, as_of, full=full, weekly=not accumulates),
        None if change is None else GrowthChange(day_of(even.first + change.at), change.before, change.after),
        line_through(np.flatnonzero(even.there).astype(np.float64), even.values[even.there]),
    )


def day_of(number: int) -> date:
    """The day of a day number."""
    return _EPOCH + timedelta(days=number)


def _passage(
    even: Even, parts: Parts, sources: tuple[Source, ...], limit: float, as_of: date, *, full: bool, weekly: bool
) -> Passage:
    newest = day_of(even.last)
    if full:
        return Passage(1.0, 1.0, (newest, newest, newest))
    paths = _paths(even, parts, sources)
    reached = first_passage(weekly_means(paths, even.values) if weekly else paths, limit)
    since = (as_of - newest).days
    soon, later = (float((reached <= since + days).mean()) for days in (SOON_DAYS, LATER_DAYS))
    low, middle, high = (
        None if days > HORIZON else newest + timedelta(days=int(days))
        for days in np.quantile(reached, QUANTILES, method="inverted_cdf")
    )
    return Passage(soon, later, (low, middle, high))


def _paths(even: Even, parts: Parts, sources: tuple[Source, ...]) -> Paths:
    """The same for the same figures, always: the seed is made of them."""
    digest = hashlib.sha256(even.values.tobytes()).digest()
    return draw_paths(parts, even.last + 1, sources, HORIZON, int.from_bytes(digest[:8]))
