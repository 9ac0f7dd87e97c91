"""Reads the requests of the weeks, and the figures that monitoring sampled, from the history."""

import math
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from tasks.history.engine import History
from tasks.logs.store.traffic import busy_near, read_routes
from tasks.outside import external_text
from tasks.performance.facts import Gauge, Hours, Rollup, Traffic, Weeks
from tasks.performance.rollups import DAYS, HourSum, Sum, calendar_of
from tasks.periods import Period, day_period, week_before
from tasks.records.store.records import read_maintenance, read_outages
from tasks.samples.store.hours import read_figures
from tasks.samples.store.minutes import read_samples
from tasks.settings import Settings
from tasks.slo.facts import Flags
from tasks.slo.sli.minutes import Span, flags
from tasks.slo.store.minutes import known_minutes
from tasks.slo.windows import minute_of

WEEKS_BEFORE = 4
_BUSY_SHARE = 0.9
_MOST_NAME = 80


def read_week(history: History, settings: Settings, period: Period, now: datetime) -> Traffic | None:
    """The requests of a week and of the four before it; None without any request in all of them.

    Raises HistoryError.
    """
    name, limit_ms = settings.service.name, settings.performance.limits.max_p95_ms
    starts = _starts(period, settings.zone)
    first, end = minute_of(starts[0]), minute_of(period.end)
    calendar = calendar_of(_days(starts, settings.zone), period.end)
    days = len(calendar.day_hours)
    whole, hours = Sum(days), HourSum(calendar)
    modules: dict[str, Sum] = {}
    routes: list[Rollup] = []
    busy = np.zeros(end - first, dtype=np.bool_)
    for route in read_routes(history, name, first, end, limit_ms):
        # Both come from log lines; they are made safe to show before anything is named after them.
        module, path = external_text(route.module, _MOST_NAME), external_text(route.route)
        busy |= route.busy
        hours.add(route)
        own = Sum.of(route, calendar)
        for total in (whole, modules.setdefault(module, Sum(days))):
            total.add(own)
        routes.append(own.rollup(module, path, limit_ms))
    if not routes:
        return None
    return Traffic(
        _covered(history, settings, starts, period.end, busy, now),
        whole.rollup("", "", limit_ms),
        tuple(total.rollup(module, "", limit_ms) for module, total in modules.items()),
        tuple(routes),
        hours.hours(period.start),
    )


def _starts(period: Period, zone: ZoneInfo) -> list[datetime]:
    starts = [period.start]
    for _ in range(WEEKS_BEFORE):
        starts.insert(0, week_before(starts[0].astimezone(zone).date(), zone).start)
    return starts


def _days(starts: Sequence[datetime], zone: ZoneInfo) -> list[datetime]:
    mondays = [start.astimezone(zone).date() for start in starts]
    return [day_period(monday + timedelta(days=day), zone).start for monday in mondays for day in range(DAYS)]


def _covered(
    history: History, settings: Settings, starts: Sequence[datetime], end: datetime, busy: Flags, now: datetime
) -> Weeks:
    """How much of each week was measured; of planned maintenance and recorded outages no request is expected."""
    name, quiet = settings.service.name, settings.logs.limits.max_quiet_min
    first, last, as_of = minute_of(starts[0]), minute_of(end), min(end, now)
    near = (busy_near(history, name, first - quiet, first), busy_near(history, name, last, last + quiet))
    wide = np.concatenate((near[0], busy, near[1]))
    known = known_minutes(wide, quiet, min(minute_of(now) - first + quiet, wide.size))[quiet : quiet + busy.size]
    expected = np.arange(busy.size) < minute_of(as_of) - first
    expected &= ~flags(first, busy.size, _closed(history, name, starts[0], end, now))
    edges = [minute_of(start) - first for start in starts]
    measured, wanted = (np.add.reduceat(some.astype(np.int64), edges) for some in (known & expected, expected))
    return Weeks(tuple(starts), as_of, tuple(measured.tolist()), tuple(wanted.tolist()))


def _closed(history: History, name: str, since: datetime, until: datetime, now: datetime) -> Iterable[Span]:
    for window in read_maintenance(history, name, since, until):
        if window.module is None and not window.late:
            yield minute_of(window.starts_at), minute_of(window.ends_at)
    for outage in read_outages(history, name, since, until):
        if outage.module is None:
            yield minute_of(outage.started_at), minute_of(outage.ended_at or now)


def read_gauge(history: History, service: str, name: str, hours: Hours | None, span: Span) -> Gauge | None:
    """A figure of monitoring in a span, the highest of its subjects in each minute; None without any sample."""
    rows = [row for subject in read_samples(history, service, name, *span).values() for row in subject]
    if not rows:
        return None
    worst = pd.DataFrame(rows, columns=["minute", "value"]).groupby("minute")["value"].max()
    busy_p95 = None
    if hours is not None and hours.valid.any():
        places = np.minimum((worst.index.to_numpy() - minute_of(hours.at[0])) // 60, hours.valid.size - 1)
        inside = worst[hours.valid[places] >= np.quantile(hours.valid[hours.valid > 0], _BUSY_SHARE)]
        busy_p95 = float(inside.quantile(0.95)) if len(inside) else None
    sampled = sampled_percent(worst.index, span)
    return Gauge(len(worst), sampled, float(worst.median()), float(worst.quantile(0.95)), busy_p95)


def sampled_percent(minutes: "pd.Index[int]", span: Span) -> float:
    """The share of the hours of a span that have a sample."""
    hours = max(1, -(-(span[1] - span[0]) // 60))
    return 100 * len(((minutes - span[0]) // 60).unique()) / hours


def read_kpi_means(history: History, service: str, period: Period, as_of: datetime, zone: ZoneInfo) -> pd.DataFrame:
    """By subject (rows) the mean of each business KPI in the week and the one before (columns `now`, `before`), and the
    share of the week's hours with a sample (`sampled_percent`).
    """
    start, end = minute_of(period.start), minute_of(as_of)
    first = minute_of(week_before(period.start.astimezone(zone).date(), zone).start)
    found = {}
    for subject, figures in read_figures(history, service, "kpi.value", first, end).items():
        rows = [(of.minute, of.samples, of.total) for of in figures]
        frame = pd.DataFrame(rows, columns=["minute", "samples", "total"])
        now = frame["minute"] >= start
        sampled = sampled_percent(pd.Index(frame["minute"][now]), (start, end))
        found[subject] = {"before": _mean(frame[~now]), "now": _mean(frame[now]), "sampled_percent": sampled}
    return pd.DataFrame.from_dict(found, orient="index", columns=["before", "now", "sampled_percent"])


def _mean(frame: pd.DataFrame) -> float:
    """Over all samples; NaN without any."""
    samples = int(frame["samples"].sum())
    return float(frame["total"].sum()) / samples if samples else math.nan
