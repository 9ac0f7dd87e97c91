"""What is on record of a service's schedules and of the runs that they started."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class FlowSchedule:
    """When a flow starts: by `cron` in a time zone, or every so often.

    `period` is what its rounds are for, `day`, `week` or `month`; None of a flow that stores no report. A scheduled
    round ends so long after its planned start at the latest as `late_after` says.
    """

    flow: str
    cron: str | None
    every: timedelta | None
    timezone: str
    period: str | None
    late_after: timedelta


@dataclass(frozen=True, slots=True)
class ScheduledFlow:
    """A flow that is scheduled for a service, since when, and what of it is on record.

    `recorded` says when the rounds of each period ended, the first one first, and `by_schedule` when the first one
    ended that the schedule started; `last_run_at` is of a flow that stores no report.
    """

    schedule: FlowSchedule
    since: datetime
    last_run_at: datetime | None
    recorded: Mapping[str, Sequence[datetime]]
    by_schedule: Mapping[str, datetime] = field(default_factory=dict)
