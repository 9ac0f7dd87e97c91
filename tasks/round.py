"""The round that a section is given, and the one object by which a system offers its section."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from tasks.check_result import Check
from tasks.errors import UsageError
from tasks.guide.lines import GuideLine
from tasks.history.engine import History
from tasks.history.runs import RunKey
from tasks.observation import Absent, Unobserved
from tasks.periods import Period, parse_period
from tasks.section import Section
from tasks.settings import Settings


class RoundRefused(UsageError):
    """The round cannot be run as asked."""


def utc_now() -> datetime:
    """The present instant in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Round:
    """A round under way; its looks end by `ends_at`.

    `past` stands for every look at the present when the round is for a time that is over.
    """

    key: RunKey
    settings: Settings
    history: History
    started_at: datetime
    ends_at: datetime
    past: Unobserved | None
    mail_unchanged: bool
    now: Callable[[], datetime] = utc_now

    @property
    def period(self) -> Period:
        """The day, week or month that the round is for."""
        return parse_period(self.key.period, self.settings.zone)

    def known_until(self, now: datetime) -> datetime:
        """Up to when what is known counts: now, or the period's end once the period after it is over as well."""
        return now if now < self.period.end + (self.period.end - self.period.start) else self.period.end


def never(_settings: Settings) -> None:
    """Of a system that always has something to look at."""


@dataclass(frozen=True, slots=True)
class System:
    """What a system's folder offers: the guide's line, the checks that answer it, and the look that judges them.

    `absent` says why there is nothing to look at with these settings; then `look` is not called.
    """

    line: GuideLine
    checks: tuple[Check, ...]
    look: Callable[[Round], Awaitable[Section]]
    absent: Callable[[Settings], Absent | None] = never
