"""Was the service monitored, and is it now?"""

from datetime import datetime, timedelta
from typing import Final

from tasks.bounds import Bound, Part, judge_worst, not_measured
from tasks.check_result import CheckResult, Status, Table, moment, msg
from tasks.monitoring.facts import Gap, Monitored
from tasks.observation import Absent, Unobserved
from tasks.schedule.checks import MONITORING
from tasks.schedule.limits import ScheduleLimits

SUBJECT: Final = "service"
OWN: Final = msg("opsrounds' default")
NEVER: Final = Unobserved(
    msg("No minute is on record that was monitored to its end: `rounds up` or `rounds register` starts the monitoring")
)
_MINUTE = timedelta(minutes=1)
_MOST_GAPS = 20
_LEAST = timedelta(hours=1)
"""Less says nothing of a day."""


def judge_monitoring(seen: Monitored | Unobserved | Absent, limits: ScheduleLimits, now: datetime) -> CheckResult:
    """How long ago the last minute was begun, and the share of the minutes that nobody monitored to the end."""
    lost = Bound("%", OWN, limits.warn_unmonitored_percent, limits.fail_unmonitored_percent)
    if isinstance(seen, Unobserved | Absent):
        return not_measured(MONITORING, seen, SUBJECT, now, lost)
    stopped = Part(
        (now - seen.begun) // _MINUTE,
        Bound("min", OWN, fail=limits.max_stopped_min),
        msg("The monitoring has stopped: the last minute that it began is {at}", at=moment(seen.begun)),
    )
    has_stopped = stopped.bound.status(stopped.value) is Status.FAIL
    if not has_stopped and seen.end - seen.first < _LEAST:
        little = Unobserved(msg("Monitored only since {since}: too little for a day", since=moment(seen.first)))
        return not_measured(MONITORING, little, SUBJECT, now, lost)
    return judge_worst(MONITORING, (stopped if has_stopped else _lost(seen, lost),), SUBJECT, now, _gaps(seen.gaps))


def _lost(seen: Monitored, bound: Bound) -> Part:
    """The minutes that are missing, as a share of all."""
    minutes = (seen.end - seen.first) // _MINUTE
    missing = sum(_minutes(gap) for gap in seen.gaps)
    reason = msg(
        "{missing} of {minutes} minutes since {since} were not monitored to the end",
        missing=missing,
        minutes=minutes,
        since=moment(seen.first),
    )
    return Part(round(100 * missing / minutes, 1), bound, reason)


def _gaps(gaps: tuple[Gap, ...]) -> tuple[Table, ...]:
    """The longest gaps, in the order of time."""
    if not gaps:
        return ()
    longest = sorted(sorted(gaps, key=_minutes)[-_MOST_GAPS:], key=lambda gap: gap.first)
    columns = msg("From"), msg("To"), msg("Minutes")
    rows = tuple((moment(gap.first), moment(gap.end), _minutes(gap)) for gap in longest)
    return (Table(msg("Not monitored to the end (the longest of {gaps} gaps)", gaps=len(gaps)), columns, rows),)


def _minutes(gap: Gap) -> int:
    return (gap.end - gap.first) // _MINUTE
