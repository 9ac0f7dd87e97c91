"""Weeks of figures behind the demo service: made-up probes of its instances, and growth that ends at what is there."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from deployments.demo.past.events import QUIET, Events, maintenance_of, outage_of
from deployments.demo.past.history import Shape
from tasks.capacity.limits import CapacityLimits
from tasks.database.judge import SUBJECT as DATABASE
from tasks.kpi.judge import kpi_subject
from tasks.resources.look import HOST
from tasks.samples.facts import Reading

LIVE = "probe.live"
"""1 for a minute in which an instance reported that it is alive, else 0."""

UPLOADS = "/srv/kondate/uploads"
"""A disk that is on no machine: it is in the made-up past alone."""
_UPLOADS_PERCENT, _UPLOADS_PER_DAY = 62.0, 0.03
_LEAKING_DAYS, _FULL_IN_DAYS = 30, 40
_DISK_GROWTH_PER_DAY = 0.004
_DATABASE_GROWTH_PER_DAY = 0.012
_WIGGLE = 0.002
_DAYS_PER_BAD = 6
_LONGEST_BAD_MIN = 3
_MINUTE, _HOUR = timedelta(minutes=1), timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class _Steady:
    """A figure that hardly changes: what it is today, how much of it grew in a day, and how much it varies."""

    name: str
    subject: str
    unit: str
    value: float
    growth_per_day: float
    spread: float


_STEADY = (
    _Steady("cpu.used", HOST, "%", 24.0, 0.0005, 0.25),
    _Steady("memory.used", HOST, "%", 46.0, 0.0005, 0.04),
    _Steady("database.connections", DATABASE, "%", 14.0, 0.0005, 0.2),
    _Steady("database.cache-hit", DATABASE, "%", 99.2, 0.0, 0.003),
    _Steady("kpi.value", kpi_subject("ingredients"), "", 25.0, 0.001, 0.0),
    _Steady("kpi.value", kpi_subject("active-users"), "", 8.0, 0.001, 0.05),
    _Steady("kpi.value", kpi_subject("conversion"), "%", 75.0, 0.0, 0.02),
)


@dataclass(frozen=True, slots=True)
class Sizes:
    """What the figures grow up to: the sizes at this moment, and the disks' subjects in results and samples."""

    disk: str
    uploads: str
    disk_used_percent: float
    disk_size_bytes: int
    database: str
    database_bytes: int


def made_up_figures(
    shape: Shape,
    instances: Sequence[str],
    sizes: Sizes,
    since: datetime | None,
    now: datetime,
    zone: ZoneInfo = ZoneInfo("UTC"),  # noqa: B008
    events: Events = QUIET,
) -> Iterator[tuple[datetime, Reading]]:
    """Every figure of the weeks before `now`, or of the minutes after `since`: probes by minute, all others by hour.

    No instance answers during an outage or a maintenance, which are days' of the zone.
    """
    first = (
        now - timedelta(days=shape.days) if since is None else max(since + _MINUTE, now - timedelta(days=shape.days))
    )
    yield from _probes(shape, instances, _whole(first, _MINUTE), now, zone, events)
    at = _whole(first + _HOUR - _MINUTE, _HOUR)
    while at < now:
        for reading in _sizes(shape, sizes, at, (now - at) / timedelta(days=1), leaking=events.leaking_disk):
            yield at, reading
        at += _HOUR


def _probes(
    shape: Shape, instances: Sequence[str], first: datetime, now: datetime, zone: ZoneInfo, events: Events
) -> Iterator[tuple[datetime, Reading]]:
    good = {name: Reading(LIVE, name, 1.0, "") for name in instances}
    bad = {name: Reading(LIVE, name, 0.0, "") for name in instances}
    at, day, down = first, None, frozenset[tuple[str, int]]()
    local_day, closed = None, list[tuple[datetime, datetime]]()
    while at + _MINUTE <= now:
        if at.date() != day:
            day = at.date()
            down = _down(random.Random(f"{shape.seed} probes {day}"), instances)
        if (local := at.astimezone(zone).date()) != local_day:
            local_day = local
            closed = [
                span for span in (maintenance_of(local, zone), outage_of(local, zone, events)) if span is not None
            ]
        everyone = any(start <= at < end for start, end in closed)
        minute = at.hour * 60 + at.minute
        for name in instances:
            yield at, bad[name] if everyone or (name, minute) in down else good[name]
        at += _MINUTE


def _down(chance: random.Random, instances: Sequence[str]) -> frozenset[tuple[str, int]]:
    """The minutes of a day in which an instance did not answer: on most days none."""
    if chance.randrange(_DAYS_PER_BAD):
        return frozenset()
    name, begins = chance.choice(instances), chance.randrange(24 * 60 - _LONGEST_BAD_MIN)
    return frozenset((name, begins + minute) for minute in range(chance.randint(1, _LONGEST_BAD_MIN)))


def _sizes(shape: Shape, sizes: Sizes, at: datetime, days_ago: float, *, leaking: bool) -> Iterator[Reading]:
    chance = random.Random(f"{shape.seed} sizes {at:%Y-%m-%dT%H}")
    used = sizes.disk_used_percent * _grown(chance, _DISK_GROWTH_PER_DAY, days_ago)
    yield Reading("disk.used", sizes.disk, round(used, 3), "%")
    yield Reading("disk.available", sizes.disk, round(sizes.disk_size_bytes * (1 - used / 100)), "B")
    uploads = _uploads_percent(days_ago, leaking=leaking) * (1 - chance.uniform(0, _WIGGLE))
    yield Reading("disk.used", sizes.uploads, round(uploads, 3), "%")
    size = sizes.database_bytes * _grown(chance, _DATABASE_GROWTH_PER_DAY, days_ago)
    yield Reading("database.size", sizes.database, round(size), "B")
    for one in _STEADY:
        grown = one.value * (1 - one.growth_per_day * days_ago)
        yield Reading(one.name, one.subject, round(grown * (1 + chance.uniform(-one.spread, one.spread)), 3), one.unit)


def _uploads_percent(days_ago: float, *, leaking: bool) -> float:
    """How full the disk was; a leaking one is at its limit in so many days."""
    if not leaking:
        return _UPLOADS_PERCENT - _UPLOADS_PER_DAY * days_ago
    per_day = (CapacityLimits().disk_percent - _UPLOADS_PERCENT) / _FULL_IN_DAYS
    earlier = max(0.0, days_ago - _LEAKING_DAYS)
    return _UPLOADS_PERCENT - per_day * (days_ago - earlier) - _UPLOADS_PER_DAY * earlier


def _grown(chance: random.Random, growth_per_day: float, days_ago: float) -> float:
    """The share of today's size that was there so many days ago."""
    return max(0.0, 1 - growth_per_day * days_ago) * (1 - chance.uniform(0, _WIGGLE))


def _whole(at: datetime, step: timedelta) -> datetime:
    """The last whole minute or hour."""
    return datetime.fromtimestamp(at.timestamp() // step.total_seconds() * step.total_seconds(), at.tzinfo)
