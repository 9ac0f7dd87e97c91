"""Alerts as they are on record: what a message is about, and what people list."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, or_, select

from tasks.alerts.facts import Episode, Phase, Told
from tasks.alerts.store.rows import episode_of
from tasks.alerts.tables import alert_actions, alert_episodes, alert_notice_episodes, alert_notices
from tasks.check_result import Severity
from tasks.history.engine import History, reading
from tasks.history.tables import services


@dataclass(frozen=True, slots=True)
class TakenAction:
    """An action that was taken for an alert, and what newer samples say of it."""

    name: str
    state: str
    effect: str
    started_at: datetime
    ended_at: datetime | None
    output: str


@dataclass(frozen=True, slots=True)
class StoredNotice:
    """A message: what it says, and the episodes that it is about as they stand now, the one that names it first."""

    told: Told
    level: Severity
    at: datetime
    episodes: tuple[Episode, ...]
    actions: tuple[TakenAction, ...]


def read_notice(history: History, service: str, number: int) -> StoredNotice | None:
    """A message by its number; None for one that is not the service's. Raises HistoryError."""
    with reading(history) as connection:
        key = connection.execute(select(services.c.id).where(services.c.name == service)).scalar()
        row = connection.execute(select(alert_notices).where(alert_notices.c.id == number)).one_or_none()
        if key is None or row is None:
            return None
        named = alert_notice_episodes.c
        members = select(named.episode_id).where(named.notice_id == number)
        c = alert_episodes.c
        rows = connection.execute(select(alert_episodes).where(c.service_id == key, c.id.in_(members)).order_by(c.id))
        episodes = sorted(map(episode_of, rows), key=lambda e: (e.id != row.episode_id, -e.level, e.id))
        if not episodes:
            return None
        actions = _actions(connection, [e.id for e in episodes])
        return StoredNotice(Told(row.told), Severity(row.level), row.at, tuple(episodes), actions)


def read_episodes(history: History, service: str, since: datetime) -> tuple[Episode, ...]:
    """The episodes that are open or ended since an instant, the newest first. Raises HistoryError."""
    c = alert_episodes.c
    query = select(alert_episodes).join(services, services.c.id == c.service_id).where(services.c.name == service)
    recent = or_(c.phase != Phase.RESOLVED.value, c.resolved_at >= since)
    with reading(history) as connection:
        return tuple(map(episode_of, connection.execute(query.where(recent).order_by(c.id.desc()))))


def read_of_incident(history: History, service: str, incident: int) -> tuple[Episode, ...]:
    """The episodes of an incident, oldest first. Raises HistoryError."""
    c = alert_episodes.c
    query = select(alert_episodes).join(services, services.c.id == c.service_id)
    mine = query.where(services.c.name == service, c.incident == incident).order_by(c.since, c.id)
    with reading(history) as connection:
        return tuple(map(episode_of, connection.execute(mine)))


def _actions(connection: Connection, episodes: Sequence[int]) -> tuple[TakenAction, ...]:
    c = alert_actions.c
    rows = connection.execute(select(alert_actions).where(c.episode_id.in_(episodes)).order_by(c.id))
    return tuple(map(_action, rows))


def _action(row: Any) -> TakenAction:
    return TakenAction(row.name, row.state, row.effect, row.started_at, row.ended_at, row.output)
