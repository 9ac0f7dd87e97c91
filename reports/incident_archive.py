"""The pages of incidents in the archive: each is replaced as a whole whenever its incident changes."""

import os
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from reports.folders import cannot_write, folder_lock, slug, write_file
from reports.html import PageLinks
from reports.incident_page import IncidentFacts, incident_page, incidents_index
from reports.names import page_name
from reports.words import Words
from tasks.incidents.facts import Incident

FOLDER = "incidents"


def folder_of(service: str, output: Path) -> Path:
    """Where the incidents of a service are archived; ValueError when its name cannot be a folder's."""
    return output / slug(service) / FOLDER


def page_of(service: str, number: int, output: Path) -> Path:
    """The page of an incident in the main language."""
    return folder_of(service, output) / str(number) / "index.html"


def write_incident(facts: IncidentFacts, timezone: str, output: Path, locales: Sequence[str]) -> Path:
    """Write the page of an incident in every language. Raises ArchiveError."""
    page = page_of(facts.service, facts.record.incident.id, output)
    with folder_lock(page.parent):
        for locale in locales:
            links = PageLinks(
                index="../../../" + page_name("index", locale, locales),
                latest="../" + page_name("index", locale, locales),
                languages=_languages(locale, locales),
            )
            text = incident_page(facts, Words(locale, timezone), links)
            write_file(page.with_name(page_name("index", locale, locales)), text.encode())
        try:
            os.utime(page)  # the time of the file says as of when the page is, changed or not
        except OSError as error:
            raise cannot_write(page, error) from error
    return page


def write_incidents(
    service: str, incidents: Sequence[Incident], now: datetime, timezone: str, output: Path, locales: Sequence[str]
) -> bool:
    """Write the index of a service's incidents; True when there was none before. Raises ArchiveError."""
    folder = folder_of(service, output)
    new = not (folder / "index.html").is_file()
    with folder_lock(folder):
        for locale in locales:
            name = page_name("index", locale, locales)
            links = PageLinks(index="../../" + name, languages=_languages(locale, locales))
            text = incidents_index(service, incidents, now, Words(locale, timezone), links, name)
            write_file(folder / name, text.encode())
    return new


def _languages(locale: str, locales: Sequence[str]) -> tuple[tuple[str, str], ...]:
    return tuple((other, page_name("index", other, locales)) for other in locales if other != locale)
