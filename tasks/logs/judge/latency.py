"""Judges how long the requests of each module took."""

import math
from collections.abc import Sequence
from datetime import datetime

from tasks.check_result import CheckResult, Limit, Message, Quantity, Status, msg
from tasks.logs.checks import LATENCY
from tasks.logs.facts import LogReview, RequestTimes
from tasks.logs.judge.durations import doubtful_durations
from tasks.logs.judge.sources import NOT_SET, SETTINGS
from tasks.logs.limits import LogLimits
from tasks.logs.settings import Logs

_QUANTILE = 0.95
_DIGITS = 3


def judge_latency(review: LogReview | None, logs: Logs, now: datetime) -> tuple[CheckResult, ...]:
    """p95 of each module against the limit; None when no log is configured."""
    if review is None:
        return (LATENCY.judged(Status.SKIPPED, "service", NOT_SET, at=now),)
    modules = [times for times in review.times if not times.route and times.valid]
    if not any(times.timed for times in modules):
        return (_untimed(modules, logs, now),)
    return tuple(_judge_module(times, logs, now) for times in modules)


def _untimed(modules: Sequence[RequestTimes], logs: Logs, now: datetime) -> CheckResult:
    """Of a log that has no durations it is only asked why when somebody said that it has."""
    counted = [source for source in logs.source if source.requests]
    requests = sum(times.valid for times in modules)
    if not counted:
        status, reason = Status.SKIPPED, msg("No log source counts requests")
    elif not requests:
        status, reason = Status.UNKNOWN, msg("The log contains no requests: no line has a status")
    else:
        named = any(source.format == "json" and "duration" in source.fields.model_fields_set for source in counted)
        status = Status.UNKNOWN if named else Status.SKIPPED
        reason = msg("None of {requests} requests has a duration in the log", requests=requests)
    return LATENCY.judged(status, "service", reason, at=now)


def _judge_module(times: RequestTimes, logs: Logs, now: datetime) -> CheckResult:
    limits, subject = logs.limits, f"module:{times.module}"
    limit = Limit("≤", limits.max_p95_ms, "ms", SETTINGS)
    if times.valid < limits.min_timed_requests:
        few = msg(
            "Too few requests: {requests}, at least {least} needed",
            requests=times.valid,
            least=limits.min_timed_requests,
        )
        return LATENCY.judged(Status.SKIPPED, subject, few, at=now)
    if times.p95_ms is None or times.timed < limits.min_timed_requests:
        return LATENCY.judged(Status.UNKNOWN, subject, _partly_timed(times), at=now, limit=limit)
    p95 = shown_ms(times.p95_ms)
    reason = msg(
        "p95 {p95} ms (within 1 %); {slow} of {timed} requests took more than {limit} ms",
        p95=p95,
        slow=times.slow,
        timed=times.timed,
        limit=limits.max_p95_ms,
    )
    status = Status.WARN if is_slow(times) else Status.PASS
    if status is Status.PASS and (doubt := _doubt(times, logs, limits)) is not None:
        status, reason = Status.UNKNOWN, doubt
    return LATENCY.judged(status, subject, reason, at=now, observed=Quantity(p95, "ms"), limit=limit)


def is_slow(times: RequestTimes) -> bool:
    """True when p95 is above the limit: decided by the count of slow requests."""
    return times.slow > times.timed - math.ceil(_QUANTILE * times.timed)


def shown_ms(ms: float) -> float:
    """A latency as it is shown: three significant digits."""
    return float(f"{ms:.{_DIGITS}g}")


def _doubt(times: RequestTimes, logs: Logs, limits: LogLimits) -> Message | None:
    """Why requests that seem quick may not have been."""
    untimed = times.valid - times.timed
    if untimed > limits.max_untimed_share * times.valid:
        return _partly_timed(times)
    return doubtful_durations(logs, times.median_ms, times.timed)


def _partly_timed(times: RequestTimes) -> Message:
    return msg("Only {timed} of {requests} requests have a readable duration", timed=times.timed, requests=times.valid)
