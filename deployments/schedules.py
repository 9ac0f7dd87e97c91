"""The catalogue's flows as deployments, in the zone of each service."""

from collections.abc import Mapping
from typing import Any

from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy
from prefect.deployments.runner import RunnerDeployment
from prefect.schedules import Cron
from prefect.schedules import Interval as Every
from prefect.types.entrypoint import EntrypointType

from deployments.names import CHECKLIST_TAG, EVERY_SERVICE, TAG
from flows.catalogue import FLOWS, Entry
from flows.timing import Interval, Schedule
from tasks.settings import Settings

_ONE_AT_A_TIME = ConcurrencyLimitConfig(limit=1, collision_strategy=ConcurrencyLimitStrategy.CANCEL_NEW)


def deployments_of(services: Mapping[str, Settings]) -> list[RunnerDeployment]:
    """Every deployment of these services; call it outside a running event loop."""
    found = []
    for entry in FLOWS:
        if not entry.per_service:
            found.append(_deployment(entry, entry.schedule, EVERY_SERVICE, "UTC", {}))
            continue
        for name, settings in services.items():
            schedule = entry.schedule if entry.is_scheduled_for(settings) else None
            found.append(_deployment(entry, schedule, name, settings.service.timezone, {"service": name}))
    return found


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
