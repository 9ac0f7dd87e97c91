"""The pass over a stretch of log lines: counts, latencies, errors, and what could not be read.

A usual line is counted by one addition; what it adds to the sums of hours and modules is worked out in `take`.
All else (errors, odd types, personal data, what cannot be read) is counted line by line.
"""

from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from itertools import islice
from typing import Any

import msgspec

from tasks.logs.count.batch import (
    MOST_ODD_LEVELS,
    MOST_SAMPLES,
    Batch,
    ErrorSeen,
    Exemplar,
    Lines,
)
from tasks.logs.count.fingerprint import ErrorKey, ErrorKeys
from tasks.logs.count.memory import Basis, Memory
from tasks.logs.count.sketch import sketch_index
from tasks.logs.count.usual import (
    FORBIDDEN,
    LEVEL_FACETS,
    NO_DURATION,
    NO_REQUEST,
    UNAUTHORIZED,
    add_usual,
    timed_number,
)
from tasks.logs.lines.clock import Clock
from tasks.logs.lines.doubt import is_aborted, is_unanswered, may_be_record, says_nothing
from tasks.logs.lines.levels import Level, Levels
from tasks.logs.lines.personal import LineSearch, kinds_of, unescaped
from tasks.logs.lines.places import MOST_MODULES, OTHER, UNKNOWN, Places
from tasks.logs.lines.record import (
    FIELDS,
    MOST_EPOCH_SECONDS,
    TO_MINUTE,
    UNEXPECTED,
    Record,
    error_parts,
    instant,
    is_there,
    milliseconds,
    minute_of,
    reader_of,
    status_of,
)
from tasks.logs.settings import Source
from tasks.observation import printable
from tasks.personal import Kind, mask

CHECKED_LINES = 1000
"""How many first lines of each hour are checked for the mapped fields."""
MOST_LINE_BYTES = 1_048_576
_LINES_AT_ONCE = 1024
_MOST_CACHED = 50_000
_MOST_ADDRESSES = 20_000
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
_ERROR = FIELDS.index("error")
_NONE = object()
_NO_START = "\n"
_QUIET = (Level.INFO, Level.ABSENT)
_USUAL_STATUSES = dict.fromkeys(range(100, 500), 0)


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
    """Module and route, and the numbers of the usual lines of the minute that is being read."""

    module: str
    route: str
    minute: int
    numbers: "array[int]"


_Spots = dict[Any, _Spot]


