"""Weeks of log behind the demo service: made up, in its own format, a day always the same whenever it is made."""

import json
import random
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import accumulate
from os import utime
from pathlib import Path
from zoneinfo import ZoneInfo

from isal import igzip

from deployments.demo.past.events import QUIET, Events, maintenance_of, outage_of
from tasks.files import make_folder, new_file

_SILENCE = timedelta(hours=3)
_MINUTE_MS = 60_000
_KEPT = timedelta(days=75)
_PACKED_LEVEL = 1

# Meals are planned before noon and on the way home, more so at the weekend; Monday is first.
_HOURS = (6, 5, 5, 5, 5, 6, 9, 13, 14, 13, 16, 21, 19, 13, 11, 12, 17, 24, 26, 21, 16, 13, 10, 6)
_WEEK = (1.0, 0.95, 0.95, 1.0, 1.05, 1.25, 1.2)

_TRIED = 0.4
"""Of the usual requests, those that still come while the service is down."""

_FEWEST_PER_FAILURE = 2000
"""A request fails only where a day has so many of its module: one of them is then half of the guide's 0.1 %."""


@dataclass(frozen=True, slots=True)
class Shape:
    """How much history is made; `requests_per_day` is that of a usual weekday, and how long load tests measure: smoke
    test and each of six steps, which take two seconds more.

    The last whole month and three days before it reach back 64 days at most.
    """

    days: int = 65
    requests_per_day: int = 6000
    seed: int = 7
    smoke_s: int = 18
    step_s: int = 8


WEEKS = Shape()


@dataclass(frozen=True, slots=True)
class _Call:
    """A kind of request: how often of a thousand, and its usual duration."""

    per_mille: int
    module: str
    method: str
    route: str
    status: int
    median_ms: float

    @property
    def url(self) -> str:
        return self.route.replace("{id:int}", "{id}")


_CALLS = (
    _Call(230, "ingredients", "GET", "/api/ingredients", 200, 18),
    _Call(235, "ingredients", "GET", "/api/ingredients/{id:int}", 200, 6),
    _Call(10, "ingredients", "POST", "/api/ingredients", 201, 22),
    _Call(8, "ingredients", "GET", "/api/ingredients/{id:int}", 404, 7),
    _Call(140, "shopping", "GET", "/api/shopping/lists", 200, 24),
    _Call(145, "shopping", "GET", "/api/shopping/lists/{id:int}", 200, 28),
    _Call(30, "shopping", "POST", "/api/shopping/lists", 201, 41),
    _Call(3, "shopping", "POST", "/api/shopping/lists", 422, 12),
    _Call(9, "shopping", "GET", "/api/shopping/lists/{id:int}", 404, 9),
    _Call(44, "users", "GET", "/api/users", 200, 14),
    _Call(86, "users", "GET", "/api/users/{id:int}", 200, 8),
    _Call(60, "users", "POST", "/api/users/login", 200, 46),
)
_REFUSED = (
    (12.0, _Call(0, "users", "POST", "/api/users/login", 401, 45)),
    (2.0, _Call(0, "users", "GET", "/api/users/{id:int}", 403, 8)),
)
"""Of a thousand requests on a usual day."""
_SPREAD = 0.45  # of ln(duration): p95 is twice the median


@dataclass(frozen=True, slots=True)
class _Error:
    """A known error; with a status it fails a request."""

    module: str
    name: str
    message: str
    file: str
    function: str
    code: str
    call: _Call | None = None

    def fields(self, number: int) -> dict[str, str]:
        message = self.message.format(number)
        frame = f'  File "/srv/kondate/{self.file}", line 88, in {self.function}\n    {self.code}\n'
        stack = f"Traceback (most recent call last):\n{frame}kondate.errors.{self.name}: {message}\n"
        return {"name": self.name, "message": message, "stack": stack}


_KNOWN = (
    _Error(
        "ingredients",
        "PriceFeedTimeout",
        "no prices within {} ms, the last ones are kept",
        "ingredients/prices.py",
        "refresh",
        "answer = await feed.get(timeout=2.0)",
    ),
    _Error(
        "shopping",
        "StaleList",
        "list {} was changed meanwhile, saved at the second try",
        "shopping/lists.py",
        "save",
        "raise StaleList(row.id)",
    ),
    _Error(
        "users",
        "SessionStoreSlow",
        "session written after {} ms",
        "users/sessions.py",
        "keep",
        "await store.set(session)",
    ),
)
_FAILED = (
    _Error(
        "ingredients",
        "SerializationFailure",
        "could not serialize access due to concurrent update of row {}",
        "ingredients/ingredients.py",
        "create",
        "row = await database.fetch_one(INSERT, name)",
        _Call(0, "ingredients", "POST", "/api/ingredients", 500, 60),
    ),
    _Error(
        "shopping",
        "QueryCanceled",
        "canceling statement {} due to statement timeout",
        "shopping/lists.py",
        "totals",
        "rows = await database.fetch(TOTALS, ids)",
        _Call(0, "shopping", "GET", "/api/shopping/lists/{id:int}", 500, 1900),
    ),
)


