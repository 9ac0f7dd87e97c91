"""Deploys, outages and maintenance windows in the history, each known by its natural key."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Table, and_, delete, insert, or_, select, update

from tasks.history.engine import History, reading, writing
from tasks.history.services import service_id
from tasks.history.tables import services
from tasks.slo.facts import Deploy, Maintenance, Origin, Outage, Outcome
from tasks.slo.tables import deploys, maintenance_windows, outages

ROLLING = timedelta(hours=1)
"""For so long after a deploy began, instances may still run the version before it."""

Record = Deploy | Outage | Maintenance


def store_records(history: History, service: str, records: Iterable[Record], by: str, now: datetime) -> int:
    """Keep records, all or none; one that is there already is corrected. Gives how many there were.

    The first declaration of a maintenance window stands. A deploy takes the place of the one that was inferred from
    its version. Raises HistoryError if the database fails.
    """
    every = tuple(records)
    with writing(history) as connection:
        key = service_id(connection, service)
        connection.execute(select(services.c.id).where(services.c.id == key).with_for_update(key_share=True))
        for record in every:
            match record:
                case Deploy():
                    _store_deploy(connection, key, record, by, now)
                case Outage():
                    _store_outage(connection, key, record, by, now)
                case Maintenance():
                    _store_maintenance(connection, key, record)
    return len(every)


def _store_deploy(connection: Connection, service: int, deploy: Deploy, by: str, now: datetime) -> None:
    c = deploys.c
    end = deploy.ended_at or deploy.started_at
    seen_by_itself = and_(
        c.service_id == service,
        c.environment == deploy.environment,
        c.version == deploy.version,
        c.origin == Origin.INFERRED.value,
        c.started_at.between(deploy.started_at - ROLLING, end + ROLLING),
    )
    connection.execute(delete(deploys).where(seen_by_itself))
    key = {
        "service_id": service,
        "environment": deploy.environment,
        "version": deploy.version,
        "started_at": deploy.started_at,
    }
    values = {
        "commit_at": deploy.commit_at,
        "ended_at": deploy.ended_at,
        "outcome": deploy.outcome.value,
        "origin": deploy.origin.value,
    }
    _put(connection, deploys, key, values | {"recorded_at": now, "recorded_by": by})


def _store_outage(connection: Connection, service: int, outage: Outage, by: str, now: datetime) -> None:
    key = {"service_id": service, "module": outage.module or "", "started_at": outage.started_at}
    values = {"ended_at": outage.ended_at, "cause": outage.cause, "incident_id": outage.incident_id}
    _put(connection, outages, key, values | {"recorded_at": now, "recorded_by": by})


def _store_maintenance(connection: Connection, service: int, window: Maintenance) -> None:
    key = {
        "service_id": service,
        "module": window.module or "",
        "starts_at": window.starts_at,
        "ends_at": window.ends_at,
    }
    first = {
        "late_reason": window.late_reason,
        "recorded_at": window.declared_at,
        "recorded_by": window.declared_by,
    }
    _put(connection, maintenance_windows, key, {"reason": window.reason}, first)


def _put(
    connection: Connection,
    table: Table,
    key: dict[str, Any],
    values: dict[str, Any],
    first: dict[str, Any] | None = None,
) -> None:
    """Correct the row of a key, or make it; what is `first` is kept of a row that is there."""
    mine = and_(*(table.c[name] == value for name, value in key.items()))
    if connection.execute(update(table).where(mine).values(values)).rowcount == 0:
        connection.execute(insert(table).values({**key, **values, **(first or {})}))


def note_version(history: History, service: str, environment: str, version: str, now: datetime) -> bool:
    """Tell the history which version every instance runs; True if that is a deploy nobody recorded.

    The first version of an environment is none. A recorded deploy may still be on its way, and after one that failed
    the version before it is no new one.
    """
    with reading(history) as connection:
        newest = _newest(connection, service, environment)
    if not _is_new(newest, version, now):
        return False
    with writing(history) as connection:
        key = service_id(connection, service)
        newest = _newest(connection, service, environment)
        if not _is_new(newest, version, now):  # another process was first
            return False
        origin = Origin.INFERRED if newest else Origin.FIRST_SEEN
        values = {
            "service_id": key,
            "environment": environment,
            "version": version,
            "started_at": now,
            "ended_at": now,
            "outcome": Outcome.SUCCEEDED.value,
            "origin": origin.value,
            "recorded_at": now,
            "recorded_by": "monitoring",
        }
        connection.execute(insert(deploys).values(values))
        return origin is Origin.INFERRED


_NEWEST = 10


def _newest(connection: Connection, service: str, environment: str) -> list[Any]:
    query = select(deploys).join(services, services.c.id == deploys.c.service_id)
    mine = query.where(services.c.name == service, deploys.c.environment == environment)
    return list(connection.execute(mine.order_by(deploys.c.started_at.desc()).limit(_NEWEST)))


def _is_new(newest: Sequence[Any], version: str, now: datetime) -> bool:
    """True unless the newest deploys explain that this version runs."""
    if not newest or newest[0].version == version:
        return not newest
    if newest[0].origin == Origin.RECORDED.value and now - newest[0].started_at < ROLLING:
        return False
    running = next((row for row in newest if row.outcome == Outcome.SUCCEEDED.value), None)
    return running is None or running.version != version


def read_deploys(history: History, service: str, since: datetime, until: datetime) -> tuple[Deploy, ...]:
    """The deploys that began in a span, oldest first."""
    c = deploys.c
    with reading(history) as connection:
        rows = connection.execute(
            _of(deploys, service).where(c.started_at >= since, c.started_at < until).order_by(c.started_at)
        )
        return tuple(
            Deploy(
                r.version,
                r.environment,
                r.started_at,
                r.ended_at,
                Outcome(r.outcome),
                Origin(r.origin),
                r.commit_at,
            )
            for r in rows
        )


def has_deploys(history: History, service: str, environment: str, before: datetime) -> bool:
    """True when any deploy, or only a version, was on record before an instant."""
    mine = _of(deploys, service).where(deploys.c.environment == environment, deploys.c.started_at < before)
    with reading(history) as connection:
        return connection.execute(mine.limit(1)).first() is not None


def read_outages(history: History, service: str, since: datetime, until: datetime) -> tuple[Outage, ...]:
    """The outages of which any part lies in a span, oldest first; one that goes on has no end."""
    c = outages.c
    inside = and_(c.started_at < until, or_(c.ended_at.is_(None), c.ended_at > since))
    with reading(history) as connection:
        rows = connection.execute(_of(outages, service).where(inside).order_by(c.started_at, c.id))
        return tuple(Outage(r.started_at, r.ended_at, r.module or None, r.cause, r.incident_id) for r in rows)


def read_maintenance(history: History, service: str, since: datetime, until: datetime) -> tuple[Maintenance, ...]:
    """The maintenance windows of which any part lies in a span, oldest first."""
    c = maintenance_windows.c
    with reading(history) as connection:
        rows = connection.execute(
            _of(maintenance_windows, service).where(c.starts_at < until, c.ends_at > since).order_by(c.starts_at, c.id)
        )
        return tuple(
            Maintenance(r.starts_at, r.ends_at, r.module or None, r.reason, r.recorded_at, r.recorded_by, r.late_reason)
            for r in rows
        )


def _of(table: Table, service: str) -> Any:
    return select(table).join(services, services.c.id == table.c.service_id).where(services.c.name == service)
