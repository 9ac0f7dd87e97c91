"""When a flow runs, how late and how long it may, and whether a run comes too late to be of use."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from prefect.context import FlowRunContext

SKIPPED = "Skipped"


@dataclass(frozen=True, slots=True)
class Timing:
    """How late a scheduled run may begin, and how long a run may last."""

    max_lateness: timedelta
    deadline: timedelta


@dataclass(frozen=True, slots=True)
class Schedule:
    """When a flow starts in the service's zone, and its runs' parameters; `slug` is its lasting name."""

    cron: str
    slug: str
    parameters: Mapping[str, Any] = field(default_factory=dict)


def planned_start() -> datetime | None:
    """When the schedule planned this run; None for a run by hand, and a retry is one."""
    context = FlowRunContext.get()
    run = None if context is None else context.flow_run
    return run.expected_start_time if run is not None and run.auto_scheduled and run.run_count <= 1 else None


def too_late(planned: datetime | None, timing: Timing, now: datetime) -> str | None:
    """Why a run that was planned too long ago is skipped; None when it is not."""
    if planned is None or now - planned <= timing.max_lateness:
        return None
    return f"planned for {planned:%Y-%m-%d %H:%M} UTC, more than {timing.max_lateness} ago"
