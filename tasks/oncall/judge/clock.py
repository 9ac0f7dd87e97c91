"""When the wall clock of a zone comes to a minute of the week, also where it is put forward or back."""

from bisect import bisect_left
from collections.abc import Collection, Iterator
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

_MARGIN = timedelta(days=2)
"""More than any clock was ever put forward or back."""


def wall_clock(zone: ZoneInfo, at: datetime) -> datetime:
    """What the clock shows at an instant, without its zone."""
    return at.astimezone(zone).replace(tzinfo=None)


def instants(zone: ZoneInfo, minutes: Collection[int], after: datetime, until: datetime) -> list[datetime]:
    """The instants of a span, its start excepted, at which the clock comes to one of these minutes of the week.

    Among them are those at which it is put forward past one, or back before one.
    """
    first, last = wall_clock(zone, after) - _MARGIN, wall_clock(zone, until) + _MARGIN
    monday = datetime.combine(first.date() - timedelta(days=first.weekday()), time.min)
    found: set[datetime] = set()
    while monday <= last:
        for minute in minutes:
            found.update(_reached(zone, monday + timedelta(minutes=minute)))
        monday += timedelta(weeks=1)
    return sorted(at for at in found if after < at <= until)


def _reached(zone: ZoneInfo, wall: datetime) -> Iterator[datetime]:
    early, late = sorted(wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    yield early
    if late > early:  # the clock skips this time, or shows it twice: in between it is changed
        yield late
        seconds = range((late - early) // timedelta(seconds=1) + 1)
        before = early.astimezone(zone).utcoffset()
        changed = bisect_left(
            seconds, True, key=lambda s: (early + timedelta(seconds=s)).astimezone(zone).utcoffset() != before
        )
        yield early + timedelta(seconds=changed)
