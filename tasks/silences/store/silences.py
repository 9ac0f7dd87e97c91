"""Silences: added, read, and ended early, each in one transaction."""

from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import delete, insert, select, update

from tasks.history.engine import History, reading, writing
from tasks.history.services import locked_service
from tasks.history.tables import services
from tasks.records.rules import to_second
from tasks.silences.facts import Silence
from tasks.silences.rules import SilenceRefused, checked_silence
from tasks.silences.tables import silences


def add_silence(history: History, service: str, silence: Silence, now: datetime) -> Silence:
    """Store a silence, and return it with its number.

    Raises SilenceRefused or RecordRefused, and HistoryError if the database fails.
    """
    checked = checked_silence(silence, now)
    with writing(history) as connection:
        new = insert(silences).values(
            service_id=locked_service(connection, service),
            check_pattern=checked.check,
            subject_pattern=checked.subject,
            starts_at=checked.starts_at,
            ends_at=checked.ends_at,
            reason=checked.reason,
            recorded_at=now,
            recorded_by=checked.by,
        )
        return replace(checked, id=connection.execute(new.returning(silences.c.id)).scalar_one())


def end_silence(history: History, service: str, number: int, now: datetime) -> Silence | None:
    """End a silence now; a planned one is gone, and None returned.

    Raises SilenceRefused for one that is over or not there, and HistoryError if the database fails.
    """
    c = silences.c
    with writing(history) as connection:
        key = locked_service(connection, service)
        row = connection.execute(select(silences).where(c.service_id == key, c.id == number)).one_or_none()
        if row is None:
            raise SilenceRefused(f"no silence {number} of {service}; see `rounds silence list`")
        silence, end = _fact(row), to_second(now)
        if silence.ends_at <= end:
            raise SilenceRefused(f"silence {number} is over already")
        if silence.starts_at >= end:
            connection.execute(delete(silences).where(c.id == number))
            return None
        connection.execute(update(silences).where(c.id == number).values(ends_at=end))
        return replace(silence, ends_at=end)


def read_silences(history: History, service: str, since: datetime) -> tuple[Silence, ...]:
    """The silences that end after an instant, in the order of their starts: past, current and planned ones."""
    c = silences.c
    query = select(silences).join(services, services.c.id == c.service_id)
    mine = query.where(services.c.name == service, c.ends_at > since).order_by(c.starts_at, c.id)
    with reading(history) as connection:
        return tuple(_fact(row) for row in connection.execute(mine))


def _fact(row: Any) -> Silence:
    return Silence(
        row.id, row.check_pattern, row.subject_pattern, row.starts_at, row.ends_at, row.reason, row.recorded_by
    )
