"""Deploys, outages and maintenance windows on the terminal. What people wrote is shown as text, never as markup."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from rich.table import Table
from rich.text import Text

from deployments.screen import Screen
from tasks.observation import printable
from tasks.records.facts import Deploy, Maintenance, Outage

out = Screen()


def show_records(
    deploys: Sequence[Deploy],
    outages: Sequence[Outage],
    maintenance: Sequence[Maintenance],
    since: datetime,
    zone: ZoneInfo,
) -> None:
    """One table per kind, oldest first; it shows what identifies a record."""
    since_text = f"since {_when(since, zone)} {zone.key}"
    _show(
        f"{len(deploys)} deploys {since_text}",
        ("Started", "Ended", "Version", "Environment", "Outcome", "Origin"),
        (
            (_when(d.started_at, zone), _when(d.ended_at, zone), d.version, d.environment, d.outcome, d.origin)
            for d in deploys
        ),
    )
    _show(
        f"{len(outages)} outages {since_text}",
        ("Started", "Ended", "Module", "Incident", "Cause"),
        (
            (
                _when(o.started_at, zone),
                _when(o.ended_at, zone),
                o.module or "-",
                _incident(o),
                o.cause,
            )
            for o in outages
        ),
    )
    _show(
        f"{len(maintenance)} maintenance windows {since_text}",
        ("Starts", "Ends", "Module", "Registered", "Reason"),
        (
            (_when(m.starts_at, zone), _when(m.ends_at, zone), m.module or "-", _registered(m, zone), m.reason)
            for m in maintenance
        ),
    )


def _incident(outage: Outage) -> str:
    """The number of the incident here, or of that of another system."""
    if outage.own_incident is not None:
        return str(outage.own_incident)
    return "-" if outage.incident_id is None else f"{outage.incident_id} (imported)"


def _registered(window: Maintenance, zone: ZoneInfo) -> str:
    late = f", late: {window.late_reason}" if window.late else ""
    return f"{_when(window.declared_at, zone)} {window.declared_by}{late}"


def _show(title: str, columns: Iterable[str], rows: Iterable[Iterable[str]]) -> None:
    table = Table(title=title, title_justify="left", box=None)
    for name in columns:
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*(Text(printable(cell, 1000)) for cell in row))
    out.print(table)


def _when(at: datetime | None, zone: ZoneInfo) -> str:
    return "-" if at is None else f"{at.astimezone(zone):%Y-%m-%d %H:%M:%S}"
