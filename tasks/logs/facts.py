"""What the logs say of a period, as the judges see it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from tasks.check_result import Message, msg
from tasks.logs.batch import Exemplar, Lines
from tasks.observation import shown


@dataclass(frozen=True, slots=True)
class SourceRead:
    """What one ingest took in from a source, and what was wrong with it."""

    name: str
    lines: int
    problems: tuple[Message, ...]


class Damage(StrEnum):
    """What can be wrong with a packed file."""

    TRUNCATED = "truncated"
    DAMAGED = "damaged"


@dataclass(frozen=True, slots=True)
class DamagedFile:
    """A packed file of which only a part could be unpacked."""

    path: str
    damage: Damage

    @property
    def message(self) -> Message:
        """What is wrong, in words."""
        file = shown(self.path, 200)
        if self.damage is Damage.TRUNCATED:
            return msg("{file}: its end is missing; what was there is counted", file=file)
        return msg("{file}: it is damaged; what stands before the damage is counted", file=file)


@dataclass(frozen=True, slots=True)
class SourceLines:
    """A source's lines of a period, and how many of the looked at lines hold each mapped field (`""`: of how many).

    `newest` is the time of the newest line that was ever read, `damaged` are packed files.
    """

    name: str
    counts: Lines
    fields: Mapping[str, int]
    newest: datetime | None
    samples: tuple[str, ...]
    damaged: tuple[DamagedFile, ...]
    synthetic: bool


@dataclass(frozen=True, slots=True)
class ModuleLines:
    """A module's lines and requests of a period, with its lines of the last hour and how many an hour is usual.

    `usual_lines` is the mean of the same hour on the `days` before; None when there were none.
    `unauthorized` and `forbidden` are the period's answers 401 and 403.
    """

    module: str
    lines: int
    errors: int
    warnings: int
    valid: int
    bad: int
    last_hour_lines: int
    usual_lines: float | None
    days: int


@dataclass(frozen=True, slots=True)
class ErrorGroup:
    """A kind of error: `daily` are its lines of the 28 days before the period, oldest first, `lines` the period's.

    `state` is what a person said of it.
    """

    fingerprint: str
    module: str
    name: str
    message: str
    frame: str
    exemplar: Exemplar
    first_seen: datetime | None
    last_seen: datetime | None
    first_release: str
    last_release: str
    state: str
    resolved_at: datetime | None
    resolved_release: str
    assignee: str
    lines: int
    daily: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class PersonalData:
    """Lines of a module that hold personal data of a kind."""

    module: str
    kind: str
    lines: int


@dataclass(frozen=True, slots=True)
class SecurityHour:
    """Requests of an hour that were answered 401 and 403."""

    hour: datetime
    unauthorized: int
    forbidden: int


@dataclass(frozen=True, slots=True)
class LogReview:
    """What the logs say from `since` until `until`; `warm_days` are the days of log before `until`.

    `security_daily` are the refused requests of the 28 days before, oldest first, from the first day with lines on.
    """

    since: datetime
    until: datetime
    warm_days: float
    sources: tuple[SourceLines, ...]
    modules: tuple[ModuleLines, ...]
    errors: tuple[ErrorGroup, ...]
    personal: tuple[PersonalData, ...]
    security: tuple[SecurityHour, ...]
    security_daily: tuple[int, ...]