@dataclass(frozen=True, slots=True)
class Line:
    """A line and the instant that it tells of; a torn one holds only its beginning."""

    at_ms: int
    module: str
    text: str
    torn: bool = False


def write_history(
    folder: Path,
    shape: Shape,
    zone: ZoneInfo,
    now: datetime,
    *,
    silent: Collection[str] = (),
    events: Events = QUIET,
) -> int:
    """Make the days that are missing and bring today's file to the last whole minute; gives how many lines were added.

    A day's file is never changed but by lines at its end. Modules that are `silent` write nothing in the three hours
    before `now`.
    """
    make_folder(folder)
    today = now.astimezone(zone).date()
    added = 0
    for back in range(shape.days, -1, -1):
        added += _write_day(folder, shape, zone, today - timedelta(days=back), now, silent, events)
    for old in folder.glob("*.log*"):
        if now.timestamp() - old.stat().st_mtime > _KEPT.total_seconds():
            old.unlink()
    return added


def day_lines(shape: Shape, day: date, zone: ZoneInfo, events: Events = QUIET) -> list[Line]:
    """Every line of a day, in order of time; none of a maintenance, and failed requests alone of an outage."""
    chance = random.Random(f"{shape.seed} {day}")
    starts_ms = _ms(datetime.combine(day, time(), zone))
    usual = shape.requests_per_day * _WEEK[day.weekday()]
    times = _times(chance, round(usual * chance.uniform(0.95, 1.05)))
    calls = chance.choices(_CALLS, cum_weights=list(accumulate(call.per_mille for call in _CALLS)), k=len(times))
    lines = [_request(chance, starts_ms + at_ms, call) for at_ms, call in zip(times, calls, strict=True)]
    # Every third day somebody tries passwords: what is usual varies so much that some more by hand are no finding.
    tried = chance.uniform(1.4, 1.6) if day.toordinal() % 3 == 0 else chance.uniform(0.5, 0.7)
    for per_mille, call in _REFUSED:
        refused = _times(chance, round(usual / 1000 * per_mille * tried))
        lines += [_request(chance, starts_ms + at_ms, call) for at_ms in refused]
    for error in _KNOWN:
        lines += [_failure(chance, starts_ms + at_ms, error) for at_ms in _spaced(chance, times, chance.randint(8, 12))]
    failing = _FAILED[day.toordinal() % len(_FAILED)]
    if sum(call.module == failing.module for call in calls) >= _FEWEST_PER_FAILURE:
        lines += [_failure(chance, starts_ms + at_ms, failing) for at_ms in _spaced(chance, times, 1)]
    lines = list(_through(chance, lines, maintenance_of(day, zone), outage_of(day, zone, events)))
    lines.sort(key=lambda line: line.at_ms)
    return list(_with_torn(chance, lines, chance.randint(2, 4)))


_Span = tuple[datetime, datetime] | None


def _through(chance: random.Random, lines: Sequence[Line], maintenance: _Span, outage: _Span) -> Iterator[Line]:
    """The lines that are written: during an outage a few users still try, and are refused."""
    closed, down = (None if span is None else (_ms(span[0]), _ms(span[1])) for span in (maintenance, outage))
    for line in lines:
        if closed is not None and closed[0] <= line.at_ms < closed[1]:
            continue
        if down is None or not down[0] <= line.at_ms < down[1]:
            yield line
        elif chance.random() < _TRIED:
            call = _Call(0, line.module, "GET", f"/api/{line.module}", 503, 3)
            yield _request(chance, line.at_ms, call)


def _times(chance: random.Random, count: int) -> list[int]:
    """Moments of a day in ms from its start, in the rhythm of the day."""
    hours = chance.choices(range(24), cum_weights=list(accumulate(_HOURS)), k=count)
    return sorted(int((hour + chance.random()) * 3_600_000) for hour in hours)


def _spaced(chance: random.Random, times: Sequence[int], count: int) -> list[int]:
    """Moments in the same rhythm, one in each part of the day: no 24 hours hold many more than others."""
    return [times[int((part + chance.random()) * len(times) / count)] for part in range(count)]


