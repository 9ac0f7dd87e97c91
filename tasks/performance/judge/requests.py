"""Judges the week's requests: how much was measured, response times and failures of the service and its modules."""

import math
from collections.abc import Sequence
from datetime import datetime

import numpy as np
import pandas as pd

from tasks.check_result import CheckResult, Evidence, Limit, Message, Quantity, Status, Table, msg
from tasks.performance.checks import ERRORS, LATENCY, MEASURED
from tasks.performance.facts import P50, P95, P99, Rollup, Weeks
from tasks.performance.judge.words import (
    NOT_MEASURED,
    OWN,
    above_p95,
    error_percent,
    latency_limit,
    over_percent,
    shown,
    too_few,
)
from tasks.performance.limits import PerformanceLimits

_MOST_ROUTES = 15
_ERROR_DIGITS = 4


def judge_measured(weeks: Weeks, limits: PerformanceLimits, logs: Message | None, now: datetime) -> CheckResult:
    """Whether the minutes of the week were measured; `logs` is why the logs are incomplete."""
    limit = Limit("≥", limits.min_measured_percent, "%", OWN)
    # Rounded down, so that what is below the limit never reads as if it were not.
    covered = math.floor(weeks.coverage_percent(-1) * 100) / 100
    columns = (msg("Week from"), msg("Measured minutes"), msg("Expected minutes"))
    rows = zip((f"{at:%Y-%m-%dT%H:%MZ}" for at in weeks.starts), weeks.measured_min, weeks.expected_min, strict=True)
    table = Table(msg("Measured minutes by week"), columns, tuple(rows))
    status, reason = Status.PASS, msg("The requests were counted; maintenance and outages are not expected to have any")
    if logs is not None:
        return MEASURED.judged(Status.UNKNOWN, "service", logs, at=now, limit=limit, evidence=(table,))
    if weeks.expected_min[-1] == 0 or covered < limits.min_measured_percent:
        missing = weeks.expected_min[-1] - weeks.measured_min[-1]
        status, reason = Status.UNKNOWN, msg("Of {minutes} minutes no request is known", minutes=missing)
    observed = Quantity(covered, "%")
    return MEASURED.judged(status, "service", reason, at=now, observed=observed, limit=limit, evidence=(table,))


def judge_latency(
    service: Rollup,
    modules: Sequence[Rollup],
    frame: pd.DataFrame,
    charts: Sequence[Evidence],
    limits: PerformanceLimits,
    now: datetime,
) -> tuple[CheckResult, ...]:
    """p95 of the service with the charts, and of each module with its routes; UNKNOWN when no module is measured."""
    whole = _latency(service, tuple(charts), limits, now)
    found = [_latency(m, (_routes(frame[frame["module"] == m.module], limits),), limits, now) for m in modules]
    if not any(result.status.measured for result in found) and whole.status is Status.SKIPPED:
        whole = LATENCY.judged(Status.UNKNOWN, "service", whole.reason, at=now, limit=latency_limit(limits))
    return whole, *found


def _latency(rollup: Rollup, evidence: tuple[Evidence, ...], limits: PerformanceLimits, now: datetime) -> CheckResult:
    valid, timed, limit = int(rollup.valid[-1]), int(rollup.timed[-1]), latency_limit(limits)
    if valid < limits.min_requests:
        return LATENCY.judged(Status.SKIPPED, rollup.subject, too_few(valid, limits), at=now)
    if timed < limits.min_requests:
        few = msg("Only {timed} of {n} requests have a duration in the log", timed=timed, n=valid)
        return LATENCY.judged(Status.UNKNOWN, rollup.subject, few, at=now, limit=limit)
    p50, p95, p99 = (shown(rollup.figures_ms[-1, place]) for place in (P50, P95, P99))
    reason = msg(
        "p50 {p50} ms, p95 {p95} ms, p99 {p99} ms (within 1 %); {percent} % of the requests took more than {limit} ms",
        p50=p50,
        p95=p95,
        p99=p99,
        percent=shown(over_percent(rollup)),
        limit=limits.max_p95_ms,
    )
    status = Status.FAIL if above_p95(rollup, limits) else Status.PASS
    if status is Status.PASS and 100 * timed < limits.min_measured_percent * valid:
        status = Status.UNKNOWN
        reason = msg("Only {timed} of {n} requests have a duration in the log", timed=timed, n=valid)
    observed = Quantity(p95 or 0.0, "ms")
    return LATENCY.judged(status, rollup.subject, reason, at=now, observed=observed, limit=limit, evidence=evidence)


def _routes(frame: pd.DataFrame, limits: PerformanceLimits) -> Table:
    columns = (
        msg("Route"),
        msg("Requests"),
        msg("p50 (ms)"),
        msg("p95 (ms)"),
        msg("p99 (ms)"),
        msg("Above the limit (%)"),
        msg("Failed (%)"),
        msg("p95 of the week before (ms)"),
        msg("p95 of four weeks, median (ms)"),
    )
    rows = []
    for row in frame.head(_MOST_ROUTES).to_dict("records"):
        p50 = NOT_MEASURED if math.isnan(row["p50"]) else shown(row["p50"])
        names = ("p95", "p99", "over_percent", "error_percent", "last_p95", "usual_p95")
        rows.append((row["route"], int(row["requests"]), p50, *(shown(row[name]) for name in names)))
    return Table(msg("Routes, slowest first"), columns, tuple(rows))


def judge_errors(modules: Sequence[Rollup], limits: PerformanceLimits, now: datetime) -> tuple[CheckResult, ...]:
    """Each module's share of failed requests; failures among too few requests are WARN, never silent."""
    return tuple(_errors(module, limits, now) for module in modules)


def _errors(rollup: Rollup, limits: PerformanceLimits, now: datetime) -> CheckResult:
    valid, bad = int(rollup.valid[-1]), int(rollup.bad[-1])
    limit = Limit("≤", limits.max_error_percent, "%", OWN)
    share = error_percent(rollup)
    if (valid < limits.min_requests and not bad) or share is None:
        return ERRORS.judged(Status.SKIPPED, rollup.subject, too_few(valid, limits), at=now)
    reason = msg("{bad} of {n} requests failed", bad=bad, n=valid)
    if valid < limits.min_requests:
        status = Status.WARN
        reason = msg("{bad} of only {n} requests failed: too few to judge the share", bad=bad, n=valid)
    else:
        status = Status.FAIL if share > limits.max_error_percent else Status.PASS
    before = [f"{100 * b / n:.2g}" for b, n in zip(rollup.bad[:-1], rollup.valid[:-1], strict=True) if n]
    weeks = Table(
        msg("Failed requests in the weeks before"), (msg("Share (%)"),), tuple((float(text),) for text in before)
    )
    evidence = (weeks,) if before else ()
    observed = Quantity(shown(share, _ERROR_DIGITS) or 0.0, "%")
    return ERRORS.judged(status, rollup.subject, reason, at=now, observed=observed, limit=limit, evidence=evidence)


def with_silent(modules: Sequence[Rollup], known: Sequence[str], service: Rollup) -> tuple[Rollup, ...]:
    """The modules that had requests, and those that the service file names and that had none."""
    none = np.zeros_like(service.valid)
    nan, days = np.full_like(service.figures_ms, np.nan), np.full_like(service.days_ms, np.nan)
    there = {module.module for module in modules}
    silent = (Rollup(name, "", none, none, none, none, True, nan, days) for name in known if name not in there)
    return (*modules, *silent)
