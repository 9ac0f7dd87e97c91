"""Rounds that a schedule planned and that nobody has on record: the next report of the flow names them."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import httpx
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterName,
    FlowFilter,
    FlowFilterName,
    FlowRunFilter,
    FlowRunFilterExpectedStartTime,
)
from prefect.client.schemas.sorting import FlowRunSort
from prefect.context import FlowRunContext
from prefect.exceptions import PrefectException

from flows.options import RoundOptions
from flows.timing import Schedule, plain
from tasks.check_result import Message, msg
from tasks.history.runs import read_periods
from tasks.outside import external_text
from tasks.periods import Period, parse_period
from tasks.records.store.records import read_maintenance
from tasks.round import Round
from tasks.schedule.planned import days_between, planned_rounds

_MOST_NAMED = 10
_MOST_ASKED = 200
"""Runs that Prefect's server gives in one answer."""


@dataclass(frozen=True, slots=True)
class MissedRound:
    """A round that is not on record, and when its schedule planned it."""

    period: str
    planned_at: datetime


def missed_rounds(
    schedule: Schedule, form: RoundOptions, period: Period, recorded: Mapping[str, datetime | None], zone: ZoneInfo
) -> tuple[MissedRound, ...]:
    """What the schedule planned between the last recorded period and this one, oldest first.

    `recorded` says when the last run of each period ended, None where its schedule began one; one by hand that ended
    before its round was planned is not that round. Without any on record there are none: the flow has just begun.
    """
    alike = (parse_period(key, zone) for key in recorded if len(key) == len(period.key))  # a week is no month
    earlier = [known for known in alike if known.start < period.start]
    first = min((known.start for known in earlier), default=period.start)
    # On the day itself, or after the end of a period.
    days = days_between(first, period.end, zone)
    planned = {one.period.key: one for one in planned_rounds(schedule.cron, form.period, days, zone)}
    ended = ((known, recorded[known.key]) for known in earlier)
    ran = [k.start for k, at in ended if k.key not in planned or at is None or at >= planned[k.key].at]
    if not ran:
        return ()
    last = max(ran)
    return tuple(
        MissedRound(key, one.at)
        for key, one in planned.items()
        if last < one.period.start < period.start and len(key) == len(period.key)
    )


async def notes_of_missed(run: Round, schedule: Schedule, form: RoundOptions) -> tuple[Message, ...]:
    """What a reader must know of rounds that are not on record; nothing where none is missing."""
    key, zone = run.key, run.settings.zone
    recorded = await asyncio.to_thread(read_periods, run.history, key.service, key.flow)
    missed = missed_rounds(schedule, form, run.period, recorded, zone)
    if not missed:
        return ()
    first, last = missed[0].planned_at, missed[-1].planned_at
    until = last + timedelta(minutes=1)
    windows = await asyncio.to_thread(read_maintenance, run.history, key.service, first, until)
    whole = [window for window in windows if window.module is None and not window.late]
    reasons = await _states(key.flow, key.service, first, last)
    planned = [m for m in missed if any(w.starts_at <= m.planned_at < w.ends_at for w in whole)]
    others = [m for m in missed if m not in planned]
    notes = []
    if others:
        named = _named(others, reasons)
        notes.append(
            msg("Rounds missed since the last one on record ({count}): {periods}", count=len(others), periods=named)
        )
    if planned:
        named = _named(planned, reasons)
        notes.append(
            msg("Rounds not run during planned maintenance ({count}): {periods}", count=len(planned), periods=named)
        )
    return tuple(notes)


def _named(missed: Sequence[MissedRound], reasons: Mapping[datetime, str]) -> str:
    """The latest ones, each with the state in which Prefect has its run, where it has one."""
    states = ((round_.period, reasons.get(round_.planned_at)) for round_ in missed[-_MOST_NAMED:])
    named = [period if state is None else f"{period} ({state})" for period, state in states]
    return ", ".join(["…", *named] if len(missed) > _MOST_NAMED else named)


async def _states(flow: str, service: str, first: datetime, last: datetime) -> Mapping[datetime, str]:
    """How Prefect's server says that the runs of a schedule ended, by their planned start; it may know of none."""
    if FlowRunContext.get() is None:
        return {}
    span = FlowRunFilterExpectedStartTime.model_validate({"after_": first, "before_": last})
    try:
        async with get_client() as client:
            runs = await client.read_flow_runs(
                flow_filter=FlowFilter(name=FlowFilterName(any_=[flow])),
                deployment_filter=DeploymentFilter(name=DeploymentFilterName(any_=[service])),
                flow_run_filter=FlowRunFilter(expected_start_time=span),
                sort=FlowRunSort.EXPECTED_START_TIME_DESC,
                limit=_MOST_ASKED,
            )
    except (httpx.HTTPError, PrefectException):  # the periods are known without it
        return {}
    return {
        plain(run.expected_start_time): external_text(run.state_name, 40)
        for run in runs
        if run.auto_scheduled and run.expected_start_time is not None and run.state_name is not None
    }
