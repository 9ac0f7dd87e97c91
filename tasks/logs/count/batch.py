"""What a stretch of log lines adds up to. Everything here merges: two stretches give what one pass over both gives."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tasks.logs.count.fingerprint import ErrorKey

MOST_SAMPLES = 5
MOST_ODD_LEVELS = 20
"""Unknown levels of an hour that are kept by name; the others are counted under an empty one."""


@dataclass(slots=True)
class MinuteTraffic:
    """Requests of one module and route in one minute; `within` are those at or under each latency bound."""

    within: list[int]
    valid: int = 0
    bad: int = 0
    timed: int = 0
    bins: dict[int, int] = field(default_factory=dict)

    def add(self, other: "MinuteTraffic") -> None:
        """Take in another stretch of the same minute."""
        self.valid += other.valid
        self.bad += other.bad
        self.timed += other.timed
        self.within = [mine + theirs for mine, theirs in zip(self.within, other.within, strict=True)]
        self.add_bins(other.bins)

    def add_bins(self, bins: Mapping[int, int]) -> None:
        """Take in latencies by their bin."""
        if not self.bins:
            self.bins = dict(bins)
            return
        for index, count in bins.items():
            self.bins[index] = self.bins.get(index, 0) + count


@dataclass(slots=True)
class Lines:
    """Lines of one hour. `parsed` + `malformed` + `ignored` is always `lines`.

    `undated` lines have no readable time and count where they stand; `drifted` ones have a value of another type
    than its field should hold; `requests` have a status, `timed` ones a duration too. `crowded` are no lines
    but moments with as many lines as a source gives at once: whether there are more cannot be found out.
    `levelled` lines have a level, and the `odd_levels` among them one that nobody knows. `misdated` lines are undated
    ones whose time was read and cannot be. `hole_bytes` are NUL bytes in place of lines, and of them `lost_bytes`
    those that do not stand for lines read before, as at the start of a file that was emptied and written on.
    `torn` are the malformed lines that may hold a request, `unanswered` the lines of requests whose status cannot be
    read, `bad` the requests with a status from 500 on, `aborted` those whose client left before an answer.
    """

    lines: int = 0
    parsed: int = 0
    malformed: int = 0
    ignored: int = 0
    undated: int = 0
    drifted: int = 0
    requests: int = 0
    timed: int = 0
    crowded: int = 0
    levelled: int = 0
    odd_levels: int = 0
    misdated: int = 0
    hole_bytes: int = 0
    lost_bytes: int = 0
    torn: int = 0
    unanswered: int = 0
    bad: int = 0
    aborted: int = 0

    def add(self, other: "Lines") -> None:
        """Take in another stretch of the same hour."""
        for name in self.__slots__:
            setattr(self, name, getattr(self, name) + getattr(other, name))


@dataclass(slots=True)
class Activity:
    """What a module wrote in one hour, and how often it answered 401 and 403, if its requests are counted."""

    lines: int = 0
    errors: int = 0
    warnings: int = 0
    unauthorized: int = 0
    forbidden: int = 0

    def add(self, other: "Activity") -> None:
        """Take in another stretch of the same hour."""
        for name in self.__slots__:
            setattr(self, name, getattr(self, name) + getattr(other, name))


@dataclass(frozen=True, slots=True)
class Exemplar:
    """One line of an error as people are shown it: bounded, personal data and secrets masked."""

    message: str
    stack: str
    level: str
    request: str
    request_id: str


@dataclass(slots=True)
class ErrorSeen:
    """An error as seen in one stretch. Lines without a readable time are in `hours` alone, not in first and last."""

    key: ErrorKey
    exemplar: Exemplar
    hours: Counter[int] = field(default_factory=Counter)
    first: datetime | None = None
    last: datetime | None = None
    first_release: str = ""
    last_release: str = ""

    def seen(self, hour: int, at: datetime | None, release: str) -> None:
        """Count one line."""
        self.hours[hour] += 1
        if at is None:
            return
        if self.first is None or at < self.first:
            self.first, self.first_release = at, release
        if self.last is None or at >= self.last:
            self.last, self.last_release = at, release

    def add(self, other: "ErrorSeen") -> None:
        """Take in what another stretch saw of the same error."""
        self.hours += other.hours
        if other.first is not None and (self.first is None or other.first < self.first):
            self.first, self.first_release = other.first, other.first_release
        if other.last is not None and (self.last is None or other.last >= self.last):
            self.last, self.last_release = other.last, other.last_release


@dataclass(slots=True)
class Batch:
    """Counts of a stretch of lines; minutes and hours are whole ones since 1970 in UTC."""

    traffic: dict[tuple[str, str, int], MinuteTraffic] = field(default_factory=dict)
    lines: dict[int, Lines] = field(default_factory=dict)
    activity: dict[tuple[str, int], Activity] = field(default_factory=dict)
    errors: dict[str, ErrorSeen] = field(default_factory=dict)
    personal: Counter[tuple[str, int, str]] = field(default_factory=Counter)
    samples: list[str] = field(default_factory=list)
    fields: Counter[tuple[int, str]] = field(default_factory=Counter)
    """By hour, how many of the checked lines have each mapped field; under `""`, how many were checked."""
    odd_levels: Counter[tuple[int, str]] = field(default_factory=Counter)
    """Lines by hour and unknown level, as it may be shown."""
    newest_minute: int = 0

    def add(self, other: "Batch") -> None:
        """Take in another stretch of the same source."""
        _add(self.traffic, other.traffic)
        _add(self.lines, other.lines)
        _add(self.activity, other.activity)
        _add(self.errors, other.errors)
        self.personal += other.personal
        self.fields += other.fields
        self.odd_levels += other.odd_levels
        self.samples = (self.samples + other.samples)[:MOST_SAMPLES]
        self.newest_minute = max(self.newest_minute, other.newest_minute)

    def lines_of(self, hour: int) -> Lines:
        """The lines of an hour, to be added to."""
        found = self.lines.get(hour)
        if found is None:
            found = self.lines[hour] = Lines()
        return found

    def activity_of(self, module: str, hour: int) -> Activity:
        """What a module wrote in an hour, to be added to."""
        found = self.activity.get((module, hour))
        if found is None:
            found = self.activity[module, hour] = Activity()
        return found

    def traffic_of(self, module: str, route: str, minute: int, bounds: int) -> MinuteTraffic:
        """The requests of a module and route in a minute, to be added to; there are so many latency bounds."""
        found = self.traffic.get((module, route, minute))
        if found is None:
            found = self.traffic[module, route, minute] = MinuteTraffic([0] * bounds)
        return found

    @property
    def total(self) -> Lines:
        """The lines of all hours."""
        total = Lines()
        for lines in self.lines.values():
            total.add(lines)
        return total


def _add(mine: dict[Any, Any], theirs: dict[Any, Any]) -> None:
    for key, value in theirs.items():
        if key in mine:
            mine[key].add(value)
        else:
            mine[key] = value
