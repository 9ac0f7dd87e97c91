"""What can happen to an incident, and what follows from it beside the incident itself."""

from dataclasses import dataclass
from datetime import date, datetime

from tasks.check_result import Severity
from tasks.errors import UsageError
from tasks.incidents.facts import ActionKind, EntryKind, Incident, TimelineEntry


class IncidentRefused(UsageError):
    """Something cannot happen to the incident; the text says in which state it is and what can be done."""


class NoSuchIncident(UsageError):
    """No incident of the service has the number."""


@dataclass(frozen=True, slots=True)
class Acknowledge:
    """Somebody takes care of it."""

    text: str = ""


@dataclass(frozen=True, slots=True)
class Note:
    """Something to remember; alerts and their actions leave notes of their own kind.

    `down_since`: an alert says that the whole service has been down since then.
    """

    text: str
    kind: EntryKind = EntryKind.NOTE
    down_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Assess:
    """Scope and severity as far as they are known; what is None stays as it is."""

    text: str
    severity: Severity | None = None
    impact_at: datetime | None = None
    down: bool | None = None


@dataclass(frozen=True, slots=True)
class Respond:
    """Work on a fix goes on, again when a fix did not help."""

    text: str


@dataclass(frozen=True, slots=True)
class Mitigate:
    """A temporary fix, which forces an action item for the permanent one; `at` None: now."""

    text: str
    owner: str
    due: date | None
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Mend:
    """A permanent fix; `at` None: now."""

    text: str
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Verify:
    """The fix is being watched."""

    text: str


@dataclass(frozen=True, slots=True)
class Resolve:
    """The fix was verified, as `text` says; `at` None: now."""

    text: str
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Review:
    """The retrospective, or a part of it: what is empty stays as it is."""

    cause: str = ""
    went_well: str = ""
    went_badly: str = ""
    lucky: str = ""
    no_actions_reason: str = ""


@dataclass(frozen=True, slots=True)
class Close:
    """The report is complete, and what remains to be done has owners and due dates."""


@dataclass(frozen=True, slots=True)
class Reopen:
    """It came back; `at` None: now. `down` False: an incident that was down is not down again by that."""

    text: str
    at: datetime | None = None
    down: bool = True


@dataclass(frozen=True, slots=True)
class Merge:
    """It is a part of another incident."""

    into: int
    text: str = ""


@dataclass(frozen=True, slots=True)
class Dismiss:
    """Nothing was wrong."""

    text: str


@dataclass(frozen=True, slots=True)
class AddAction:
    """Something remains to be done."""

    text: str
    owner: str
    due: date | None
    kind: ActionKind = ActionKind.PREVENTION


@dataclass(frozen=True, slots=True)
class FinishAction:
    """An action item is done."""

    action: int
    text: str = ""


Event = (
    Acknowledge
    | Note
    | Assess
    | Respond
    | Mitigate
    | Mend
    | Verify
    | Resolve
    | Review
    | Close
    | Reopen
    | Merge
    | Dismiss
    | AddAction
    | FinishAction
)


@dataclass(frozen=True, slots=True)
class OutageStarts:
    """The module, or with None the whole service, is down from then on."""

    at: datetime
    module: str | None


@dataclass(frozen=True, slots=True)
class OutageMoves:
    """The first outage began at another time than was known."""

    at: datetime


@dataclass(frozen=True, slots=True)
class OutageEnds:
    """It works again from then on."""

    at: datetime


@dataclass(frozen=True, slots=True)
class OutagesRemoved:
    """There was no outage."""


@dataclass(frozen=True, slots=True)
class OutagesRehung:
    """The outages and action items belong to another incident."""

    into: int


@dataclass(frozen=True, slots=True)
class ActionNeeded:
    """An action item to add."""

    text: str
    owner: str
    due: date
    kind: ActionKind


@dataclass(frozen=True, slots=True)
class ActionFinished:
    """An action item that is done."""

    action: int
    at: datetime


@dataclass(frozen=True, slots=True)
class FollowedBy:
    """It came back too late to be the same incident: a new one, which names this one, and is down or not."""

    at: datetime
    text: str
    down: bool


Effect = (
    OutageStarts
    | OutageMoves
    | OutageEnds
    | OutagesRemoved
    | OutagesRehung
    | ActionNeeded
    | ActionFinished
    | FollowedBy
)


@dataclass(frozen=True, slots=True)
class Change:
    """An incident after an event, the lines of its timeline, and what else follows."""

    incident: Incident
    entries: tuple[TimelineEntry, ...]
    effects: tuple[Effect, ...] = ()
