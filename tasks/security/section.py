"""Security scan: are code, packages and secrets scanned whole, and is the running system set up as it should be?"""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Final, Literal

from tasks.check_result import Check, CheckResult, Message, msg
from tasks.observation import Absent
from tasks.round import Round, System
from tasks.samples.facts import Reading
from tasks.samples.store.minutes import store_readings
from tasks.section import Kpi, Section, nothing_seen
from tasks.security.audit.look import judge_audit_now
from tasks.security.checks import (
    AUDIT_CHECKS,
    CODE,
    DATABASE_CHECKS,
    DEPENDENCIES,
    FEED,
    LINE,
    OVERDUE,
    SCAN,
    SECRETS,
    SUPPRESSIONS,
    SURFACE_CHECKS,
    WAIVERS,
)
from tasks.security.facts.scans import Completeness, Kind, Scan
from tasks.security.judge.findings import judge_kind, judge_overdue, over_gate
from tasks.security.judge.scans import judge_feeds, judge_scans, judge_suppressions
from tasks.security.judge.waivers import judge_waivers
from tasks.security.rights.look import judge_rights_now
from tasks.security.scan import scan_source
from tasks.security.settings import Security
from tasks.security.standings import Standings, read_standings
from tasks.security.store.scans import read_complete, read_suppressed
from tasks.security.surface.look import judge_surface_now
from tasks.settings import Settings

Part = Literal["all", "code", "dependencies", "service"]
SCORE, SCORED = "security.score", "service"
"""The series of the grade's points, one a scan, and its subject."""

_KINDS: dict[Part, tuple[Kind, ...]] = {
    "all": tuple(Kind),
    "code": (Kind.CODE, Kind.SECRET),
    "dependencies": (Kind.DEPENDENCY,),
    "service": (),
}
_OF_KINDS: dict[Part, tuple[Check, ...]] = {
    "all": (SCAN, FEED, CODE, DEPENDENCIES, SECRETS, OVERDUE, WAIVERS, SUPPRESSIONS),
    "code": (SCAN, CODE, SECRETS, OVERDUE, WAIVERS, SUPPRESSIONS),
    "dependencies": (SCAN, FEED, DEPENDENCIES, OVERDUE, WAIVERS),
    "service": (),
}
_SERVICE = (*SURFACE_CHECKS, *DATABASE_CHECKS, *AUDIT_CHECKS)
_LOOKS_AT_SERVICE = ("all", "service")


async def scan_security(run: Round, part: Part = "all", rescan: bool = False) -> Section:
    """Scan the source tree and look at the running system, or at one part of them."""
    if run.past is not None:
        return nothing_seen(_checks(part), run.past, run.now())
    source = await _scan_source(run, part, rescan)
    service = await _look_at_service(run) if part in _LOOKS_AT_SERVICE else Section(())
    return Section((*source.results, *service.results), (*source.kpis, *service.kpis), _notes(part))


async def _scan_source(run: Round, part: Part, rescan: bool) -> Section:
    checks, source = _OF_KINDS[part], run.settings.source
    if not checks:
        return Section(())
    if source is None:
        return nothing_seen(checks, Absent(msg("[source] is not set, so nothing is scanned")), run.now(), "source")
    at = run.now()
    scans = await scan_source(run, source, _KINDS[part], rescan=rescan, at=at)
    standings = await asyncio.to_thread(read_standings, run, at, at, _KINDS[part])
    results = await asyncio.to_thread(_judged, run, part, scans, standings, at)
    return Section(tuple(results), _headlines(run, scans, standings))


def _judged(run: Round, part: Part, scans: Sequence[Scan], standings: Standings, at: datetime) -> list[CheckResult]:
    now, limits = run.now(), (run.settings.security or Security()).limits
    history, service = run.history, run.key.service
    complete = {scan.target.subject: scan.as_of for scan in read_complete(history, service, at)}
    before = read_suppressed(history, service, at)
    results = judge_scans(scans, complete, now)
    if Kind.DEPENDENCY in _KINDS[part]:
        results += judge_feeds(scans, limits, now)
    results += [judge_kind(kind, standings.open, scans, limits, now) for kind in _KINDS[part]]
    never = next((scan.reason for scan in scans if scan.target.subject not in complete), None)
    results.append(judge_overdue(standings.open, never, limits, now))
    results.append(judge_waivers(standings.waivers, limits, now))
    return results + judge_suppressions(scans, before, now)


async def _look_at_service(run: Round) -> Section:
    surface, rights, audit = await asyncio.gather(judge_surface_now(run), judge_rights_now(run), judge_audit_now(run))
    now = run.now()
    if surface.score is not None:
        reading = Reading(SCORE, SCORED, float(surface.score), "")
        await asyncio.to_thread(store_readings, run.history, run.key.service, [(now, reading)])
    score = None if surface.score is None else float(surface.score)
    kpi = Kpi("security.score", msg("Score of the security headers"), score, "/ 100")
    return Section((*surface.results, *rights, *audit), (kpi,))


def _headlines(run: Round, scans: Sequence[Scan], standings: Standings) -> tuple[Kpi, ...]:
    """Open findings; unknown unless everything was scanned."""
    whole = bool(scans) and all(scan.completeness is Completeness.COMPLETE for scan in scans)
    gate = (run.settings.security or Security()).limits.gate
    stopping = float(len(over_gate(standings.open, gate))) if whole else None
    everything = float(len(standings.open)) if whole else None
    return (
        Kpi("security.gate", msg("Findings that reach the gate"), stopping, ""),
        Kpi("security.open", msg("Open findings"), everything, ""),
    )


def _notes(part: Part) -> tuple[Message, ...]:
    return () if part == "all" else (msg("Only a part was scanned: {part}. The rest was not checked", part=part),)


def _checks(part: Part) -> tuple[Check, ...]:
    return (*_OF_KINDS[part], *(_SERVICE if part in _LOOKS_AT_SERVICE else ()))


def not_configured(settings: Settings) -> Absent | None:
    """Why there is nothing to scan or review."""
    if settings.source is None and settings.security is None:
        return Absent(msg("Neither [source] nor [security] is set"))
    return None


def security(part: Part = "all", *, rescan: bool = False) -> System:
    """The section as a person may narrow it: to one part, or to scan what has not changed as well."""
    return System(LINE, _checks(part), partial(scan_security, part=part, rescan=rescan), not_configured)


SECURITY_SCAN: Final = security()
