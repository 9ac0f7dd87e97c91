"""The pass over a stretch of log lines: counts, latencies, errors, and what could not be read."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from typing import Any

from tasks.logs.batch import MOST_SAMPLES, MOST_VARIANTS, VARYING, Activity, Batch, ErrorSeen, Exemplar, Lines, Traffic
from tasks.logs.fingerprint import ErrorKey, error_key
from tasks.logs.lines import FIELDS, Record, error_parts, instant, is_there, milliseconds, reader_of, status_of
from tasks.logs.personal import find_kinds, mask, suspicious
from tasks.logs.places import OTHER, UNKNOWN, Places
from tasks.logs.settings import Source
from tasks.logs.sketch import sketch_index
from tasks.observation import shown

LOOKED_AT = 1000
"""The first lines of a scan in which the mapped fields are looked for."""
MOST_LINE_BYTES = 1_048_576
_MOST_CACHED = 100_000
_MOST_MODULES = 100
_MOST_ERRORS = 2000
_SHOWN_CHARS = 300
_STACK_CHARS = 2000
_NAME_CHARS = 80
_ERROR = "error"
_WARNING = "warning"
_LEVELS = {
    **dict.fromkeys(("error", "err", "fatal", "critical", "crit", "alert", "emerg", "emergency", "panic"), _ERROR),
    **dict.fromkeys(("severe", "50", "60"), _ERROR),  # Java's word; numbers are those of bunyan and pino
    **dict.fromkeys(("warn", "warning", "40"), _WARNING),
}


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


@dataclass
class Scan:
    """A pass under way. `started_at` is the time of lines before the first that names one."""

    plan: Plan
    started_at: datetime
    batch: Batch = field(default_factory=Batch)

    def __post_init__(self) -> None:
        self._read = reader_of(self.plan.source)
        self._minute = int(self.started_at.timestamp()) // 60
        self._minutes: dict[str, int] = {}
        self._bins: dict[float, tuple[int, int]] = {}
        self._modules: set[str] = set()
        self._variants: dict[tuple[str, str, str], set[str]] = {}

    def take(self) -> Batch:
        """The counts since the last call; what the pass has learnt of minutes and modules stays."""
        batch, self.batch = self.batch, Batch()
        return batch

    def skip_too_long(self, start: bytes) -> None:
        """Count a line that is longer than any is read, by its first bytes."""
        lines = self._lines()
        lines.lines += 1
        self._malformed(lines, start)

    def feed(self, raw_lines: Iterable[bytes]) -> None:
        """Count every line."""
        for raw in raw_lines:
            if not raw or raw.isspace():
                lines = self._lines()
                lines.lines += 1
                lines.ignored += 1
                continue
            record = self._read(raw)
            if record is None:
                lines = self._lines()
                lines.lines += 1
                if raw.strip(b"\x00 \r\t"):
                    self._malformed(lines, raw)
                else:  # a hole that a truncated file left
                    lines.ignored += 1
                continue
            self._count(raw, record)

    def _count(self, raw: bytes, record: Record) -> None:
        dated = self._move_to(record.timestamp)
        lines = self._lines()
        lines.lines += 1
        if not dated:
            lines.undated += 1
        status, odd_status = status_of(record.status) if record.status.__class__ is not int else _whole(record.status)
        is_error = is_there(record.error) or (status is not None and status >= 500)
        level = _LEVELS.get(str(record.level).lower()) if record.level is not None else None
        method, url = _request(record)
        if url.partition("?")[0] in self.plan.ignored and not is_error and level is None:
            lines.ignored += 1
            return
        lines.parsed += 1
        module, route = self._place(record.module, url, method, status)
        odd_duration = self._request(lines, module, route, status, record) if self.plan.source.requests else False
        if record.drifted or odd_status or odd_duration:
            lines.drifted += 1
        self._activity(module, status, is_error or level is _ERROR, level is _WARNING)
        if is_error or level is _ERROR:
            self._error(record, module, route, method, url, status)
        if suspicious(raw):
            for kind in find_kinds(raw.decode(errors="replace")):
                self.batch.personal[module, self._minute // 60, kind.value] += 1
        if self.batch.fields[""] < LOOKED_AT:
            self._look_for_fields(record)

    def _lines(self) -> Lines:
        hour = self._minute // 60
        found = self.batch.lines.get(hour)
        if found is None:
            found = self.batch.lines[hour] = Lines()
        return found

    def _move_to(self, timestamp: Any) -> bool:
        """Go to a line's minute; False when its time cannot be read, and the minute stays."""
        if timestamp.__class__ is str and len(timestamp) > 16:
            zone = "Z" if timestamp[-1] == "Z" else timestamp[-6:] if timestamp[-6] in "+-" else ""
            key = timestamp[:16] + zone
            minute = self._minutes.get(key)
            if minute is not None:
                self._minute = minute
                if minute > self.batch.newest_minute:
                    self.batch.newest_minute = minute
                return True
        else:
            key = ""
        at = instant(timestamp, self.plan.zone)
        if at is None:
            return False
        self._minute = int(at.timestamp()) // 60
        if key:
            if len(self._minutes) >= _MOST_CACHED:
                self._minutes.clear()
            self._minutes[key] = self._minute
        self.batch.newest_minute = max(self.batch.newest_minute, self._minute)
        return True

    def _place(self, module: Any, url: str, method: str, status: int | None) -> tuple[str, str]:
        named = None if module is None else str(module)
        if named is not None and named not in self._modules:
            named = shown(named, _NAME_CHARS)
            if named not in self._modules:
                if len(self._modules) >= _MOST_MODULES:
                    named = OTHER
                self._modules.add(named)
        if not url:
            return named or UNKNOWN, ""
        return self.plan.places.find(url, named, method or None, learn=status != 404)

    def _request(self, lines: Lines, module: str, route: str, status: int | None, record: Record) -> bool:
        if status is None:
            return False
        lines.requests += 1
        key = (module, route, self._minute)
        traffic = self.batch.traffic.get(key)
        if traffic is None:
            traffic = self.batch.traffic[key] = Traffic([0] * len(self.plan.limits_ms))
        traffic.valid += 1
        if status >= 500:
            traffic.bad += 1
        duration, odd = milliseconds(record.duration, self.plan.source.duration_unit)
        if duration is None:
            return odd
        lines.timed += 1
        traffic.timed += 1
        place = self._bins.get(duration)
        if place is None:
            if len(self._bins) >= _MOST_CACHED:
                self._bins.clear()
            over = sum(limit < duration for limit in self.plan.limits_ms)
            place = self._bins[duration] = (sketch_index(duration), over)
        index, over = place
        traffic.bins[index] = traffic.bins.get(index, 0) + 1
        for bound in range(over, len(traffic.within)):
            traffic.within[bound] += 1
        return odd

    def _activity(self, module: str, status: int | None, is_error: bool, is_warning: bool) -> None:
        key = (module, self._minute // 60)
        activity = self.batch.activity.get(key)
        if activity is None:
            activity = self.batch.activity[key] = Activity()
        activity.lines += 1
        activity.errors += is_error
        activity.warnings += is_warning
        activity.unauthorized += status == 401
        activity.forbidden += status == 403

    def _error(self, record: Record, module: str, route: str, method: str, url: str, status: int | None) -> None:
        name, message, stack = error_parts(record.error)
        message = message or ("" if record.message is None else str(record.message))
        if not name and not message and status is not None:
            name, message = f"HTTP {status}", f"{method} {route}"
        key = self._known(
            error_key(module, shown(name, _NAME_CHARS), message, stack, skipped_frames=self.plan.skipped_frames)
        )
        seen = self.batch.errors.get(key.fingerprint)
        if seen is None:
            exemplar = Exemplar(
                message=self._safe(message, _SHOWN_CHARS),
                stack=self._safe(stack, _STACK_CHARS),
                level=shown(str(record.level or ""), 20),
                request=self._safe(f"{method} {url.partition('?')[0]}".strip(), _SHOWN_CHARS),
                request_id=self._safe(str(record.request_id or ""), _NAME_CHARS),
            )
            told = ErrorKey(
                module, self._safe(key.name, _NAME_CHARS), self._safe(key.message, 500), self._safe(key.frame, 300)
            )
            seen = self.batch.errors[key.fingerprint] = ErrorSeen(told, exemplar)
        release = "" if record.release is None else shown(str(record.release), _NAME_CHARS)
        seen.seen(self._minute // 60, instant(record.timestamp, self.plan.zone), release)

    def _known(self, key: ErrorKey) -> ErrorKey:
        """The key, or the one of all variants when a text varies too much to be a kind of error each."""
        if key.fingerprint in self.batch.errors:
            return key
        if len(self.batch.errors) >= _MOST_ERRORS:
            return ErrorKey(OTHER, OTHER, VARYING, "")
        variants = self._variants.setdefault((key.module, key.name, key.frame), set())
        if key.message not in variants and len(variants) >= MOST_VARIANTS:
            return ErrorKey(key.module, key.name, VARYING, key.frame)
        variants.add(key.message)
        return key

    def _malformed(self, lines: Lines, raw: bytes) -> None:
        lines.malformed += 1
        if len(self.batch.samples) < MOST_SAMPLES:
            self.batch.samples.append(self._safe(raw[:4000].decode(errors="replace"), _SHOWN_CHARS))

    def _safe(self, text: str, most: int) -> str:
        """A text from outside as it may be stored and shown; masked before it is cut."""
        return shown(mask(self.plan.conceal(text)), most)

    def _look_for_fields(self, record: Record) -> None:
        self.batch.fields[""] += 1
        for name in FIELDS:
            value = getattr(record, name)
            if value is not None and value != "" and (name != "error" or is_there(value)):
                self.batch.fields[name] += 1


def utc_minute(at: datetime) -> int:
    """Whole minutes since 1970."""
    return int(at.astimezone(UTC).timestamp()) // 60


def _whole(status: Any) -> tuple[int | None, bool]:
    return (status, False) if 100 <= status <= 599 else (None, True)


def _request(record: Record) -> tuple[str, str]:
    method = record.method if isinstance(record.method, str) else ""
    url = record.url if isinstance(record.url, str) else ""
    if not url and isinstance(record.request, str):  # GET /path HTTP/1.1
        parts = record.request.split(" ")
        if len(parts) >= 2 and parts[1].startswith(("/", "http")):
            return parts[0], parts[1]
    return method, url
