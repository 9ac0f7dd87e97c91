"""Which load tests and restore drills of our own are under way."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

from sqlalchemy import insert, select, update

from tasks.activities.facts import Activity, Kind
from tasks.activities.tables import activities
from tasks.history.engine import History, reading, writing
from tasks.history.services import service_id
from tasks.history.tables import services

_AFTERWARDS = timedelta(minutes=3)
"""A machine takes so long to come to rest."""


@asynccontextmanager
async def own_activity(
    history: History, service: str, kind: Kind, *, on_service: bool, until: datetime, now: Callable[[], datetime]
) -> AsyncIterator[None]:
    """While it lasts, what it does wakes nobody; `until` is its latest end, should its process be killed.

    Raises HistoryError.
    """
    number = await asyncio.to_thread(_begin, history, service, Activity(kind, on_service, now(), until))
    try:
        yield
    finally:
        await asyncio.to_thread(_end, history, number, min(now() + _AFTERWARDS, until))


def _begin(history: History, service: str, activity: Activity) -> int:
    with writing(history) as connection:
        row = insert(activities).values(
            service_id=service_id(connection, service),
            kind=activity.kind.value,
            on_service=activity.on_service,
            started_at=activity.started_at,
            until=activity.until,
        )
        return int(connection.execute(row.returning(activities.c.id)).scalar_one())


def _end(history: History, number: int, at: datetime) -> None:
    with writing(history) as connection:
        connection.execute(update(activities).where(activities.c.id == number).values(until=at))


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
