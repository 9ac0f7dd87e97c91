"""Figures by day: rolled up from those by minute, and kept when these are not."""

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Select, func, select

from tasks.history.engine import History, reading, writing
from tasks.history.kept import read_kept
from tasks.history.tables import services
from tasks.history.upsert import put_rows
from tasks.periods import day_period
from tasks.samples.facts import DailySeries, DayFigures
from tasks.samples.tables import sample_days, sample_series, samples

ROLLED_AGAIN_DAYS: Final = 3
"""The newest days are rolled up again: some of their figures may have come late."""
LONGEST_DAYS: Final = 400
"""Nothing older is rolled up: a minute of long ago is one of a wrong clock."""
_EPOCH = date(1970, 1, 1)
_P95 = 95


def roll_up_days(history: History, service: str, zone: ZoneInfo, now: datetime) -> int:
    """Roll every series of a service up by whole days of its zone that are over; gives how many days were.

    Goes on from the last day that was rolled up; a new series begins with its oldest minute. One transaction a day:
    one that is interrupted is taken up again. Raises HistoryError.
    """
    kept = read_kept(history, service, "minutes")
    with reading(history) as connection:
        oldest = _oldest_minutes(connection, service)
        known = last_days(connection, service, list(oldest))
    rolled = 0
    for day, series in days_to_roll(oldest, known, zone, now):
        first, end = minutes_of_day(day, zone)
        if kept is not None and 60 * first < kept.timestamp():
            continue  # of such a day only late figures are there
        with writing(history) as connection:
            found = connection.execute(_figures_of(series, first, end))
            put_rows(connection, sample_days, [{"day": day_number(day), **row._mapping} for row in found])
        rolled += 1
    return rolled


def days_to_roll(
    oldest: Mapping[int, int], known: Mapping[int, date], zone: ZoneInfo, now: datetime
) -> Iterator[tuple[date, list[int]]]:
    """Each whole day that is over and not rolled up for good, with the series that may have figures in it.

    `oldest` is the first minute of every series that has one, `known` the last day of those that were rolled up.
    """
    today = now.astimezone(zone).date()
    rolled = [min(day, today) for day in known.values()]  # a day to come is one of a wrong clock
    again = max(rolled, default=today) - timedelta(days=ROLLED_AGAIN_DAYS - 1)
    begins = {s: local_day(minute, zone) if s not in known else again for s, minute in oldest.items()}
    day = max(min(begins.values(), default=today), today - timedelta(days=LONGEST_DAYS))
    while day < today:
        if series := [s for s, begin in begins.items() if begin <= day]:
            yield day, series
        day += timedelta(days=1)


def read_days(history: History, service: str, first: date, end: date) -> tuple[DailySeries, ...]:
    """Every series of a service that has figures from the day `first` to before the day `end`, by name and subject.

    Raises HistoryError.
    """
    s, d = sample_series.c, sample_days.c
    query = (
        select(s.name, s.subject, s.unit, s.synthetic_until, d.day, d.samples, d.mean, d.p95, d.high, d.last)
        .join(sample_days)
        .join(services, services.c.id == s.service_id)
        .where(services.c.name == service, d.day >= day_number(first), d.day < day_number(end))
        .order_by(s.name, s.subject, d.day)
    )
    found: dict[tuple[str, str, str, int], list[DayFigures]] = {}
    with reading(history) as connection:
        for name, subject, unit, until, day, *figures in connection.execute(query):
            at = _EPOCH + timedelta(days=day)
            found.setdefault((name, subject, unit, until), []).append(DayFigures(at, *figures))
    return tuple(
        DailySeries(name, subject, unit, datetime.fromtimestamp(until * 60, UTC) if until else None, tuple(days))
        for (name, subject, unit, until), days in found.items()
    )


def oldest_minute(history: History, service: str) -> int | None:
    """The first minute of any figure by minute; None without any. Raises HistoryError."""
    with reading(history) as connection:
        return min(_oldest_minutes(connection, service).values(), default=None)


def last_days(connection: Connection, service: str, series: list[int]) -> dict[int, date]:
    """The last day of those of some series that were rolled up before."""
    c = sample_days.c
    mine = select(sample_series.c.id).join(services).where(services.c.name == service, sample_series.c.id.in_(series))
    query = select(c.series_id, func.max(c.day)).where(c.series_id.in_(mine)).group_by(c.series_id)
    return {number: _EPOCH + timedelta(days=day) for number, day in connection.execute(query)}


def minutes_of_day(day: date, zone: ZoneInfo) -> tuple[int, int]:
    """The first minute of a day and the one after its last: 1380 or 1500 of them where clocks change."""
    period = day_period(day, zone)
    return int(period.start.timestamp()) // 60, int(period.end.timestamp()) // 60


def day_number(day: date) -> int:
    """A day as it is stored."""
    return (day - _EPOCH).days


def local_day(minute: int, zone: ZoneInfo) -> date:
    """The day of a zone that a minute is in."""
    return datetime.fromtimestamp(minute * 60, zone).date()


def _oldest_minutes(connection: Connection, service: str) -> dict[int, int]:
    oldest = select(func.min(samples.c.minute)).where(samples.c.series_id == sample_series.c.id).scalar_subquery()
    query = select(sample_series.c.id, oldest).join(services).where(services.c.name == service)
    return {number: minute for number, minute in connection.execute(query) if minute is not None}


def _figures_of(series: list[int], first: int, end: int) -> Select[tuple[int, int, float, float, float, float]]:
    """Count, mean, p95, highest and last figure of some series between two minutes, by series."""
    c = samples.c
    mine = (
        select(
            c.series_id,
            c.value,
            func.row_number().over(partition_by=c.series_id, order_by=c.value).label("rank"),
            func.row_number().over(partition_by=c.series_id, order_by=c.minute.desc()).label("age"),
            func.count().over(partition_by=c.series_id).label("samples"),
        )
        .where(c.series_id.in_(series), c.minute >= first, c.minute < end)
        .subquery()
    )
    value, rank = mine.c.value, mine.c.rank
    return select(
        mine.c.series_id,
        func.count().label("samples"),
        func.avg(value).label("mean"),
        func.min(value).filter(rank * 100 >= mine.c.samples * _P95).label("p95"),
        func.max(value).label("high"),
        func.max(value).filter(mine.c.age == 1).label("last"),
    ).group_by(mine.c.series_id)
