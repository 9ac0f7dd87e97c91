"""Takes new log lines into the history: every line once, whatever is killed in between."""

import time
from collections.abc import Generator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from tasks.check_result import Message, msg
from tasks.deadline import Deadline
from tasks.found_files import named, unreadable
from tasks.history.engine import History
from tasks.http import sendable, trust
from tasks.logs.count.scan import Plan, Scan
from tasks.logs.facts import AgedFile, SourceRead, crowded_moments
from tasks.logs.lines.clock import KEPT, Clock
from tasks.logs.lines.places import Places, RoutePattern
from tasks.logs.lines.record import instant, reader_of
from tasks.logs.settings import Source
from tasks.logs.sources.content import BLOCK_BYTES
from tasks.logs.sources.cursor import Cursor, Page, in_pages
from tasks.logs.sources.files import (
    LogFile,
    Mark,
    OpenLog,
    find_files,
    identify,
    lines_before,
    open_log,
    pieces,
)
from tasks.logs.sources.loki import read_loki
from tasks.logs.sources.streams import read_command
from tasks.logs.store.counts import SourceState, StaleSourceVersion, forget_marks, open_source, store_batch
from tasks.observation import ObservationError
from tasks.progress import LOG, tell
from tasks.secrets import check_secrets, masked, resolve
from tasks.settings import Settings
from tasks.visible import look

_COMMIT_BYTES = 64 * 1024 * 1024
_SETTLED = timedelta(hours=1)
"""A file that nobody wrote to for this long has its last line whole, with or without a line break."""
_WHILE_COPIED = 0.01
"""Share of a file that may be written between its copy and its emptying. Source: opsrounds' default."""
_PAUSE_S = 0.5
_NO_TIME = msg("Not all lines could be read in time: the rest is read next time")
_NS = 1_000_000_000


@look("read-log {source.name}")
def read_log(
    history: History,
    settings: Settings,
    source: Source,
    now: datetime,
    deadline_s: float,
    commit_bytes: int = _COMMIT_BYTES,
) -> SourceRead:
    """Count a source's new lines; what is left after `deadline_s` waits for the next time, and the result says so.

    Raises ObservationError if nothing of the source could be read, HistoryError if the database fails.
    """
    deadline = Deadline.after(deadline_s)
    check_secrets(settings)  # one that stands in a line is masked if it is known by then, used or not
    lines = 0
    while True:
        state = open_source(history, settings.service.name, source.name, synthetic=source.synthetic)
        ingest = _Ingest(history, settings, source, state, now, deadline, commit_bytes)
        try:
            problems = ingest.read()
        except StaleSourceVersion:  # what the other one counted is not counted again: it is looked for anew
            lines += ingest.lines
        else:
            return SourceRead(source.name, lines + ingest.lines, tuple(problems), tuple(ingest.aged))
        if deadline.left_s < _PAUSE_S:
            raise ObservationError(msg("Another process keeps reading this log"))
        time.sleep(_PAUSE_S)


