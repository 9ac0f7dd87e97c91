"""Open findings with their waivers, as they stand now or stood at the end of a week."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from tasks.observation import Unobserved, seen_now
from tasks.round import Round
from tasks.security.facts.scans import Event, Kind, Known
from tasks.security.findings.trend import open_at
from tasks.security.findings.waiver_file import read_waivers
from tasks.security.findings.waivers import WaiverReview, applied
from tasks.security.judge.findings import Standing
from tasks.security.store.findings import read_events, read_findings

_BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Standings:
    """All findings that are known with their events, the open ones as they are judged, and what waivers come to."""

    known: tuple[Known, ...]
    events: tuple[Event, ...]
    open: tuple[Standing, ...]
    waivers: WaiverReview | Unobserved


def read_standings(run: Round, since: datetime, until: datetime, kinds: Collection[Kind] = tuple(Kind)) -> Standings:
    """The findings that were open at `until`; those found or reopened from `since` on are new. Raises HistoryError.

    A waivers file that cannot be used waives nothing.
    """
    settings = run.settings
    known = read_findings(run.history, run.key.service)
    events = read_events(run.history, run.key.service, _BEGINNING, until + timedelta(microseconds=1))
    day = until.astimezone(settings.zone).date()
    waivers = seen_now(lambda: applied(known, read_waivers(settings.waivers), day))
    waived = frozenset[str]()
    if isinstance(waivers, WaiverReview):
        waived = frozenset(one.known.fingerprint for one in waivers.findings if one.waiver is not None)
    opened, new = open_at(events, until), _new(events, since)
    standing = tuple(
        Standing(one, one.fingerprint in waived, one.fingerprint in new)
        for one in known
        if one.fingerprint in opened and one.finding.kind in kinds
    )
    return Standings(known, events, standing, waivers)


def _new(events: Sequence[Event], since: datetime) -> frozenset[str]:
    return frozenset(event.fingerprint for event in events if event.at >= since and event.change.opens)