class Scan:
    """A pass under way. `started_at` is the time of lines before the first that names one; `clock` knows which can."""

    def __init__(self, plan: Plan, started_at: datetime, clock: Clock) -> None:
        self._plan, self._clock = plan, clock
        self._levels = Levels(plan.source)
        self._reader = reader_of(plan.source)
        self._search = LineSearch()
        self._minute = int(started_at.timestamp()) // 60
        self._dated = self._rests_on_minute = self._has_other_modules = False
        self._zone = ""
        self._minutes: dict[str, int] = {}
        self._numbers_of: dict[Any, int] = {None: NO_DURATION}
        self._modules: dict[str, str] = {}
        self._releases: dict[str, str] = {}
        self._error_keys = ErrorKeys(plan.skipped_frames)
        self._known_levels: dict[Any, Level] = {}
        self._level_facets: dict[Any, int] = {None: LEVEL_FACETS[Level.ABSENT]}
        self._statuses = _USUAL_STATUSES
        if plan.source.requests:
            self._statuses = _USUAL_STATUSES | {401: UNAUTHORIZED, 403: FORBIDDEN}
        # By address, and by what is left of it without ids; then by module and method.
        self._addresses: dict[Any, _Spots] = {}
        self._stems: dict[str, _Spots] = {}
        self._nowhere: _Spots = {}
        self._spots: dict[tuple[str, str], _Spot] = {}
        self._begin()

    def _begin(self) -> None:
        self._batch = Batch()
        self._numbers: dict[tuple[str, str, int], array[int]] = {}
        self._named_levels: dict[int, set[str]] = {}
        self._checked: Counter[tuple[int, tuple[bool, ...]]] = Counter()
        # So that the next line's minute is the batch's newest, and its hour is looked at.
        self._start = _NO_START
        self._same: object = _NONE
        self._span = (0.0, 0.0)
        for spot in self._spots.values():
            spot.minute = -1

    @property
    def is_full(self) -> bool:
        """True when the counts should be taken before more is read, so that they stay within tens of MB.

        A log that reaches over weeks, or makes times up, has nearly as many minutes as lines.
        """
        batch = self._batch
        rows = len(self._numbers) + len(batch.traffic) + len(batch.lines) + len(batch.activity) + len(batch.personal)
        return rows >= _MOST_ROWS or len(batch.errors) >= _MOST_ERRORS

    @property
    def memory(self) -> Memory:
        """What is remembered after the lines so far."""
        return Memory(self._minute, self._clock.newest, self._plan.places.known, dict(self._modules))

    @property
    def basis(self) -> Basis:
        """What the counts since `remember` rest on."""
        return Basis(self._rests_on_minute, self._clock.oldest, self._plan.places.unlearnt, self._has_other_modules)

    def remember(self, memory: Memory) -> None:
        """Go on behind other lines than the last ones that were counted here."""
        self._minute, self._clock.newest, self._clock.oldest = memory.minute, memory.newest, None
        self._dated = self._rests_on_minute = False
        self._modules = dict(memory.modules)
        self._plan.places.add(memory.routes)
        self._begin()

    def take(self) -> Batch:
        """The counts since the last call; what the pass has learnt of minutes and modules stays."""
        batch = self._batch
        add_usual(batch, self._numbers, len(self._plan.limits_ms))
        for (hour, has), count in self._checked.items():
            for name, is_given in zip(FIELDS, has, strict=False):
                if is_given:
                    batch.fields[hour, name] += count
        for lines in batch.lines.values():  # until here, those without a level were counted
            lines.levelled += lines.parsed
        self._begin()
        return batch

    def skip_too_long(self, start: bytes) -> None:
        """Count a line that is longer than any is read, by its first bytes."""
        self._unread(start, kinds_of(start))

    def note_crowded(self, hour: int) -> None:
        """Count a moment of which the source may hold more lines than it gave."""
        self._batch.lines_of(hour).crowded += 1

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
        # The hot loop: local names, and no call of ours for a usual line.
        expected, other, statuses, levels = (
            self._reader.expected,
            self._reader.other,
            self._statuses,
            self._level_facets,
        )
        addresses, nowhere, numbers_of = self._addresses, self._nowhere, self._numbers_of
        requests, by_method = self._plan.source.requests, self._plan.places.by_method
        minute, start, zone, same, (first, last) = self._minute, self._start, self._zone, self._same, self._span
        checking = not self._enough_checked()
        for raw, kinds in zip(raw_lines, self._search.kinds_by_line(raw_lines), strict=True):
            usual = kinds is None
            try:
                record = expected(raw)
            except UNEXPECTED as error:
                found = other(raw, error)
                if found is None:
                    self._unread(raw, kinds or ())
                    continue
                record, usual = found, usual and not found.drifted
            timestamp = record.timestamp
            if timestamp.__class__ is str:
                moved = not (timestamp.startswith(start) and timestamp.endswith(zone))
            elif timestamp.__class__ is int or timestamp.__class__ is float:
                moved = not first <= timestamp < last
            else:
                moved = timestamp is not same
            dated = True
            if moved:
                dated = self._move_to(timestamp)
                minute, start, zone, same, (first, last) = self._minute, self._start, self._zone, self._same, self._span
                checking = not self._enough_checked()
            if usual and dated and not record.error:
                # What is not known of a level, status or duration is found out by the parser of single lines.
                status, duration, number = record.status, record.duration, None
                try:
                    number = levels[record.level]
                    if status.__class__ is int:
                        number += statuses[status]
                        if not requests:
                            number += NO_REQUEST
                        elif duration.__class__ is not bool:  # they are the same as 1 and 0 in a dict
                            number += numbers_of[duration]
                        else:
                            number = None
                    elif status is None and self._is_no_request(record):
                        number += NO_REQUEST
                    else:
                        number = None
                except KeyError:
                    number = self._number(record)
                if number is not None:
                    url = record.url
                    near = addresses.get(url) if url else nowhere if record.request is None else None
                    if near is None and url:
                        near = self._near(url)
                    if near is not None:
                        key = (record.module, record.method) if by_method else record.module
                        spot = near.get(key) or self._spot(record, near, key)
                        if spot is not None:
                            if spot.minute != minute:
                                self._open(spot)
                            spot.numbers.append(number)
                            if checking:
                                checking = self._look_for_fields(record)
                            continue
            self._count(record, dated, kinds or frozenset())

    def _is_no_request(self, record: Record) -> bool:
        """True for a line without a status that is no request either."""
        if not self._plan.source.requests or (record.url is None and record.method is None):
            return True
        return record.duration is None and not says_nothing(record)

    def _near(self, url: Any) -> _Spots | None:
        """The spots of an address, by module and method; None when that needs the full parser."""
        if not isinstance(url, str):
            return None
        if "?" in url:
            url = url[: url.index("?")]
            if url in self._addresses:
                return self._addresses[url]
        if not url or url in self._plan.ignored:
            return None
        places = self._plan.places
        is_small = len(url) <= _MOST_CACHED_CHARS
        near = self._stems.get(places.folded(url)) if is_small else None
        if near is None:
            if len(self._stems) >= _MOST_ADDRESSES:
                self._stems.clear()
            near = self._stems.setdefault(places.stem(url), {})
        if is_small:
            if len(self._addresses) >= _MOST_ADDRESSES:
                self._addresses.clear()
            self._addresses[url] = near
        return near

    def _spot(self, record: Record, near: _Spots, key: Any) -> _Spot | None:
        """Where a usual line belongs; None when that needs the full parser."""
        module, method, status = record.module, record.method, record.status
        for part in (module, method):
            if part is not None and not isinstance(part, str):  # 1 and true are the same in a dict
                return None
        url = record.url if isinstance(record.url, str) else ""
        place = self._place(module, url, str(method or ""), status if isinstance(status, int) else None)
        spot = self._spots.get(place)
        if spot is None:
            spot = self._spots[place] = _Spot(*place, -1, array("i"))
        # An address that does not exist is not learnt, and may be by a later line.
        if (
            len(str(module)) <= _MOST_CACHED_CHARS
            and len(near) < MOST_MODULES
            and (status != 404 or spot.route != OTHER)
        ):
            near[key] = spot
        return spot

    def _open(self, spot: _Spot) -> None:
        """Turn to the counts of the minute that is being read."""
        spot.minute = self._minute
        key = spot.module, spot.route, self._minute
        spot.numbers = self._numbers.get(key) or self._numbers.setdefault(key, array("i"))

    def _number(self, record: Record) -> int | None:
        """The number of a line whose level, status and duration may not be known yet; None when it is not usual."""
        level, status, duration = self._level(record.level), record.status, record.duration
        if level not in LEVEL_FACETS or status.__class__ is not int or status not in self._statuses:
            return None
        facets = LEVEL_FACETS[level] + self._statuses[status]
        if not self._plan.source.requests:
            return facets + NO_REQUEST
        ms, odd = milliseconds(duration, self._plan.source.duration_unit)
        if duration is None:
            return facets + NO_DURATION
        if ms is None or odd or duration.__class__ is str:
            return None
        limits = self._plan.limits_ms
        number = timed_number(sketch_index(ms), bisect_left(limits, ms))
        if len(self._numbers_of) >= _MOST_CACHED:
            self._numbers_of.clear()
            self._numbers_of[None] = NO_DURATION
        self._numbers_of[duration] = number
        return facets + number

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
            if kinds:
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
        self._look_for_fields(record)

    def _level(self, written: Any) -> Level:
        # True and 1 are the same in a dict.
        is_word = (written.__class__ is str and len(written) <= _NAME_CHARS) or (
            written.__class__ is int and written > 1
        )
        level = self._known_levels.get(written) if is_word else None
        if level is None:
            level = self._levels.read(written)
            if is_word and level is not Level.UNKNOWN and len(self._known_levels) < _MOST_LEVELS:
                self._known_levels[written] = level
                if level in LEVEL_FACETS:
                    self._level_facets[written] = LEVEL_FACETS[level]
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
        self._rests_on_minute = self._rests_on_minute or not self._dated
        return self._batch.lines_of(self._minute // 60)

    def _move_to(self, timestamp: Any) -> bool:
        """Go to a line's minute; False when its time cannot be read or cannot be, and the minute stays.

        Of a text the minute and the zone are read; what is between them is not checked.
        """
        self._start, self._same, self._span, key = _NO_START, _NONE, (0.0, 0.0), None
        minute: int | None = None
        if timestamp.__class__ is str and len(timestamp) > TO_MINUTE:
            start, zone = minute_of(timestamp)
            key = start + zone
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
                self._start, self._zone = start, zone
        elif isinstance(timestamp, datetime):  # of an access log, where one of a second is of all its lines
            self._same = timestamp
        elif isinstance(timestamp, int | float):
            self._span = _span(timestamp, minute)
        self._minute, self._dated = minute, True
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
                self._has_other_modules = True
                return OTHER
            named = self._modules[module] = self._safe(module, _NAME_CHARS)
        return named

    def _request(self, lines: Lines, module: str, route: str, status: int | None, record: Record) -> bool:
        """Count a request that is not healthy; True when its duration is of another type than a number."""
        if status is None:
            return False
        lines.requests += 1
        traffic = self._batch.traffic_of(module, route, self._minute, len(self._plan.limits_ms))
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
        activity = self._batch.activity_of(module, self._minute // 60)
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
        if not name.isprintable() or len(name) > _NAME_CHARS:
            name = printable(name, _NAME_CHARS)
        fingerprint, key = self._error_keys.find(module, name, message, stack)
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
        at = instant(record.timestamp, self._plan.zone) if dated else None
        seen.seen(self._minute // 60, at, self._release(record.release))

    def _release(self, written: Any) -> str:
        if written is None:
            return ""
        text = str(written)[:_MOST_NAME_CHARS]
        release = self._releases.get(text)
        if release is None:
            release = self._safe(text, _NAME_CHARS)
            if len(self._releases) < _MOST_LEVELS:
                self._releases[text] = release
        return release

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

    def _look_for_fields(self, record: Record) -> bool:
        """Note which fields a line has, if it is one of the first of its hour; False when these were enough."""
        if self._enough_checked():
            return False
        hour = self._minute // 60
        self._batch.fields[hour, ""] += 1
        has = [value is not None and value != "" for value in msgspec.structs.astuple(record)]
        has[_ERROR] = is_there(record.error)
        self._checked[hour, tuple(has)] += 1
        return True


def _span(value: float, minute: int) -> tuple[float, float]:
    """Between which numbers a time is of the same minute as this one, in its unit; one that may be rounded is not."""
    unit = 1
    while value / unit > MOST_EPOCH_SECONDS:
        unit *= 1000
    return minute * 60 * unit, (minute * 60 + 59.999) * unit


def _request(record: Record) -> tuple[str, str]:
    method = record.method if isinstance(record.method, str) else ""
    url = record.url if isinstance(record.url, str) else ""
    if not url and isinstance(record.request, str):  # GET /path HTTP/1.1
        parts = record.request.split(" ")
        if len(parts) >= 2 and parts[1].startswith(("/", "http")):
            return parts[0], parts[1]
    return method, url
