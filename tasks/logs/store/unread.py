"""Lines of a log that may have been requests and were not counted as such, hour by hour."""

from collections.abc import Collection
from datetime import UTC, datetime

from sqlalchemy import func, select

from tasks.check_result import Message
from tasks.history.engine import History, reading
from tasks.history.tables import services
from tasks.logs.facts import Damage, DamagedFile, crowded_moments
from tasks.logs.tables import log_files, log_hours, log_sources
from tasks.logs.unread import UnreadHour


def read_unread(history: History, service: str, sources: Collection[str], first: int, end: int) -> list[UnreadHour]:
    """The hours from `first` to before `end` of these sources. Raises HistoryError."""
    c = log_hours.c
    # Where it was not counted which of the malformed lines may hold a request, each of them may.
    counts = (func.coalesce(c.torn, c.malformed), func.coalesce(c.unanswered, 0), func.coalesce(c.aborted, 0))
    query = (
        select(log_sources.c.name, c.hour, *counts, c.requests)
        .join(log_sources, log_sources.c.id == c.source_id)
        .join(services, services.c.id == log_sources.c.service_id)
        .where(services.c.name == service, log_sources.c.name.in_(sources), c.hour >= first, c.hour < end)
    )
    with reading(history) as connection:
        rows = connection.execute(query.order_by(log_sources.c.name, c.hour))
        return [UnreadHour(name, hour, *map(int, counted)) for name, hour, *counted in rows]


def read_damage(history: History, service: str, sources: Collection[str], first: int, end: int) -> tuple[Message, ...]:
    """What is known to be missing of these sources in hours from `first` to before `end`, whenever that was found out.

    Raises HistoryError.
    """
    mine = (
        select(log_sources.c.id)
        .join(services, services.c.id == log_sources.c.service_id)
        .where(services.c.name == service, log_sources.c.name.in_(sources))
        .scalar_subquery()
    )
    files = select(log_files.c.path, log_files.c.problem).where(
        log_files.c.source_id.in_(mine),
        log_files.c.problem != "",
        log_files.c.seen_at >= datetime.fromtimestamp(3600 * first, UTC),
    )
    hours = log_hours.c
    crowded = select(hours.crowded).where(hours.source_id.in_(mine), hours.hour >= first, hours.hour < end)
    with reading(history) as connection:
        damaged = [DamagedFile(row.path, Damage(row.problem)).message for row in connection.execute(files)]
        moments = sum(connection.execute(crowded.where(hours.crowded > 0)).scalars())
    return (*damaged, *((crowded_moments(moments),) if moments else ()))
