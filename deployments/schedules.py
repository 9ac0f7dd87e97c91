"""What runs when: the one list of deployments."""

from collections.abc import Callable, Mapping
from typing import Any

from prefect import Flow
from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy
from prefect.deployments.runner import RunnerDeployment
from prefect.schedules import Cron, Schedule
from prefect.types.entrypoint import EntrypointType
from pydantic import BaseModel, ConfigDict

from flows import error_triage, monitoring, outbox, records
from flows.catalogue import CATALOGUE, Entry
from flows.timing import Timing
from tasks.settings import Settings

TAG = "opsrounds"
_ONE_AT_A_TIME = ConcurrencyLimitConfig(limit=1, collision_strategy=ConcurrencyLimitStrategy.CANCEL_NEW)


class Scheduled(BaseModel):
    """A flow, when it runs in the service's zone, how late it may begin and how long it may last.

    One without `cron` is a form that people start, and so is one that is not `wanted` of a service: the guide
    asks for no such round. `scheduled_with` is what only its schedule tells it.

    A flow that is not `per_service` has one deployment for every service of the machine.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)

    flow: Flow[..., Any]
    timing: Timing
    cron: str | None = None
    slug: str = ""
    scheduled_with: dict[str, Any] = {}
    wanted: Callable[[Settings], bool] | None = None
    tags: tuple[str, ...] = ()
    per_service: bool = True


def _of(entry: Entry) -> Scheduled:
    checklist, schedule = entry.checklist, entry.checklist.schedule
    return Scheduled(
        flow=entry.flow,
        timing=checklist.timing,
        cron=schedule.cron,
        slug=schedule.slug,
        scheduled_with=dict(schedule.parameters),
        wanted=checklist.scheduled_for,
        tags=("checklist",),
    )


SCHEDULES = (
    *(_of(entry) for entry in CATALOGUE.values()),
    Scheduled(flow=monitoring.monitoring, cron="* * * * *", slug="monitoring-every-minute", timing=monitoring.TIMING),
    Scheduled(flow=error_triage.error_triage, timing=error_triage.TIMING),
    Scheduled(flow=records.record_deploy, timing=records.TIMING),
    Scheduled(flow=records.record_outage, timing=records.TIMING),
    Scheduled(flow=records.record_maintenance, timing=records.TIMING),
    Scheduled(
        flow=outbox.outbox, cron="* * * * *", slug="outbox-every-minute", timing=outbox.TIMING, per_service=False
    ),
)


def deployments_of(services: Mapping[str, Settings]) -> list[RunnerDeployment]:
    """Every deployment of these services; call it outside a running event loop."""
    found = []
    for scheduled in SCHEDULES:
        if not scheduled.per_service:
            found.append(_deployment(scheduled, "every-service", "UTC", {}))
            continue
        for name, settings in services.items():
            wanted = scheduled.wanted is None or scheduled.wanted(settings)
            own = scheduled if wanted else scheduled.model_copy(update={"cron": None})
            found.append(_deployment(own, name, settings.service.timezone, {"service": name}))
    return found


def _deployment(scheduled: Scheduled, name: str, zone: str, parameters: dict[str, Any]) -> RunnerDeployment:
    tags = [TAG, *scheduled.tags, *(f"service:{service}" for service in parameters.values())]
    deployment = scheduled.flow.to_deployment(
        name=name,
        description=f"{scheduled.flow.description}\n\n{_when(scheduled, zone)}",
        tags=tags,
        parameters=parameters,
        schedule=_cron(scheduled, scheduled.cron, zone) if scheduled.cron else None,
        concurrency_limit=_ONE_AT_A_TIME if scheduled.cron else None,  # what two people decide at once both counts
        entrypoint_type=EntrypointType.MODULE_PATH,
    )
    assert isinstance(deployment, RunnerDeployment)  # a coroutine inside a running loop
    return deployment


def _cron(scheduled: Scheduled, cron: str, zone: str) -> Schedule:
    return Cron(cron, timezone=zone, slug=scheduled.slug, parameters=scheduled.scheduled_with)


def _when(scheduled: Scheduled, zone: str) -> str:
    late = int(scheduled.timing.max_lateness.total_seconds() // 60)
    longest = int(scheduled.timing.deadline.total_seconds() // 60)
    if scheduled.cron is None:
        return "手動で開始するフォーム / a form to be started by hand"
    return (
        f"予定 `{scheduled.cron}` {zone}、遅れは {late} 分まで、実行は {longest} 分まで / "
        f"scheduled `{scheduled.cron}` {zone}, at most {late} min late, at most {longest} min long"
    )
