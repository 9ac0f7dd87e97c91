"""Incidents as they are on record."""

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, or_, select

from tasks.history.engine import History, reading
from tasks.history.tables import services
from tasks.incidents.facts import HURTING, Incident, IncidentRecord, State
from tasks.incidents.store.change import no_such_incident
from tasks.incidents.store.rows import actions_of, find_row, incident_of, outages_of, timeline_of
from tasks.incidents.tables import incident_actions, incidents

_HURTING = [state.value for state in HURTING]
_DONE = [state.value for state in (State.CLOSED, State.MERGED, State.FALSE_POSITIVE)]


def read_incident(history: History, service: str, number: int) -> IncidentRecord:
    """One incident with all that is on record of it; raises NoSuchIncident, and HistoryError."""
    with reading(history) as connection:
        key = connection.execute(select(services.c.id).where(services.c.name == service)).scalar()
        row = None if key is None else find_row(connection, key, number)
        if key is None or row is None:
            raise no_such_incident(number)
        return _record(connection, key, row)


def read_incidents(history: History, service: str, since: datetime, until: datetime) -> tuple[IncidentRecord, ...]:
    """The incidents that began before `until` and are not done with, or were not at any time from `since` on.

    Oldest first. Raises HistoryError.
    """
    c = incidents.c
    mine = incident_actions.c.incident_id == c.id
    undone = or_(incident_actions.c.done_at.is_(None), incident_actions.c.done_at >= since)
    return _read(
        history,
        service,
        or_(c.detected_at < until, c.impact_at < until),
        or_(
            c.state.not_in(_DONE),
            c.detected_at >= since,
            c.resolved_at >= since,
            c.closed_at >= since,
            select(incident_actions.c.id).where(mine, undone).exists(),
        ),
    )


def all_incidents(history: History, service: str) -> tuple[tuple[Incident, datetime], ...]:
    """Every incident with the time at which anything was recorded of it last, oldest first. Raises HistoryError."""
    query = select(incidents).join(services, services.c.id == incidents.c.service_id)
    mine = query.where(services.c.name == service).order_by(incidents.c.detected_at, incidents.c.id)
    with reading(history) as connection:
        return tuple((incident_of(row), row.changed_at) for row in connection.execute(mine))


def open_incidents(history: History, service: str) -> tuple[Incident, ...]:
    """The incidents that are not resolved, oldest first. Raises HistoryError."""
    return tuple(record.incident for record in _read(history, service, incidents.c.state.in_(_HURTING)))


def _read(history: History, service: str, *which: ColumnElement[bool]) -> tuple[IncidentRecord, ...]:
    query = select(incidents).join(services, services.c.id == incidents.c.service_id)
    query = query.where(services.c.name == service, *which).order_by(incidents.c.detected_at, incidents.c.id)
    with reading(history) as connection:
        return tuple(_record(connection, row.service_id, row) for row in connection.execute(query).all())


def _record(connection: Connection, service: int, row: Any) -> IncidentRecord:
    return IncidentRecord(
        incident_of(row),
        timeline_of(connection, row.id),
        actions_of(connection, row.id),
        outages_of(connection, service, row.id),
    )
