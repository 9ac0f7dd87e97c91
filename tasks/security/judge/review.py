"""The weekly review: what is open at its end, what became of findings in the week, and which updates wait. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from tasks.check_result import CheckResult, Curve, Evidence, Limit, Message, Quantity, Status, Table, moment, msg
from tasks.security.checks import ALERTS
from tasks.security.facts.scans import Change, Event, Known
from tasks.security.findings.trend import by_change, open_counts
from tasks.security.judge.findings import (
    SHORT,
    SUBJECT,
    Standing,
    findings_tables,
    gate_reason,
    over_gate,
    place_of,
    rating_word,
)
from tasks.security.limits import SecurityLimits

_MOST_ROWS = 50
_SOURCE = msg("[security.limits.gate]")
_CHANGES = {
    Change.FOUND: msg("new"),
    Change.FIXED: msg("fixed"),
    Change.REOPENED: msg("reopened"),
    Change.MERGED: msg("merged"),
    Change.MOVED: msg("moved"),
}


@dataclass(frozen=True, slots=True)
class Week:
    """What a review is about: the events of the window, and the curves that lead up to its end.

    `days` are instants, rising; `began` is the first scan; `scores` are the grade's points at their times.
    """

    known: Sequence[Known]
    events: Sequence[Event]
    all_events: Sequence[Event]
    days: Sequence[datetime]
    began: datetime | None
    scores: Sequence[tuple[datetime, float]]


def judge_alerts(
    standing: Sequence[Standing], week: Week, scanned: Message | None, limits: SecurityLimits, now: datetime
) -> CheckResult:
    """Whether a finding that reaches the gate is open; without one, UNKNOWN where `scanned` says what was not."""
    stopping = over_gate(standing, limits.gate)
    evidence = (*_changes(week), *findings_tables(standing, limits), *_curves(week))
    if scanned is not None and not stopping:
        return ALERTS.judged(Status.UNKNOWN, SUBJECT, scanned, at=now, evidence=evidence)
    return ALERTS.judged(
        Status.FAIL if stopping else Status.PASS,
        SUBJECT,
        gate_reason(standing, stopping),
        at=now,
        observed=Quantity(len(stopping)),
        limit=Limit("≤", 0, "", _SOURCE),
        evidence=evidence,
    )


def _changes(week: Week) -> tuple[Evidence, ...]:
    changes = by_change(week.events)
    counts = Table(
        msg("Findings of the week"),
        (msg("What happened"), msg("Findings")),
        tuple((_CHANGES[change], len(changes.get(change, ()))) for change in _CHANGES),
    )
    return (counts, *_happened(week)) if week.events else (counts,)


def _happened(week: Week) -> tuple[Evidence, ...]:
    by_name: Mapping[str, Known] = {one.fingerprint: one for one in week.known}
    newest = sorted(week.events, key=lambda event: event.at, reverse=True)[:_MOST_ROWS]
    rows = tuple(
        (
            moment(event.at),
            _CHANGES[event.change],
            event.fingerprint[:SHORT],
            rating_word(by_name[event.fingerprint].finding.rating),
            by_name[event.fingerprint].finding.title,
            event.detail or place_of(by_name[event.fingerprint].finding),
        )
        for event in newest
        if event.fingerprint in by_name
    )
    columns = (msg("When"), msg("What happened"), msg("Fingerprint"), msg("Severity rating"), msg("What"), msg("Where"))
    return (Table(msg("Changes of the week"), columns, rows),)


def _curves(week: Week) -> tuple[Evidence, ...]:
    days = [day for day in week.days if week.began is not None and day >= week.began]
    counts = open_counts(week.all_events, days, week.began)
    curves: list[Evidence] = []
    if len(days) > 1:  # one point is no curve
        curves.append(
            Curve(
                msg("Open findings"),
                msg("Open findings: {number}", number=int(counts[-1] or 0)),
                "",
                tuple(map(moment, days)),
                counts,
            )
        )
    if len(week.scores) > 1:
        curves.append(
            Curve(
                msg("Score of the security headers"),
                msg("The score is {score}", score=week.scores[-1][1]),
                "",
                tuple(moment(at) for at, _ in week.scores),
                tuple(score for _, score in week.scores),
            )
        )
    return tuple(curves)
