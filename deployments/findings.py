"""The findings of a service with their waivers, as the commands show and export them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from deployments.show_findings import Shown
from tasks.deadline import Deadline
from tasks.errors import ExplainedError, UsageError
from tasks.history.engine import History
from tasks.outside import external_text
from tasks.security.export.csv import findings_csv
from tasks.security.export.cyclonedx import cyclonedx
from tasks.security.export.gaps import scan_gap
from tasks.security.export.sarif import sarif
from tasks.security.facts.scans import Event, Kind, Known, Package, Rating, Scan
from tasks.security.findings.waiver_file import WaiversRejected, read_waivers
from tasks.security.findings.waivers import Reviewed, WaiverReview, applied
from tasks.security.findings.writing import known_finding
from tasks.security.limits import SecurityLimits
from tasks.security.locks.environment import read_environment
from tasks.security.locks.find import lock_files, without_lock
from tasks.security.locks.interface import Lock
from tasks.security.settings import Security
from tasks.security.store.findings import read_events, read_findings
from tasks.security.store.scans import read_scans
from tasks.security.tree.read import read_tree
from tasks.settings import Settings

_AHEAD = timedelta(days=1)
_MOST_NAMED = 5


@dataclass(frozen=True, slots=True)
class Findings:
    """What is known; `rejected` says why the waivers file cannot be used, and is empty when it can.

    `scans` are those of the newest round: what they did not see may hold findings that nobody knows of.
    """

    settings: Settings
    history: History
    now: datetime
    known: tuple[Known, ...]
    review: WaiverReview
    rejected: str
    scans: tuple[Scan, ...]

    @property
    def limits(self) -> SecurityLimits:
        """The limits that the service file sets."""
        return (self.settings.security or Security()).limits

    @property
    def today(self) -> date:
        """The day in the service's zone."""
        return self.now.astimezone(self.settings.zone).date()

    @property
    def by(self) -> Shown:
        """How times and days are shown."""
        return Shown(self.limits.fix_within, self.settings.zone, self.now)

    @property
    def unscanned(self) -> list[str]:
        """What was not scanned completely or not lately, in words."""
        if not self.scans:
            return ["nothing was scanned yet: rounds run security-scan"]
        seen = {scan.target.kind for scan in self.scans}
        gaps = [f"{kind}: never scanned" for kind in Kind if kind not in seen]
        return gaps + [f"{_at(scan, self.settings.zone)}: {gap}" for scan in self.scans if (gap := self._gap(scan))]

    def _gap(self, scan: Scan) -> str:
        """Why a scan is not the whole truth of its target now; empty when it is."""
        if gap := scan_gap(scan):
            return gap
        if self.settings.source is not None and scan.source not in ("", self.settings.source.digest):
            return "[source] names something else now"
        if self.now - scan.as_of > timedelta(hours=self.limits.max_scan_age_h):
            return "the scan is older than max_scan_age_h"
        return ""

    def reviewed(
        self, *, everything: bool = False, kind: Kind | None = None, severity: Rating | None = None
    ) -> tuple[Reviewed, ...]:
        """The findings with their waivers: the open ones, or those too that are fixed."""
        return tuple(
            one
            for one in self.review.findings
            if (everything or one.known.is_open)
            and kind in (None, one.known.finding.kind)
            and (severity is None or one.known.finding.rating.rank >= severity.rank)
        )

    def named(self, fingerprint: str) -> Reviewed:
        """The finding of a fingerprint. Raises UsageError for none or several."""
        known = known_finding(self.known, fingerprint)
        return next(one for one in self.review.findings if one.known == known)

    def events(self, known: Known) -> tuple[Event, ...]:
        """What happened to a finding, oldest first."""
        events = read_events(self.history, self.settings.service.name, known.first_seen - _AHEAD, self.now + _AHEAD)
        return tuple(event for event in events if event.fingerprint == known.fingerprint)


def open_findings(settings: Settings, history: History, now: datetime) -> Findings:
    """The findings of a service, without waivers if their file cannot be used. Raises HistoryError."""
    known = read_findings(history, settings.service.name)
    today = now.astimezone(settings.zone).date()
    try:
        waivers, rejected = read_waivers(settings.waivers), ""
    except WaiversRejected as error:
        waivers, rejected = (), str(error)
    scans = read_scans(history, settings.service.name, now)
    return Findings(settings, history, now, known, applied(known, waivers, today), rejected, scans)


def _at(scan: Scan, zone: ZoneInfo) -> str:
    return f"{external_text(scan.target.subject)} ({scan.as_of.astimezone(zone):%Y-%m-%d %H:%M})"


def export_text(found: Findings, kind: str, *, everything: bool) -> tuple[str, Sequence[str]]:
    """The findings in a format, and what a reader must know of it.

    Raises UsageError for a waivers file that cannot be used, ExplainedError for a lock file that cannot.
    """
    if found.rejected:
        raise UsageError(f"nothing is exported: {found.rejected}")
    review = WaiverReview(found.today, found.reviewed(everything=everything))
    service = found.settings.service.name
    if kind == "sarif":
        return sarif(service, review, found.scans, found.now), ()
    if kind == "csv":
        return findings_csv(review, found.limits.fix_within, found.settings.zone, found.now), ()
    packages, warnings = packages_of(found.settings)
    return cyclonedx(service, packages, review, found.scans, found.now), warnings


def packages_of(settings: Settings) -> tuple[list[Package], list[str]]:
    """Every package of the lock files, and in words those that have no version to be listed with.

    Raises UsageError without a source tree or a lock file, ExplainedError for a lock file that cannot be read.
    """
    source = settings.source
    if source is None:
        raise UsageError(f"{settings.path}: [source] is missing: it says where the lock files are")
    tree = read_tree(source, settings.path.parent / source.path, Deadline.after(source.deadline_min * 60))
    files = lock_files(tree, source)
    locks = [file.read() for file in files]
    if source.environment is not None:
        locks.append(read_environment(settings.path.parent / source.environment, str(source.environment)))
    if not locks and source.no_dependencies is None:
        raise UsageError(f"{settings.path}: no supported lock file was found: see [source] locks")
    if problems := [f"{p.text.format(**p.params)}" for lock in locks for p in lock.problems]:
        more = f"; and {len(problems) - _MOST_NAMED} more" if len(problems) > _MOST_NAMED else ""
        raise ExplainedError(f"nothing is exported: {'; '.join(problems[:_MOST_NAMED])}{more}")
    missing = [one.file for one in without_lock(tree, files)]
    warnings = [f"not in it: packages of {one.what}: {one.reason.text.format(**one.reason.params)}" for one in missing]
    return [package for lock in locks for package in lock.packages], [*warnings, *_unmatched(locks)]


def _unmatched(locks: Sequence[Lock]) -> list[str]:
    return [
        f"not in it: {external_text(lock.path)}: {one.what}: {one.reason.text.format(**one.reason.params)}"
        for lock in locks
        for one in lock.unmatched
    ]
