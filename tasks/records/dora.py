"""Deploy frequency, change failure rate, lead time and recovery time (DORA), as far as the records allow."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from tasks.periods import week_period
from tasks.records.facts import Deploy, DeployOutcome, Origin

_MINUTE, _WEEK = timedelta(minutes=1), timedelta(days=7)


@dataclass(frozen=True, slots=True)
class DeployWeek:
    """Successful deploys of an ISO week, the days before the window among them.

    A partial one is not over, or was not on record from its start.
    """

    key: str
    deploys: int
    partial: bool


@dataclass(frozen=True, slots=True)
class Changes:
    """Figures of the deploys of a window: times in minutes, where the records have them."""

    weeks: tuple[DeployWeek, ...]
    succeeded: int
    failed: int
    lead_min: tuple[float, ...]
    recovery_min: tuple[float, ...]
    unrecovered: int
    inferred: int

    @property
    def failure_share(self) -> float | None:
        """Failed and rolled back deploys of all that ended."""
        every = self.succeeded + self.failed
        return self.failed / every if every else None


def changes(
    deploys: Sequence[Deploy], start: datetime, end: datetime, zone: ZoneInfo, began: datetime | None = None
) -> Changes:
    """Figures of the deploys of a window; later ones only count as the recovery of a failed one.

    A week that began before `began`, when records began or the service did, is partial.
    """
    real = sorted((d for d in deploys if d.origin is not Origin.FIRST_SEEN), key=lambda d: d.started_at)
    within = [d for d in real if start <= d.started_at < end]
    good = [d for d in within if d.outcome is DeployOutcome.SUCCEEDED]
    bad = [d for d in within if d.outcome is not DeployOutcome.SUCCEEDED]
    recoveries = [_recovery_min(failed, real) for failed in bad]
    return Changes(
        weeks=_weeks(real, start, end, zone, began or start - _WEEK),
        succeeded=len(good),
        failed=len(bad),
        lead_min=tuple((_ended(d) - d.commit_at) / _MINUTE for d in good if d.commit_at is not None),
        recovery_min=tuple(minutes for minutes in recoveries if minutes is not None),
        unrecovered=sum(minutes is None for minutes in recoveries),
        inferred=sum(d.origin is Origin.INFERRED for d in within),
    )


def _weeks(
    deploys: Sequence[Deploy], start: datetime, end: datetime, zone: ZoneInfo, began: datetime
) -> tuple[DeployWeek, ...]:
    """The weeks that end in the window, each whole, and the one that runs on at its end."""
    weeks = []
    week = week_period(start.astimezone(zone).date(), zone)
    while week.start < end:
        good = sum(week.start <= d.started_at < week.end and d.outcome is DeployOutcome.SUCCEEDED for d in deploys)
        weeks.append(DeployWeek(week.key, good, partial=week.end > end or week.start < began))
        week = week_period(week.end.astimezone(zone).date(), zone)
    return tuple(weeks)


def _recovery_min(failed: Deploy, deploys: Sequence[Deploy]) -> float | None:
    """From the failed deploy's end to the end of the next one that succeeded."""
    since = _ended(failed)
    ends = [_ended(d) for d in deploys if d.outcome is DeployOutcome.SUCCEEDED and _ended(d) > since]
    return (min(ends) - since) / _MINUTE if ends else None


def _ended(deploy: Deploy) -> datetime:
    return deploy.ended_at or deploy.started_at
