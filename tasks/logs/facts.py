"""The log lines of a period, as the judges see them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from tasks.check_result import Message, msg
from tasks.logs.count.batch import Exemplar, Lines
from tasks.observation import printable


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
        file = printable(self.path, 200)
        if self.damage is Damage.TRUNCATED:
            return msg("{file}: truncated; only the remaining part is counted", file=file)
        return msg("{file}: damaged; only the part before the damage is counted", file=file)


def crowded_moments(moments: int) -> Message:
    """What is wrong with a source that gave as many lines of one moment as it gives at once."""
    return msg(
        "More lines with one timestamp than Loki returns at once ({moments} times): some may be missing",
        moments=moments,
    )


@dataclass(frozen=True, slots=True)
class HourCounts:
    """Lines of an hour: those that were parsed, and how many of them have a time, a status, a duration."""

    parsed: float
    dated: float
    requests: float
    timed: float


@dataclass(frozen=True, slots=True)
class SourceHour:
    """A whole hour of a source beside what is usual then; None before the log is a week old."""

    hour: datetime
    counts: HourCounts
    usual: HourCounts | None


@dataclass(frozen=True, slots=True)
class SourceLines:
    """A source's lines of a period.

    `fields` has by hour how many of the checked lines have each mapped field (`""`: of how many), in the period
    and the week before. `hours` are the whole ones of the period. `newest` is the time of its newest line that
    has one, known to `newest_step_min` minutes. `ahead` are the lines of the two days after it. `damaged` are packed
    files. `bad` are its requests with a server error; None when they were not counted by source.
    """

    name: str
    counts: Lines
    hours: tuple[SourceHour, ...]
    fields: Mapping[datetime, Mapping[str, int]]
    newest: datetime | None
    newest_step_min: int
    ahead: int
    samples: tuple[str, ...]
    damaged: tuple[DamagedFile, ...]
    synthetic: bool
    bad: int | None = None


@dataclass(frozen=True, slots=True)
class ModuleLines:
    """A module's lines and requests of a period, and how many lines an hour and a day like these usually hold.

    `recent_lines` are those of the period's last hour, which may have just begun, and the one before. The usual ones
    are None when the log has no day before; they rest on `days` days.
    """

    module: str
    lines: int
    errors: int
    warnings: int
    valid: int
    bad: int
    recent_lines: int
    usual_lines: float | None
    usual_day_lines: float | None
    days: int


@dataclass(frozen=True, slots=True)
class RequestTimes:
    """The requests of a module (no route) or of one route in a period, and how long they took.

    `slow` of the `timed` ones took longer than the limit. Median and p95 are within 1 %; None without a timed request.
    """

    module: str
    route: str
    valid: int
    bad: int
    timed: int
    slow: int
    median_ms: float | None
    p95_ms: float | None


@dataclass(frozen=True, slots=True)
class ErrorGroup:
    """A kind of error: `lines` are the period's, `daily` those of the days with log in the 28 before, oldest first.

    `state` is what a person decided. `lines_since_fix` are lines of the period in the hours after it was resolved,
    those without a readable time among them; first and last seen know only of lines with one, whenever they were.
    `unseen` are the period's wordings of a text that varies which had not been seen before, None when they were not
    counted; `daily_unseen` those of the days of `daily`.
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
    lines_since_fix: int
    daily: tuple[int, ...]
    unseen: int | None = 0
    daily_unseen: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class PersonalData:
    """Lines of a module that contain personal data of a kind."""

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
    """The log lines from `since` until `until`.

    `warm_days` are the whole days with lines in the 28 days before; a day without any log is not a quiet day.
    `security_daily` are the refused requests of these days, oldest first. `times` are read for a day's review alone.
    """

    since: datetime
    until: datetime
    warm_days: int
    sources: tuple[SourceLines, ...]
    modules: tuple[ModuleLines, ...]
    errors: tuple[ErrorGroup, ...]
    personal: tuple[PersonalData, ...]
    security: tuple[SecurityHour, ...]
    security_daily: tuple[int, ...]
    times: tuple[RequestTimes, ...] = ()
