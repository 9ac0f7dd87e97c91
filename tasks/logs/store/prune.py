"""Removes what is no longer read back: counts of old hours, and errors that were resolved long ago."""

from collections import deque
from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import Connection, delete, or_, select

from tasks.history.batches import BatchSize, in_batches
from tasks.history.engine import History, reading
from tasks.history.prune import remove_hours
from tasks.history.tables import services
from tasks.logs.tables import (
    error_decisions,
    error_groups,
    error_hours,
    error_wordings,
    log_fields,
    log_hours,
    log_levels,
    log_modules,
    log_sources,
    module_hours,
    personal_data_hours,
    traffic_hours,
    traffic_series,
)

_BY_HOUR = (
    (traffic_series, (traffic_hours,)),
    (log_sources, (log_hours, log_levels, log_fields)),
    (log_modules, (module_hours, personal_data_hours)),
    (error_groups, (error_hours,)),
)


def remove_log_hours(history: History, service: str, before: int) -> Iterator[int]:
    """Remove the counts of a service's hours before a minute; gives rows. Raises HistoryError."""
    for owner, tables in _BY_HOUR:
        owners = select(owner.c.id).join(services, services.c.id == owner.c.service_id)
        for table in tables:
            yield from remove_hours(history, service, owners, table, before)


def remove_resolved(history: History, service: str, before: datetime) -> Iterator[int]:
    """Remove errors that were resolved, and not seen since, before an instant, with all about them; gives rows.

    One that is seen again is a new one. Ignored errors stay: they are to be known. Raises HistoryError.
    """
    g = error_groups.c
    old = (
        g.state == "resolved",
        g.resolved_at < before,
        or_(g.last_seen.is_(None), g.last_seen < before),
    )
    query = select(g.id, g.service_id).join(services, services.c.id == g.service_id)
    with reading(history) as connection:
        left = deque(connection.execute(query.where(services.c.name == service, *old)).all())

    def remove(connection: Connection, most: int) -> int:
        removed = 0
        if left:  # those who count errors take this lock first; on SQLite every writer is alone
            mine = services.c.id == left[0].service_id
            connection.execute(select(services.c.id).where(mine).with_for_update(key_share=True))
        while left and removed < most:
            group = left.popleft().id
            if connection.execute(select(g.id).where(g.id == group, *old).with_for_update()).first() is None:
                continue  # reopened or seen meanwhile
            for table in (error_hours, error_wordings, error_decisions):
                removed += connection.execute(delete(table).where(table.c.group_id == group)).rowcount
            removed += connection.execute(delete(error_groups).where(g.id == group)).rowcount
        return removed

    return in_batches(history, BatchSize(), remove)
