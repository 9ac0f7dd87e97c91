"""What the weekly performance report rests on. Times are UTC, latencies ms."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tasks.observation import Absent, Unobserved

Counts = NDArray[np.int64]
Figures = NDArray[np.float64]

QUANTILES: Final = (0.50, 0.95, 0.99)
"""Of every week; each within 1 %."""
P50, P95, P99, TYPICAL = range(4)
"""Columns of figures: the quantiles, and the geometric mean, which moves with every request and not with a few."""

COMPARED: Final = (TYPICAL, P95)
"""What is compared with the weeks before: typical requests, and the slow ones."""


@dataclass(frozen=True, slots=True)
class Weeks:
    """Weeks one behind another, the oldest first: the report's is the last, which may still run.

    `starts` has the beginning of each; `as_of` is the end of the last, or now. `measured_min` and `expected_min` are
    the minutes of each of which the requests are known, and those of which they should be.
    """

    starts: tuple[datetime, ...]
    as_of: datetime
    measured_min: tuple[int, ...]
    expected_min: tuple[int, ...]

    def coverage_percent(self, week: int) -> float:
        """The measured share of a week's expected minutes."""
        expected = self.expected_min[week]
        return 100 * min(1.0, self.measured_min[week] / expected) if expected else 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Rollup:
    """The requests of the service (no name), a module, or a route of one, week by week.

    `over` are the timed requests above the limit of the report, counted exactly where `exact`, else within 1 % of it.
    `figures_ms` has a row a week and the columns P50, P95, P99 and TYPICAL, NaN where there was no timed request.
    `days_ms` has every day: weeks, days from Monday on, COMPARED; NaN for a day with too few requests.
    """

    module: str
    route: str
    valid: Counts
    bad: Counts
    timed: Counts
    over: Counts
    exact: bool
    figures_ms: Figures
    days_ms: Figures

    @property
    def subject(self) -> str:
        """How results name it."""
        if self.route:
            return f"module:{self.module}/route:{self.route}"
        return f"module:{self.module}" if self.module else "service"


@dataclass(frozen=True, slots=True, eq=False)
class Hours:
    """The report's week hour by hour: requests, and p95 in ms, NaN for an hour with too few."""

    at: tuple[datetime, ...]
    valid: Counts
    p95_ms: Figures


@dataclass(frozen=True, slots=True, eq=False)
class Traffic:
    """The requests of the weeks, as the stored sketches of their minutes merge."""

    weeks: Weeks
    service: Rollup
    modules: tuple[Rollup, ...]
    routes: tuple[Rollup, ...]
    hours: Hours


@dataclass(frozen=True, slots=True)
class StatementTotal:
    """A statement's counters since they were reset, over all roles."""

    calls: int
    total_ms: float


@dataclass(frozen=True, slots=True)
class StatementTotals:
    """What pg_stat_statements says at a moment: the statements with the most time by their number, and their texts.

    `total_ms` is the time of all statements, those that are not named too. `query` is empty in a stored one.
    """

    at: datetime
    reset_at: datetime
    total_ms: float
    statements: Mapping[int, StatementTotal]
    queries: Mapping[int, str]


@dataclass(frozen=True, slots=True)
class SlowQuery:
    """A query within a span: share of the database's time in %, calls, mean time of one."""

    query: str
    share_percent: float
    calls: int
    mean_ms: float


@dataclass(frozen=True, slots=True)
class QueryTimes:
    """The queries since a moment, those with the most time first; `since_reset` is true if it is the counters' own."""

    since: datetime
    until: datetime
    since_reset: bool
    queries: tuple[SlowQuery, ...]


@dataclass(frozen=True, slots=True)
class Gauge:
    """A figure of monitoring over the report's week: how often it was sampled, its median and 95 % quantile.

    `sampled_percent` is the share of the hours that have a sample. `busy_p95` is the 95 % quantile in the busiest tenth
    of the hours; None without a sample in them.
    """

    samples: int
    sampled_percent: float
    median: float
    p95: float
    busy_p95: float | None


@dataclass(frozen=True, slots=True, eq=False)
class Signals:
    """What may show a bottleneck; a Gauge that is None was not sampled. `slow` are the modules above the p95 limit."""

    hours: Hours | Absent
    slow: tuple[str, ...]
    connections: Gauge | Unobserved | Absent | None
    cpu: Gauge | Unobserved | Absent | None
    cache: Gauge | Unobserved | Absent | None
    queries: QueryTimes | Unobserved | Absent
