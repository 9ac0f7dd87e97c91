"""Registers which flows are scheduled for a service, and reads what came of it."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, select, update

from tasks.history.engine import History, reading, writing
from tasks.history.services import service_id
from tasks.history.tables import runs, services
from tasks.history.upsert import put_rows
from tasks.schedule.facts import FlowSchedule, ScheduledFlow
from tasks.schedule.tables import scheduled_flows

_c = scheduled_flows.c


def register_schedules(history: History, service: str, schedules: Sequence[FlowSchedule], now: datetime) -> None:
    """Keep these as all that is scheduled for a service: one that starts as before keeps its `since`.

    Raises HistoryError.
    """
    with writing(history) as connection:
        key = service_id(connection, service)
        # On PostgreSQL two could both find none; on SQLite every writer is alone.
        connection.execute(select(services.c.id).where(services.c.id == key).with_for_update())
        known = {row.flow: row for row in connection.execute(select(scheduled_flows).where(_c.service_id == key))}
        rows = []
        for schedule in schedules:
            row = {**_row(schedule), "service_id": key, "since": now, "ended_at": None, "last_run_at": None}
            if (old := known.pop(schedule.flow, None)) is not None:
                row["last_run_at"] = old.last_run_at
                if old.ended_at is None and replace(_schedule(old), late_after=schedule.late_after) == schedule:
                    row["since"] = old.since
            rows.append(row)
        put_rows(connection, scheduled_flows, rows)
        gone = (_c.service_id == key, _c.flow.in_(known), _c.ended_at.is_(None))
        connection.execute(update(scheduled_flows).where(*gone).values(ended_at=now))


def note_run(history: History, service: str, flow: str, now: datetime) -> None:
    """Note that a flow that stores no report has run; of one that is not registered nothing is kept.

    Raises HistoryError.
    """
    named = select(services.c.id).where(services.c.name == service).scalar_subquery()
    with writing(history) as connection:
        mine = update(scheduled_flows).where(_c.service_id == named, _c.flow == flow)
        connection.execute(mine.values(last_run_at=now))


def read_scheduled(history: History, service: str, at: datetime) -> tuple[ScheduledFlow, ...]:
    """The flows that were scheduled for a service at an instant, by name. Raises HistoryError."""
    mine = select(scheduled_flows).join(services, services.c.id == _c.service_id).where(services.c.name == service)
    current = mine.where(_c.since <= at, _c.ended_at.is_(None) | (_c.ended_at > at)).order_by(_c.flow)
    ended = select(runs.c.flow, runs.c.period, runs.c.finished_at, runs.c.trigger).order_by(runs.c.finished_at)
    of_service = ended.join(services, services.c.id == runs.c.service_id).where(services.c.name == service)
    with reading(history) as connection:
        found = connection.execute(current).all()
        flows = of_service.where(runs.c.flow.in_([row.flow for row in found]))
        recorded = {row.flow: dict[str, list[datetime]]() for row in found}
        by_schedule = {row.flow: dict[str, datetime]() for row in found}
        for row in connection.execute(flows):
            recorded[row.flow].setdefault(row.period, []).append(row.finished_at)
            if row.trigger == "schedule":
                by_schedule[row.flow].setdefault(row.period, row.finished_at)
    return tuple(
        ScheduledFlow(_schedule(row), row.since, row.last_run_at, recorded[row.flow], by_schedule[row.flow])
        for row in found
    )


def _schedule(row: Row[Any]) -> FlowSchedule:
    every = None if row.every_s is None else timedelta(seconds=row.every_s)
    return FlowSchedule(row.flow, row.cron, every, row.timezone, row.period, timedelta(seconds=row.late_after_s))


def _row(schedule: FlowSchedule) -> dict[str, Any]:
    return {
        "flow": schedule.flow,
        "cron": schedule.cron,
        "every_s": None if schedule.every is None else int(schedule.every.total_seconds()),
        "timezone": schedule.timezone,
        "period": schedule.period,
        "late_after_s": int(schedule.late_after.total_seconds()),
    }
