"""Episodes as rows."""

from dataclasses import fields
from typing import Any, Final

from pydantic import TypeAdapter
from sqlalchemy import Connection, delete, insert, update

from tasks.alerts.facts import Condition, Episode, Phase, Policy
from tasks.alerts.tables import alert_episodes
from tasks.check_result import Limit, Message, Quantity, Severity

_TITLE, _OBSERVED, _LIMIT = TypeAdapter(Message), TypeAdapter(Quantity), TypeAdapter(Limit)
_POLICY, _LABELS = TypeAdapter(Policy), TypeAdapter(tuple[tuple[str, str], ...])
_AS_JSON: Final[dict[str, TypeAdapter[Any]]] = {
    "title": _TITLE,
    "reason": _TITLE,
    "observed": _OBSERVED,
    "limit": _LIMIT,
    "policy": _POLICY,
}
_PLAIN: Final = tuple(f.name for f in fields(Episode) if f.name not in (*_AS_JSON, "condition", "phase", "level"))


def episode_of(row: Any) -> Episode:
    """A row as a fact."""
    condition = Condition(row.source, row.check_id, row.subject, _LABELS.validate_json(row.labels))
    parsed: dict[str, Any] = {
        name: None if (text := getattr(row, name)) is None else adapter.validate_json(text)
        for name, adapter in _AS_JSON.items()
    }
    plain: dict[str, Any] = {name: getattr(row, name) for name in _PLAIN}
    return Episode(condition=condition, phase=Phase(row.phase), level=Severity(row.level), **parsed, **plain)


def save_episode(connection: Connection, service_id: int, episode: Episode) -> int:
    """Store an episode, a new one or one that is there; gives its number."""
    values = _values(episode)
    if episode.id:
        connection.execute(update(alert_episodes).where(alert_episodes.c.id == episode.id).values(**values))
        return episode.id
    new = insert(alert_episodes).values(service_id=service_id, **values).returning(alert_episodes.c.id)
    return int(connection.execute(new).scalar_one())


def supersede_others(connection: Connection, service_id: int, episode: Episode) -> None:
    """One that has fired takes the place of those of its condition whose end was not yet told: its own end is."""
    c = alert_episodes.c
    others = (c.service_id == service_id, c.key == episode.condition.key, c.id != episode.id, c.end_told.is_(False))
    connection.execute(update(alert_episodes).where(*others).values(end_told=True))


def forget_episode(connection: Connection, episode: Episode) -> None:
    """Remove one that never fired."""
    connection.execute(delete(alert_episodes).where(alert_episodes.c.id == episode.id))


def _values(episode: Episode) -> dict[str, Any]:
    condition = episode.condition
    json = {
        name: None if (value := getattr(episode, name)) is None else adapter.dump_json(value).decode()
        for name, adapter in _AS_JSON.items()
    }
    plain = {name: getattr(episode, name) for name in _PLAIN if name != "id"}
    return {
        "key": condition.key,
        "source": condition.source,
        "check_id": condition.check,
        "subject": condition.subject,
        "labels": _LABELS.dump_json(condition.labels).decode(),
        "phase": episode.phase.value,
        "level": int(episode.level),
        **json,
        **plain,
    }
