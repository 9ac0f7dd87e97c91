"""What is on record of deploys, outages and maintenance windows: kept, noted by monitoring, and read."""

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import Table, and_, func, or_, select

from tasks.history.engine import History, reading
from tasks.history.tables import services
from tasks.observation import printable
from tasks.records.facts import Deploy, Maintenance, Outage
from tasks.records.rules import MOST_ENVIRONMENT, MOST_NAME
from tasks.records.store.writer import MONITORING, Written, deploy_of, newest_deploys, recording
from tasks.records.tables import deploys, maintenance_windows, outages
from tasks.records.versions import deploy_origin

Record = Deploy | Outage | Maintenance


def store_records(
    history: History, service: str, records: Iterable[Record], by: str, now: datetime, modules: Collection[str] = ()
) -> tuple[Written, ...]:
    """Keep records, all or none; one that is there already is corrected: what is left out stays as it was.

    The first declaration of a maintenance window stands. A deploy takes the place of the one that was inferred from
    its version. `modules` are those that the service has, if they are known. Raises RecordRefused, and HistoryError
    if the database fails.
    """
    with recording(history, service, by, now, modules) as writer:
        return tuple(writer.put(record) for record in records)


def note_version(history: History, service: str, environment: str, version: str, now: datetime) -> bool:
    """Tell the history which version every instance runs; True if that was not known: it is kept as inferred.

    The first one of an environment is kept as first seen. Raises HistoryError if the database fails.
    """
    environment, version = printable(environment)[:MOST_ENVIRONMENT], printable(version)[:MOST_NAME]
    with reading(history) as connection:
        known = newest_deploys(connection, services.c.name == service, environment)
    if deploy_origin(known, version, now) is None:
        return False
    with recording(history, service, MONITORING, now) as writer:  # another may have been first: it looks again
        return writer.note(environment, version)


def read_deploys(history: History, service: str, since: datetime, until: datetime) -> tuple[Deploy, ...]:
    """The deploys to every environment that began in a span, oldest first."""
    c = deploys.c
    query = _of(deploys, service).where(c.started_at >= since, c.started_at < until).order_by(c.started_at, c.id)
    with reading(history) as connection:
        return tuple(deploy_of(row) for row in connection.execute(query))


def first_deploys(history: History, service: str) -> dict[str, datetime]:
    """When the first deploy or version of each environment was on record."""
    c = deploys.c
    query = (
        select(c.environment, func.min(c.started_at))
        .join(services, services.c.id == c.service_id)
        .where(services.c.name == service)
        .group_by(c.environment)
    )
    with reading(history) as connection:
        return {row[0]: row[1] for row in connection.execute(query)}


def read_outages(history: History, service: str, since: datetime, until: datetime) -> tuple[Outage, ...]:
    """The outages of which any part lies in a span, oldest first; one that goes on has no end."""
    c = outages.c
    inside = and_(c.started_at < until, or_(c.ended_at.is_(None), c.ended_at > since))
    with reading(history) as connection:
        rows = connection.execute(_of(outages, service).where(inside).order_by(c.started_at, c.id))
        return tuple(map(outage_of, rows))


def outage_of(row: Any) -> Outage:
    """A row as a fact."""
    module = row.module or None
    return Outage(row.started_at, row.ended_at, module, row.cause, row.incident_id, row.own_incident)


def read_maintenance(history: History, service: str, since: datetime, until: datetime) -> tuple[Maintenance, ...]:
    """The maintenance windows of which any part lies in a span, oldest first."""
    c = maintenance_windows.c
    inside = and_(c.starts_at < until, c.ends_at > since)
    with reading(history) as connection:
        rows = connection.execute(_of(maintenance_windows, service).where(inside).order_by(c.starts_at, c.id))
        return tuple(
            Maintenance(r.starts_at, r.ends_at, r.module or None, r.reason, r.recorded_at, r.recorded_by, r.late_reason)
            for r in rows
        )


def _of(table: Table, service: str) -> Any:
    return select(table).join(services, services.c.id == table.c.service_id).where(services.c.name == service)
