"""When a flow runs, how late and how long it may, and whether a run comes too late to be of use."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from prefect import State
from prefect.context import FlowRunContext
from prefect.states import Failed

SKIPPED, MISSED = "Skipped", "Missed"


@dataclass(frozen=True, slots=True)
class Timing:
    """How long a run may last, and how late a scheduled one may begin; None: it is never too late."""

    deadline: timedelta
    max_lateness: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Schedule:
    """When a flow starts in the service's zone, and its runs' parameters; `slug` is its lasting name."""

    cron: str
    slug: str
    parameters: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Interval:
    """A flow that starts again and again, counted from `first`; `slug` is its lasting name."""

    every: timedelta
    first: datetime
    slug: str


def planned_start() -> datetime | None:
    """When the schedule planned this run; None for a run by hand, and a retry is one."""
    context = FlowRunContext.get()
    run = None if context is None else context.flow_run
    at = run.expected_start_time if run is not None and run.auto_scheduled and run.run_count <= 1 else None
    return None if at is None else plain(at)


def plain(at: datetime) -> datetime:
    """A time that Prefect gave, whose class does not know all arithmetic of `datetime`, in UTC."""
    return datetime.fromtimestamp(at.timestamp(), UTC)


def missed(planned: datetime | None, timing: Timing, now: datetime) -> State[Any] | None:
    """The end of a run that was planned too long ago, which is not green: nothing was checked. None when in time."""
    if planned is None or timing.max_lateness is None or now - planned <= timing.max_lateness:
        return None
    late = f"planned for {planned:%Y-%m-%d %H:%M} UTC, more than {timing.max_lateness} ago: nothing was checked"
    return Failed(name=MISSED, message=late)
