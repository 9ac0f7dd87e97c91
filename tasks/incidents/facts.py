"""An incident, its timeline and its action items."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Literal

from tasks.check_result import Severity
from tasks.records.facts import Outage


class State(StrEnum):
    """Where an incident stands."""

    DETECTED = "detected"
    ASSESSING = "assessing"
    RESPONDING = "responding"
    MITIGATED = "mitigated"
    FIXED = "fixed"
    VERIFYING = "verifying"
    RESOLVED = "resolved"
    REVIEWING = "reviewing"
    CLOSED = "closed"
    REOPENED = "reopened"
    MERGED = "merged"
    FALSE_POSITIVE = "false-positive"

    @property
    def hurts(self) -> bool:
        """True while it is not resolved."""
        return self in HURTING

    @property
    def counts(self) -> bool:
        """False for what turned out to be no incident of its own."""
        return self not in (State.MERGED, State.FALSE_POSITIVE)


HURTING = (
    State.DETECTED,
    State.ASSESSING,
    State.RESPONDING,
    State.MITIGATED,
    State.FIXED,
    State.VERIFYING,
    State.REOPENED,
)
"""An incident that is not resolved, in the order of its states."""


class Fix(StrEnum):
    """How the impact was ended."""

    TEMPORARY = "temporary"
    PERMANENT = "permanent"


class ActionKind(StrEnum):
    """What an action item is for."""

    PERMANENT_FIX = "permanent-fix"
    PREVENTION = "prevention"
    OTHER = "other"


class EntryKind(StrEnum):
    """What a line of the timeline is about."""

    OPENED = "opened"
    ACKNOWLEDGED = "acknowledged"
    NOTE = "note"
    ASSESSMENT = "assessment"
    RESPONSE = "response"
    MITIGATED = "mitigated"
    FIXED = "fixed"
    VERIFICATION = "verification"
    RESOLVED = "resolved"
    REVIEW = "review"
    CLOSED = "closed"
    REOPENED = "reopened"
    MERGED = "merged"
    FALSE_POSITIVE = "false-positive"
    ACTION_ADDED = "action-added"
    ACTION_DONE = "action-done"
    ALERT = "alert"
    ACTION_RUN = "action-run"


@dataclass(frozen=True, slots=True)
class Incident:
    """An incident; `id` is the number that people use. Times are UTC, to the second.

    `impact_at` is when it began to hurt, before it was detected or then. `down`: the service or module did not work at
    all, so that its time counts as an outage. `follows` is the incident that came back more than a day after it was
    resolved.
    """

    id: int
    title: str
    module: str | None
    severity: Severity
    state: State
    detected_at: datetime
    impact_at: datetime
    opened_by: str
    down: bool = False
    acknowledged_at: datetime | None = None
    acknowledged_by: str = ""
    mitigated_at: datetime | None = None
    fix: Fix | None = None
    resolved_at: datetime | None = None
    reviewed_at: datetime | None = None
    closed_at: datetime | None = None
    cause: str = ""
    went_well: str = ""
    went_badly: str = ""
    lucky: str = ""
    no_actions_reason: str = ""
    merged_into: int | None = None
    follows: int | None = None

    @property
    def false_positive(self) -> bool:
        """True when nothing was wrong."""
        return self.state is State.FALSE_POSITIVE

    @property
    def reported(self) -> bool:
        """True when the retrospective says what a report has to say."""
        return bool(self.cause and self.went_well and self.went_badly)

    @property
    def name(self) -> str:
        """As people call it."""
        return f"incident {self.id}"


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """Something that happened at `at`, and when it was recorded."""

    at: datetime
    recorded_at: datetime
    by: str
    kind: EntryKind
    text: str

    @property
    def clock_was_back(self) -> bool:
        """True when it was recorded by a clock that was behind: its time is that of what came before."""
        return self.recorded_at < self.at


@dataclass(frozen=True, slots=True)
class ActionItem:
    """Something that remains to be done; `id` is the number that people use."""

    id: int
    text: str
    owner: str
    due: date
    kind: ActionKind
    done_at: datetime | None = None

    def is_overdue(self, today: date) -> bool:
        """True after its due date, while it is not done."""
        return self.done_at is None and self.due < today


@dataclass(frozen=True, slots=True)
class IncidentRecord:
    """An incident with all that is on record of it: timeline, action items and outages, oldest first."""

    incident: Incident
    timeline: tuple[TimelineEntry, ...]
    actions: tuple[ActionItem, ...]
    outages: tuple[Outage, ...]


@dataclass(frozen=True, slots=True)
class Affected:
    """Samples that an incident is about: a name such as `disk.used`, and a pattern of subjects; `limit` is drawn."""

    sample: str
    subject: str = "*"
    limit: float | None = None
    worse: Literal["over", "under"] = "over"


@dataclass(frozen=True, slots=True)
class Impact:
    """What an incident did to uptime: bad minutes, of a month's budget in minutes; None where it is not known.

    Of `unmeasured_min` of its minutes nothing is known.
    """

    down_min: int | None
    budget_min: float | None
    unmeasured_min: int = 0
