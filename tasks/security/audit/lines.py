"""Reads time and event of an audit log's lines, and counts them by day: in bounded memory, whatever the file's size."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from fnmatch import fnmatchcase
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from tasks.logs.count.scan import MOST_LINE_BYTES
from tasks.logs.lines.record import instant
from tasks.logs.sources.content import Content
from tasks.outside import external_text
from tasks.security.facts.audit import Deed, EventLines
from tasks.security.settings import Audit

Seen = tuple[datetime | None, str | None]
"""A line's time and event, None for what it does not have."""

OTHERS = "…"
"""Stands for events beyond the most that are told apart."""

_MOST_EVENTS = 200
_MOST_KNOWN = 10_000
_EVENT_CHARS = 80


@dataclass(frozen=True)
class Reader:
    """Reads one line; None for one that is no JSON object. `zone` is where times live that name none."""

    audit: Audit
    zone: ZoneInfo
    _decoder: msgspec.json.Decoder[dict[str, Any]] = field(
        default_factory=lambda: msgspec.json.Decoder(dict[str, Any]), repr=False
    )

    def read(self, line: bytes) -> Seen | None:
        """Time and event of a line."""
        data = self._object(line)
        if data is None:
            return None
        event = _at(data, self.audit.event)
        known = isinstance(event, str | int) and not isinstance(event, bool) and event != ""
        return instant(_at(data, self.audit.time), self.zone), str(event) if known else None

    def _object(self, line: bytes) -> dict[str, Any] | None:
        try:
            return self._decoder.decode(line)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            pass
        try:
            found = json.loads(line.strip(b"\x00").decode(errors="replace").removeprefix("\ufeff"))
        except (ValueError, RecursionError):
            return None
        return found if isinstance(found, dict) else None


def whole_lines(content: Content, tell: Callable[[int], object] | None = None) -> Iterator[bytes | None]:
    """The lines of a file, the last one only if it is whole; None for one that is too long to be read.

    `tell` hears how many bytes of the file were read so far, and may raise.
    """
    rest, too_long = b"", False
    for block in content.blocks():
        *lines, rest = (rest + block).split(b"\n")
        if too_long and lines:
            lines, too_long = lines[1:], False
            yield None
        yield from (line if len(line) <= MOST_LINE_BYTES else None for line in lines if line.strip())
        if len(rest) > MOST_LINE_BYTES:
            rest, too_long = b"", True
        if tell is not None:
            tell(content.consumed())
    if too_long:
        yield None
    elif rest.rstrip().endswith(b"}"):  # else it is still being written
        yield rest


@dataclass
class Count:
    """What lines add up to, from `since` to before `until`."""

    audit: Audit
    zone: ZoneInfo
    since: datetime
    until: datetime
    days: Counter[date] = field(default_factory=Counter)
    with_event: Counter[date] = field(default_factory=Counter)
    undated: int = 0
    unread: int = 0
    newest: datetime | None = None
    _events: Counter[tuple[date, Deed, str]] = field(default_factory=Counter)
    _names: set[str] = field(default_factory=set)
    _known: dict[str, tuple[tuple[Deed, ...], str]] = field(default_factory=dict)

    def add(self, seen: Seen | None) -> None:
        """Count one line."""
        if seen is None:
            self.unread += 1
            return
        at, event = seen
        if at is None:
            self.undated += 1
            return
        if self.newest is None or at > self.newest:
            self.newest = at
        if not self.since <= at < self.until:
            return
        day = at.astimezone(self.zone).date()
        self.days[day] += 1
        if event is None:
            return
        self.with_event[day] += 1
        deeds, shown = self._known.get(event) or self._learn(event)
        for deed in deeds:
            self._events[day, deed, shown] += 1

    def events(self) -> tuple[EventLines, ...]:
        """Events that are failures or changes of privileges, by day."""
        return tuple(EventLines(*key, lines) for key, lines in sorted(self._events.items()))

    def _learn(self, event: str) -> tuple[tuple[Deed, ...], str]:
        name = event.lower()
        patterns = ((Deed.FAILURE, self.audit.failures), (Deed.PRIVILEGE, self.audit.privileges))
        deeds = tuple(deed for deed, wanted in patterns if any(fnmatchcase(name, p.lower()) for p in wanted))
        learnt = deeds, self._shown(event) if deeds else ""
        if len(self._known) < _MOST_KNOWN:
            self._known[event] = learnt
        return learnt

    def _shown(self, event: str) -> str:
        name = external_text(event, _EVENT_CHARS)
        if name not in self._names:
            if len(self._names) >= _MOST_EVENTS:
                return OTHERS
            self._names.add(name)
        return name


def whole_days(since: datetime, until: datetime, now: datetime, zone: ZoneInfo) -> tuple[date, ...]:
    """The days from `since` to `until` that are over."""
    first, end = since.astimezone(zone).date(), min(until, now).astimezone(zone).date()
    return tuple(first + timedelta(days=n) for n in range((end - first).days))


def _at(data: dict[str, Any], key: str) -> Any:
    if key in data or "." not in key:
        return data.get(key)
    value: Any = data
    for part in key.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value
