"""Figures that are sampled into the history every minute, and what is kept of them by day."""

from dataclasses import dataclass
from datetime import date, datetime


@dataclass(frozen=True, slots=True)
class Reading:
    """One figure of one moment: `name` such as `disk.used`, `subject` such as `host/disk:/var`, `unit` such as `%`."""

    name: str
    subject: str
    value: float
    unit: str


@dataclass(frozen=True, slots=True)
class DayFigures:
    """The figures of one day of the service's zone; `samples` are its minutes that have one, `p95` is nearest rank."""

    day: date
    samples: int
    mean: float
    p95: float
    high: float
    last: float


@dataclass(frozen=True, slots=True)
class DailySeries:
    """A figure day by day, oldest first; a day without figures is not there.

    `synthetic_until`: figures up to then are generated; None: none are.
    """

    name: str
    subject: str
    unit: str
    synthetic_until: datetime | None
    days: tuple[DayFigures, ...]


@dataclass(frozen=True, slots=True)
class Figures:
    """The figures of an hour that begins at `minute` (since 1970, UTC), or the one of a minute."""

    minute: int
    samples: int
    total: float
    last: float
