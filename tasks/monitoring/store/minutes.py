"""Which minutes of a service were monitored to the end: a row an hour, a bit a minute."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, select

from tasks.history.engine import History, reading
from tasks.history.prune import remove_hours
from tasks.history.tables import services
from tasks.history.upsert import put_rows
from tasks.monitoring.facts import Gap, Monitored
from tasks.monitoring.tables import monitored_hours, monitoring_leases


def note_minute(connection: Connection, service: int, minute: int) -> None:
    """Note that a minute was monitored to its end; the service's row is locked."""
    hour, bit = divmod(minute, 60)
    mine = (monitored_hours.c.service_id == service, monitored_hours.c.hour == hour)
    before = connection.execute(select(monitored_hours.c.minutes).where(*mine)).scalar() or 0
    put_rows(connection, monitored_hours, [{"service_id": service, "hour": hour, "minutes": before | 1 << bit}])


def read_monitored(history: History, service: str, until: datetime, span: timedelta) -> Monitored | None:
    """The whole minutes of the span that ends with `until`, or those since the first one on record.

    None where no minute before `until` is on record. Raises HistoryError.
    """
    end = _number(until)
    mine = select(monitored_hours.c.hour, monitored_hours.c.minutes).join(services).where(services.c.name == service)
    hour = monitored_hours.c.hour
    lease = select(monitoring_leases.c.minute).join(services).where(services.c.name == service)
    with reading(history) as connection:
        oldest = connection.execute(mine.order_by(hour).limit(1)).one_or_none()
        if oldest is None or (first := min(_minutes(oldest))) >= end:
            return None
        first = max(first, end - span // timedelta(minutes=1))
        newest = connection.execute(mine.where(hour <= end // 60).order_by(hour.desc()).limit(2)).all()
        rows = connection.execute(mine.where(hour.between(first // 60, end // 60))).all()
        begun = connection.execute(lease.where(monitoring_leases.c.minute <= end)).scalar() or 0
    ended = {minute for row in (*newest, *rows) for minute in _minutes(row) if minute < end}
    gaps = tuple(_gaps(minute for minute in range(first, end) if minute not in ended))
    return Monitored(_time(first), _time(end), gaps, _time(max(begun, *ended)))


def monitored_minutes(history: History, service: str, first: int, end: int) -> frozenset[int]:
    """The minutes from `first` to before `end` that were monitored to their end. Raises HistoryError."""
    mine = select(monitored_hours.c.hour, monitored_hours.c.minutes).join(services).where(services.c.name == service)
    with reading(history) as connection:
        rows = connection.execute(mine.where(monitored_hours.c.hour.between(first // 60, end // 60))).all()
    return frozenset(minute for row in rows for minute in _minutes(row) if first <= minute < end)


def remove_monitored_hours(history: History, service: str, before: int) -> Iterator[int]:
    """Remove what is on record of the hours before a minute; gives rows. Raises HistoryError."""
    return remove_hours(history, service, select(services.c.id), monitored_hours, before)


def _minutes(row: Any) -> list[int]:
    """The minutes whose bits are set, oldest first."""
    return [60 * row.hour + bit for bit in range(60) if row.minutes >> bit & 1]


def _gaps(missing: Iterable[int]) -> Iterator[Gap]:
    """Rising minutes as spans."""
    for _, found in groupby(enumerate(missing), lambda numbered: numbered[1] - numbered[0]):
        minutes = [minute for _, minute in found]
        yield Gap(_time(minutes[0]), _time(minutes[-1] + 1))


def _number(at: datetime) -> int:
    return int(at.timestamp()) // 60


def _time(minute: int) -> datetime:
    return datetime.fromtimestamp(60 * minute, UTC)
