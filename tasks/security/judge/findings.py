"""Open findings against the gate, and how long they have been open."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from tasks.check_result import (
    CheckResult,
    Evidence,
    Limit,
    Message,
    Quantity,
    Scalar,
    Status,
    Table,
    moment,
    msg,
)
from tasks.observation import printable
from tasks.personal import mask
from tasks.security.checks import CODE, DEPENDENCIES, OVERDUE, SECRETS
from tasks.security.facts.scans import Completeness, Finding, Kind, Known, Rating, Scan
from tasks.security.limits import FixWithin, Gate, SecurityLimits

CHECK_OF = {Kind.CODE: CODE, Kind.DEPENDENCY: DEPENDENCIES, Kind.SECRET: SECRETS}
SUBJECT = "source"
SHORT = 8
"""Characters of a fingerprint that are shown; commands take them."""
_MOST_ROWS = 50
_MOST_CHARS = 200
_GATE_SOURCE = msg("[security.limits.gate]")
_TIME_SOURCE = msg("[security.limits.fix_within]")


@dataclass(frozen=True, slots=True)
class Standing:
    """An open finding as it is judged: `waived` pauses its alerts, not its age; `is_new` since the round before."""

    known: Known
    waived: bool
    is_new: bool

    @property
    def finding(self) -> Finding:
        """What the scanner found."""
        return self.known.finding

    @property
    def state(self) -> Message:
        """Its state in a word."""
        if self.waived:
            return msg("waived")
        if self.is_new:
            return msg("reopened") if self.known.reopened else msg("new")
        return msg("open")

    def due(self, within: FixWithin) -> datetime:
        """By when it is to be fixed."""
        return self.known.first_seen + timedelta(days=within.days(self.finding.rating))


def judge_kind(
    kind: Kind, standing: Sequence[Standing], scans: Sequence[Scan], limits: SecurityLimits, now: datetime
) -> CheckResult:
    """Whether an open finding of a kind reaches the gate; without one, UNKNOWN unless every target was scanned."""
    mine = [one for one in standing if one.finding.kind is kind]
    stopping = over_gate(mine, limits.gate)
    evidence = findings_tables(mine, limits)
    unscanned = _not_scanned([scan for scan in scans if scan.target.kind is kind])
    if unscanned is not None and not stopping:
        return CHECK_OF[kind].judged(Status.UNKNOWN, SUBJECT, unscanned, at=now, evidence=evidence)
    return CHECK_OF[kind].judged(
        Status.FAIL if stopping else Status.PASS,
        SUBJECT,
        gate_reason(mine, stopping),
        at=now,
        observed=Quantity(len(stopping)),
        limit=Limit("≤", 0, "", _GATE_SOURCE),
        evidence=evidence,
    )


def _not_scanned(scans: Sequence[Scan]) -> Message | None:
    """Why no finding is no good news; None when every target was scanned completely."""
    if not scans:
        return msg("Nothing was scanned")
    return next((scan.reason for scan in scans if scan.completeness is not Completeness.COMPLETE), None)


def over_gate(standing: Iterable[Standing], gate: Gate) -> list[Standing]:
    """Those that fail the check: at or above the gate, and without a waiver."""
    return [
        one
        for one in standing
        if not one.waived
        and gate.stops(one.finding.rating, one.finding.confidence)
        and (one.is_new or not gate.new_only)
    ]


def gate_reason(standing: Sequence[Standing], stopping: Sequence[Standing]) -> Message:
    """How many reach the gate, and the worst of them by name."""
    waived = sum(one.waived for one in standing)
    if not stopping:
        below = len(standing) - waived
        return msg("None at or above the gate; below it: {below}, waived: {waived}", below=below, waived=waived)
    worst = max(stopping, key=_urgency)
    return msg(
        "At or above the gate: {number}, such as {title} ({place})",
        number=len(stopping),
        title=worst.finding.title,
        place=place_of(worst.finding),
    )


def judge_overdue(
    standing: Sequence[Standing], blind: Message | None, limits: SecurityLimits, now: datetime
) -> CheckResult:
    """Whether an open finding without a waiver is older than its severity allows; `blind` says what was not scanned.

    What the scanner is less sure of than the gate asks for has no time limit.
    """
    within, sure = limits.fix_within, limits.gate.confidence.rank
    counted = [one for one in standing if not one.waived and one.finding.confidence.rank >= sure]
    overdue = [one for one in counted if one.due(within) < now]
    if blind is not None and not overdue:
        return OVERDUE.judged(Status.UNKNOWN, SUBJECT, blind, at=now)
    reason = msg("Open findings: {number}, none of them overdue", number=len(standing))
    evidence: tuple[Evidence, ...] = ()
    if overdue:
        oldest = min(overdue, key=lambda one: one.due(within))
        reason = msg(
            "Overdue: {number}, such as {title}, due {due}",
            number=len(overdue),
            title=oldest.finding.title,
            due=moment(oldest.due(within)),
        )
        evidence = (findings_table(msg("Overdue"), sorted(overdue, key=lambda one: one.due(within)), within),)
    return OVERDUE.judged(
        Status.FAIL if overdue else Status.PASS,
        SUBJECT,
        reason,
        at=now,
        observed=Quantity(len(overdue)),
        limit=Limit("≤", 0, "", _TIME_SOURCE),
        evidence=evidence,
    )


def findings_tables(standing: Sequence[Standing], limits: SecurityLimits) -> tuple[Evidence, ...]:
    """What reaches the gate, what is below it, what is waived; the worst first."""
    stopping = over_gate(standing, limits.gate)
    waived = [one for one in standing if one.waived]
    below = [one for one in standing if not one.waived and one not in stopping]
    groups = ((msg("At or above the gate"), stopping), (msg("Below the gate"), below), (msg("Waived"), waived))
    return tuple(
        findings_table(title, sorted(group, key=_urgency, reverse=True), limits.fix_within)
        for title, group in groups
        if group
    )


def findings_table(title: Message, standing: Sequence[Standing], within: FixWithin) -> Table:
    """Findings as rows; of more than 50 the last row says how many there are."""
    rows = [_row(one, within) for one in standing[:_MOST_ROWS]]
    if more := len(standing) - len(rows):
        rest = msg("{number} more: see `rounds findings list`", number=more)
        rows.append((rest, "", "", "", "", "…"))
    return Table(title, _COLUMNS, tuple(rows))


def rating_word(rating: Rating) -> Message:
    """A severity as a cell."""
    return _RATINGS[rating]


def place_of(finding: Finding) -> str:
    """Where it is: file and line, or package and version."""
    if finding.kind is Kind.DEPENDENCY:
        return shown(f"{finding.package} {finding.version}")
    return shown(finding.path if finding.line is None else f"{finding.path}:{finding.line}")


def shown(text: str) -> str:
    """A name from outside without personal data and control characters; secrets go when the report is stored."""
    return printable(mask(text), _MOST_CHARS)


_COLUMNS = (
    msg("What"),
    msg("Where"),
    msg("Severity rating"),
    msg("State"),
    msg("Due"),
    msg("Fingerprint"),
)
_RATINGS = {
    Rating.LOW: msg("low"),
    Rating.MEDIUM: msg("medium"),
    Rating.HIGH: msg("high"),
    Rating.CRITICAL: msg("critical"),
    Rating.UNKNOWN: msg("unknown"),
}


def _row(one: Standing, within: FixWithin) -> tuple[Scalar | Message, ...]:
    finding = one.finding
    return (
        finding.title if finding.kind is Kind.SECRET else f"{finding.rule}: {finding.title}",
        _place(finding),
        _RATINGS[finding.rating],
        one.state,
        moment(one.due(within)),
        one.known.fingerprint[:SHORT],
    )


def _place(finding: Finding) -> str | Message:
    """Where it is, and for a package what fixes it."""
    if not finding.fixed_in:
        return place_of(finding)
    return msg("{place}, fixed in {versions}", place=place_of(finding), versions=", ".join(finding.fixed_in))


def _urgency(one: Standing) -> tuple[int, int, str]:
    return one.finding.rating.rank, one.finding.confidence.rank, one.known.fingerprint
