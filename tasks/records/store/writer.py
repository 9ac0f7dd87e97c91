"""Writes deploys, outages and maintenance windows, each known by its natural key, in one transaction."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, and_, delete, insert, select, update

from tasks.history.engine import History, writing
from tasks.history.services import locked_service
from tasks.history.tables import services
from tasks.records.facts import Deploy, DeployOutcome, Maintenance, Origin, Outage
from tasks.records.rules import checked_by, checked_deploy, checked_maintenance, checked_outage, refuse_unannounced
from tasks.records.tables import deploys, maintenance_windows, outages
from tasks.records.versions import around, deploy_origin, ended

MONITORING = "monitoring"
_NEWEST = 50


class Written(StrEnum):
    """What became of a record."""

    NEW = "recorded"
    CORRECTED = "corrected"
    KNOWN = "already recorded"


@contextmanager
def recording(
    history: History, service: str, by: str, now: datetime, modules: Collection[str] = ()
) -> Iterator["RecordWriter"]:
    """One transaction of records; `modules` are those that the service has, if they are known.

    What is refused changes nothing, and others can follow. Raises HistoryError if the database fails.
    """
    by = checked_by(by)
    with writing(history) as connection:
        key = locked_service(connection, service)
        yield RecordWriter(connection, key, by, now, modules)


class RecordWriter:
    """The records of a service, as one transaction writes them."""

    def __init__(self, connection: Connection, service: int, by: str, now: datetime, modules: Collection[str]) -> None:
        self._connection, self._service = connection, service
        self._now, self._modules = now, modules
        self._stamp = {"recorded_at": now, "recorded_by": by}

    def put(self, record: Deploy | Outage | Maintenance) -> Written:
        """Record something, or correct it: what is left out stays as it was. Raises RecordRefused."""
        match record:
            case Deploy():
                return self._deploy(checked_deploy(record, self._now))
            case Outage():
                return self._outage(checked_outage(record, self._modules, self._now))
            case Maintenance():
                return self._maintenance(checked_maintenance(record, self._modules))

    def note(self, environment: str, version: str) -> bool:
        """Keep the version that runs, unless the deploys that are known explain it."""
        known = newest_deploys(self._connection, deploys.c.service_id == self._service, environment)
        if (origin := deploy_origin(known, version, self._now)) is None:
            return False
        key = {"environment": environment, "version": version, "started_at": self._now}
        values = {"ended_at": self._now, "outcome": DeployOutcome.SUCCEEDED.value, "origin": origin.value}
        self._insert(deploys, {**key, **values, **self._stamp})
        return True

    def _deploy(self, deploy: Deploy) -> Written:
        key = {"environment": deploy.environment, "version": deploy.version, "started_at": deploy.started_at}
        values = {
            "commit_at": deploy.commit_at,
            "ended_at": deploy.ended_at,
            "outcome": deploy.outcome.value,
            "origin": Origin.RECORDED.value,
        }
        row = self._find(deploys, key)
        inferred = self._inferred(deploy, row)
        if row is None and inferred is not None:
            self._update(deploys, inferred.id, {**key, **values, **self._stamp})
            return Written.NEW
        if inferred is not None:
            self._connection.execute(delete(deploys).where(deploys.c.id == inferred.id))
        return self._insert_or_correct(deploys, row, key, values)

    def _inferred(self, deploy: Deploy, row: Any) -> Any:
        """What was inferred from a deploy's version, nearest to it; of a row that is there, only what is new to it."""
        c = deploys.c
        mine = (c.service_id == self._service, c.environment == deploy.environment, c.version == deploy.version)
        near = (c.origin == Origin.INFERRED.value, c.started_at.between(*around(deploy)))
        found = list(self._connection.execute(select(deploys).where(*mine, *near)))
        if row is not None:
            first, last = around(deploy_of(row))
            found = [other for other in found if not first <= other.started_at <= last]
        return min(found, key=lambda other: abs(other.started_at - ended(deploy)), default=None)

    def _outage(self, outage: Outage) -> Written:
        key = {"module": outage.module or "", "started_at": outage.started_at}
        values = {"ended_at": outage.ended_at, "cause": outage.cause, "incident_id": outage.incident_id}
        return self._insert_or_correct(outages, self._find(outages, key), key, values)

    def _maintenance(self, window: Maintenance) -> Written:
        """The first registration counts: a late one never becomes an early one."""
        key = {"module": window.module or "", "starts_at": window.starts_at, "ends_at": window.ends_at}
        row = self._find(maintenance_windows, key)
        if row is not None:
            late_reason = window.late_reason or row.late_reason
            window = replace(window, declared_at=row.recorded_at, declared_by=row.recorded_by, late_reason=late_reason)
        refuse_unannounced(window)
        values = {"reason": window.reason, "late_reason": window.late_reason if window.late else ""}
        if row is not None:
            return self._correct(maintenance_windows, row, values, {})
        declared = {"recorded_at": window.declared_at, "recorded_by": window.declared_by}
        self._insert(maintenance_windows, {**key, **values, **declared})
        return Written.NEW

    def _find(self, table: Table, key: dict[str, Any]) -> Any:
        mine = and_(table.c.service_id == self._service, *(table.c[name] == value for name, value in key.items()))
        return self._connection.execute(select(table).where(mine)).one_or_none()

    def _insert_or_correct(self, table: Table, row: Any, key: dict[str, Any], values: dict[str, Any]) -> Written:
        if row is not None:
            return self._correct(table, row, values, self._stamp)
        self._insert(table, {**key, **values, **self._stamp})
        return Written.NEW

    def _correct(self, table: Table, row: Any, values: dict[str, Any], stamp: dict[str, Any]) -> Written:
        given = {name: value for name, value in values.items() if value is not None}
        if all(getattr(row, name) == value for name, value in given.items()):
            return Written.KNOWN
        self._update(table, row.id, {**given, **stamp})
        return Written.CORRECTED

    def _insert(self, table: Table, values: dict[str, Any]) -> None:
        self._connection.execute(insert(table).values(service_id=self._service, **values))

    def _update(self, table: Table, row_id: int, values: dict[str, Any]) -> None:
        self._connection.execute(update(table).where(table.c.id == row_id).values(values))


def newest_deploys(connection: Connection, mine: ColumnElement[bool], environment: str) -> tuple[Deploy, ...]:
    """The newest deploys to an environment; `mine` selects the service."""
    query = select(deploys).join(services, services.c.id == deploys.c.service_id)
    newest = query.where(mine, deploys.c.environment == environment).order_by(deploys.c.started_at.desc())
    return tuple(deploy_of(row) for row in connection.execute(newest.limit(_NEWEST)))


def deploy_of(row: Any) -> Deploy:
    """A row as a fact."""
    outcome, origin = DeployOutcome(row.outcome), Origin(row.origin)
    return Deploy(row.version, row.environment, row.started_at, row.ended_at, outcome, origin, row.commit_at)
