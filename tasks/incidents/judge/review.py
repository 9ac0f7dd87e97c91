"""What a month's review looks at: its incidents, and how certain it is that there were no others. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from tasks.check_result import Message, moment, msg
from tasks.incidents.facts import Incident, IncidentRecord, State
from tasks.observation import Absent
from tasks.periods import Period
from tasks.records.facts import Outage
from tasks.slo.budget.state import Known, ObjectiveState

MOST_ROWS = 30
SUBJECT = "service"
_FRIDAY = 4


@dataclass(frozen=True, slots=True, eq=False)
class Reviewed:
    """What is known of a period: `records` are its incidents and those before it that matter, `outages` all of it.

    `as_of` is up to when the period is known, `known_at` up to when action items and retrospectives count.
    """

    period: Period
    zone: ZoneInfo
    as_of: datetime
    known_at: datetime
    now: datetime
    records: Sequence[IncidentRecord]
    outages: Sequence[Outage]
    uptime: Known

    @property
    def counted(self) -> list[IncidentRecord]:
        """Every incident but false positives and those that are a part of another."""
        return [record for record in self.records if record.incident.state.counts]

    @property
    def so_far(self) -> list[IncidentRecord]:
        """Those that were detected in the period or before it: a later one does not count."""
        return [record for record in self.counted if record.incident.detected_at < self.as_of]

    @property
    def detected(self) -> list[IncidentRecord]:
        """The incidents that were detected in the period."""
        return [record for record in self.so_far if self.period.start <= record.incident.detected_at]

    @property
    def known(self) -> list[IncidentRecord]:
        """Those, and the ones of before that still go on at its end."""
        return [
            r for r in self.so_far if r.incident.detected_at >= self.period.start or _goes_on(r.incident, self.as_of)
        ]

    @property
    def certain(self) -> bool:
        """True when enough uptime was measured to say that nothing else happened."""
        return isinstance(self.uptime, ObjectiveState) and self.uptime.sure


def _goes_on(incident: Incident, at: datetime) -> bool:
    return incident.resolved_at is None or incident.resolved_at >= at


def nothing_known(reviewed: Reviewed) -> Message | None:
    """Why what is on record may not be all: too little was measured to rule others out; None where it is all."""
    if reviewed.certain:
        return None
    if reviewed.known:
        # Without an objective for uptime, what people and alerts have recorded is what there is.
        if isinstance(reviewed.uptime, Absent):
            return None
        return msg("Incidents on record: {n}; too little uptime was measured to rule out others", n=len(reviewed.known))
    return msg("No incident was detected in the period, but too little uptime was measured to rule one out")


def review_due(resolved_at: datetime, business_days: int, zone: ZoneInfo) -> date:
    """The last day on which a retrospective is in time; Saturdays and Sundays of the zone do not count."""
    day, left = resolved_at.astimezone(zone).date(), business_days
    while left:
        day += timedelta(days=1)
        left -= day.weekday() <= _FRIDAY
    return day


def working_days(start: datetime, end: datetime, zone: ZoneInfo) -> int:
    """The days after the one of `start` up to that of `end`, without Saturdays and Sundays of the zone."""
    first = start.astimezone(zone).date()
    days = (end.astimezone(zone).date() - first).days
    return sum((first + timedelta(days=n)).weekday() <= _FRIDAY for n in range(1, days + 1))


def named(incident: Incident) -> str:
    """An incident as tables name it."""
    return f"{incident.id} {incident.title}"


def place(module: str | None) -> str | Message:
    """Where it was, in a cell of a table."""
    return module or msg("the whole service")


def state_word(state: State) -> Message:
    """A state in words."""
    return STATES[state]


STATES = {
    State.DETECTED: msg("detected"),
    State.ASSESSING: msg("assessing"),
    State.RESPONDING: msg("responding"),
    State.MITIGATED: msg("mitigated"),
    State.FIXED: msg("fixed"),
    State.VERIFYING: msg("verifying"),
    State.RESOLVED: msg("resolved"),
    State.REVIEWING: msg("in review"),
    State.CLOSED: msg("closed"),
    State.REOPENED: msg("reopened"),
    State.MERGED: msg("merged"),
    State.FALSE_POSITIVE: msg("false positive"),
}


def when(at: datetime | None) -> str | Message:
    """A time in a cell, or that there is none yet."""
    return msg("not yet") if at is None else moment(at)
