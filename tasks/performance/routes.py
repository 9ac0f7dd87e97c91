"""The weeks of all routes side by side: what is measured, and what became slower. Pure arithmetic."""

from collections.abc import Sequence
from enum import StrEnum

import numpy as np
import pandas as pd

from tasks.performance.facts import COMPARED, P50, P95, P99, TYPICAL, Rollup, Traffic, Weeks
from tasks.performance.limits import PerformanceLimits
from tasks.performance.slowdown import LEAST_WEEKS, shift_of


class Change(StrEnum):
    """What became of a route's response times."""

    SLOWER = "slower"
    FASTER = "faster"
    SAME = "same"
    FEW = "few"
    """Too few requests in the week: not measured."""
    NEW = "new"
    """Too few weeks before with enough requests."""


def usable_weeks(weeks: Weeks, limits: PerformanceLimits) -> list[int]:
    """The weeks before the last that were measured well enough to compare with, oldest first."""
    before = range(len(weeks.starts) - 1)
    return [week for week in before if weeks.coverage_percent(week) >= limits.min_measured_percent]


def compared(traffic: Traffic, limits: PerformanceLimits) -> pd.DataFrame:
    """A row a route, the slowest first: module, route, requests, per_second, p50, p95, p99 and typical in ms,
    over_percent, error_percent (NaN: not measured), of the week before `last_p95` and `last_per_second`, of the
    median of the weeks before `usual_p95`, `usual_typical` and `usual_per_second`, and `change`, a Change.
    """
    frame = _weekly(traffic.routes, traffic.weeks, limits)
    last = len(traffic.weeks.starts) - 1
    now = frame.xs(last, level="week")
    earlier = frame[frame.index.get_level_values("week").isin(usable_weeks(traffic.weeks, limits))]
    usual = earlier.groupby(level="number")[["p95", "typical", "per_second"]].median().add_prefix("usual_")
    before = earlier[earlier.index.get_level_values("week") == last - 1].droplevel("week")
    table = now.join(usual).join(before[["p95", "per_second"]].add_prefix("last_"))
    table["change"] = _changes(traffic.routes, table, traffic.weeks, limits)
    return table.sort_values("p95", ascending=False, na_position="last", kind="stable").reset_index(drop=True)


def _weekly(routes: Sequence[Rollup], weeks: Weeks, limits: PerformanceLimits) -> pd.DataFrame:
    """A row a route and week; a figure of too few requests is NaN."""
    seconds = np.maximum(np.array(weeks.measured_min, dtype=float) * 60, 60)
    parts = []
    for number, route in enumerate(routes):
        valid, timed = route.valid.astype(float), route.timed.astype(float)
        figures = np.where((route.timed < limits.min_requests)[:, None], np.nan, route.figures_ms)
        part = pd.DataFrame(
            {
                "module": route.module,
                "route": route.route,
                "requests": route.valid,
                "per_second": valid / seconds,
                "p50": figures[:, P50],
                "p95": figures[:, P95],
                "p99": figures[:, P99],
                "typical": figures[:, TYPICAL],
                "over_percent": _percent(route.over, timed, limits),
                "error_percent": _percent(route.bad, valid, limits),
            }
        )
        parts.append(part.rename_axis("week").assign(number=number).set_index("number", append=True))
    return pd.concat(parts).reorder_levels(["number", "week"])


def _percent(part: np.ndarray, of: np.ndarray, limits: PerformanceLimits) -> np.ndarray:
    return np.where(of < limits.min_requests, np.nan, 100 * part / np.maximum(of, 1))


def _changes(routes: Sequence[Rollup], table: pd.DataFrame, weeks: Weeks, limits: PerformanceLimits) -> list[Change]:
    """What became of each route, in their order."""
    before = usable_weeks(weeks, limits)
    if len(before) < LEAST_WEEKS:
        return [Change.FEW if np.isnan(p95) else Change.NEW for p95 in table["p95"]]
    kept = [*before, len(weeks.starts) - 1]
    enough = np.stack([route.timed[kept] >= limits.min_requests for route in routes])
    figures = np.stack([route.figures_ms[kept][:, COMPARED] for route in routes])
    days = np.stack([route.days_ms[kept] for route in routes])
    shift = shift_of(np.where(enough[..., None], figures, np.nan), days)
    usual = table[["usual_typical", "usual_p95"]].to_numpy()
    moved_ms = np.abs(np.expm1(shift.change)) * usual >= limits.min_effect_ms
    least, most = np.log1p(limits.min_effect_percent / 100), limits.max_false_alarm_percent / 100
    slower = (shift.slower_p <= most) & shift.above & (shift.change >= least) & moved_ms
    faster = (shift.faster_p <= most) & shift.below & (shift.change <= -least) & moved_ms
    found = []
    for place in range(len(routes)):
        if not enough[place, -1]:
            found.append(Change.FEW)
        elif enough[place, :-1].sum() < LEAST_WEEKS:
            found.append(Change.NEW)
        elif slower[place].any():
            found.append(Change.SLOWER)
        else:
            found.append(Change.FASTER if faster[place].any() else Change.SAME)
    return found
