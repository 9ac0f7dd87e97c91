"""Which load tests and restore drills of our own are under way."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from sqlalchemy import insert, select, update

from tasks.activities.facts import Activity, Kind
from tasks.activities.tables import activities
from tasks.history.engine import History, reading, writing
from tasks.history.services import service_id
from tasks.history.tables import services

_AFTERWARDS = timedelta(minutes=3)
"""A machine takes so long to come to rest."""


@contextmanager
def own_activity(
    history: History, service: str, kind: Kind, *, on_service: bool, now: datetime, until: datetime
) -> Iterator[None]:
    """While it lasts, what it does wakes nobody; `until` is its latest end, should its process be killed.

    Raises HistoryError.
    """
    row = {"kind": kind.value, "on_service": on_service, "started_at": now, "until": until}
    with writing(history) as connection:
        values = {"service_id": service_id(connection, service), **row}
        number = connection.execute(insert(activities).values(**values).returning(activities.c.id)).scalar_one()
    try:
        yield
    finally:
        ended = min(datetime.now(UTC) + _AFTERWARDS, until)
        with writing(history) as connection:
            connection.execute(update(activities).where(activities.c.id == number).values(until=ended))


def read_activities(history: History, service: str, since: datetime) -> tuple[Activity, ...]:
    """Those that were under way at any time since an instant, oldest first. Raises HistoryError."""
    query = (
        select(activities)
        .join(services, services.c.id == activities.c.service_id)
        .where(services.c.name == service, activities.c.until > since)
        .order_by(activities.c.started_at, activities.c.id)
    )
    with reading(history) as connection:
        return tuple(
            Activity(Kind(row.kind), row.on_service, row.started_at, row.until) for row in connection.execute(query)
        )
