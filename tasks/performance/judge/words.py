"""What several judges of the report say alike, and figures as they are shown."""

import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from tasks.check_result import CheckResult, Limit, Message, Status, msg
from tasks.performance.facts import P95, Rollup, Weeks
from tasks.performance.limits import PerformanceLimits

OWN = msg("[performance.limits] of the service file")
ERROR_BOUND = msg(
    "Each latency is within 1 % of the exact one, before it is rounded to three digits: the minutes' stored sketches "
    "are merged"
)
NOT_MEASURED = msg("not measured")
_DIGITS = 3


def shown(value: float | None, digits: int = _DIGITS) -> float | None:
    """A figure with so many significant digits; None for one that is not known."""
    if value is None or math.isnan(value):
        return None
    if value == 0:
        return 0.0
    return round(float(value), max(0, digits - 1 - math.floor(math.log10(abs(value)))))


def too_few(requests: int, limits: PerformanceLimits) -> Message:
    """Why something is not measured."""
    return msg(
        "Too few requests, not measured: {n}, at least {least} needed", n=int(requests), least=limits.min_requests
    )


def latency_limit(limits: PerformanceLimits) -> Limit:
    """The limit of p95."""
    return Limit("≤", limits.max_p95_ms, "ms", OWN)


def above_p95(rollup: Rollup, limits: PerformanceLimits) -> bool:
    """True when the last week's p95 is above its limit: decided by exact counts where there are any."""
    timed, over = int(rollup.timed[-1]), int(rollup.over[-1])
    if rollup.exact:
        return over > timed - math.ceil(0.95 * timed)
    return bool(rollup.figures_ms[-1, P95] > limits.max_p95_ms)


def over_percent(rollup: Rollup) -> float | None:
    """Share of the last week's timed requests above the limit."""
    timed = int(rollup.timed[-1])
    return 100 * int(rollup.over[-1]) / timed if timed else None


def error_percent(rollup: Rollup) -> float | None:
    """Share of the last week's requests that failed."""
    valid = int(rollup.valid[-1])
    return 100 * int(rollup.bad[-1]) / valid if valid else None


def sparse(percent: float) -> Message:
    """Why a figure of monitoring cannot pass."""
    return msg(
        "Monitoring stored a sample in only {percent} % of the week's hours", percent=math.floor(percent * 10) / 10
    )


def doubt_of(weeks: Weeks, limits: PerformanceLimits, logs: Message | None) -> Message | None:
    """Why the week's figures are incomplete: the logs were not read to the end, or minutes are missing."""
    if logs is not None:
        return logs
    covered = weeks.coverage_percent(-1)
    if covered < limits.min_measured_percent:
        return msg("Only {percent} % of the week was measured", percent=math.floor(covered * 10) / 10)
    return None


def doubted(results: Sequence[CheckResult], doubt: Message | None, at: datetime) -> tuple[CheckResult, ...]:
    """Results that rest on incomplete figures: what is bad stands, what is good is not known."""
    if doubt is None:
        return tuple(results)
    return tuple(
        replace(result, status=Status.UNKNOWN, reason=doubt, observed_at=at) if result.status is Status.PASS else result
        for result in results
    )
