"""Did every scheduled flow run when it was due?"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from tasks.check_result import CheckResult, Limit, Message, Quantity, Scalar, Status, Table, moment, msg
from tasks.records.facts import Maintenance
from tasks.schedule.checks import FLOWS
from tasks.schedule.facts import ScheduledFlow
from tasks.schedule.judge.monitoring import OWN, SUBJECT
from tasks.schedule.limits import ScheduleLimits
from tasks.schedule.planned import PERIODS, PlannedRound, days_between, interval_of, is_daily, planned_rounds

LOOKS_BACK: Final = timedelta(days=35)
"""A month's round is among them on any day."""
_DAILY_LOOKS_BACK = timedelta(days=7)
_MOST_NAMED = 5
_MINUTE = timedelta(minutes=1)
_NOT_RUN, _EXCUSED = msg("not run"), msg("not run: planned maintenance")
_NONE = msg("No schedule is registered: `rounds up` or `rounds register` registers one")


@dataclass(frozen=True, slots=True)
class _Due:
    """A round that must have ended by now: when at the latest, and when the first one did that is not before it."""

    planned: PlannedRound
    late_from: datetime
    recorded: datetime | None

    @property
    def in_time(self) -> bool:
        return self.recorded is not None and self.recorded <= self.late_from


def judge_flows(
    flows: Sequence[ScheduledFlow],
    windows: Sequence[Maintenance],
    under_way: tuple[str, str],
    limits: ScheduleLimits,
    now: datetime,
) -> tuple[CheckResult, ...]:
    """A result for each flow that is scheduled.

    What was planned within a maintenance window of the whole service that was registered before it began is not due,
    nor is the flow and period that is `under_way`.
    """
    if not flows:
        return (FLOWS.judged(Status.SKIPPED, SUBJECT, _NONE, at=now),)
    whole = [window for window in windows if window.module is None and not window.late]
    return tuple(_judge_flow(flow, whole, under_way, limits, now) for flow in flows)


def _judge_flow(
    flow: ScheduledFlow,
    windows: Sequence[Maintenance],
    under_way: tuple[str, str],
    limits: ScheduleLimits,
    now: datetime,
) -> CheckResult:
    schedule = flow.schedule
    try:
        every = (schedule.every or interval_of(schedule.cron or "")) if schedule.period is None else None
        due = () if schedule.period is None else _due(flow, schedule.period, now)
    except (KeyError, ValueError):  # of another version
        reason = msg(
            "This version cannot tell when it is due ({cron}, {period}, {zone}): restart `rounds up` or register again",
            cron=schedule.cron,
            period=schedule.period,
            zone=schedule.timezone,
        )
        return FLOWS.judged(Status.UNKNOWN, _subject(flow), reason, at=now)
    if every is not None:
        return _judge_interval(flow, every, limits, now)
    due = [one for one in due if (schedule.flow, one.planned.period.key) != under_way]
    return _judge_rounds(flow, due, windows, limits, now)


def _due(flow: ScheduledFlow, period: str, now: datetime) -> Sequence[_Due]:
    """The rounds of the last days that must have ended, oldest first. Raises KeyError or ValueError."""
    schedule = flow.schedule
    cron, zone = schedule.cron or "", ZoneInfo(schedule.timezone)
    first = max(flow.since, now - (_DAILY_LOOKS_BACK if is_daily(cron) else LOOKS_BACK))
    planned = planned_rounds(cron, PERIODS[period], days_between(first, now, zone), zone)
    due = (_Due(one, one.at + schedule.late_after, _recorded(flow, one)) for one in planned)
    return [one for one in due if first <= one.planned.at and one.late_from < now]


def _recorded(flow: ScheduledFlow, planned: PlannedRound) -> datetime | None:
    """When its first run ended; one by hand that ended before the planned start is not this round."""
    period = planned.period.key
    by_hand = (ended for ended in flow.recorded.get(period, ()) if ended >= planned.at)
    return min((*by_hand, *filter(None, (flow.by_schedule.get(period),))), default=None)


