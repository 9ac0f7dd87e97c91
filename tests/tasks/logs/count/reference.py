"""The plain way to count lines: one after another, with nothing remembered but what counts must remember.

No cache, no search of many lines at once, no line that is counted in another way than its neighbour: what the scan does
fast is held against this. Values are read by the same functions, which have tests of their own.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from tasks.logs.count.batch import MOST_ODD_LEVELS, MOST_SAMPLES, Batch, ErrorSeen, Exemplar, Lines
from tasks.logs.count.fingerprint import ErrorKey, error_key
from tasks.logs.count.scan import CHECKED_LINES, Plan
from tasks.logs.count.sketch import sketch_index
from tasks.logs.lines.clock import Clock
from tasks.logs.lines.doubt import is_aborted, is_unanswered, may_be_record
from tasks.logs.lines.levels import Level, Levels
from tasks.logs.lines.personal import unescaped
from tasks.logs.lines.places import MOST_MODULES, OTHER, UNKNOWN, Places
from tasks.logs.lines.record import (
    FIELDS,
    TO_MINUTE,
    Record,
    error_parts,
    instant,
    milliseconds,
    minute_of,
    reader_of,
    status_of,
)
from tasks.observation import printable
from tasks.personal import find_kinds, mask


class Reference:
    """Counts lines into a batch, as `tasks.logs.count.scan.Scan` does."""

    def __init__(self, plan: Plan, started_at: datetime, clock: Clock) -> None:
        self.plan, self.clock, self.batch = plan, clock, Batch()
        self.minute = int(started_at.timestamp()) // 60
        self.modules: dict[str, str] = {}
        self.read, self.levels = reader_of(plan.source), Levels(plan.source)

    def counts(self, lines: Iterable[bytes]) -> Batch:
        """What lines add."""
        self.batch = Batch()
        for raw in lines:
            record = self.read(raw) if raw else None
            if record is None:
                self.unread(raw)
            else:
                self.record(
                    record,
                    self.dated(record),
                    {kind.value for kind in find_kinds(unescaped(raw).decode(errors="replace"))},
                )
        for lines_of in self.batch.lines.values():
            lines_of.levelled += lines_of.parsed
        self.batch.fields = +self.batch.fields
        return self.batch

    @property
    def lines(self) -> Lines:
        return self.batch.lines_of(self.minute // 60)

    def dated(self, record: Record) -> bool:
        at = self.at(record.timestamp)
        if at is None:
            return False
        minute = int(at.timestamp()) // 60
        if not self.clock.takes(minute):
            self.lines.misdated += 1
            return False
        self.minute = minute
        self.batch.newest_minute = max(self.batch.newest_minute, minute)
        return True

    def at(self, written: object) -> datetime | None:
        minute = "".join(minute_of(written)) if isinstance(written, str) and len(written) > TO_MINUTE else None
        return instant(minute, self.plan.zone) or instant(written, self.plan.zone)

    def unread(self, raw: bytes) -> None:
        self.lines.lines += 1
        self.personal(UNKNOWN, {kind.value for kind in find_kinds(unescaped(raw).decode(errors="replace"))})
        if not raw.strip(b"\x00 \t\r\n\x0b\f"):
            self.lines.ignored += 1
            return
        self.lines.malformed += 1
        self.lines.torn += self.plan.source.requests and may_be_record(raw, self.plan.source.format)
        if len(self.batch.samples) < MOST_SAMPLES:
            self.batch.samples.append(self.safe(unescaped(raw[:4000]).decode(errors="replace"), 300))

    def record(self, record: Record, dated: bool, kinds: set[str]) -> None:
        plan, lines = self.plan, self.lines
        lines.lines += 1
        lines.undated += not dated
        status, odd_status = status_of(record.status)
        level = self.levels.read(record.level)
        is_error = bool(record.error) or (status or 0) >= 500
        method, url = _request(record)
        is_probe = url.partition("?")[0] in plan.ignored
        if is_probe and not is_error and level in (Level.INFO, Level.ABSENT):
            lines.ignored += 1
            self.personal(self.module(record.module) or UNKNOWN, kinds)
            return
        lines.parsed += 1
        lines.levelled -= level is Level.ABSENT
        if level is Level.UNKNOWN:
            self.odd_level(str(record.level))
        module, route = self.module(record.module) or UNKNOWN, ""
        if url:
            module, route = plan.places.find(url, self.module(record.module), method or None, learn=status != 404)
        activity = self.batch.activity_of(module, self.minute // 60)
        odd_duration = False
        if plan.source.requests and not is_probe:
            activity.unauthorized += status == 401
            activity.forbidden += status == 403
            if status is not None:
                odd_duration = self.request(module, route, status, record)
            elif is_aborted(record, bool(url or method)):
                lines.aborted, odd_status = lines.aborted + 1, False
            else:
                lines.unanswered += is_unanswered(record, bool(url or method))
        lines.drifted += record.drifted or odd_status or odd_duration
        activity.lines += 1
        activity.errors += is_error or level is Level.ERROR
        activity.warnings += level is Level.WARNING
        if is_error or level is Level.ERROR:
            self.error(record, dated, module, route, method, status)
        self.personal(module, kinds)
        self.fields(record)

    def request(self, module: str, route: str, status: int, record: Record) -> bool:
        bounds = self.plan.limits_ms
        traffic = self.batch.traffic_of(module, route, self.minute, len(bounds))
        duration, odd = milliseconds(record.duration, self.plan.source.duration_unit)
        for counts in (self.lines, traffic):
            counts.bad += status >= 500
            counts.timed += duration is not None
        self.lines.requests += 1
        traffic.valid += 1
        if duration is not None:
            traffic.add_bins({sketch_index(duration): 1})
            traffic.within = [count + (duration <= bound) for count, bound in zip(traffic.within, bounds, strict=True)]
        return odd

    def error(self, record: Record, dated: bool, module: str, route: str, method: str, status: int | None) -> None:
        name, message, stack = error_parts(record.error)
        message = message or ("" if record.message is None else str(record.message))
        if not name and not message and status is not None:
            name, message = f"HTTP {status}", f"{method} {route}"
        key = error_key(module, printable(name, 80), message, stack, skipped_frames=self.plan.skipped_frames)
        shown = ErrorKey(module, self.safe(key.name, 80), self.safe(key.message, 500), self.safe(key.frame, 300))
        texts = (message, "", str(record.level or ""), f"{method} {route}".strip(), str(record.request_id or ""))
        exemplar = Exemplar(*(self.safe(text, most) for text, most in zip(texts, (300, 0, 20, 300, 80), strict=True)))
        exemplar = replace(exemplar, stack=self.stack(stack))
        seen = self.batch.errors.setdefault(key.fingerprint, ErrorSeen(shown, exemplar))
        release = "" if record.release is None else self.safe(str(record.release)[:1000], 80)
        seen.seen(self.minute // 60, instant(record.timestamp, self.plan.zone) if dated else None, release)

    def stack(self, stack: str) -> str:
        lines = mask(self.plan.conceal(stack[:20_000])).expandtabs(4).splitlines()
        if len(stack) > 20_000:
            lines = lines[:-1] or lines
        if len(lines) > 20:
            lines = [*lines[:10], "…", *lines[-9:]]
        return "\n".join(printable(line, 200) for line in lines)

    def odd_level(self, written: str) -> None:
        hour, word = self.minute // 60, self.safe(written[:1000], 20)
        self.lines.odd_levels += 1
        known = {level for at, level in self.batch.odd_levels if at == hour}
        self.batch.odd_levels[hour, word if word in known or len(known) < MOST_ODD_LEVELS else ""] += 1

    def module(self, written: object) -> str | None:
        if written is None:
            return None
        raw = str(written)[:1000]
        if raw not in self.modules and len(self.modules) >= MOST_MODULES:
            return OTHER
        return self.modules.setdefault(raw, self.safe(raw, 80))

    def fields(self, record: Record) -> None:
        hour, fields = self.minute // 60, self.batch.fields
        if fields[hour, ""] < CHECKED_LINES:
            values = {name: getattr(record, name) for name in FIELDS}
            has = [name for name, value in values.items() if value not in (None, "") and (name != "error" or value)]
            fields += Counter((hour, name) for name in ("", *has))

    def personal(self, module: str, kinds: set[str]) -> None:
        self.batch.personal.update((module, self.minute // 60, kind) for kind in kinds)

    def safe(self, text: str, most: int) -> str:
        return printable(mask(self.plan.conceal(text)), most)


def _request(record: Record) -> tuple[str, str]:
    method, url, request = (
        value if isinstance(value, str) else "" for value in (record.method, record.url, record.request)
    )
    parts = request.split(" ")
    if not url and len(parts) >= 2 and parts[1].startswith(("/", "http")):
        return parts[0], parts[1]
    return method, url


def reference_of(plan: Plan) -> Plan:
    """A plan of its own for the reference, whose routes are learnt by it alone."""
    return replace(plan, places=Places(plan.places.patterns, known=plan.places.known))
