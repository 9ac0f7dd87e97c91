"""What is on record of deploys, outages and maintenance windows."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

LARGEST_NUMBER: Final = 2**31 - 1
"""Of what the history numbers: PostgreSQL's `integer` holds no larger one."""


class DeployOutcome(StrEnum):
    """How a deploy ended."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    ROLLED_BACK = "rolled-back"


class Origin(StrEnum):
    """How a deploy is known: somebody recorded it, its version appeared, or its version was the first one seen."""

    RECORDED = "recorded"
    INFERRED = "inferred"
    FIRST_SEEN = "first-seen"


@dataclass(frozen=True, slots=True)
class Deploy:
    """A deploy; one that was only seen to be there when watching began (FIRST_SEEN) counts as none."""

    version: str
    environment: str
    started_at: datetime
    ended_at: datetime | None
    outcome: DeployOutcome
    origin: Origin
    commit_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Outage:
    """A time in which the service, or one module of it, did not work; `ended_at` None: ongoing.

    `own_incident` is the number of the incident here that it belongs to, `incident_id` that of another system.
    """

    started_at: datetime
    ended_at: datetime | None
    module: str | None
    cause: str
    incident_id: int | None = None
    own_incident: int | None = None


@dataclass(frozen=True, slots=True)
class Maintenance:
    """A maintenance window of the service or one module; registered after its start it is late, with a reason."""

    starts_at: datetime
    ends_at: datetime
    module: str | None
    reason: str
    declared_at: datetime
    declared_by: str
    late_reason: str = ""

    @property
    def late(self) -> bool:
        """True when it was registered after its start."""
        return self.declared_at > self.starts_at
