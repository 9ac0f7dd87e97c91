"""The archive: a folder for each report that is written once, and the index over all of them."""

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from email.message import EmailMessage
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from reports import runbooks
from reports.folders import cannot_write, folder_lock, slug, write_file, write_folder
from reports.html import IndexEntry, PageLinks, index, newest_of_each, page, redirect, runbook
from reports.names import STATUSES, page_name
from reports.report import Report, Seal
from reports.schema import file_data
from reports.text import plain
from reports.words import Words
from tasks.canonical import canonical
from tasks.check_result import Message, Status
from tasks.files import remove_folder, remove_leftovers
from tasks.guide.judge import Verdict


@dataclass(frozen=True, slots=True)
class _StoredResult:
    status: Status


@dataclass(frozen=True, slots=True)
class _Stored:
    """As much of a report.json as the index shows."""

    service: str
    flow: str
    period: str
    revision: int
    timezone: str
    finished_at: datetime
    verdict: Verdict
    results: tuple[_StoredResult, ...]
    title: Message | None = None


_STORED = TypeAdapter(_Stored)


def folder_of(report: Report, output: Path) -> Path:
    """Where a report is archived; ValueError when a name of it cannot be a folder's."""
    return output / slug(report.service) / slug(report.flow) / slug(report.period) / f"r{report.revision}"


def write(report: Report, seal: Seal, output: Path, *, locales: Sequence[str], mail: EmailMessage) -> Path:
    """Write a report's folder, all of it or nothing; one that is there stays as it is.

    The first locale is the one of report.html and report.txt. Raises ArchiveError when the disk refuses, ValueError
    when a name of the report cannot be a folder's.
    """
    folder = folder_of(report, output)
    try:
        if folder.is_dir():
            return folder
    except OSError as error:
        raise cannot_write(folder, error) from error
    first = Words(locales[0], report.timezone)
    contents = {
        "report.txt": plain(report, seal, first).encode(),
        "report.json": canonical(file_data(report, seal)).encode(),
        "report.eml": mail.as_bytes(),
    }
    for locale in locales:
        links = _links(report, output, locale, locales)
        contents[page_name("report", locale, locales)] = page(
            report, seal, Words(locale, report.timezone), links=links
        ).encode()
    remove_leftovers(output, levels=3)
    write_folder(folder, contents)
    return folder


def write_index(output: Path, locales: Sequence[str]) -> None:
    """Rebuild the index, each round's link to its latest report, and the runbook pages. Raises ArchiveError."""
    # Of two writers at once, the one that read first must not write last.
    with folder_lock(output):
        _write_index(output, locales)


def remove_older(output: Path, service: str, before: datetime, locales: Sequence[str]) -> int:
    """Remove a service's reports of rounds that ended before an instant, the newest of each flow excepted.

    Gives how many were; the index follows. Raises ArchiveError.
    """
    try:
        remove_leftovers(output, levels=3)
        entries = [_entry(path, output) for path in sorted(output.glob(f"{slug(service)}/*/*/r*/report.json"))]
        newest = newest_of_each(entries)
        old = [e for e in entries if e.finished_at is not None and e.finished_at < before and e not in newest]
        for entry in old:
            folder = output / entry.href
            remove_folder(folder)
            with suppress(OSError):  # another revision of the period is there
                folder.parent.rmdir()
    except OSError as error:
        raise cannot_write(output, error) from error
    if old:
        write_index(output, locales)
    return len(old)


