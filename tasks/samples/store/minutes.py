"""Figures by minute in the history."""

from collections.abc import Collection, Iterable
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, func, insert, select, update
from sqlalchemy.sql.functions import Function

from tasks.history.engine import History, reading, writing
from tasks.history.services import service_id
from tasks.history.tables import services
from tasks.history.upsert import put_rows
from tasks.samples.facts import Reading
from tasks.samples.tables import sample_series, samples


def store_readings(
    history: History, service: str, readings: Iterable[tuple[datetime, Reading]], *, synthetic: bool = False
) -> int:
    """Keep figures at their minute; one of a minute that is there already replaces it. Gives how many were kept.

    Raises HistoryError if the database fails: then none is kept.
    """
    with writing(history) as connection:
        key = service_id(connection, service)
        # On PostgreSQL, two that come at once would both make a new series; on SQLite every writer is alone.
        connection.execute(select(services.c.id).where(services.c.id == key).with_for_update(key_share=True))
        series = _Series(connection, key)
        rows: dict[tuple[int, int], float] = {}
        newest: dict[int, int] = {}
        for at, reading_ in readings:
            minute = int(at.timestamp()) // 60
            number = series.key(reading_)
            rows[number, minute] = reading_.value
            newest[number] = max(newest.get(number, 0), minute)
        put_rows(connection, samples, [{"series_id": s, "minute": m, "value": v} for (s, m), v in rows.items()])
        if synthetic:
            for number, minute in newest.items():
                mine = sample_series.c.id == number
                connection.execute(update(sample_series).where(mine).values(synthetic_until=minute))
        return len(rows)


def read_samples(history: History, service: str, name: str, first: int, end: int) -> dict[str, list[tuple[int, float]]]:
    """The figures of a name by subject, each with its minute, from the minute `first` to before `end`, oldest first."""
    found: dict[str, list[tuple[int, float]]] = {}
    query = (
        select(sample_series.c.subject, samples.c.minute, samples.c.value)
        .join(samples)
        .join(services, services.c.id == sample_series.c.service_id)
        .where(services.c.name == service, sample_series.c.name == name)
        .where(samples.c.minute >= first, samples.c.minute < end)
        .order_by(sample_series.c.subject, samples.c.minute)
    )
    with reading(history) as connection:
        for subject, minute, value in connection.execute(query):
            found.setdefault(subject, []).append((minute, value))
    return found


Series = tuple[str, str, str]
"""Name, subject, unit."""


def read_recent(
    history: History, service: str, names: Collection[str], first: int, end: int
) -> dict[Series, list[tuple[int, float]]]:
    """The figures of several names by series, each with its minute, from `first` to before `end`, oldest first."""
    c, s = sample_series.c, samples.c
    mine = select(c.id, c.name, c.subject, c.unit).join(services, services.c.id == c.service_id)
    found: dict[int, list[tuple[int, float]]] = {}
    with reading(history) as connection:
        rows = connection.execute(mine.where(services.c.name == service, c.name.in_(names)))
        series: dict[int, Series] = {row.id: (row.name, row.subject, row.unit) for row in rows}
        recent = select(s.series_id, s.minute, s.value).where(s.series_id.in_(series))
        inside = recent.where(s.minute >= first, s.minute < end).order_by(s.series_id, s.minute)
        for number, minute, value in connection.execute(inside):
            found.setdefault(number, []).append((minute, value))
    return {series[number]: points for number, points in found.items()}


def newest_of_series(
    history: History, service: str, names: Collection[str], first: int, end: int | None = None
) -> dict[Series, int]:
    """The newest minute of each series of several names that has a figure since the minute `first`, before `end`."""
    c = sample_series.c
    query = (
        select(c.name, c.subject, c.unit, func.max(samples.c.minute))
        .join(samples)
        .join(services, services.c.id == c.service_id)
        .where(services.c.name == service, c.name.in_(names), samples.c.minute >= first)
        .group_by(c.id, c.name, c.subject, c.unit)
        .order_by(c.id)
    )
    if end is not None:
        query = query.where(samples.c.minute < end)
    with reading(history) as connection:
        return {(name, subject, unit): minute for name, subject, unit, minute in connection.execute(query)}


def newest_sample(history: History, service: str, name: str) -> datetime | None:
    """The minute of the newest figure of a name; None when there is none."""
    return _end(history, service, name, func.max(samples.c.minute))


def oldest_sample(history: History, service: str, name: str) -> datetime | None:
    """The minute of the oldest figure of a name; None when there is none."""
    return _end(history, service, name, func.min(samples.c.minute))


def _end(history: History, service: str, name: str, of: Function[int]) -> datetime | None:
    query = (
        select(of)
        .select_from(samples)
        .join(sample_series)
        .join(services, services.c.id == sample_series.c.service_id)
        .where(services.c.name == service, sample_series.c.name == name)
    )
    with reading(history) as connection:
        minute = connection.execute(query).scalar()
    return None if minute is None else datetime.fromtimestamp(minute * 60, UTC)


def synthetic_until(history: History, service: str) -> datetime | None:
    """Up to when figures of a service are generated ones; None when none are."""
    query = (
        select(sample_series.c.synthetic_until)
        .join(services, services.c.id == sample_series.c.service_id)
        .where(services.c.name == service)
        .order_by(sample_series.c.synthetic_until.desc())
        .limit(1)
    )
    with reading(history) as connection:
        minute = connection.execute(query).scalar()
    return datetime.fromtimestamp(0, UTC) + timedelta(minutes=minute) if minute else None


class _Series:
    """The keys of a service's series."""

    def __init__(self, connection: Connection, service: int) -> None:
        self._connection, self._service = connection, service
        rows = connection.execute(select(sample_series).where(sample_series.c.service_id == service))
        self._keys = {(row.name, row.subject): int(row.id) for row in rows}

    def key(self, reading_: Reading) -> int:
        place = (reading_.name, reading_.subject)
        if place not in self._keys:
            values = {"service_id": self._service, "name": reading_.name, "subject": reading_.subject}
            new = insert(sample_series).values(**values, unit=reading_.unit, synthetic_until=0)
            self._keys[place] = int(self._connection.execute(new.returning(sample_series.c.id)).scalar_one())
        return self._keys[place]
