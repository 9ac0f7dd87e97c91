"""Pages of incidents in the archive, written after each change and kept up to date while an incident goes on."""

import asyncio
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from reports.archive import write_index
from reports.folders import ArchiveError
from reports.incident_archive import page_of, write_incident, write_incidents
from reports.incident_page import IncidentFacts
from tasks.alerts.affected import affected_by
from tasks.alerts.store.read import read_of_incident
from tasks.history.engine import History
from tasks.incidents.evidence import read_curves, read_impact
from tasks.incidents.facts import Incident
from tasks.incidents.store.read import all_incidents, read_incident
from tasks.settings import Settings

_REFRESHED = timedelta(minutes=10)
"""How old the figures of the page may be while its incident goes on."""
_AFTERWARDS = timedelta(minutes=45)
"""So long after the resolution the figures that follow it are still shown."""
_MOST_AT_ONCE = 3
_SECOND = timedelta(seconds=1)
"""Changes are recorded to the second."""


async def write_page(settings: Settings, history: History, number: int, now: datetime) -> Path:
    """Write the page of an incident, with the figures that its alerts are about, and the index of all.

    Raises NoSuchIncident, ArchiveError and HistoryError.
    """
    name = settings.service.name
    record = await asyncio.to_thread(read_incident, history, name, number)
    affected = affected_by(await asyncio.to_thread(read_of_incident, history, name, number))
    facts = IncidentFacts(
        service=name,
        environment=settings.service.environment,
        record=record,
        curves=await asyncio.to_thread(read_curves, history, settings, record, affected, now),
        impact=await read_impact(history, settings, record, now),
        now=now,
    )
    return await asyncio.to_thread(_write, settings, history, facts)


def _write(settings: Settings, history: History, facts: IncidentFacts) -> Path:
    output, locales, zone = settings.output, settings.reports.locales, settings.service.timezone
    page = write_incident(facts, zone, output, locales)
    known = [incident for incident, _ in all_incidents(history, facts.service)]
    if write_incidents(facts.service, known, facts.now, zone, output, locales):
        write_index(output, locales)
    return page


async def write_pages(settings: Settings, history: History, numbers: Iterable[int], now: datetime) -> str:
    """Write the pages of incidents that were just changed; where the archive refuses, why. Raises HistoryError."""
    try:
        for number in dict.fromkeys(numbers):
            await write_page(settings, history, number, now)
    except ArchiveError as error:
        return f"; its page was not written: {error}"
    return ""


async def write_stale_pages(settings: Settings, history: History, now: datetime) -> list[str]:
    """Write the pages that are older than their incidents, a few at a time; says which could not be, and why.

    Raises HistoryError.
    """
    name = settings.service.name
    found = await asyncio.to_thread(all_incidents, history, name)
    stale = [i for i, changed in found if _is_stale(i, changed, page_of(name, i.id, settings.output), now)]
    problems = []
    for incident in stale[-_MOST_AT_ONCE:]:
        try:
            await write_page(settings, history, incident.id, now)
        except ArchiveError as error:
            problems.append(f"{incident.name}: {error}")
    return problems


def _is_stale(incident: Incident, changed_at: datetime, page: Path, now: datetime) -> bool:
    try:
        written = datetime.fromtimestamp(page.stat().st_mtime, UTC)
    except OSError:
        return True
    goes_on = incident.state.hurts or (incident.resolved_at is not None and now - incident.resolved_at < _AFTERWARDS)
    return written < changed_at + _SECOND or (goes_on and now - written > _REFRESHED)