def _request(chance: random.Random, at_ms: int, call: _Call) -> Line:
    duration = call.median_ms * chance.lognormvariate(0.0, _SPREAD)
    level = "info" if call.status < 400 else "warn"
    number = chance.randrange(900_000, 999_999) if call.status == 404 else chance.randint(1, 400)
    message = f"{call.method} {call.route} answered {call.status}"
    return _line(chance, at_ms, level, message, call, call.url.format(id=number), round(duration, 2))


def _failure(chance: random.Random, at_ms: int, error: _Error) -> Line:
    fields = error.fields(chance.randint(1000, 9999))
    if error.call is not None:
        url = error.call.url.format(id=chance.randint(1, 400))
        duration = round(error.call.median_ms * chance.uniform(1.0, 1.2), 2)
        return _line(chance, at_ms, "error", fields["message"], error.call, url, duration, json.dumps(fields))
    text = (
        f'{_start(at_ms, "error")} "message": {json.dumps(fields["message"])}, "module": "{error.module}", '
        f'"requestId": "{_id(chance)}", "error": {json.dumps(fields)}}}'
    )
    return Line(at_ms, error.module, text)


def _line(
    chance: random.Random,
    at_ms: int,
    level: str,
    message: str,
    call: _Call,
    url: str,
    duration: float,
    error: str = "null",
) -> Line:
    # By hand: json.dumps would take half of the time of the whole history.
    text = (
        f'{_start(at_ms, level)} "message": "{message}", "module": "{call.module}", "requestId": "{_id(chance)}", '
        f'"method": "{call.method}", "url": "{url}", "status": {call.status}, "duration": {duration}, '
        f'"error": {error}}}'
    )
    return Line(at_ms, call.module, text)


def _start(at_ms: int, level: str) -> str:
    at = datetime.fromtimestamp(at_ms // 1000, UTC)
    timestamp = f"{at:%Y-%m-%dT%H:%M:%S}.{at_ms % 1000:03}Z"
    return f'{{"timestamp": "{timestamp}", "level": "{level}", "service": "kondate", "environment": "demo",'


def _id(chance: random.Random) -> str:
    digits = f"{chance.getrandbits(128):032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def _with_torn(chance: random.Random, lines: Sequence[Line], count: int) -> Iterator[Line]:
    """The lines, and the beginnings of some of them before others of their minute: a minute never ends with one."""
    torn = set(chance.sample(range(len(lines)), min(count, len(lines))))
    for place, line in enumerate(lines):
        if place in torn:
            yield Line(line.at_ms, line.module, line.text[: chance.randint(30, 90)], torn=True)
        yield line


def _write_day(
    folder: Path, shape: Shape, zone: ZoneInfo, day: date, now: datetime, silent: Collection[str], events: Events
) -> int:
    plain, packed = folder / f"{day}.log", folder / f"{day}.log.gz"
    if packed.exists():
        plain.unlink(missing_ok=True)  # left by a start that was killed
        return 0
    there = plain.read_bytes() if plain.exists() else b""
    ends = datetime.combine(day + timedelta(days=1), time(), zone)
    until_ms = min(_ms(now), _ms(ends)) // _MINUTE_MS * _MINUTE_MS
    written_ms, quiet_ms = _written_ms(there), _ms(now - _SILENCE)
    new = [
        f"{line.text}\n"
        for line in day_lines(shape, day, zone, events)
        if written_ms <= line.at_ms < until_ms and not (line.module in silent and line.at_ms >= quiet_ms)
    ]
    content = there + "".join(new).encode()
    if now >= ends:
        _put(packed, igzip.compress(content, _PACKED_LEVEL), ends)
        plain.unlink(missing_ok=True)
    elif new:
        _put(plain, content, now)
    return len(new)


def _written_ms(content: bytes) -> int:
    """The end of the minute that a file's last line is of; 0 for an empty one."""
    if not content:
        return 0
    last = json.loads(content.rstrip(b"\n").rpartition(b"\n")[2])
    at = datetime.fromisoformat(last["timestamp"])
    return (_ms(at) // _MINUTE_MS + 1) * _MINUTE_MS


def _put(file: Path, content: bytes, written_at: datetime) -> None:
    """In one step: a reader finds whole lines, whenever it looks."""
    with new_file(file, durable=False) as beside:
        beside.write_bytes(content)
        utime(beside, (written_at.timestamp(), written_at.timestamp()))


def _ms(at: datetime) -> int:
    return round(at.timestamp() * 1000)
