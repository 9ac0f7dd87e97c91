"""Reads the files of an audit log, as far as they are needed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from tasks.check_result import Message
from tasks.deadline import Deadline
from tasks.found_files import unreadable
from tasks.logs.facts import Damage, DamagedFile
from tasks.logs.sources.files import LogFile, find_files, open_log
from tasks.progress import LOG
from tasks.security.audit.lines import Count, Reader, whole_days, whole_lines
from tasks.security.facts.audit import AuditLines, Hole
from tasks.security.settings import Audit
from tasks.visible import look

_FIRST_LINES = 1000
"""A file without a time in so many lines has none."""
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which lines are read: from `since` to before `until`. `folder` is that of the service file."""

    folder: Path
    audit: Audit
    zone: ZoneInfo
    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class _File:
    """A file's first line with a time, and the problem that it has."""

    oldest: datetime | None
    problem: Message | None


# No timeout on the decorator: Prefect cannot end a thread. The deadline ends the reading between two blocks.
@look("read-audit")
def read_audit(wanted: Wanted, now: datetime, deadline: Deadline) -> AuditLines:
    """The lines of a stretch of time, and how far the log reaches back.

    Of a file that was last written before, only its beginning is read. Raises ObservationError when time runs out.
    """
    found = find_files(wanted.folder, wanted.audit.paths)
    files, problems = _once(found.files), found.problems
    count = Count(wanted.audit, wanted.zone, wanted.since, wanted.until)
    reader = Reader(wanted.audit, wanted.zone)
    to_read = [file for file in files if file.stat.st_mtime >= wanted.since.timestamp()]
    tell = _Told(deadline.progress(LOG), sum(file.stat.st_size for file in to_read))
    read = {file.path: _read_whole(file, reader, count, tell) for file in to_read}
    old = {file.path: _read_start(file, reader, deadline) for file in files if file.path not in read}
    starts = {file: (read | old)[file.path] for file in files}
    begun = [start.oldest for start in starts.values() if start.oldest is not None]
    return AuditLines(
        whole_days=whole_days(wanted.since, wanted.until, now, wanted.zone),
        days=dict(count.days),
        events=count.events(),
        with_event=count.with_event,
        undated=count.undated,
        unread=count.unread,
        files=len(files),
        oldest=min(begun, default=None),
        newest=count.newest,
        holes=_holes(starts, wanted.zone),
        problems=(*problems, *(file.problem for file in read.values() if file.problem is not None)),
        old_problems=tuple(file.problem for file in old.values() if file.problem is not None),
    )


class _Told:
    """Adds up how far several files have been read."""

    def __init__(self, progress: Callable[[int, int], None], of: int) -> None:
        self._progress, self._of, self._before = progress, of, 0

    def __call__(self, done: int) -> None:
        self._progress(min(self._before + done, self._of), self._of)

    def next(self, size: int) -> None:
        """The next file begins."""
        self._before += size
        self(0)


def _read_whole(file: LogFile, reader: Reader, count: Count, tell: _Told) -> _File:
    oldest: datetime | None = None
    try:
        with open_log(file.path) as log:
            content = log.content()
            for line in whole_lines(content, tell):
                seen = None if line is None else reader.read(line)
                count.add(seen)
                if oldest is None and seen is not None:  # a later line with an older time is one of a wrong clock
                    oldest = seen[0]
    except OSError as error:
        return _File(oldest, unreadable(file.path, error))
    finally:
        tell.next(file.stat.st_size)
    return _File(oldest, _damage(file, content.problem))


def _read_start(file: LogFile, reader: Reader, deadline: Deadline) -> _File:
    deadline.require()
    try:
        with open_log(file.path) as log:
            for number, line in enumerate(whole_lines(log.content(), lambda _: deadline.require())):
                seen = None if line is None else reader.read(line)
                if seen is not None and seen[0] is not None:
                    return _File(seen[0], None)
                if number >= _FIRST_LINES:
                    break
    except OSError as error:
        return _File(None, unreadable(file.path, error))
    return _File(None, None)


def _damage(file: LogFile, problem: Damage | None) -> Message | None:
    return None if problem is None else DamagedFile(str(file.path), problem).message


def _once(files: Sequence[LogFile]) -> list[LogFile]:
    """A file that has two names is one."""
    return list({(file.stat.st_dev, file.stat.st_ino): file for file in files}.values())


def _holes(starts: dict[LogFile, _File], zone: ZoneInfo) -> tuple[Hole, ...]:
    """Days between the last writing to one file and the first line of the next."""
    spans: list[tuple[date, date]] = sorted(
        (start.oldest.astimezone(zone).date(), datetime.fromtimestamp(file.stat.st_mtime, UTC).astimezone(zone).date())
        for file, start in starts.items()
        if start.oldest is not None
    )
    holes: list[Hole] = []
    for (first, _), reached in zip(spans[1:], _reached(spans), strict=False):
        if first > reached + _DAY:
            holes.append(Hole(reached + _DAY, first - _DAY))
    return tuple(holes)


def _reached(spans: Sequence[tuple[date, date]]) -> list[date]:
    """Up to which day each span and those before it reach."""
    reached: list[date] = []
    for _, last in spans:
        reached.append(max(reached[-1], last) if reached else last)
    return reached
