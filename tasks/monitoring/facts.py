"""What is on record of a service's monitoring."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Gap:
    """Minutes in a row that nobody monitored to the end; `end` is the first one after them."""

    first: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Monitored:
    """The minutes from `first` up to `end`, and which of them nobody monitored to the end.

    `begun` is the last minute up to `end` that a run began, whatever came of it.
    """

    first: datetime
    end: datetime
    gaps: tuple[Gap, ...]
    begun: datetime
