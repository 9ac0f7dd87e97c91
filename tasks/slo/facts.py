"""Requests, probes and business KPIs, minute by minute."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from tasks.observation import Unobserved

Counts = NDArray[np.int64]
Flags = NDArray[np.bool_]
Shares = NDArray[np.float64]


def nothing() -> Shares:
    """No event of any minute."""
    return np.zeros(0, dtype=np.float64)


def no_hours() -> Counts:
    """Of no minute."""
    return np.zeros(0, dtype=np.int64)


def in_all(counts: Shares, size: int) -> Shares:
    """Counts of so many minutes; none where nothing was counted."""
    return counts if counts.size else np.zeros(size, dtype=np.float64)


@dataclass(frozen=True, slots=True)
class Scope:
    """What an objective is about: the whole service, one module, or one route."""

    module: str | None = None
    route: str | None = None

    @property
    def subject(self) -> str:
        """How results name it."""
        if self.route is not None:
            return f"route:{self.route}" if self.module is None else f"module:{self.module}/route:{self.route}"
        return "service" if self.module is None else f"module:{self.module}"


@dataclass(frozen=True, slots=True, eq=False)
class ScopeTraffic:
    """Requests of one scope, one place a minute from `first` (minutes since 1970, UTC) on.

    `measured` marks the minutes that the source knows, those without a request among them. `timed` and `within` hold
    by latency bound (ms) how many requests had a duration, and how many of these were at or under the bound; minutes
    that were not counted at a bound have 0 timed requests there.

    `unread` are requests of which nobody can say whether they failed, and lines that may have been such: those of an
    hour stand evenly in its minutes. `values` name what they held instead of a known status.
    """

    first: int
    valid: Counts
    bad: Counts
    measured: Flags
    timed: Mapping[float, Counts]
    within: Mapping[float, Counts]
    unread: Shares = field(default_factory=nothing)
    values: tuple[str, ...] = ()
    hours: Counts = field(default_factory=no_hours)
    """The hour of each minute by the wall clock of the service, counted since 1970; UTC where nothing is said."""

    late: dict[float, Counts] = field(default_factory=dict)
    """By latency bound (ms), how many more may have been too slow than `unread` says: requests that may be another
    scope's."""

    silent: Mapping[str, Shares] = field(default_factory=dict)
    """By log, the requests that are usual in minutes in which it had none while other logs had some."""


@dataclass(frozen=True, slots=True)
class NoSuchLabel(Unobserved):
    """No series has the label at all that a scope goes by: its requests may stand among the others."""


@dataclass(frozen=True, slots=True)
class NotKept(Unobserved):
    """A part of the window is so old that its minutes are not kept any more."""


@dataclass(frozen=True, slots=True, eq=False)
class Probes:
    """How many instances were probed in each minute from `first` on, and how many of them failed."""

    first: int
    asked: Counts
    failed: Counts


@dataclass(frozen=True, slots=True, eq=False)
class Minutes:
    """Good events and all events of each minute from `first` on; with a timeslice objective a minute is one event.

    `unread` are events that are known to have been, but not whether they were good; `lost` those that were probably
    there while nothing was measured, or not all logs were. Neither is among `total`. `values` name what the unread ones
    held, `silent` the logs that some of the lost ones were in.
    """

    first: int
    good: Counts
    total: Counts
    measured: Flags
    unread: Shares = field(default_factory=nothing)
    lost: Shares = field(default_factory=nothing)
    values: tuple[str, ...] = ()
    silent: Mapping[str, Shares] = field(default_factory=dict)
