"""Takes new log lines into the history: every line once, whatever is killed in between."""

import os
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from tasks.check_result import Message, msg
from tasks.deadline import Deadline
from tasks.found_files import named, unreadable
from tasks.history.engine import History
from tasks.http import sendable, shared_trust
from tasks.logs.backlog.ahead import Ahead
from tasks.logs.backlog.cluster import connected
from tasks.logs.backlog.piece import PieceOrder
from tasks.logs.backlog.workers import Workers
from tasks.logs.count.batch import Batch
from tasks.logs.count.memory import Memory, joined
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
    end_of_batch,
    find_files,
    identify,
    identity,
    lines_before,
    open_log,
    pieces,
)
from tasks.logs.sources.loki import read_loki
from tasks.logs.sources.streams import read_command
from tasks.logs.store.counts import SourceState, StaleSourceVersion, forget_marks, open_source, store_batch
from tasks.observation import ObservationError
from tasks.progress import LOG, tell
from tasks.secrets import check_secrets, concealment, masked, resolve
from tasks.settings import Settings

_COMMIT_BYTES = 64 * 1024 * 1024
_BACKLOG_BYTES = 256 * 1024 * 1024
"""From so many new bytes on, other processes scan too: they take a quarter of a second to start."""
_PACKED = 8
"""How many times its size a packed log has, about."""
_SETTLED = timedelta(hours=1)
"""A file that nobody wrote to for this long has its last line whole, with or without a line break."""
_WHILE_COPIED = 0.01
"""Share of a file that may be written between its copy and its emptying. Source: opsrounds' default."""
_PAUSE_S = 0.5
_NO_TIME = msg("Not all lines could be read in time: the rest is read next time")
_NS = 1_000_000_000


