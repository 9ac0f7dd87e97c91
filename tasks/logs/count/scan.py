"""The pass over a stretch of log lines: counts, latencies, errors, and what could not be read.

A healthy line is counted by one addition; what it adds to the sums of hours and modules is worked out in `take`.
All else (errors, warnings, odd types, what cannot be read) is counted line by line.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from itertools import islice
from typing import Any

from tasks.logs.count.batch import (
    MOST_ODD_LEVELS,
    MOST_SAMPLES,
    Activity,
    Batch,
    ErrorSeen,
    Exemplar,
    Lines,
    MinuteTraffic,
)
from tasks.logs.count.fingerprint import ErrorKey, error_key
from tasks.logs.count.sketch import sketch_index
from tasks.logs.lines.clock import Clock
from tasks.logs.lines.doubt import is_aborted, is_unanswered, may_be_record, says_nothing
from tasks.logs.lines.levels import Level, Levels
from tasks.logs.lines.personal import kinds_by_line, kinds_of, unescaped
from tasks.logs.lines.places import MOST_MODULES, OTHER, UNKNOWN, Places
from tasks.logs.lines.record import FIELDS, Record, error_parts, instant, is_there, milliseconds, reader_of, status_of
from tasks.logs.settings import Source
from tasks.observation import printable
from tasks.personal import Kind, mask

CHECKED_LINES = 1000
"""How many first lines of each hour are checked for the mapped fields."""
MOST_LINE_BYTES = 1_048_576
_LINES_AT_ONCE = 1024
_MOST_CACHED = 50_000
_MOST_CACHED_CHARS = 300
_MOST_ROWS = 20_000
_MOST_LEVELS = 100
_MOST_ERRORS = 2000
_SHOWN_CHARS = 300
_SAMPLE_BYTES = 4000
_STACK_CHARS = 20_000
_STACK_LINES = 20
_STACK_LINE_CHARS = 200
_NAME_CHARS = 80
_MOST_NAME_CHARS = 1000
_LEVEL_CHARS = 20
_TO_MINUTE = len("2026-11-25T09:00")
_SECONDS = ":0123456789.,"
_QUIET = (Level.INFO, Level.ABSENT)
_HEALTHY = frozenset(range(100, 500)) - {401, 403}
# Counted beside the slots of durations, which are a few thousand on both sides of 0.
_NO_REQUEST = 1 << 20
_NO_DURATION = _NO_REQUEST + 1


@dataclass(frozen=True)
class Plan:
    """How one source's lines are counted.

    `conceal` takes secrets out of a text; `zone` is where times live that name none; `ignored` are the paths of
    requests that are nobody's; `limits_ms` the bounds at which requests are counted exactly, rising.
    """

    source: Source
    places: Places
    limits_ms: tuple[float, ...]
    zone: tzinfo
    ignored: frozenset[str] = frozenset()
    skipped_frames: tuple[str, ...] = ()
    conceal: Callable[[str], str] = str


@dataclass(slots=True)
class _Spot:
    """Module and route, and the healthy lines of the minute that is being read, by slot."""

    module: str
    route: str
    minute: int
    counts: defaultdict[int, int]


class Scan:
    """A pass under way. `started_at` is the time of lines before the first that names one; `clock` knows which can."""

    def __init__(self, plan: Plan, started_at: datetime, clock: Clock) -> None:
        self._plan, self._clock = plan, clock
        self._levels = Levels(plan.source)
        self._read = reader_of(plan.source)
        self._minute = int(started_at.timestamp()) // 60
        self._start: str | None = None
        self._zone = ""
        self._minutes: dict[str, int] = {}
        self._slots: dict[Any, int] = {None: _NO_DURATION}
        self._modules: dict[str, str] = {}
        self._quiet: set[Any] = {None}
        # By module and method, then by address: one long key would lie in three pieces all over the memory.
        self._spots: dict[tuple[Any, Any], dict[Any, _Spot]] = {}
        self._cached = 0
        self._places: dict[tuple[str, str], _Spot] = {}
        self._begin()

    def _begin(self) -> None:
        self._batch = Batch()
        self._counts: dict[tuple[str, str, int], defaultdict[int, int]] = {}
        self._named_levels: dict[int, set[str]] = {}
        self._start = None  # so that the next line's minute is the batch's newest, and its hour is looked at
        for spot in self._places.values():
            spot.minute = -1

    @property
    def is_full(self) -> bool:
        """True when the counts should be taken before more is read, so that they stay within tens of MB.

        A log that reaches over weeks, or makes times up, has nearly as many minutes as lines.
        """
        batch = self._batch
        rows = len(self._counts) + len(batch.traffic) + len(batch.lines) + len(batch.activity) + len(batch.personal)
        return rows >= _MOST_ROWS or len(batch.errors) >= _MOST_ERRORS

    def take(self) -> Batch:
        """The counts since the last call; what the pass has learnt of minutes and modules stays."""
        batch = self._batch
        for (module, route, minute), counts in self._counts.items():
            _add_healthy(batch, module, route, minute, counts, len(self._plan.limits_ms))
        for lines in batch.lines.values():  # until here, those without a level were counted
            lines.levelled += lines.parsed
        self._begin()
        return batch

    def skip_too_long(self, start: bytes) -> None:
        """Count a line that is longer than any is read, by its first bytes."""
        self._unread(start, kinds_of(start))

    def note_crowded(self, hour: int) -> None:
        """Count a moment of which the source may hold more lines than it gave."""
        _lines_of(self._batch, hour).crowded += 1

    def note_hole(self, found: int, lost: int) -> None:
        """Count NUL bytes in place of lines, and those of them whose lines were not read before."""
        if found:
            lines = self._lines()
            lines.hole_bytes += found
            lines.lost_bytes += lost

    def feed(self, raw_lines: Iterable[bytes]) -> None:
        """Count every line."""
        rest = iter(raw_lines)
        while some := list(islice(rest, _LINES_AT_ONCE)):
            self._feed(some)

    def _feed(self, raw_lines: Sequence[bytes]) -> None:
        # The hot loop: local names, and no call of ours for a healthy line but the reader's.
        read, quiet, spots, slots = self._read, self._quiet, self._spots, self._slots
        requests, enough_checked = self._plan.source.requests, self._enough_checked()
        minute, start, zone = self._minute, self._start, self._zone
        without_level = 0
        for raw, kinds in zip(raw_lines, kinds_by_line(raw_lines), strict=True):
            record = read(raw) if raw else None
            if record is None:
                self._unread(raw, kinds or ())
                continue
            timestamp, dated = record.timestamp, True
            if timestamp.__class__ is not str or timestamp[:_TO_MINUTE] != start or not timestamp.endswith(zone):
                if without_level:
                    self._lines().levelled -= without_level
                    without_level = 0
                dated = self._move_to(timestamp)
                minute, start, zone, enough_checked = self._minute, self._start, self._zone, self._enough_checked()
            if (
                dated
                and enough_checked
                and kinds is None
                and record.error is None
                and not record.drifted
                and (level := record.level) in quiet
            ):
                status, duration, slot = record.status, record.duration, None
                if status is None:
                    if not requests or record.url is None or (duration is None and not says_nothing(record)):
                        slot = _NO_REQUEST
                elif status.__class__ is int and status in _HEALTHY:
                    if not requests:
                        slot = _NO_REQUEST
                    elif duration is not True and duration is not False:  # they are the same as 1 and 0 in a dict
                        slot = slots.get(duration)
                        if slot is None:
                            slot = self._slot(duration)
                if slot is not None:
                    url = record.url
                    if url.__class__ is str and "?" in url:
                        url = url[: url.index("?")]
                    near = spots.get((record.module, record.method))
                    spot = (near and near.get(url)) or self._spot(record, url)
                    if spot is not None:
                        if spot.minute != minute:
                            self._open(spot)
                        spot.counts[slot] += 1
                        if level is None:
                            without_level += 1
                        continue
            self._count(record, dated, kinds or frozenset())
        if without_level:
            self._lines().levelled -= without_level

    def _spot(self, record: Record, url: Any) -> _Spot | None:
        """Where a healthy line belongs; None when that needs the full parser."""
        module, method = record.module, record.method
        if not url and record.request is not None:
            return None
        if record.status == 404 or url in self._plan.ignored:  # an address that does not exist is not to be learnt
            return None
        size = 0
        for part in (module, method, url):
            if isinstance(part, str):
                size += len(part)
            elif part is not None:  # 1 and true are the same in a dict
                return None
        place = self._place(module, url or "", str(method or ""), None)
        spot = self._places.get(place)
        if spot is None:
            spot = self._places[place] = _Spot(*place, -1, defaultdict(int))
        if size <= _MOST_CACHED_CHARS:
            if self._cached >= _MOST_CACHED:
                self._spots.clear()
                self._cached = 0
            self._spots.setdefault((module, method), {})[url] = spot
            self._cached += 1
        return spot

    def _open(self, spot: _Spot) -> None:
        """Turn to the counts of the minute that is being read."""
        spot.minute = self._minute
        spot.counts = self._counts.setdefault((spot.module, spot.route, self._minute), defaultdict(int))

    def _slot(self, value: Any) -> int | None:
        """Sketch bin and bounds passed in one number; None for what is no duration."""
        duration, odd = milliseconds(value, self._plan.source.duration_unit)
        if duration is None or odd or value.__class__ is str:
            return None
        limits = self._plan.limits_ms
        over = sum(limit < duration for limit in limits)
        if len(self._slots) >= _MOST_CACHED:
            self._slots.clear()
            self._slots[None] = _NO_DURATION
        slot = self._slots[value] = sketch_index(duration) * (len(limits) + 1) + over
        return slot

    def _unread(self, raw: bytes, kinds: Iterable[Kind]) -> None:
        lines = self._lines()
        lines.lines += 1
        self._personal(UNKNOWN, kinds)
        if not raw.strip(b"\x00 \t\r\n\x0b\f"):  # an empty line, or a hole that a truncated file left
            lines.ignored += 1
            return
        lines.malformed += 1
        lines.torn += self._plan.source.requests and may_be_record(raw, self._plan.source.format)
        if len(self._batch.samples) < MOST_SAMPLES:
            text = unescaped(raw[:_SAMPLE_BYTES]).decode(errors="replace")
            self._batch.samples.append(self._safe(text, _SHOWN_CHARS))

    def _personal(self, module: str, kinds: Iterable[Kind]) -> None:
        for kind in kinds:
            self._batch.personal[module, self._minute // 60, kind.value] += 1

    def _count(self, record: Record, dated: bool, kinds: Iterable[Kind]) -> None:
        lines = self._lines()
        lines.lines += 1
        if not dated:
            lines.undated += 1
        status, odd_status = status_of(record.status)
        is_error = is_there(record.error) or (status is not None and status >= 500)
        level = self._level(record.level)
        method, url = _request(record)
        is_probe = url.partition("?")[0] in self._plan.ignored
        if is_probe and not is_error and level in _QUIET:
            lines.ignored += 1
            self._personal(self._place(record.module, "", method, status)[0], kinds)
            return
        lines.parsed += 1
        if level is Level.ABSENT:
            lines.levelled -= 1
        elif level is Level.UNKNOWN:
            self._odd_level(lines, record.level)
        module, route = self._place(record.module, url, method, status)
        is_request = self._plan.source.requests and not is_probe  # nobody's request, however it was answered
        if is_request and status is None:
            if is_aborted(record, bool(url or method)):
                lines.aborted, odd_status = lines.aborted + 1, False
            else:
                lines.unanswered += is_unanswered(record, bool(url or method))
        odd_duration = self._request(lines, module, route, status, record) if is_request else False
        if record.drifted or odd_status or odd_duration:
            lines.drifted += 1
        self._activity(module, status if is_request else None, is_error or level is Level.ERROR, level is Level.WARNING)
        if is_error or level is Level.ERROR:
            self._error(record, dated, module, route, method, status)
        self._personal(module, kinds)
        if not self._enough_checked():
            self._look_for_fields(record)

    def _level(self, written: Any) -> Level:
        level = self._levels.read(written)
        # True and 1 are the same in a set. Absent ones are told from words by being None.
        is_usual = (written.__class__ is int and written > 1) or written.__class__ is str
        if level is Level.INFO and is_usual and len(self._quiet) < _MOST_LEVELS:
            self._quiet.add(written)
        return level

    def _odd_level(self, lines: Lines, written: Any) -> None:
        lines.odd_levels += 1
        hour = self._minute // 60
        named = self._named_levels.setdefault(hour, set())
        word = self._safe(str(written)[:_MOST_NAME_CHARS], _LEVEL_CHARS)
        if word not in named and len(named) >= MOST_ODD_LEVELS:
            word = ""
        named.add(word)
        self._batch.odd_levels[hour, word] += 1

    def _lines(self) -> Lines:
        return _lines_of(self._batch, self._minute // 60)

    def _move_to(self, timestamp: Any) -> bool:
        """Go to a line's minute; False when its time cannot be read or cannot be, and the minute stays.

        Of a text the minute and the zone are read; what is between them is not checked.
        """
        self._start, key = None, None
        minute: int | None = None
        if timestamp.__class__ is str and len(timestamp) > _TO_MINUTE:
            zone = "Z" if timestamp[-1] == "Z" else timestamp[_TO_MINUTE:].lstrip(_SECONDS)
            key = timestamp[:_TO_MINUTE] + zone
            minute = self._minutes.get(key)
        if minute is None:
            at = None if key is None else instant(key, self._plan.zone)
            if at is None:
                at, key = instant(timestamp, self._plan.zone), None
            if at is None:
                return False
            minute = int(at.timestamp()) // 60
        if not self._clock.takes(minute):
            self._lines().misdated += 1
            return False
        if key is not None:
            if len(self._minutes) >= _MOST_CACHED:
                self._minutes.clear()
            self._minutes[key] = minute
            if zone:
                self._start, self._zone = key[:_TO_MINUTE], zone
        self._minute = minute
        self._batch.newest_minute = max(self._batch.newest_minute, minute)
        return True

    def _place(self, module: Any, url: str, method: str, status: int | None) -> tuple[str, str]:
        named = None if module is None else self._named(str(module)[:_MOST_NAME_CHARS])
        if not url:
            return named or UNKNOWN, ""
        return self._plan.places.find(url, named, method or None, learn=status != 404)

    def _named(self, module: str) -> str:
        named = self._modules.get(module)
        if named is None:
            if len(self._modules) >= MOST_MODULES:
                return OTHER
            named = self._modules[module] = self._safe(module, _NAME_CHARS)
        return named

    def _request(self, lines: Lines, module: str, route: str, status: int | None, record: Record) -> bool:
        """Count a request that is not healthy; True when its duration is of another type than a number."""
        if status is None:
            return False
        lines.requests += 1
        traffic = _traffic_of(self._batch, module, route, self._minute, len(self._plan.limits_ms))
        traffic.valid += 1
        if status >= 500:
            traffic.bad += 1
            lines.bad += 1
        duration, odd = milliseconds(record.duration, self._plan.source.duration_unit)
        if duration is None:
            return odd
        lines.timed += 1
        traffic.timed += 1
        index = sketch_index(duration)
        traffic.bins[index] = traffic.bins.get(index, 0) + 1
        for bound, limit in enumerate(self._plan.limits_ms):
            traffic.within[bound] += duration <= limit
        return odd

    def _activity(self, module: str, status: int | None, is_error: bool, is_warning: bool) -> None:
        activity = _activity_of(self._batch, module, self._minute // 60)
        activity.lines += 1
        activity.errors += is_error
        activity.warnings += is_warning
        activity.unauthorized += status == 401
        activity.forbidden += status == 403

    def _error(self, record: Record, dated: bool, module: str, route: str, method: str, status: int | None) -> None:
        name, message, stack = error_parts(record.error)
        message = message or ("" if record.message is None else str(record.message))
        if not name and not message and status is not None:
            name, message = f"HTTP {status}", f"{method} {route}"
        key = error_key(module, printable(name, _NAME_CHARS), message, stack, skipped_frames=self._plan.skipped_frames)
        fingerprint = key.fingerprint
        seen = self._batch.errors.get(fingerprint)
        if seen is None:
            exemplar = Exemplar(
                message=self._safe(message, _SHOWN_CHARS),
                stack=self._safe_stack(stack),
                level=self._safe(str(record.level or ""), _LEVEL_CHARS),
                request=self._safe(f"{method} {route}".strip(), _SHOWN_CHARS),
                request_id=self._safe(str(record.request_id or ""), _NAME_CHARS),
            )
            key = ErrorKey(
                module, self._safe(key.name, _NAME_CHARS), self._safe(key.message, 500), self._safe(key.frame, 300)
            )
            seen = self._batch.errors[fingerprint] = ErrorSeen(key, exemplar)
        release = "" if record.release is None else self._safe(str(record.release)[:_MOST_NAME_CHARS], _NAME_CHARS)
        seen.seen(self._minute // 60, instant(record.timestamp, self._plan.zone) if dated else None, release)

    def _safe(self, text: str, most: int) -> str:
        """A text from outside as it may be stored and shown; masked before it is cut."""
        return printable(mask(self._plan.conceal(text)), most)

    def _safe_stack(self, stack: str) -> str:
        """A stack's first and last lines, each harmless by itself."""
        text = mask(self._plan.conceal(stack[:_STACK_CHARS]))
        lines = text.expandtabs(4).splitlines()
        if len(stack) > _STACK_CHARS:
            lines = lines[:-1] or lines  # it may end within something that would have been masked
        if len(lines) > _STACK_LINES:  # Python's innermost frame is at the end
            half = _STACK_LINES // 2
            lines = [*lines[:half], "…", *lines[1 - half :]]
        return "\n".join(printable(line, _STACK_LINE_CHARS) for line in lines)

    def _enough_checked(self) -> bool:
        """True when enough lines of the present hour were checked for the mapped fields."""
        return self._batch.fields[self._minute // 60, ""] >= CHECKED_LINES

    def _look_for_fields(self, record: Record) -> None:
        hour = self._minute // 60
        self._batch.fields[hour, ""] += 1
        for name in FIELDS:
            value = getattr(record, name)
            if value is not None and value != "" and (name != "error" or is_there(value)):
                self._batch.fields[hour, name] += 1


def _add_healthy(
    batch: Batch, module: str, route: str, minute: int, counts: defaultdict[int, int], bounds: int
) -> None:
    """What a minute's healthy lines add to a batch."""
    total = sum(counts.values())
    requests = total - counts.pop(_NO_REQUEST, 0)
    timed = requests - counts.pop(_NO_DURATION, 0)
    lines = _lines_of(batch, minute // 60)
    lines.lines += total
    lines.parsed += total
    lines.requests += requests
    lines.timed += timed
    _activity_of(batch, module, minute // 60).lines += total
    if not requests:
        return
    traffic = _traffic_of(batch, module, route, minute, bounds)
    traffic.valid += requests
    traffic.timed += timed
    for slot, count in counts.items():
        index, over = divmod(slot, bounds + 1)
        traffic.bins[index] = traffic.bins.get(index, 0) + count
        for bound in range(over, bounds):
            traffic.within[bound] += count


def _lines_of(batch: Batch, hour: int) -> Lines:
    found = batch.lines.get(hour)
    if found is None:
        found = batch.lines[hour] = Lines()
    return found


def _activity_of(batch: Batch, module: str, hour: int) -> Activity:
    found = batch.activity.get((module, hour))
    if found is None:
        found = batch.activity[module, hour] = Activity()
    return found


def _traffic_of(batch: Batch, module: str, route: str, minute: int, bounds: int) -> MinuteTraffic:
    found = batch.traffic.get((module, route, minute))
    if found is None:
        found = batch.traffic[module, route, minute] = MinuteTraffic([0] * bounds)
    return found


def _request(record: Record) -> tuple[str, str]:
    method = record.method if isinstance(record.method, str) else ""
    url = record.url if isinstance(record.url, str) else ""
    if not url and isinstance(record.request, str):  # GET /path HTTP/1.1
        parts = record.request.split(" ")
        if len(parts) >= 2 and parts[1].startswith(("/", "http")):
            return parts[0], parts[1]
    return method, url
