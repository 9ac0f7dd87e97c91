"""Overrides of the on-call rota: added, read, and taken back, each in one transaction."""

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import delete, insert, select, update

from tasks.history.engine import History, reading, writing
from tasks.history.services import locked_service
from tasks.history.tables import services
from tasks.oncall.facts import Override
from tasks.oncall.rules import OverrideRefused, checked_override
from tasks.oncall.tables import oncall_overrides
from tasks.records.rules import to_second


def add_override(
    history: History, service: str, override: Override, people: Collection[str], now: datetime
) -> Override:
    """Store an override, and return it with its number; `people` are the names of the team.

    Raises OverrideRefused or RecordRefused, and HistoryError if the database fails.
    """
    c = oncall_overrides.c
    with writing(history) as connection:
        key = locked_service(connection, service)
        near = select(oncall_overrides).where(c.service_id == key, c.ends_at > to_second(override.starts_at))
        others = connection.execute(near.order_by(c.starts_at))
        checked = checked_override(override, people, [_fact(row) for row in others], now)
        new = insert(oncall_overrides).values(
            service_id=key,
            person=checked.person,
            starts_at=checked.starts_at,
            ends_at=checked.ends_at,
            reason=checked.reason,
            recorded_at=now,
            recorded_by=checked.by,
        )
        return replace(checked, id=connection.execute(new.returning(c.id)).scalar_one())


def remove_override(history: History, service: str, number: int, now: datetime) -> Override | None:
    """Take an override back: one that has begun ends now; one that has not is gone, and None returned.

    Raises OverrideRefused for one that is over or not there, and HistoryError if the database fails.
    """
    c = oncall_overrides.c
    with writing(history) as connection:
        key = locked_service(connection, service)
        row = connection.execute(select(oncall_overrides).where(c.service_id == key, c.id == number)).one_or_none()
        if row is None:
            raise OverrideRefused(f"no override {number} of {service}; see `rounds oncall overrides`")
        override, end = _fact(row), to_second(now)
        if override.ends_at <= end:
            raise OverrideRefused(f"override {number} is over: the past stays as it was")
        if override.starts_at >= end:
            connection.execute(delete(oncall_overrides).where(c.id == number))
            return None
        connection.execute(update(oncall_overrides).where(c.id == number).values(ends_at=end))
        return replace(override, ends_at=end)


def read_overrides(history: History, service: str, since: datetime) -> tuple[Override, ...]:
    """The overrides that end after an instant, in the order of their starts; also those that begin later."""
    c = oncall_overrides.c
    query = select(oncall_overrides).join(services, services.c.id == c.service_id)
    mine = query.where(services.c.name == service, c.ends_at > since).order_by(c.starts_at)
    with reading(history) as connection:
        return tuple(_fact(row) for row in connection.execute(mine))


def _fact(row: Any) -> Override:
    return Override(row.id, row.person, row.starts_at, row.ends_at, row.reason, row.recorded_by)
