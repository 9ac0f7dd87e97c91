"""Judges the last load test that said something: its age and its verdict."""

from datetime import datetime, timedelta

from tasks.check_result import CheckResult, Limit, Message, Quantity, Status, moment, msg
from tasks.load.facts import JudgedRun, LoadVerdict
from tasks.observation import Absent
from tasks.performance.checks import LOAD_TEST
from tasks.performance.judge.words import OWN, shown
from tasks.performance.limits import PerformanceLimits

SUBJECT = "load"
_DAY = timedelta(days=1)


def judge_load_test(
    valid: JudgedRun | Absent | None,
    newest: JudgedRun | None,
    limits: PerformanceLimits,
    until: datetime,
    now: datetime,
) -> CheckResult:
    """`valid` is the newest load test up to `until` with a verdict of pass or fail, `newest` the newest of all."""
    limit = Limit("≤", limits.max_load_test_days, "d", OWN)
    if isinstance(valid, Absent):
        return LOAD_TEST.judged(Status.SKIPPED, SUBJECT, valid.reason, at=now)
    if valid is None:
        why = msg("There is no valid load test yet")
        if newest is not None:
            why = msg("No load test was valid; the last one ran at {at}", at=moment(newest.run.at))
        return LOAD_TEST.judged(Status.UNKNOWN, SUBJECT, why, at=now, limit=limit)
    age = (until - valid.run.at) / _DAY
    status = Status.PASS
    if valid.verdict is LoadVerdict.FAIL:
        status = Status.FAIL
    elif age > limits.max_load_test_days:
        status = Status.WARN
    observed = Quantity(round(age, 1), "d")
    return LOAD_TEST.judged(status, SUBJECT, _reason(valid, newest), at=now, observed=observed, limit=limit)


def _reason(valid: JudgedRun, newest: JudgedRun | None) -> Message:
    whole = valid.run.whole.succeeded
    params = {
        "profile": valid.run.profile,
        "at": moment(valid.run.at),
        "p95": shown(whole.p95_ms),
        "rate": shown(valid.run.whole.per_second),
    }
    passed = valid.verdict is LoadVerdict.PASS
    if newest is not None and newest.run.at > valid.run.at:
        if passed:
            return msg("{profile} at {at} passed: p95 {p95} ms at {rate} requests/s; later ones were invalid", **params)
        return msg("{profile} at {at} failed: p95 {p95} ms at {rate} requests/s; later ones were invalid", **params)
    if passed:
        return msg("{profile} at {at} passed: p95 {p95} ms at {rate} requests/s", **params)
    return msg("{profile} at {at} failed: p95 {p95} ms at {rate} requests/s", **params)
