"""Removes old rows, a short transaction each time: counts of hours, and messages that are done with."""

from collections import deque
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, Table, delete, func, select

from tasks.history.batches import BatchSize, in_batches
from tasks.history.engine import History, reading
from tasks.history.kept import mark_kept
from tasks.history.tables import outbox, services

_MINUTES = {"hour": 60, "minute": 1}
_DONE = ("sent", "failed")


def remove_hours(history: History, service: str, owners: Select[Any], table: Table, before: int) -> Iterator[int]:
    """Remove the rows of a table, keyed by an owner and an hour, that begin before a minute; gives rows.

    `owners` selects the owners' keys of all services, joined to `services`. Raises HistoryError.
    """
    owner, *_ = table.primary_key.columns
    time = table.c.hour if "hour" in table.c else table.c.minute
    until = before // _MINUTES[time.name]
    oldest = select(func.min(time)).where(owner == owners.selected_columns[0]).scalar_subquery()
    with reading(history) as connection:
        key = connection.execute(select(services.c.id).where(services.c.name == service)).scalar()
        left = deque(connection.execute(owners.where(services.c.name == service, oldest < until)).scalars())

    def remove(connection: Connection, most: int) -> int:
        removed = 0
        if left:
            mark_kept(connection, int(key or 0), "hours", before)
        while left and removed < most:
            one, room = left[0], most - removed
            old = select(time).where(owner == one, time < until).order_by(time).limit(room)
            found = connection.execute(old).scalars().all()
            if len(found) < room:
                left.popleft()
            if found:
                removed += connection.execute(delete(table).where(owner == one, time <= found[-1])).rowcount
        return removed

    return in_batches(history, BatchSize(), remove)


def remove_messages(history: History, service: str, before: datetime) -> Iterator[int]:
    """Remove a service's messages that were sent or given up before an instant; gives rows. Raises HistoryError."""
    mine = select(services.c.id).where(services.c.name == service).scalar_subquery()
    done = select(outbox.c.id).where(
        outbox.c.service_id == mine, outbox.c.state.in_(_DONE), outbox.c.finished_at < before
    )

    def remove(connection: Connection, most: int) -> int:
        found = connection.execute(done.limit(most)).scalars().all()
        connection.execute(delete(outbox).where(outbox.c.id.in_(found)))
        return len(found)

    return in_batches(history, BatchSize(), remove)
