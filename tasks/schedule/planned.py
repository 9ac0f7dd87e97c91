"""Which rounds a schedule plans. Pure arithmetic."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from tasks.periods import Period, day_period, month_before, week_before

PERIODS: Final[Mapping[str, Callable[[date, ZoneInfo], Period]]] = {
    "day": day_period,
    "week": week_before,
    "month": month_before,
}
"""What a round is for that is planned on a day."""


@dataclass(frozen=True, slots=True)
class PlannedRound:
    """A round of a schedule: the day, week or month that it is for, and when it starts."""

    period: Period
    at: datetime


def is_planned_on(cron: str, day: date) -> bool:
    """True for a day on which a run starts; a field of `cron` is one number or `*`."""
    *_, of_month, month, weekday = cron.split()
    at = zip((of_month, month, weekday), (day.day, day.month, day.isoweekday() % 7), strict=True)
    return all(field in ("*", str(number)) for field, number in at)


def starts_on(cron: str, day: date, zone: ZoneInfo) -> datetime:
    """When the run of a day starts, in UTC; of a schedule that names its hour and minute."""
    minute, hour, *_ = cron.split()
    return datetime.combine(day, time(int(hour), int(minute)), zone).astimezone(UTC)


def is_daily(cron: str) -> bool:
    """True for a schedule that plans a run on every day."""
    return cron.split()[2:] == ["*"] * 3


def interval_of(cron: str) -> timedelta:
    """How far apart the runs of a schedule are that starts every hour or every day.

    Raises ValueError for any other.
    """
    minute, hour, *_ = cron.split()
    if minute.isdecimal() and is_daily(cron) and (hour == "*" or hour.isdecimal()):
        return timedelta(hours=1) if hour == "*" else timedelta(days=1)
    raise ValueError(f"{cron!r} is neither hourly nor daily")


def planned_rounds(
    cron: str, period_of: Callable[[date, ZoneInfo], Period], days: Iterable[date], zone: ZoneInfo
) -> Iterator[PlannedRound]:
    """What a schedule starts on these days."""
    for day in days:
        if is_planned_on(cron, day):
            yield PlannedRound(period_of(day, zone), starts_on(cron, day, zone))


def days_between(first: datetime, last: datetime, zone: ZoneInfo) -> Iterator[date]:
    """The days of a zone from that of one instant to that of another."""
    day, end = first.astimezone(zone).date(), last.astimezone(zone).date()
    while day <= end:
        yield day
        day += timedelta(days=1)
