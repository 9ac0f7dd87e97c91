"""Rows of incidents as facts, and the other way round."""

from typing import Any

from sqlalchemy import Connection, insert, select

from tasks.check_result import Severity
from tasks.incidents.facts import ActionItem, ActionKind, EntryKind, Fix, Incident, State, TimelineEntry
from tasks.incidents.tables import incident_actions, incident_entries, incidents
from tasks.records.facts import Outage
from tasks.records.store.records import outage_of
from tasks.records.tables import outages
from tasks.secrets import masked

_SAME = (
    "title",
    "down",
    "detected_at",
    "impact_at",
    "opened_by",
    "acknowledged_at",
    "acknowledged_by",
    "mitigated_at",
    "resolved_at",
    "reviewed_at",
    "closed_at",
    "cause",
    "went_well",
    "went_badly",
    "lucky",
    "no_actions_reason",
    "merged_into",
    "follows",
)


def incident_of(row: Any) -> Incident:
    """A row as a fact."""
    return Incident(
        id=row.id,
        module=row.module or None,
        severity=Severity(row.severity),
        state=State(row.state),
        fix=None if row.fix is None else Fix(row.fix),
        **{name: getattr(row, name) for name in _SAME},
    )


def values_of(incident: Incident) -> dict[str, Any]:
    """The columns of an incident, without its key; secrets that this process knows are masked."""
    values: dict[str, Any] = masked({name: getattr(incident, name) for name in _SAME})
    return values | {
        "module": incident.module or "",
        "severity": int(incident.severity),
        "state": incident.state.value,
        "fix": None if incident.fix is None else incident.fix.value,
    }


def add_entry(connection: Connection, incident: int, entry: TimelineEntry) -> None:
    """A line of the timeline; the same line again is not added."""
    values = {
        "incident_id": incident,
        "at": entry.at,
        "recorded_at": entry.recorded_at,
        "by": entry.by,
        "kind": entry.kind.value,
        "text": masked(entry.text),
    }
    c = incident_entries.c
    same = select(c.id).where(*(c[name] == value for name, value in values.items()))
    if connection.execute(same.limit(1)).first() is None:
        connection.execute(insert(incident_entries).values(values))


def timeline_of(connection: Connection, incident: int) -> tuple[TimelineEntry, ...]:
    """The timeline, oldest first."""
    c = incident_entries.c
    rows = connection.execute(select(incident_entries).where(c.incident_id == incident).order_by(c.at, c.id))
    return tuple(TimelineEntry(r.at, r.recorded_at, r.by, EntryKind(r.kind), r.text) for r in rows)


def actions_of(connection: Connection, incident: int) -> tuple[ActionItem, ...]:
    """The action items, those first that are due first."""
    c = incident_actions.c
    rows = connection.execute(select(incident_actions).where(c.incident_id == incident).order_by(c.due, c.id))
    return tuple(action_of(row) for row in rows)


def action_of(row: Any) -> ActionItem:
    """A row as a fact."""
    return ActionItem(row.id, row.text, row.owner, row.due, ActionKind(row.kind), row.done_at)


def outages_of(connection: Connection, service: int, incident: int) -> tuple[Outage, ...]:
    """The outages that the incident owns, oldest first."""
    c = outages.c
    mine = select(outages).where(c.service_id == service, c.own_incident == incident)
    rows = connection.execute(mine.order_by(c.started_at, c.id))
    return tuple(map(outage_of, rows))


def find_row(connection: Connection, service: int, number: int) -> Any:
    """The incident of a number, or None."""
    mine = (incidents.c.service_id == service, incidents.c.id == number)
    return connection.execute(select(incidents).where(*mine)).one_or_none()


def with_merged(connection: Connection, service: int, number: int) -> frozenset[int]:
    """The incident's number, and those of all that were merged into it."""
    known, new = frozenset[int](), frozenset((number,))
    while new - known:
        known |= new
        merged = select(incidents.c.id).where(incidents.c.service_id == service, incidents.c.merged_into.in_(new))
        new = frozenset(connection.execute(merged).scalars())
    return known
