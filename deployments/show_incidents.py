"""Incidents on the terminal. What people and alerts wrote is shown as text, never as markup."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from rich.table import Table
from rich.text import Text

from deployments.screen import Screen
from deployments.terminal import counted, say
from tasks.incidents.facts import ActionItem, Incident, IncidentRecord
from tasks.observation import printable

out = Screen()
_MOST = 4000


def show_incidents(found: Sequence[IncidentRecord], since: datetime, now: datetime, zone: ZoneInfo) -> None:
    """A table, oldest first."""
    columns = ("No.", "State", "Severity", "Detected", "Resolved", "Module", "Actions", "Title")
    rows = (
        (
            str(record.incident.id),
            record.incident.state,
            str(int(record.incident.severity)),
            _when(record.incident.detected_at, zone),
            _when(record.incident.resolved_at, zone),
            record.incident.module or "-",
            _progress(record.actions, now, zone),
            record.incident.title,
        )
        for record in found
    )
    _show(f"{counted(len(found), 'incident')} open or closed since {_when(since, zone)} {zone.key}", columns, rows)


def show_incident(record: IncidentRecord, zone: ZoneInfo) -> None:
    """All that is on record of an incident."""
    incident = record.incident
    say(f"incident {incident.id} ({incident.state}): {incident.title}")
    _show("", ("", ""), _facts(incident, zone))
    rows = ((_when(e.at, zone), e.by, e.kind, _flagged(e.text, back=e.clock_was_back)) for e in record.timeline)
    _show(f"Timeline, {zone.key}", ("At", "By", "What", "Text"), rows)
    actions = ((str(a.id), a.kind, a.owner, a.due.isoformat(), _when(a.done_at, zone), a.text) for a in record.actions)
    _show("Action items", ("No.", "Kind", "Owner", "Due", "Done", "Text"), actions)
    spans = ((_when(o.started_at, zone), _when(o.ended_at, zone), o.module or "-") for o in record.outages)
    _show("Outages", ("From", "To", "Module"), spans)


def _facts(incident: Incident, zone: ZoneInfo) -> Iterable[tuple[str, str]]:
    facts = (
        ("Severity", str(int(incident.severity))),
        ("Module", incident.module or "-"),
        ("Impact since", _when(incident.impact_at, zone)),
        ("Detected", f"{_when(incident.detected_at, zone)} {incident.opened_by}"),
        ("Acknowledged", f"{_when(incident.acknowledged_at, zone)} {incident.acknowledged_by}"),
        ("Mitigated", f"{_when(incident.mitigated_at, zone)} {incident.fix or ''}"),
        ("Resolved", _when(incident.resolved_at, zone)),
        ("Reviewed", _when(incident.reviewed_at, zone)),
        ("Closed", _when(incident.closed_at, zone)),
        ("Follows incident", "" if incident.follows is None else str(incident.follows)),
        ("Merged into incident", "" if incident.merged_into is None else str(incident.merged_into)),
        ("Cause", incident.cause),
        ("What went well", incident.went_well),
        ("What went badly", incident.went_badly),
        ("Where we got lucky", incident.lucky),
        ("Why no action items", incident.no_actions_reason),
    )
    return ((name, text.strip()) for name, text in facts if text.strip(" -"))


def _progress(actions: Sequence[ActionItem], now: datetime, zone: ZoneInfo) -> str:
    done = sum(item.done_at is not None for item in actions)
    overdue = sum(item.is_overdue(now.astimezone(zone).date()) for item in actions)
    return f"{done}/{len(actions)}" + (f", {overdue} overdue" if overdue else "") if actions else "-"


def _flagged(text: str, *, back: bool) -> str:
    return f"(recorded by a clock that was behind) {text}" if back else text


def _show(title: str, columns: Iterable[str], rows: Iterable[Iterable[str]]) -> None:
    table = Table(title=title or None, title_justify="left", box=None, show_header=any(columns))
    for name in columns:
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*(Text("\n".join(printable(line, _MOST) for line in cell.split("\n"))) for cell in row))
    if table.row_count or title:
        out.print(table)


def _when(at: datetime | None, zone: ZoneInfo) -> str:
    return "-" if at is None else f"{at.astimezone(zone):%Y-%m-%d %H:%M:%S}"
