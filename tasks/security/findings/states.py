"""How a finding stands on a day: its state, and the day by which it must be fixed. Pure."""

from datetime import date, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from tasks.security.facts.scans import Known
from tasks.security.findings.waivers import Waiver
from tasks.security.limits import FixWithin

NEW_FOR = timedelta(days=7)


class FindingState(StrEnum):
    """NEW is one of the last week; WAIVED stands before NEW, REOPENED and OPEN."""

    NEW = "new"
    OPEN = "open"
    REOPENED = "reopened"
    WAIVED = "waived"
    FIXED = "fixed"


def finding_state(known: Known, waiver: Waiver | None, now: datetime) -> FindingState:
    """The state of a finding, with the waiver that holds for it."""
    if not known.is_open:
        return FindingState.FIXED
    if waiver is not None:
        return FindingState.WAIVED
    if known.reopened:
        return FindingState.REOPENED
    return FindingState.NEW if now - known.first_seen < NEW_FOR else FindingState.OPEN


def due_on(known: Known, limits: FixWithin, zone: ZoneInfo) -> date:
    """The last day on which the finding may be open; a reopened one keeps its first day, a waiver changes nothing."""
    return (known.first_seen + timedelta(days=limits.days(known.finding.rating))).astimezone(zone).date()
