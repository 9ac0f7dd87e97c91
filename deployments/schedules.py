"""The catalogue's flows as deployments, in the zone of each service."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy
from prefect.deployments.runner import RunnerDeployment
from prefect.schedules import Cron
from prefect.schedules import Interval as Every
from prefect.types.entrypoint import EntrypointType

from deployments.names import CHECKLIST_TAG, EVERY_SERVICE, TAG
from flows.catalogue import FLOWS, Entry
from flows.checklist import Checklist
from flows.timing import Interval, Schedule
from tasks.errors import ExplainedError
from tasks.history.opened import history_of
from tasks.schedule.facts import FlowSchedule
from tasks.schedule.planned import PERIODS
from tasks.schedule.store import register_schedules
from tasks.secrets import masked
from tasks.settings import Settings

_UTC = "UTC"
_SOME_DAY = date(2026, 1, 1)
_ONE_AT_A_TIME = ConcurrencyLimitConfig(limit=1, collision_strategy=ConcurrencyLimitStrategy.CANCEL_NEW)


def deployments_of(services: Mapping[str, Settings]) -> list[RunnerDeployment]:
    """Every deployment of these services; call it outside a running event loop."""
    found = []
    for entry in FLOWS:
        if not entry.per_service:
            found.append(_deployment(entry, entry.schedule, EVERY_SERVICE, _UTC, {}))
            continue
        for name, settings in services.items():
            schedule = entry.schedule if entry.is_scheduled_for(settings) else None
            found.append(_deployment(entry, schedule, name, settings.service.timezone, {"service": name}))
    return found


def schedules_of(settings: Settings) -> list[FlowSchedule]:
    """What starts for a service by itself, as its history keeps it."""
    found = []
    for entry in FLOWS:
        if entry.schedule is not None and entry.is_scheduled_for(settings):
            late_after = (entry.timing.max_lateness or timedelta()) + entry.timing.deadline
            schedule = FlowSchedule(
                entry.flow.name,
                cron=None if isinstance(entry.schedule, Interval) else entry.schedule.cron,
                every=entry.schedule.every if isinstance(entry.schedule, Interval) else None,
                timezone=settings.service.timezone if entry.per_service else _UTC,
                period=None if entry.checklist is None else _period(entry.checklist),
                late_after=late_after,
            )
            found.append(schedule)
    return found


def _period(checklist: Checklist) -> str:
    """What a checklist's scheduled rounds are for."""
    zone = ZoneInfo(_UTC)
    period = checklist.form().period(_SOME_DAY, zone)
    return next(kind for kind, period_of in PERIODS.items() if period_of(_SOME_DAY, zone) == period)


def note_schedules(services: Mapping[str, Settings], now: datetime) -> list[str]:
    """Tell the history of each service what is scheduled for it; returns why that of others could not be told."""
    problems = []
    for name, settings in services.items():
        try:
            history = history_of(settings)
            try:
                register_schedules(history, name, schedules_of(settings), now)
            finally:
                history.dispose()
        except ExplainedError as error:
            problems.append(f"{name}: the daily checklist cannot tell what should have run: {masked(str(error))}")
    return problems


def _deployment(
    entry: Entry, schedule: Schedule | Interval | None, name: str, zone: str, parameters: dict[str, Any]
) -> RunnerDeployment:
    kind = () if entry.checklist is None else (CHECKLIST_TAG,)
    deployment = entry.flow.to_deployment(
        name=name,
        description=f"{entry.flow.description}\n\n{_when(entry, schedule, zone)}",
        tags=[TAG, *kind, *(f"service:{service}" for service in parameters.values())],
        parameters=parameters,
        schedule=None if schedule is None else _prefects(schedule, zone),
        # What two people decide at once both counts. Who monitors, a lease decides: a killed run would keep a slot.
        concurrency_limit=_ONE_AT_A_TIME if isinstance(schedule, Schedule) else None,
        entrypoint_type=EntrypointType.MODULE_PATH,
    )
    assert isinstance(deployment, RunnerDeployment)  # a coroutine inside a running loop
    return deployment


def _prefects(schedule: Schedule | Interval, zone: str) -> Any:
    if isinstance(schedule, Interval):
        return Every(schedule.every, anchor_date=schedule.first, timezone=zone, slug=schedule.slug)
    return Cron(schedule.cron, timezone=zone, slug=schedule.slug, parameters=dict(schedule.parameters))


def _when(entry: Entry, schedule: Schedule | Interval | None, zone: str) -> str:
    longest = int(entry.timing.deadline.total_seconds() // 60)
    if schedule is None:
        return "手動で開始するフォーム / a form, started manually"
    late = entry.timing.max_lateness
    if late is None:
        late_ja = late_en = ""
    else:
        minutes = int(late.total_seconds() // 60)
        late_ja, late_en = f"遅れは {minutes} 分まで、", f"at most {minutes} min late, "
    if isinstance(schedule, Interval):
        every = int(schedule.every.total_seconds() // 60)
        begins_ja, begins_en = f"{every} 分ごと", f"every {every} min"
    else:
        begins_ja, begins_en = f"予定 `{schedule.cron}` {zone}", f"scheduled `{schedule.cron}` {zone}"
    return f"{begins_ja}、{late_ja}実行は {longest} 分まで / {begins_en}, {late_en}at most {longest} min long"
