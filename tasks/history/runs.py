"""Stores a finished round: run, results, evidence and messages in one locked transaction."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, Engine, Row, Select, case, func, insert, select, update

from tasks.history.chain import link, sha256
from tasks.history.engine import reading, writing
from tasks.history.outbox import OutboxMessage, put
from tasks.history.rows import evidence_rows, result_rows
from tasks.history.services import service_id
from tasks.history.tables import check_results, evidence, runs, services

Trigger = Literal["schedule", "hand"]


class AlreadyRecorded(Exception):
    """This period's scheduled run was recorded before."""


@dataclass(frozen=True, slots=True)
class RunKey:
    """What a run is of; its revision is given when it is stored."""

    service: str
    flow: str
    period: str
    trigger: Trigger


@dataclass(frozen=True, slots=True)
class StoredRun:
    """A run as it stands in the history."""

    flow: str
    period: str
    revision: int
    verdict: str
    report: str
    sequence: int
    digest: str
    chained: str


@dataclass(frozen=True, slots=True)
class RunPlace:
    """What a run about to be stored needs to know: its revision, and the runs that it is compared with.

    `same_period` is the revision before this one, `previous` that one or else the newest run of an earlier period.
    """

    revision: int
    same_period: StoredRun | None
    previous: StoredRun | None


@dataclass(frozen=True, slots=True)
class NewRun:
    """The finished text of a run: canonical JSON, its results as JSON data, and the messages it causes."""

    verdict: str
    finished_at: datetime
    report: str
    results: Sequence[dict[str, Any]]
    messages: Sequence[OutboxMessage]


def record_run(engine: Engine, key: RunKey, compose: Callable[[RunPlace], NewRun]) -> StoredRun:
    """Store a run at the end of its service's chain.

    `compose` is called inside the transaction with the place the run gets; it must be quick and touch nothing.
    Raises AlreadyRecorded for a second scheduled run of a period, HistoryError if the database fails.
    """
    with writing(engine) as connection:
        service = _locked_head(connection, key.service)
        if key.trigger == "schedule" and _scheduled(connection, service.id, key):
            raise AlreadyRecorded(f"{key.flow} {key.period} was recorded by its schedule before")
        latest = _latest(connection, service.id, key)
        same = latest if latest is not None and latest.period == key.period else None
        place = RunPlace(same.revision + 1 if same else 1, same, latest)
        new = compose(place)
        digest = sha256(new.report)
        stored = StoredRun(
            flow=key.flow,
            period=key.period,
            revision=place.revision,
            verdict=new.verdict,
            report=new.report,
            sequence=service.sequence + 1,
            digest=digest,
            chained=link(service.chained, digest),
        )
        _insert(connection, service.id, key, new, stored)
        connection.execute(
            update(services).where(services.c.id == service.id).values(sequence=stored.sequence, chained=stored.chained)
        )
        put(connection, service.id, new.messages, new.finished_at)
        return stored


def is_scheduled_run_recorded(engine: Engine, key: RunKey) -> bool:
    """True when this period's scheduled run is in the history."""
    with reading(engine) as connection:
        row = connection.execute(select(services.c.id).where(services.c.name == key.service)).first()
        return row is not None and _scheduled(connection, row.id, key)


def read_runs(engine: Engine, service: str, *, most: int) -> tuple[StoredRun, ...]:
    """The newest runs of a service, newest first."""
    with reading(engine) as connection:
        query = _runs_of(service).order_by(runs.c.sequence.desc()).limit(most)
        return tuple(_stored(row) for row in connection.execute(query))


@dataclass(frozen=True, slots=True)
class NewestRun:
    """The newest run of a flow, and its results as canonical JSON without their evidence."""

    flow: str
    finished_at: datetime
    results: tuple[str, ...]


def read_sequence(engine: Engine, service: str) -> int:
    """How many runs of a service are stored: a cheap question whether there is a new one."""
    with reading(engine) as connection:
        return connection.execute(select(services.c.sequence).where(services.c.name == service)).scalar() or 0


