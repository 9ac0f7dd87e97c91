"""What raises an alert, the episode from its first bad sample to its end, and what people are told of it."""

import hashlib
import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from tasks.check_result import Limit, Message, Quantity, Severity


@dataclass(frozen=True, slots=True)
class Condition:
    """What an alert is about: never its value, its level or its time."""

    source: str
    """Who watches: `monitoring`, `slo`, `prometheus`, `checklist`, `configuration`."""

    check: str
    subject: str
    labels: tuple[tuple[str, str], ...] = ()

    @property
    def key(self) -> str:
        """The same for the same condition, in any order of its labels."""
        parts = [self.source, self.check, self.subject, sorted(self.labels)]
        return hashlib.sha256(json.dumps(parts, ensure_ascii=False).encode()).hexdigest()


class Said(StrEnum):
    """What samples say of a condition."""

    PENDING = "pending"
    """Bad, but not in enough samples."""

    BAD = "bad"
    BETWEEN = "between"
    """No longer bad, not yet recovered."""

    RECOVERING = "recovering"
    """Good, but not in enough samples."""

    GOOD = "good"
    NO_DATA = "no-data"
    GONE = "gone"
    """Nobody watches it any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """What is known of a condition now.

    `at` is its newest sample, `since` the first bad one that is known of, `bad_at` the last (None: as `at`).
    """

    condition: Condition
    said: Said
    at: datetime
    title: Message
    reason: Message
    level: Severity | None = None
    since: datetime | None = None
    bad_at: datetime | None = None
    observed: Quantity | None = None
    limit: Limit | None = None
    action: str | None = None

    @property
    def last_bad(self) -> datetime:
        """When it was bad the last time, of one that is bad."""
        return self.bad_at or self.at


class Phase(StrEnum):
    """Where an episode is."""

    PENDING = "pending"
    FIRING = "firing"
    ACKNOWLEDGED = "acknowledged"
    RECOVERING = "recovering"
    RESOLVED = "resolved"


class Told(StrEnum):
    """What a message says."""

    FIRING = "firing"
    RAISED = "raised"
    ESCALATED = "escalated"
    REPEATED = "repeated"
    EXPIRED = "acknowledgement-expired"
    ACKNOWLEDGED = "acknowledged"
    FLAPPING = "flapping"
    RESOLVED = "resolved"


@dataclass(frozen=True, slots=True)
class Policy:
    """How an episode is escalated; frozen when it begins. None: not at all."""

    escalate_after: timedelta | None
    repeat: timedelta | None
    acknowledged_for: timedelta
    reopen_within: timedelta = timedelta(minutes=10)
    flapping_after: int = 3
    """So often reopened, it flaps."""

    quiet: timedelta = timedelta(minutes=30)
    """One that flaps ends after so long without a bad sample."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Episode:
    """A condition from its first bad sample to its end; `id` 0 is not stored yet.

    `told_level` 0 is told to nobody. Instants are UTC.
    """

    condition: Condition
    policy: Policy
    title: Message
    reason: Message
    level: Severity
    phase: Phase
    since: datetime
    updated_at: datetime
    id: int = 0
    last_bad_at: datetime | None = None
    fired_at: datetime | None = None
    acknowledged_at: datetime | None = None
    acknowledged_by: str = ""
    acknowledged_until: datetime | None = None
    resolved_at: datetime | None = None
    count: int = 0
    """Minutes in which it was bad, or times that it fired."""

    reopened: int = 0
    step: int = 0
    """Messages so far."""

    told_level: int = 0
    told_at: datetime | None = None
    end_told: bool = True
    """False: people were told, and not yet that it is over."""

    suppressed: str = ""
    """Why nobody is told, such as a silence; empty: it is not suppressed."""

    flapping: bool = False
    no_data: bool = False
    """Its samples are missing; of one that is over, that it ended because nothing watches it any more."""

    clock: bool = False
    """The clock was set back while it was open."""

    observed: Quantity | None = None
    limit: Limit | None = None
    group: str = ""
    """What one message is about: the root that explains it, else itself."""

    incident: int | None = None
    action: str = ""

    @property
    def open(self) -> bool:
        """True until it is resolved."""
        return self.phase is not Phase.RESOLVED

    @property
    def lasted(self) -> timedelta:
        """From its first bad sample to its end, or to when it was looked at last; never negative."""
        return max((self.resolved_at or self.updated_at) - self.since, timedelta(0))


@dataclass(frozen=True, slots=True)
class Notice:
    """What is to be told of an episode: `level` decides who is told, `step` counts the messages of the episode."""

    told: Told
    level: Severity
    step: int


@dataclass(frozen=True, slots=True)
class Step:
    """What an event makes of an episode; None: there is none."""

    episode: Episode | None
    notices: tuple[Notice, ...] = ()
    remarks: tuple[Message, ...] = field(default=())
    """For the log: what was ignored, and why."""
