"""Judges which routes became slower, module by module."""

from collections.abc import Sequence
from datetime import datetime

import numpy as np
import pandas as pd

from tasks.check_result import CheckResult, Limit, Message, Quantity, Scalar, Status, Table, msg
from tasks.performance.checks import SLOWDOWN
from tasks.performance.facts import Rollup, Weeks
from tasks.performance.judge.words import OWN, shown
from tasks.performance.limits import PerformanceLimits
from tasks.performance.routes import Change, usable_weeks
from tasks.performance.slowdown import LEAST_WEEKS

_MOST_ROUTES = 15
_WORDS = {
    Change.SLOWER: msg("slower"),
    Change.FASTER: msg("faster"),
    Change.SAME: msg("no change shown"),
    Change.FEW: msg("not measured: too few requests"),
    Change.NEW: msg("too few weeks to compare with"),
}


def judge_slowdown(
    modules: Sequence[Rollup], frame: pd.DataFrame, weeks: Weeks, limits: PerformanceLimits, now: datetime
) -> tuple[CheckResult, ...]:
    """The routes of each module: FAIL if one is slower and above the limit of p95, WARN if it is slower alone.

    SKIPPED where nothing can be compared.
    """
    before = len(usable_weeks(weeks, limits))
    return tuple(_module(m.subject, frame[frame["module"] == m.module], before, limits, now) for m in modules)


def _module(subject: str, routes: pd.DataFrame, weeks: int, limits: PerformanceLimits, now: datetime) -> CheckResult:
    if weeks < LEAST_WEEKS:
        few = msg("No weeks before to compare with: {n} measured, at least {least} needed", n=weeks, least=LEAST_WEEKS)
        return SLOWDOWN.judged(Status.SKIPPED, subject, few, at=now)
    tested = routes[routes["change"].isin([Change.SLOWER, Change.FASTER, Change.SAME])]
    if tested.empty:
        none = msg(
            "Too few requests, not measured: no route has {least} this week and in two weeks before",
            least=limits.min_requests,
        )
        return SLOWDOWN.judged(Status.SKIPPED, subject, none, at=now)
    slower = tested[tested["change"] == Change.SLOWER]
    above = slower[slower["p95"] > limits.max_p95_ms]
    status = Status.FAIL if len(above) else Status.WARN if len(slower) else Status.PASS
    return SLOWDOWN.judged(
        status,
        subject,
        _reason(slower, tested, weeks),
        at=now,
        observed=Quantity(len(slower)),
        limit=Limit("≤", 0, "", OWN),
        evidence=(_table(routes),),
    )


def _reason(slower: pd.DataFrame, tested: pd.DataFrame, weeks: int) -> Message:
    if slower.empty:
        return msg("None of {n} compared routes is slower than in the {weeks} weeks before", n=len(tested), weeks=weeks)
    rise = slower.assign(rise=_percent(slower, "p95"), typical_rise=_percent(slower, "typical"))
    worst = rise.sort_values("typical_rise", ascending=False).iloc[0]
    return msg(
        "{n} of {all} compared routes are slower; most of all {route}: typically {typical} %, p95 {percent} % above "
        "the median of {weeks} weeks",
        n=len(slower),
        all=len(tested),
        route=str(worst["route"]),
        typical=shown(float(worst["typical_rise"]), 2),
        percent=shown(float(worst["rise"]), 2),
        weeks=weeks,
    )


def _percent(routes: pd.DataFrame, name: str) -> pd.Series:
    """The change against the median of the weeks before."""
    return 100 * (routes[name] / routes[f"usual_{name}"] - 1)


def _table(routes: pd.DataFrame) -> Table:
    columns = (
        msg("Route"),
        msg("Change"),
        msg("Typical, change (%)"),
        msg("p95, change (%)"),
        msg("p95 (ms)"),
        msg("Week before (ms)"),
        msg("Four weeks, median (ms)"),
        msg("Requests per second"),
        msg("Week before (requests/s)"),
        msg("Four weeks, median (requests/s)"),
    )
    ranked = routes.assign(rise=_percent(routes, "p95"), typical_rise=_percent(routes, "typical"))
    ranked = ranked.assign(first=np.where(ranked["change"] == Change.SLOWER, 0, 1))
    ranked = ranked.sort_values(["first", "typical_rise"], ascending=[True, False], na_position="last", kind="stable")
    names = ("p95", "last_p95", "usual_p95", "per_second", "last_per_second", "usual_per_second")
    rows: list[tuple[Scalar | Message, ...]] = [
        (
            row["route"],
            _WORDS[row["change"]],
            shown(row["typical_rise"], 2),
            shown(row["rise"], 2),
            *(shown(row[name]) for name in names),
        )
        for row in ranked.head(_MOST_ROUTES).to_dict("records")
    ]
    return Table(msg("Routes, most slowed first"), columns, tuple(rows))