def _write_index(output: Path, locales: Sequence[str]) -> None:
    try:
        entries = [_entry(path, output) for path in sorted(output.glob("*/*/*/r*/report.json"))]
    except OSError as error:
        raise cannot_write(output, error) from error
    with_incidents = sorted(page.parent for page in output.glob("*/incidents/index.html"))
    for locale in locales:
        words = Words(locale, "UTC")
        own = page_name("index", locale, locales)
        incidents = tuple((folder.parent.name, f"{folder.parent.name}/incidents/{own}") for folder in with_incidents)
        others = tuple((x, page_name("index", x, locales)) for x in locales if x != locale)
        here = [_in_language(entry, output, locale) for entry in entries]
        for name in _names("index", locale, locales, output):
            write_file(output / name, index(here, words, languages=others, incidents=incidents).encode())
        for check in runbooks.written(locale):
            text = runbooks.source(check, locale)
            if text is not None:
                back = f"../{page_name('index', locale, locales)}"
                name = page_name(check, locale, locales)
                write_file(output / "checks" / name, runbook(text, words, index=back).encode())
        for entry in newest_of_each(here):
            target = entry.href.split("/", 2)[2]
            folder = output / entry.service / entry.flow
            for name in _names("latest", locale, locales, folder):
                write_file(folder / name, redirect(target, words).encode())


def _links(report: Report, output: Path, locale: str, locales: Sequence[str]) -> PageLinks:
    up = "../../../../"
    return PageLinks(
        index=up + page_name("index", locale, locales),
        latest="../../" + page_name("latest", locale, locales),
        previous=_previous(report, output, page_name("report", locale, locales)),
        next=_next(report, output, page_name("report", locale, locales)),
        languages=tuple((x, page_name("report", x, locales)) for x in locales if x != locale),
        runbook=_runbook(up, locale, locales),
    )


def _previous(report: Report, output: Path, name: str) -> str | None:
    before = report.previous
    if before is None:
        return None
    place = f"{slug(before.period)}/r{before.revision}/{name}"
    return f"../../{place}" if (output / report.service / report.flow / place).is_file() else None


def _next(report: Report, output: Path, name: str) -> str | None:
    """Only an archive that is written again knows what came later; the others lead to the latest."""
    pages = (output / report.service / report.flow).glob(f"*/r*/{name}")
    later = sorted(p for p in (page.parts[-3:-1] for page in pages) if p[0] > report.period)
    return f"../../{later[0][0]}/{later[0][1]}/{name}" if later else None


def _runbook(up: str, locale: str, locales: Sequence[str]) -> Callable[[str], str | None]:
    written = frozenset(runbooks.written(locale))
    return lambda check: f"{up}checks/{page_name(check, locale, locales)}" if check in written else None


def _entry(path: Path, output: Path) -> IndexEntry:
    service, flow, period, revision, _ = path.relative_to(output).parts
    number = int(revision[1:]) if revision[1:].isdecimal() else 0
    place = f"{service}/{flow}/{period}/{revision}/"
    try:
        stored = _STORED.validate_json(path.read_bytes())
    except (ValidationError, OSError):
        return IndexEntry(service=service, flow=flow, period=period, revision=number, href=place)
    if (stored.service, stored.flow, stored.period, stored.revision) != (service, flow, period, number):
        return IndexEntry(service=service, flow=flow, period=period, revision=number, href=place)
    found = Counter(result.status for result in stored.results)
    return IndexEntry(
        service=service,
        flow=flow,
        period=period,
        revision=number,
        href=place,
        verdict=stored.verdict,
        counts=tuple((status, found[status]) for status in STATUSES),
        finished_at=stored.finished_at,
        timezone=stored.timezone,
        title=stored.title,
    )


def _names(stem: str, locale: str, locales: Sequence[str], folder: Path) -> list[str]:
    """The file of a page, and the one that it was when another language was the main one: old reports lead there."""
    former = f"{stem}.{locale}.html"
    return [
        page_name(stem, locale, locales),
        *([former] if locale == locales[0] and (folder / former).is_file() else []),
    ]


def _in_language(entry: IndexEntry, output: Path, locale: str) -> IndexEntry:
    """The entry with the page to open: in this language if it was written, what there is if it cannot be read."""
    if entry.verdict is None:
        return replace(entry, href=f"{entry.href}report.json")
    name = f"report.{locale}.html"  # of the main language only where another one was the main one
    return replace(entry, href=entry.href + (name if (output / entry.href / name).is_file() else "report.html"))