def read_newest_runs(engine: Engine, service: str) -> tuple[NewestRun, ...]:
    """The last run of each flow, unless one of a later period of its kind came before: that of the later period."""
    kind = func.length(runs.c.period)
    query = (
        select(runs.c.id, runs.c.flow, runs.c.finished_at, kind.label("kind"), runs.c.sequence)
        .add_columns(
            func.row_number()
            .over(partition_by=(runs.c.flow, kind), order_by=(runs.c.period.desc(), runs.c.revision.desc()))
            .label("place")
        )
        .join(services, services.c.id == runs.c.service_id)
        .where(services.c.name == service)
        .subquery()
    )
    results = select(check_results.c.result).order_by(check_results.c.position)
    with reading(engine) as connection:
        newest = connection.execute(select(query).where(query.c.place == 1).order_by(query.c.sequence))
        by_flow = {row.flow: row for row in newest}
        return tuple(
            NewestRun(
                flow,
                row.finished_at,
                tuple(connection.execute(results.where(check_results.c.run_id == row.id)).scalars()),
            )
            for flow, row in by_flow.items()
        )


def first_run_at(engine: Engine, service: str) -> datetime | None:
    """When the first run of a service ended; None without any."""
    query = select(runs.c.finished_at).join(services, services.c.id == runs.c.service_id)
    with reading(engine) as connection:
        first = query.where(services.c.name == service, runs.c.sequence == 1)
        return connection.execute(first).scalar()


def last_run_at(engine: Engine, key: RunKey) -> datetime | None:
    """When the newest revision of a period ended; None without any."""
    query = select(func.max(runs.c.finished_at)).join(services, services.c.id == runs.c.service_id)
    mine = (services.c.name == key.service, runs.c.flow == key.flow, runs.c.period == key.period)
    with reading(engine) as connection:
        return connection.execute(query.where(*mine)).scalar()


def read_periods(engine: Engine, service: str, flow: str) -> dict[str, datetime | None]:
    """Every period of a flow for which a run is recorded, and when the last one ended; None if a schedule began one."""
    by_schedule = func.max(case((runs.c.trigger == "schedule", 1), else_=0)).label("by_schedule")
    ended = select(runs.c.period, func.max(runs.c.finished_at).label("ended_at"), by_schedule)
    query = ended.join(services, services.c.id == runs.c.service_id)
    with reading(engine) as connection:
        mine = query.where(services.c.name == service, runs.c.flow == flow).group_by(runs.c.period)
        return {row.period: None if row.by_schedule else row.ended_at for row in connection.execute(mine)}


def read_run(engine: Engine, service: str, flow: str, period: str, revision: int) -> StoredRun | None:
    """One run, or None."""
    query = _runs_of(service).where(runs.c.flow == flow, runs.c.period == period, runs.c.revision == revision)
    with reading(engine) as connection:
        row = connection.execute(query).first()
        return None if row is None else _stored(row)


def _runs_of(service: str) -> Select[Any]:
    return select(runs).join(services, services.c.id == runs.c.service_id).where(services.c.name == service)


def _locked_head(connection: Connection, name: str) -> Row[Any]:
    mine = services.c.id == service_id(connection, name)
    return connection.execute(select(services).where(mine).with_for_update()).one()


def _scheduled(connection: Connection, service_id: int, key: RunKey) -> bool:
    query = select(runs.c.id).where(
        runs.c.service_id == service_id,
        runs.c.flow == key.flow,
        runs.c.period == key.period,
        runs.c.trigger == "schedule",
    )
    return connection.execute(query).first() is not None


def _latest(connection: Connection, service_id: int, key: RunKey) -> StoredRun | None:
    """The newest revision of the latest period that is not after this one: a caught-up day is no later day's past."""
    mine = select(runs).where(runs.c.service_id == service_id, runs.c.flow == key.flow, runs.c.period <= key.period)
    row = connection.execute(mine.order_by(runs.c.period.desc(), runs.c.revision.desc()).limit(1)).first()
    return None if row is None else _stored(row)


def _stored(row: Row[Any]) -> StoredRun:
    return StoredRun(row.flow, row.period, row.revision, row.verdict, row.report, row.sequence, row.digest, row.chained)


def _insert(connection: Connection, service_id: int, key: RunKey, new: NewRun, stored: StoredRun) -> None:
    values = {
        "service_id": service_id,
        "flow": key.flow,
        "period": key.period,
        "revision": stored.revision,
        "trigger": key.trigger,
        "verdict": new.verdict,
        "finished_at": new.finished_at,
        "sequence": stored.sequence,
        "report": new.report,
        "digest": stored.digest,
        "chained": stored.chained,
    }
    run_id = connection.execute(insert(runs).values(values).returning(runs.c.id)).scalar_one()
    for table, rows in ((check_results, result_rows(new.results)), (evidence, evidence_rows(new.results))):
        if rows:
            connection.execute(insert(table), [{"run_id": run_id, **row} for row in rows])
