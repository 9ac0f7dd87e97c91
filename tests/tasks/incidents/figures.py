"""Incidents and months as tests write them."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from tasks.check_result import Severity
from tasks.incidents.facts import ActionItem, ActionKind, EntryKind, Incident, IncidentRecord, State, TimelineEntry
from tasks.incidents.judge.review import Reviewed
from tasks.periods import month_period
from tasks.records.facts import Outage
from tasks.slo.budget.state import ObjectiveState, state_of
from tasks.slo.facts import Minutes
from tasks.slo.settings import Alerts, Uptime
from tasks.slo.windows import Window, minute_of

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
ZONE = ZoneInfo("Asia/Tokyo")
OCTOBER = month_period(date(2026, 10, 1), ZONE)
START, END = OCTOBER.start, OCTOBER.end
NOW = datetime(2026, 11, 2, 0, 0, tzinfo=UTC)


def record(
    number: int = 1,
    at: datetime = START + 9 * DAY,
    took_min: float | None = 30,
    outages: Sequence[tuple[datetime, datetime | None]] = (),
    actions: Sequence[ActionItem] = (),
    reopened: bool = False,
    **more: Any,
) -> IncidentRecord:
    """An incident that was acknowledged after two minutes and took so many."""
    resolved = None if took_min is None else at + took_min * MINUTE
    state = State.RESPONDING if resolved is None else State.RESOLVED
    values: dict[str, Any] = {
        "state": state,
        "detected_at": at,
        "impact_at": at,
        "acknowledged_at": at + 2 * MINUTE,
        "resolved_at": resolved,
        "cause": f"cause {number}",
    } | more
    incident = Incident(
        id=number,
        title=f"incident {number}",
        opened_by="alerts",
        severity=Severity.EMERGENCY,
        **({"module": None} | values),
    )
    kinds = (EntryKind.OPENED, EntryKind.REOPENED) if reopened else (EntryKind.OPENED,)
    timeline = tuple(TimelineEntry(at, at, "kim", kind, "") for kind in kinds)
    rows = tuple(Outage(start, end, incident.module, "x", own_incident=number) for start, end in outages)
    return IncidentRecord(incident, timeline, tuple(actions), rows)


def item(due: date, done_at: datetime | None = None, kind: ActionKind = ActionKind.PREVENTION) -> ActionItem:
    return ActionItem(5, "a second replica", "kim", due, kind, done_at)


def uptime(
    down: Sequence[tuple[datetime, datetime]] = (),
    *,
    measured: bool = True,
    unseen: Sequence[tuple[datetime, datetime]] = (),
) -> ObjectiveState:
    """The month's uptime at 99.95 % (22.32 minutes of October), down in these times, and not measured in those."""
    length = minute_of(END) - minute_of(START)
    good, seen = np.ones(length, dtype=np.int64), np.ones(length, dtype=np.bool_)
    for start, end in down:
        good[max(0, minute_of(start) - minute_of(START)) : max(0, minute_of(end) - minute_of(START))] = 0
    for start, end in unseen:
        seen[minute_of(start) - minute_of(START) : minute_of(end) - minute_of(START)] = False
    if not measured:
        seen[length // 2 :] = False
    minutes = Minutes(minute_of(START), good * seen, seen.astype(np.int64), seen)
    objective = Uptime(name="uptime", kind="uptime", target=0.9995)
    return state_of(objective, minutes, Window(START, END, END), (), Alerts())


def reviewed(*records: IncidentRecord, **more: Any) -> Reviewed:
    """October as it is known on 2 November."""
    values: dict[str, Any] = {
        "period": OCTOBER,
        "zone": ZONE,
        "as_of": END,
        "known_at": NOW,
        "now": NOW,
        "records": records,
        "outages": (),
        "uptime": uptime(),
    }
    return Reviewed(**(values | more))
