"""What an audit log holds: counts by day and by event, never a line or an actor."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from tasks.check_result import Message


class Deed(StrEnum):
    """What an event is counted as."""

    FAILURE = "failure"
    PRIVILEGE = "privilege"


@dataclass(frozen=True, slots=True)
class EventLines:
    """Lines of a day with one event, as it may be shown."""

    day: date
    deed: Deed
    event: str
    lines: int


@dataclass(frozen=True, slots=True)
class Hole:
    """Whole days, the first and the last of them, that no file reaches over."""

    first: date
    last: date


@dataclass(frozen=True, slots=True)
class AuditLines:
    """The lines of a stretch of whole days in the service's zone, and how far the files reach back.

    `whole_days` are the days of the stretch that are over; `days` has the lines of each day with any. `unread` lines
    are no JSON objects, `undated` ones have no readable time: of which day they are is not known. `with_event` has
    those of each day that have the event's field. `oldest` and `newest` are the times of lines of all files, of which
    `files` hold one. `problems` are files of which lines of the stretch may be missing, `old_problems` others.
    """

    whole_days: tuple[date, ...]
    days: Mapping[date, int]
    events: tuple[EventLines, ...]
    with_event: Mapping[date, int]
    undated: int
    unread: int
    files: int
    oldest: datetime | None
    newest: datetime | None
    holes: tuple[Hole, ...]
    problems: tuple[Message, ...]
    old_problems: tuple[Message, ...]

    @property
    def dated(self) -> int:
        """Lines of the stretch with a readable time."""
        return sum(self.days.values())

    @property
    def unreadable_share(self) -> float:
        """Lines that say nothing, of all that were read."""
        lost = self.undated + self.unread
        return lost / (lost + self.dated) if lost else 0.0