class _Ingest:
    """One pass over a source; `lines` counts what this pass has stored."""

    def __init__(
        self,
        history: History,
        settings: Settings,
        source: Source,
        state: SourceState,
        now: datetime,
        deadline: Deadline,
        commit_bytes: int,
    ) -> None:
        self._history, self._settings, self._source, self._state = history, settings, source, state
        self._now, self._deadline, self._commit_bytes = now, deadline, commit_bytes
        self._plan, self._read = plan_of(settings, source, state.routes), reader_of(source)
        self.lines = 0
        self.aged: list[AgedFile] = []

    def read(self) -> list[Message]:
        problems: list[Message] = []
        if self._source.kind == "file":
            self._read_files(problems)
        else:
            self._read_stream(problems)
        return problems

    def _read_files(self, problems: list[Message]) -> None:
        oldest = self._now - timedelta(days=self._settings.logs.keep_days)
        folder = self._settings.path.parent
        found = find_files(folder, self._source.paths, oldest.timestamp())
        files = found.files
        problems += found.all_problems
        if not files and problems:
            raise ObservationError(problems[0])
        self.aged = [_aged(file) for file in found.aged]
        if found.aged and not files:
            problems.append(
                msg("All files are older than [logs] keep_days, so none is read: {files}", files=len(found.aged))
            )
        self._forget_files(oldest, [*files, *found.aged])
        done, total = 0, sum(file.stat.st_size for file in files)
        taken: set[int | None] = {m.id for m in self._state.marks if any(m.is_at(file.stat) for file in files)}
        for file in files:
            try:
                if not self._read_file(file, taken, done, total):
                    problems.append(_NO_TIME)
                    return
            except OSError as error:
                problems.append(unreadable(file.path, error))
            done += file.stat.st_size
            self._report_progress(done, total)

    def _forget_files(self, oldest: datetime, there: list[LogFile]) -> None:
        """Let go of files that are gone and so old that they would not be read if they came back."""
        old = [mark for mark in self._state.marks if mark.mtime_ns < oldest.timestamp() * _NS]
        if old:
            gone = [mark for mark in old if not any(mark.is_of(file.stat) for file in there)]
            if gone:
                self._state = forget_marks(self._history, self._state, gone)

    def _read_file(self, file: LogFile, taken: set[int | None], done: int, total: int) -> bool:
        """Count a file's new lines; False when there was no time for all of them."""
        with open_log(file.path) as log:
            mark = identify(log, self._state.marks, taken)
            if mark is None:
                return True
            if mark.complete:
                taken.add(self._store(self._scan(self._now), mark=mark))
                return True
            clock = Clock.at(self._now, self._written_after(log, mark))
            started_at = self._last_time(log, mark, clock) or self._no_later(log.stat.st_mtime)
            scan, stored = Scan(self._plan, started_at, clock), mark
            settled = self._now.timestamp() - log.stat.st_mtime > _SETTLED.total_seconds()
            for piece in pieces(log, mark, settled=settled, block_bytes=min(BLOCK_BYTES, self._commit_bytes)):
                if piece.too_long is not None:
                    scan.skip_too_long(piece.too_long)
                scan.feed(piece.lines)
                scan.note_hole(piece.hole, piece.lost + self._unexplained(piece.hole - piece.lost))
                mark = replace(piece.mark, id=stored.id)
                late = self._deadline.passed
                if late or mark.complete or scan.is_full or mark.position - stored.position >= self._commit_bytes:
                    stored = self._store_mark(scan, mark, stored)
                    self._report_progress(done + piece.consumed, total)
                if late and not mark.complete:
                    break
            else:
                late = False
            if not mark.complete:
                stored = self._store_mark(scan, mark, stored)
            taken.add(stored.id)
            return not late

    def _store_mark(self, scan: Scan, mark: Mark, stored: Mark) -> Mark:
        if not mark.complete and mark.position == stored.position:  # only a line without its end was found
            return stored
        return replace(mark, id=self._store(scan, mark=mark))

    def _scan(self, started_at: datetime) -> Scan:
        return Scan(self._plan, started_at, Clock.at(self._now))

    def _last_time(self, log: OpenLog, mark: Mark, clock: Clock) -> datetime | None:
        """The time of the last line before a mark: what follows without a time is counted there, killed or not."""
        last: datetime | None = None
        for line in lines_before(log, mark):
            record = self._read(line) if line else None
            at = None if record is None else instant(record.timestamp, self._plan.zone)
            if at is not None and clock.takes(int(at.timestamp()) // 60):
                last = at
        return last

    def _written_after(self, log: OpenLog, mark: Mark) -> datetime | None:
        """A moment after which the new lines of a file were written; None where that is not known.

        What follows after all was read was written later. At first, the last line tells whether it is an old file.
        """
        if mark.position:
            before = next((known for known in self._state.marks if known.id == mark.id and known.complete), None)
            return None if before is None else self._no_later(before.mtime_ns / _NS)
        if log.content().packed:
            return None
        written = self._no_later(log.stat.st_mtime)
        last = self._last_time(log, replace(mark, position=log.stat.st_size), Clock.at(self._now))
        return written if last is not None and last < written - KEPT else None

    def _unexplained(self, hole: int) -> int:
        """How much of a hole before a file's first line was never read as lines.

        A program that goes on where it was, after copytruncate emptied the file, leaves one as long as what was copied.
        """
        read = max((mark.position for mark in self._state.marks if mark.position <= hole), default=0)
        return 0 if hole - read <= _WHILE_COPIED * hole else hole - read

    def _no_later(self, at_s: float) -> datetime:
        return min(self._now, datetime.fromtimestamp(max(0.0, at_s), UTC))

    def _report_progress(self, done: int, total: int) -> None:
        tell(LOG, min(done, total), total)

    def _read_stream(self, problems: list[Message]) -> None:
        state, now_ns = self._state, int(self._now.timestamp()) * _NS
        first_ns = now_ns - int(self._source.first_hours * 3600) * _NS
        cursor = Cursor.unpack(state.cursor) if state.cursor else Cursor(first_ns)
        scan: Scan | None = None
        taken, crowded = 0, 0
        with closing(self._pages(cursor, now_ns, problems)) as pages:
            for page in pages:
                new = list(cursor.new_lines(page.lines))
                cursor = cursor.after(page.lines, now_ns)
                if new:
                    scan = scan or self._scan(self._no_later(new[0][0] / _NS))
                    scan.feed(line for _, line in new)
                    taken += sum(len(line) + 1 for _, line in new)
                if scan and new and page.crowded:
                    scan.note_crowded(new[0][0] // _NS // 3600)
                    crowded += 1
                if scan and (scan.is_full or taken >= self._commit_bytes):
                    self._store(scan, cursor=cursor.pack())
                    taken = 0
                if page.more and self._deadline.passed:
                    problems.append(_NO_TIME)
                    break
        self._store(scan or self._scan(self._now), cursor=cursor.pack())
        if crowded:
            problems.append(crowded_moments(crowded))

    def _pages(self, cursor: Cursor, now_ns: int, problems: list[Message]) -> Generator[Page]:
        source = self._source
        if source.kind == "command":
            left_s, zone = self._deadline.left_s, self._plan.zone
            answer = read_command(source, cursor.since_ns, self._read, zone, problems, deadline_s=left_s)
            yield from in_pages(cursor.placed(answer))
            return
        headers = {
            name: resolve(value, self._settings, f"logs.source.{source.name}.headers.{name}")
            for name, value in source.headers.items()
        }
        section = f"logs.source.{source.name}"
        ca_file = None if source.ca_file is None else self._settings.path.parent / source.ca_file
        trusted = trust(ca_file, section)
        yield from read_loki(source, cursor.since_ns, now_ns, sendable(headers, section), trusted, self._deadline)

    def _store(self, scan: Scan, *, mark: Mark | None = None, cursor: bytes | None = None) -> int | None:
        batch = scan.take()
        self._state, stored = store_batch(
            self._history,
            self._state,
            batch,
            self._plan.limits_ms,
            self._now,
            mark=mark,
            cursor=cursor,
            own_routes=frozenset(route.pattern for route in self._settings.routes),
        )
        self.lines += batch.total.lines
        return None if stored is None else stored.id


def _aged(file: LogFile) -> AgedFile:
    return AgedFile(named(file.path), datetime.fromtimestamp(max(0.0, file.stat.st_mtime), UTC))


def plan_of(settings: Settings, source: Source, routes: frozenset[str]) -> Plan:
    """How a source's lines are counted."""
    health = settings.health
    own = () if health is None else (health.live, health.ready, health.report)
    return Plan(
        source=source,
        places=Places([RoutePattern(r.pattern, r.module, r.method) for r in settings.routes], known=routes),
        limits_ms=settings.logs.latency_bounds_ms,
        zone=ZoneInfo(source.timezone) if source.timezone else settings.zone,
        ignored=frozenset(settings.logs.ignore) | frozenset(path for path in own if path is not None),
        skipped_frames=settings.logs.skipped_frames,
        conceal=masked,
    )
