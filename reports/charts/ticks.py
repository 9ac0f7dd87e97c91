"""Where the marks of a time axis stand."""

from datetime import UTC, datetime, timedelta
from itertools import count, takewhile

from reports.words import Words

_STEPS = (
    *(timedelta(minutes=n) for n in (5, 10, 30)),
    *(timedelta(hours=n) for n in (1, 2, 3, 6, 12)),
    *(timedelta(days=n) for n in (1, 2, 3, 7, 14, 28, 91, 182, 364)),
)


def ticks(first: datetime, last: datetime, most: int, words: Words) -> list[tuple[float, str]]:
    """At most `most` marks between two local times as (seconds, text), at whole days or hours of their zone.

    A day's begin is marked by its date, any other hour by the clock.
    """
    step = _step(last - first, most - 1)
    midnight = first.replace(hour=0, minute=0)
    walls = takewhile(lambda wall: wall <= last, (midnight + n * step for n in count()))
    # Through UTC, as a wall time that the clocks skip in spring is no instant.
    instants = {wall.astimezone(UTC): wall.astimezone(UTC).astimezone(first.tzinfo) for wall in walls if wall >= first}
    return [(at.timestamp(), _label(local, step, words)) for at, local in instants.items()]


def _step(span: timedelta, most: int) -> timedelta:
    return next((step for step in _STEPS if span <= most * step), timedelta(days=span.days // most + 1))


def _label(local: datetime, step: timedelta, words: Words) -> str:
    begins = step >= timedelta(days=1) or (local.hour, local.minute) == (0, 0)
    return words.day(local) if begins else f"{local:%H:%M}"