def read_log(
    history: History,
    settings: Settings,
    source: Source,
    now: datetime,
    deadline_s: float,
    commit_bytes: int = _COMMIT_BYTES,
    backlog_bytes: int = _BACKLOG_BYTES,
) -> SourceRead:
    """Count a source's new lines; what is left after `deadline_s` waits for the next time, and the result says so.

    Raises ObservationError if nothing of the source could be read, HistoryError if the database fails.
    """
    deadline = Deadline.after(deadline_s)
    check_secrets(settings)  # one that stands in a line is masked if it is known by then, used or not
    lines = 0
    while True:
        state = open_source(history, settings.service.name, source.name, synthetic=source.synthetic)
        ingest = _Ingest(history, settings, source, state, now, deadline, commit_bytes, backlog_bytes)
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
        backlog_bytes: int,
    ) -> None:
        self._history, self._settings, self._source, self._state = history, settings, source, state
        self._now, self._deadline, self._commit_bytes, self._backlog_bytes = now, deadline, commit_bytes, backlog_bytes
        self._ahead: Ahead | None = None
        self._reading: tuple[object, Memory] = (None, Memory(0))
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
        with self._scanned_ahead(files, taken) as self._ahead:
            for file in files:
                try:
                    if not self._read_file(file, taken, done, total):
                        problems.append(_NO_TIME)
                        return
                except OSError as error:
                    problems.append(unreadable(file.path, error))
                done += file.stat.st_size
                self._report_progress(done, total)

    @contextmanager
    def _scanned_ahead(self, files: Sequence[LogFile], taken: set[int | None]) -> Iterator[Ahead | None]:
        """Pieces of a backlog that others scan meanwhile; None where there is none, or nobody else to scan."""
        processors, cluster = os.cpu_count() or 1, self._settings.logs.cluster
        if sum(map(self._unread_bytes, files)) < self._backlog_bytes:
            yield None
            return
        with ExitStack() as stack:
            orders = self._orders(files, frozenset(taken))
            if cluster is not None and (remote := stack.enter_context(connected(cluster))) is not None:
                yield Ahead(remote, orders, remote.pieces_at_once, elsewhere=True)
            elif processors > 1:  # this process scans too
                yield Ahead(stack.enter_context(Workers(processors - 1)), orders, processors + 2)
            else:
                yield None

    def _unread_bytes(self, file: LogFile) -> int:
        """How much of a file is new, about: what is packed is unpacked to know."""
        if any(mark.is_at(file.stat) for mark in self._state.marks):
            return 0
        read = max((mark.position for mark in self._state.marks if mark.is_of(file.stat)), default=0)
        return file.stat.st_size * _PACKED if file.path.suffix == ".gz" else file.stat.st_size - read

    def _orders(self, files: Sequence[LogFile], taken: frozenset[int | None]) -> Iterator[PieceOrder]:
        """The pieces of new lines, as far as that can be said before their turn."""
        conceal = concealment()
        for file in files:
            try:
                with open_log(file.path) as log:
                    mark = identify(log, self._state.marks, set(taken))
                    if mark is None or mark.complete:
                        continue
                    started_at, clock = self._start(log, mark)
                    memory = Scan(self._plan, started_at, clock).memory
                    start: int | None = mark.position
                    while start is not None:
                        end = end_of_batch(log, mark.position, start, self._commit_bytes)
                        reading = self._reading if self._reading[0] == identity(log) else (None, memory)
                        yield PieceOrder(
                            *(str(file.path), *identity(log), log.size, start, end),
                            settled=self._is_settled(log),
                            plan=replace(self._plan, conceal=conceal),
                            clock=replace(clock, newest=0, oldest=None),
                            memory=memory if start == mark.position else replace(reading[1], newest=0),
                            commit_bytes=self._commit_bytes,
                        )
                        start = end
            except OSError:  # it is reported when it is the file's turn
                continue

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
                taken.add(self._store(Batch(), mark=mark))
                return True
            scan, stored, late = Scan(self._plan, *self._start(log, mark)), mark, False
            while not (stored.complete or late):
                self._reading = (identity(log), scan.memory)
                before, end = stored, end_of_batch(log, mark.position, stored.position, self._commit_bytes)
                stored = self._store_ahead(log, scan, stored, end, done, total)
                if stored is before:
                    stored, late = self._read_on(log, scan, stored, end, done, total)
                if stored.position == before.position:  # there is only a line without its end
                    break
            taken.add(stored.id)
            return not late

    def _start(self, log: OpenLog, mark: Mark) -> tuple[datetime, Clock]:
        """When lines count that come before one with a time, and which times can be."""
        clock = Clock.at(self._now, self._written_after(log, mark))
        return self._last_time(log, mark, clock) or self._no_later(log.stat.st_mtime), clock

    def _is_settled(self, log: OpenLog) -> bool:
        return self._now.timestamp() - log.stat.st_mtime > _SETTLED.total_seconds()

    def _store_ahead(self, log: OpenLog, scan: Scan, mark: Mark, end: int | None, done: int, total: int) -> Mark:
        """Store what was scanned ahead, and go on behind it; the same mark if there is nothing of the kind."""
        found = None
        if self._ahead is not None and not self._deadline.passed:
            found = self._ahead.scanned(log, mark.position, end, self._deadline)
        stored, before = mark, scan.memory
        for part in () if found is None else found.parts:
            assert found is not None
            if not part.basis.holds(found.assumed, before, part.after):
                break
            at = part.mark
            read = replace(mark, id=stored.id, head=mark.head + at.head, tail=at.tail, position=at.position)
            scan.remember(joined(before, part.after, part.basis))
            read = replace(read, complete=at.complete, problem=at.problem)
            stored = replace(read, id=self._store(part.batch, mark=read))
            self._report_progress(done + part.consumed, total)
        return stored

    def _read_on(
        self, log: OpenLog, scan: Scan, stored: Mark, end: int | None, done: int, total: int
    ) -> tuple[Mark, bool]:
        """Count the lines from a mark to an end; how far they are stored, and if there was no time for the rest."""
        mark, consumed, block_bytes = stored, 0, min(BLOCK_BYTES, self._commit_bytes)
        for piece in pieces(log, mark, settled=self._is_settled(log), block_bytes=block_bytes, end=end):
            if piece.too_long is not None:
                scan.skip_too_long(piece.too_long)
            scan.feed(piece.lines)
            scan.note_hole(piece.hole, piece.lost + self._unexplained(piece.hole - piece.lost))
            mark, consumed = replace(piece.mark, id=stored.id), piece.consumed
            late = self._deadline.passed
            if late or mark.complete or scan.is_full or mark.position - stored.position >= self._commit_bytes:
                stored = self._store_mark(scan, mark, stored)
                self._report_progress(done + consumed, total)
            if late and not mark.complete:
                return stored, True
        if not mark.complete:
            stored = self._store_mark(scan, mark, stored)
            self._report_progress(done + consumed, total)
        return stored, False

    def _store_mark(self, scan: Scan, mark: Mark, stored: Mark) -> Mark:
        if not mark.complete and mark.position == stored.position:  # only a line without its end was found
            return stored
        return replace(mark, id=self._store(scan.take(), mark=mark))

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
                    self._store(scan.take(), cursor=cursor.pack())
                    taken = 0
                if page.more and self._deadline.passed:
                    problems.append(_NO_TIME)
                    break
        self._store(scan.take() if scan else Batch(), cursor=cursor.pack())
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
        trusted = shared_trust(ca_file, section)
        yield from read_loki(source, cursor.since_ns, now_ns, sendable(headers, section), trusted, self._deadline)

    def _store(self, batch: Batch, *, mark: Mark | None = None, cursor: bytes | None = None) -> int | None:
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
