"""Records as people write and read them. Pure."""

import re
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from tasks.observation import printable
from tasks.records.facts import Deploy, DeployOutcome, Maintenance, Outage
from tasks.records.rules import RecordRefused, to_second

_YEARS = range(2000, 2101)
_TIME = re.compile(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?) ?(Z|[+-]\d\d:?\d\d)?", re.ASCII)
_FORM = "a time is 2026-11-24T14:05, in the service's zone, or with an offset such as 2026-11-24T05:05Z"


def parse_time(text: str, zone: ZoneInfo, column: str = "") -> datetime:
    """An instant in UTC; without an offset the service's zone is meant.

    Raises RecordRefused for what is no time, and for a local time that does not exist or comes twice.
    """
    found = _TIME.fullmatch(text.strip())
    try:
        at = None if found is None else datetime.fromisoformat(f"{found[1]}T{found[2]}{found[3] or ''}")
    except ValueError:
        at = None
    if at is None:
        raise RecordRefused(f"{printable(text, 40)!r} is not a time: {_FORM}", column)
    return placed(at, zone, column)


def placed(at: datetime, zone: ZoneInfo, column: str = "") -> datetime:
    """An instant in UTC, to the second; one without an offset is the zone's. Raises RecordRefused."""
    if at.year not in _YEARS:
        raise RecordRefused(f"the year {at.year} is out of range: give one from {_YEARS[0]} to {_YEARS[-1]}", column)
    if at.utcoffset() is not None:
        return to_second(at)
    first, second = (at.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
    if first.utcoffset() != second.utcoffset():
        there = first.astimezone(UTC).astimezone(zone).replace(tzinfo=None) == at
        why = "comes twice" if there else "does not exist"
        text = f"{at:%Y-%m-%d %H:%M} {why} in {zone.key}, where clocks change: give an offset such as Z"
        raise RecordRefused(text, column)
    return to_second(first)


def parse_outcome(text: str) -> DeployOutcome:
    """How a deploy ended; raises RecordRefused."""
    try:
        return DeployOutcome(text.strip())
    except ValueError:
        known = ", ".join(DeployOutcome)
        raise RecordRefused(f"{printable(text, 40)!r} is not an outcome; allowed: {known}", "outcome") from None


def described(record: Deploy | Outage | Maintenance, zone: ZoneInfo) -> str:
    """A record in a line, its start as it can be repeated."""
    match record:
        case Deploy():
            what, start = f"deploy of {record.version} to {record.environment}, {record.outcome}", record.started_at
        case Outage():
            goes_on = "" if record.ended_at else ", ongoing"
            what, start = f"outage of {record.module or 'the service'}{goes_on}", record.started_at
        case Maintenance():
            what, start = f"maintenance of {record.module or 'the service'}", record.starts_at
    return printable(f"{what}, from {start.astimezone(zone):%Y-%m-%d %H:%M:%S} {zone.key}")
