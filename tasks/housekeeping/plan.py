"""What of a service's history is too old to be kept. Pure arithmetic."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from tasks.periods import day_period
from tasks.settings import Settings
from tasks.slo.unfrozen import UnfrozenMonth

HOURS_BEFORE: Final = timedelta(days=31)
"""Hours are read so long before the minutes that a report needs."""
_HOUR_MIN = 60


@dataclass(frozen=True, slots=True)
class Plan:
    """Before which instant each is removed; None: nothing is. Minutes are merged into hours of `step_min` minutes.

    `waiting` are the months that are over and not frozen, whose minutes are therefore kept longer.
    """

    minutes: datetime
    hours: datetime
    resolved: datetime
    messages: datetime
    pages: datetime | None
    step_min: int
    waiting: tuple[str, ...]


def plan_of(settings: Settings, unfrozen: Sequence[UnfrozenMonth], now: datetime) -> Plan:
    """What the service file asks for, as far as unfrozen months allow; minutes and hours end with a day of the zone."""
    zone, kept = settings.zone, settings.history

    def days_ago(days: int) -> datetime:
        return _midnight(now - timedelta(days=days), zone)

    minutes, hours = days_ago(kept.keep_minutes_days), days_ago(kept.keep_hours_days)
    holding = [month for month in unfrozen if month.reads_from < minutes]
    if holding:
        minutes = _midnight(min(month.reads_from for month in holding), zone)
    return Plan(
        minutes=minutes,
        hours=min(hours, minutes - HOURS_BEFORE),
        resolved=now - timedelta(days=kept.keep_resolved_days),
        messages=now - timedelta(days=kept.keep_messages_days),
        pages=None if settings.reports.keep_days is None else now - timedelta(days=settings.reports.keep_days),
        step_min=step_of(zone, now),
        waiting=tuple(month.period.key for month in holding if month.period.end <= now),
    )


def step_of(zone: ZoneInfo, now: datetime) -> int:
    """The minutes of which both the hours of UTC and those of a zone are made up: 30 in India, 15 in Nepal, else 60."""
    offsets = (at.astimezone(zone).utcoffset() or timedelta() for at in (now, now + timedelta(days=182)))
    return math.gcd(_HOUR_MIN, *(offset // timedelta(minutes=1) for offset in offsets))


def _midnight(at: datetime, zone: ZoneInfo) -> datetime:
    """The beginning of a day of the zone."""
    return day_period(at.astimezone(zone).date(), zone).start
