"""Removes old alerts, a short transaction each time; those of an incident stay with it."""

from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import Connection, delete, select

from tasks.alerts.tables import alert_actions, alert_episodes, alert_notice_episodes, alert_notices
from tasks.history.batches import BatchSize, in_batches
from tasks.history.engine import History
from tasks.history.tables import services


def remove_alerts(history: History, service: str, before: datetime) -> Iterator[int]:
    """Remove a service's alerts that ended before an instant, with their notices; gives rows. Raises HistoryError."""
    c = alert_episodes.c
    mine = select(services.c.id).where(services.c.name == service).scalar_subquery()
    old = select(c.id).where(c.service_id == mine, c.resolved_at < before, c.incident.is_(None), c.end_told.is_(True))

    def remove(connection: Connection, most: int) -> int:
        found = connection.execute(old.order_by(c.id).limit(most)).scalars().all()
        if not found:
            return 0
        named = alert_notice_episodes.c
        notices = select(alert_notices.c.id).where(alert_notices.c.episode_id.in_(found)).scalar_subquery()
        of_them = named.episode_id.in_(found) | named.notice_id.in_(notices)
        connection.execute(delete(alert_notice_episodes).where(of_them))
        connection.execute(delete(alert_notices).where(alert_notices.c.episode_id.in_(found)))
        connection.execute(delete(alert_actions).where(alert_actions.c.episode_id.in_(found)))
        connection.execute(delete(alert_episodes).where(c.id.in_(found)))
        return len(found)

    return in_batches(history, BatchSize(), remove)