def _judge_rounds(
    flow: ScheduledFlow, due: Sequence[_Due], windows: Sequence[Maintenance], limits: ScheduleLimits, now: datetime
) -> CheckResult:
    excused = [one for one in due if any(window.starts_at <= one.planned.at < window.ends_at for window in windows)]
    asked = [one for one in due if one not in excused]
    missed = [one for one in asked if one.recorded is None]
    late = [one for one in asked if one.recorded is not None and not one.in_time]
    evidence = _table([one for one in due if not one.in_time], excused)
    if not asked:
        reason = msg("No round was due since {since}", since=moment(flow.since))
        return FLOWS.judged(Status.SKIPPED, _subject(flow), reason, at=now, evidence=evidence)
    not_in_time = len(missed) + len(late)
    if not not_in_time:
        status, reason = Status.PASS, msg("{due} rounds were due, and ran in time", due=len(asked))
    elif not_in_time <= (most := limits.max_missed_rounds):
        some = msg(
            "{missed} of {due} rounds did not run in time; {limit} may", missed=not_in_time, due=len(asked), limit=most
        )
        status, reason = Status.PASS, some
    elif not missed:
        status, reason = Status.WARN, msg("Ran late, or by hand after it was missed: {periods}", periods=_named(late))
    elif _still_fails(flow, missed, limits, now):
        status, reason = Status.FAIL, msg("Did not run: {periods}", periods=_named(missed))
    else:
        status, reason = Status.WARN, msg("Did not run, though later ones did: {periods}", periods=_named(missed))
    return FLOWS.judged(
        status,
        _subject(flow),
        reason,
        at=now,
        observed=Quantity(not_in_time),
        limit=Limit("≤", limits.max_missed_rounds, "", OWN),
        evidence=evidence,
    )


def _still_fails(flow: ScheduledFlow, missed: Sequence[_Due], limits: ScheduleLimits, now: datetime) -> bool:
    """True while no later round of the flow has run since, and for a day in any case."""
    newest = missed[-1]
    key = newest.planned.period.key
    later = (ended[-1] for period, ended in flow.recorded.items() if len(period) == len(key) and period > key)
    runs_again = any(ended > newest.planned.at for ended in later)
    return not runs_again or now - newest.late_from <= timedelta(hours=limits.fail_missed_hours)


def _judge_interval(flow: ScheduledFlow, every: timedelta, limits: ScheduleLimits, now: datetime) -> CheckResult:
    """Of a flow that stores no report only its last run is on record."""
    ran = flow.last_run_at
    if ran is not None and ran > now:
        reason = msg("Only its last run is on record, which is later: {at}", at=moment(ran))
        return FLOWS.judged(Status.UNKNOWN, _subject(flow), reason, at=now)
    if ran is not None and ran < flow.since:  # by another schedule
        ran = None
    longest = limits.max_intervals * every // _MINUTE
    age = (now - (ran or flow.since)) // _MINUTE
    if ran is None:
        reason = msg("It has not run since it was registered at {at}", at=moment(flow.since))
    else:
        reason = msg("Its last run was at {at}", at=moment(ran))
    if ran is None and age <= longest:
        return FLOWS.judged(Status.SKIPPED, _subject(flow), reason, at=now)
    return FLOWS.judged(
        Status.PASS if age <= longest else Status.FAIL,
        _subject(flow),
        reason,
        at=now,
        observed=Quantity(age, "min"),
        limit=Limit("≤", longest, "min", OWN),
    )


def _table(late: Sequence[_Due], excused: Sequence[_Due]) -> tuple[Table, ...]:
    """Every round that did not run in time; the newest last."""
    if not late:
        return ()
    columns = msg("Period"), msg("Planned for"), msg("Recorded at")
    rows = tuple((one.planned.period.key, moment(one.planned.at), _became(one, excused)) for one in late)
    return (Table(msg("Not in time"), columns, rows),)


def _became(one: _Due, excused: Sequence[_Due]) -> Scalar | Message:
    if one.recorded is not None:
        return moment(one.recorded)
    return _EXCUSED if one in excused else _NOT_RUN


def _named(rounds: Sequence[_Due]) -> str:
    """The newest ones."""
    named = [one.planned.period.key for one in rounds[-_MOST_NAMED:]]
    return ", ".join(["…", *named] if len(rounds) > _MOST_NAMED else named)


def _subject(flow: ScheduledFlow) -> str:
    return f"flow:{flow.schedule.flow}"
