"""What happened to the demo service in its made-up past: deploys, an outage a month, a maintenance window a month."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from tasks.records.facts import Deploy, DeployOutcome, Maintenance, Origin, Outage

ENVIRONMENT = "demo"
_OUTAGE_DAY, _OUTAGE_AT, _OUTAGE = 10, time(12, 5), timedelta(minutes=30)
"""More than the 22 minutes that a month of 31 days leaves at 99.95 %."""

_MAINTENANCE_AT, _MAINTENANCE = time(3, 0), timedelta(minutes=30)
_DECLARED = timedelta(days=2)
_TUESDAY, _THURSDAY, _SUNDAY = 1, 3, 6


@dataclass(frozen=True, slots=True)
class Events:
    """What is made to happen: with `outages` the service is down once a month, with `few_deploys` every other fails
    to come, with `leaking_disk` one disk fills up.
    """

    outages: bool = False
    few_deploys: bool = False
    leaking_disk: bool = False


QUIET = Events()


def outage_of(day: date, zone: ZoneInfo, events: Events) -> tuple[datetime, datetime] | None:
    """When the service was down on a day."""
    if not events.outages or day.day != _OUTAGE_DAY:
        return None
    start = datetime.combine(day, _OUTAGE_AT, zone)
    return start, start + _OUTAGE


def maintenance_of(day: date, zone: ZoneInfo) -> tuple[datetime, datetime] | None:
    """When the service was maintained on a day: the third Sunday of its month."""
    if day.weekday() != _SUNDAY or not 15 <= day.day <= 21:
        return None
    start = datetime.combine(day, _MAINTENANCE_AT, zone)
    return start, start + _MAINTENANCE


def outages(first: date, zone: ZoneInfo, events: Events, now: datetime) -> Iterator[Outage]:
    """Every outage since a day that is over."""
    for day in _days(first, zone, now):
        span = outage_of(day, zone, events)
        if span is not None and span[1] <= now:
            yield Outage(span[0], span[1], None, "made up: the database's failover did not come back")


def maintenances(first: date, zone: ZoneInfo, now: datetime) -> Iterator[Maintenance]:
    """Every maintenance window since a day, declared two days before."""
    for day in _days(first, zone, now):
        if (span := maintenance_of(day, zone)) is not None:
            yield Maintenance(
                span[0], span[1], None, "made up: minor upgrade of PostgreSQL", span[0] - _DECLARED, "demo"
            )


def deploys(first: date, zone: ZoneInfo, events: Events, now: datetime) -> Iterator[Deploy]:
    """Deploys of every week since a day: Tuesday and Thursday, and every third week one that fails and is made good."""
    for day in _days(first, zone, now):
        year, week, _ = day.isocalendar()
        if day.weekday() == _TUESDAY or (day.weekday() == _THURSDAY and not events.few_deploys):
            number = 1 if day.weekday() == _TUESDAY else 2
            start = datetime.combine(day, time(14, 0), zone)
            if day.weekday() == _TUESDAY and week % 3 == 0:
                yield _deploy(f"{year}.{week}.0", start - timedelta(minutes=40), DeployOutcome.ROLLED_BACK)
            yield _deploy(f"{year}.{week}.{number}", start, DeployOutcome.SUCCEEDED)


def _deploy(version: str, start: datetime, outcome: DeployOutcome) -> Deploy:
    lead = timedelta(hours=4 + start.day % 9)
    end = start + timedelta(minutes=6)
    return Deploy(version, ENVIRONMENT, start, end, outcome, Origin.RECORDED, commit_at=start - lead)


def _days(first: date, zone: ZoneInfo, now: datetime) -> Iterator[date]:
    """The days whose events are over: today's come tomorrow."""
    day, today = first, now.astimezone(zone).date()
    while day < today:
        yield day
        day += timedelta(days=1)
