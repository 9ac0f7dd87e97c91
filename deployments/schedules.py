"""What runs when: the one list of deployments."""

from collections.abc import Mapping
from typing import Any, Literal

from prefect import Flow
from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy
from prefect.deployments.runner import RunnerDeployment
from prefect.schedules import Cron, Schedule
from prefect.types.entrypoint import EntrypointType
from pydantic import BaseModel, ConfigDict

from flows import (
    backup_verification,
    daily_checklist,
    error_triage,
    monitoring,
    monthly_checklist,
    outbox,
    records,
    slo_report,
    weekly_checklist,
)
from flows.timing import Timing
from tasks.settings import Settings

TAG = "opsrounds"
_ONE_AT_A_TIME = ConcurrencyLimitConfig(limit=1, collision_strategy=ConcurrencyLimitStrategy.CANCEL_NEW)


class Scheduled(BaseModel):
    """A flow, when it runs in the service's zone, how late it may begin and how long it may last.

    One without `cron` is a form that people start, and so is one whose section `needs` a service file lacks: the guide
    asks for no such round. `scheduled_with` is what only its schedule tells it.

    A flow that is not `per_service` has one deployment for every service of the machine.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)

    flow: Flow[..., Any]
    timing: Timing
    cron: str | None = None
    slug: str = ""
    scheduled_with: dict[str, Any] = {}
    needs: Literal["", "backups"] = ""
    per_service: bool = True


SCHEDULES = (
    Scheduled(flow=daily_checklist.daily_checklist, cron="0 9 * * *", slug="daily-0900", timing=daily_checklist.TIMING),
    Scheduled(
        flow=weekly_checklist.weekly_checklist,
        cron="0 9 * * 1",
        slug="weekly-monday-0900",
        timing=weekly_checklist.TIMING,
    ),
    Scheduled(
        flow=backup_verification.backup_verification,
        cron="0 6 * * *",
        slug="daily-0600",
        timing=backup_verification.TIMING,
        scheduled_with={"options": {"depth": "files"}},
        needs="backups",
    ),
    Scheduled(flow=slo_report.slo_report, cron="0 9 * * 1", slug="weekly-monday-0900", timing=slo_report.TIMING),
    Scheduled(
        flow=monthly_checklist.monthly_checklist,
        cron="0 9 1 * *",
        slug="monthly-first-0900",
        timing=monthly_checklist.TIMING,
    ),
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
            lacks = scheduled.needs and getattr(settings, scheduled.needs) is None
            own = scheduled.model_copy(update={"cron": None}) if lacks else scheduled
            found.append(_deployment(own, name, settings.service.timezone, {"service": name}))
    return found


def _deployment(scheduled: Scheduled, name: str, zone: str, parameters: dict[str, Any]) -> RunnerDeployment:
    tags = [TAG, *(f"service:{service}" for service in parameters.values())]
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
