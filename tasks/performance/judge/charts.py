"""The week drawn: p95 and requests by hour with the deploys, and the slowest routes."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from tasks.check_result import Chart, Curve, Evidence, Mark, moment, msg
from tasks.performance.facts import Hours
from tasks.performance.judge.words import shown
from tasks.performance.limits import PerformanceLimits
from tasks.records.facts import Deploy

_MOST_BARS = 10
_MOST_MARKS = 12
_MOST_LABEL = 16
_HOUR_S = 3600


def week_charts(
    hours: Hours, frame: pd.DataFrame, deploys: Sequence[Deploy], limit: PerformanceLimits
) -> list[Evidence]:
    """At most three pieces; what nothing was measured of is not drawn."""
    marks = _marks(hours, deploys)
    return [*_p95(hours, marks, limit), *_requests(hours, marks), *_slowest(frame, limit)]


def _marks(hours: Hours, deploys: Sequence[Deploy]) -> tuple[Mark, ...]:
    """The newest deploys within the curve."""
    inside = [deploy for deploy in deploys if hours.at[0] <= deploy.started_at <= hours.at[-1]]
    return tuple(Mark(moment(deploy.started_at), deploy.version[:_MOST_LABEL]) for deploy in inside[-_MOST_MARKS:])


def _p95(hours: Hours, marks: tuple[Mark, ...], limits: PerformanceLimits) -> list[Evidence]:
    if np.isnan(hours.p95_ms).all():
        return []
    highest = int(np.nanargmax(hours.p95_ms))
    finding = msg(
        "Highest p95 of an hour: {ms} ms at {at}", ms=shown(hours.p95_ms[highest]), at=moment(hours.at[highest])
    )
    values = tuple(shown(value) for value in hours.p95_ms)
    title = msg("p95 of all requests by hour")
    at = tuple(moment(at) for at in hours.at)
    return [Curve(title, finding, "ms", at, values, limit=limits.max_p95_ms, marks=marks, worse="over")]


def _requests(hours: Hours, marks: tuple[Mark, ...]) -> list[Evidence]:
    if not hours.valid.any():
        return []
    rates = hours.valid / _HOUR_S
    highest = int(rates.argmax())
    finding = msg("Busiest hour: {rate} requests/s at {at}", rate=shown(rates[highest]), at=moment(hours.at[highest]))
    at = tuple(moment(at) for at in hours.at)
    values = tuple(shown(rate) for rate in rates)
    return [Curve(msg("Requests per second by hour"), finding, "/s", at, values, marks=marks, worse="over")]


def _slowest(frame: pd.DataFrame, limits: PerformanceLimits) -> list[Evidence]:
    slowest = frame[frame["p95"].notna()].head(_MOST_BARS)
    if slowest.empty:
        return []
    labels = tuple(f"{row.module} {row.route}" for row in slowest.itertuples())
    values = tuple(float(shown(value) or 0.0) for value in slowest["p95"])
    finding = msg("Slowest route: {route}, p95 {ms} ms", route=labels[0], ms=values[0])
    return [Chart(msg("Slowest routes, p95"), finding, "ms", labels, values, limit=limits.max_p95_ms)]
