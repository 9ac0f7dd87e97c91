"""Security alert review: what became of findings in the week, what waits, and what the logs show."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Final

from tasks.check_result import CheckResult, Message, Status, msg
from tasks.observation import Absent
from tasks.round import Round, System
from tasks.samples.store.hours import read_figures
from tasks.section import Kpi, Section, nothing_seen
from tasks.security.audit.look import judge_audit_week
from tasks.security.checks import (
    ALERTS,
    LINE,
    OVERDUE,
    REVIEW_CHECKS,
    SCANNED,
    SUPPRESSIONS,
    UPDATES,
    WAIVERS,
)
from tasks.security.judge.findings import judge_overdue
from tasks.security.judge.review import Week, judge_alerts
from tasks.security.judge.scans import judge_scanned, judge_suppressions
from tasks.security.judge.updates import judge_updates
from tasks.security.judge.waivers import judge_waivers
from tasks.security.personal import judge_personal_week
from tasks.security.section import SCORE, SCORED, not_configured
from tasks.security.settings import Security
from tasks.security.standings import Standings, read_standings
from tasks.security.store.scans import read_complete, read_first_scan, read_scans, read_suppressed

_OF_SOURCE = (SCANNED, ALERTS, OVERDUE, WAIVERS, SUPPRESSIONS, UPDATES)
_WEEKS = 8


async def review_security(run: Round) -> Section:
    """What the nightly scans have found up to now, or up to the end of a week that is long over."""
    source = await asyncio.to_thread(_review_source, run)
    logs = await asyncio.gather(judge_audit_week(run), judge_personal_week(run))
    return Section((*source.results, *(result for found in logs for result in found)), source.kpis, source.notes)


def _review_source(run: Round) -> Section:
    now = run.now()
    if run.settings.source is None:
        return nothing_seen(_OF_SOURCE, Absent(msg("[source] is not set, so nothing is scanned")), now, "source")
    until = run.known_until(now)
    standings = read_standings(run, run.period.start, until)
    results = _judged(run, standings, until, now)
    alerts = next(result for result in results if result.check == ALERTS.id)
    overdue = next(result for result in results if result.check == OVERDUE.id)
    everything = float(len(standings.open)) if alerts.status.measured else None
    return Section(
        tuple(results),
        (
            Kpi("security.gate", msg("Findings that reach the gate"), _figure(alerts), ""),
            Kpi("security.open", msg("Open findings"), everything, ""),
            Kpi("security.overdue", msg("Overdue findings"), _figure(overdue), ""),
        ),
        _notes(run),
    )


def _notes(run: Round) -> tuple[Message, ...]:
    if run.settings.security is not None and run.settings.security.synthetic:
        return (msg("Synthetic data: security scans of earlier days are generated"),)
    return ()


def _judged(run: Round, standings: Standings, until: datetime, now: datetime) -> list[CheckResult]:
    limits = (run.settings.security or Security()).limits
    history, service = run.history, run.key.service
    newest = read_scans(history, service, until)
    complete = {scan.target.subject: scan.as_of for scan in read_complete(history, service, until)}
    source = run.settings.source.digest if run.settings.source is not None and until == now else ""
    scanned = judge_scanned(complete, newest, source, limits, until, now)
    blind = next((result.reason for result in scanned if result.status is Status.UNKNOWN), None)
    suppressed = judge_suppressions(newest, read_suppressed(history, service, run.period.start), now)
    if blind is not None and not suppressed:
        suppressed = [SUPPRESSIONS.judged(Status.UNKNOWN, "source", blind, at=now)]
    return [
        *scanned,
        judge_alerts(standings.open, _week(run, standings, until), blind, limits, now),
        judge_overdue(standings.open, blind, limits, now),
        judge_waivers(standings.waivers, limits, now),
        *suppressed,
        judge_updates(standings.open, blind, now),
    ]


def _week(run: Round, standings: Standings, until: datetime) -> Week:
    since = run.period.start
    days = [until - timedelta(days=day) for day in reversed(range(_WEEKS * 7 + 1))]
    first, end = (int(at.timestamp()) // 60 for at in (days[0], until + timedelta(minutes=1)))
    samples = read_figures(run.history, run.key.service, SCORE, first, end).get(SCORED, [])
    return Week(
        known=standings.known,
        events=[event for event in standings.events if event.at >= since],
        all_events=standings.events,
        days=days,
        began=read_first_scan(run.history, run.key.service),
        scores=[(datetime.fromtimestamp(of.minute * 60, UTC), of.last) for of in samples],
    )


def _figure(result: CheckResult) -> float | None:
    value = None if result.observed is None else result.observed.value
    return float(value) if isinstance(value, int | float) else None


SECURITY_REVIEW: Final = System(LINE, REVIEW_CHECKS, review_security, not_configured)
