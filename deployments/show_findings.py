"""Findings on the terminal. What comes from scans and from the waivers file is shown as text, never as markup."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from rich.table import Table
from rich.text import Text

from deployments.screen import Screen
from deployments.terminal import counted
from tasks.outside import external_text
from tasks.security.facts.scans import Event, Known
from tasks.security.findings.states import due_on, finding_state
from tasks.security.findings.waivers import Reviewed, Waiver
from tasks.security.limits import FixWithin

SHORT = 8
_MOST_CHARS = 1000
out = Screen()


@dataclass(frozen=True, slots=True)
class Shown:
    """What the times and days of findings are shown by."""

    fix_within: FixWithin
    zone: ZoneInfo
    now: datetime


def show_findings(findings: Sequence[Reviewed], by: Shown) -> None:
    """A table of findings, the most severe first."""
    title = counted(len(findings), "finding")
    table = Table(title=title, title_justify="left", box=None)
    for name in ("Finding", "State", "Severity", "Due"):
        table.add_column(name, no_wrap=True)
    for name in ("Rule", "Where and what"):
        table.add_column(name, overflow="fold")
    for one in sorted(findings, key=lambda one: (-one.known.finding.rating.rank, one.known.first_seen)):
        known, finding = one.known, one.known.finding
        cells = (
            known.fingerprint[:SHORT],
            finding_state(known, one.waiver, by.now),
            finding.rating,
            f"{due_on(known, by.fix_within, by.zone)}" if known.is_open else "-",
            finding.rule,
            f"{place(known)}: {finding.title}",
        )
        table.add_row(*(Text(external_text(cell)) for cell in cells))
    out.print(table)


def show_finding(one: Reviewed, events: Iterable[Event], by: Shown) -> None:
    """Everything known about one finding."""
    table = Table(show_header=False, box=None)
    for name, value in (*_facts(one.known), *_standing(one, by), *_events(events, by.zone)):
        table.add_row(Text(name, style="bold"), Text(external_text(value, _MOST_CHARS)))
    out.print(table)


def place(known: Known) -> str:
    """Where a finding is: file and line, or package and version."""
    finding = known.finding
    if finding.package:
        return f"{finding.package} {finding.version} ({finding.path})"
    return finding.path if finding.line is None else f"{finding.path}:{finding.line}"


def what_fixes(known: Known) -> str:
    """What fixes a finding, as far as its advisory or its kind tells."""
    finding = known.finding
    if not finding.package:
        return "correct the code; it is fixed when a complete scan no longer finds it"
    return f"{finding.package} {' or '.join(finding.fixed_in)}" if finding.fixed_in else "no fix is published"


def _facts(known: Known) -> tuple[tuple[str, str], ...]:
    finding = known.finding
    return (
        ("Fingerprint", known.fingerprint),
        ("Found by", f"{known.scanner} in {known.target}"),
        ("Rule", finding.rule),
        ("Title", finding.title),
        ("Severity", f"{finding.rating}, confidence {finding.confidence}"),
        ("Place", place(known)),
        ("Also known as", ", ".join(finding.aliases) or "-"),
        ("Fixed by", what_fixes(known)),
    )


def _standing(one: Reviewed, by: Shown) -> tuple[tuple[str, str], ...]:
    known = one.known
    again = f"; reopened {known.reopened} times" if known.reopened else ""
    return (
        ("State", f"{finding_state(known, one.waiver, by.now)}{again}"),
        ("First seen", _when(known.first_seen, by.zone)),
        ("Last seen", _when(known.last_seen, by.zone)),
        ("Due", f"{due_on(known, by.fix_within, by.zone)}" if known.is_open else "-"),
        ("Waiver", "-" if one.waiver is None else _waiver(one.waiver)),
    )


def _waiver(waiver: Waiver) -> str:
    note = f": {waiver.note}" if waiver.note else ""
    return f"{waiver.scope}, {waiver.reason}, {waiver.owner}, until {waiver.expires}{note}"


def _events(events: Iterable[Event], zone: ZoneInfo) -> Iterable[tuple[str, str]]:
    for event in events:
        yield "Event", f"{_when(event.at, zone)} {event.change} {event.detail}".strip()


def _when(at: datetime, zone: ZoneInfo) -> str:
    return f"{at.astimezone(zone):%Y-%m-%d %H:%M} {zone.key}"
