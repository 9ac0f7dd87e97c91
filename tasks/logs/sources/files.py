"""Log files on disk: which one is which after a rotation, and their lines from where they were read to.

A file is known by what was read of it: prints of short stretches at fixed places tell it from every other one, so
that it stays the same file when it is renamed, copied and truncated, or packed.
"""

import errno
import hashlib
import math
import os
import re
import stat as modes
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import accumulate, repeat, takewhile
from pathlib import Path

from tasks.check_result import Message, msg
from tasks.found_files import GONE, matches, start_of, unreadable
from tasks.logs.count.scan import MOST_LINE_BYTES
from tasks.logs.sources.content import BLOCK_BYTES, START_BYTES, WINDOW_BYTES, Content, content_of
from tasks.observation import printable

_PRINT_BYTES = 8
_PLACES = (
    *range(16, 256, 16),
    *range(256, START_BYTES, 64),
    # From here on by a sixteenth more each, up to 1 TB: some 380 places.
    *takewhile(lambda at: at < 1 << 40, accumulate(repeat(0), lambda at, _: at + at // 16, initial=START_BYTES)),
)
"""Where prints are taken, each of the WINDOW_BYTES before: close at the start, where files begin alike."""
_INDEX = {place: index for index, place in enumerate(_PLACES)}
_TIME = re.compile(rb"[0-9]{2}:[0-9]{2}:[0-9]{2}|[0-9]{10}")
_OTHER_PACKINGS = {
    b"\x28\xb5\x2f\xfd": "zstd",
    b"\xfd7zXZ": "xz",
    b"BZh": "bzip2",
    b"PK\x03\x04": "zip",
    b"\x04\x22\x4d\x18": "lz4",
    b"\x1f\x9d": "compress",
}
_HOLE = bytes(64)
"""Fewer NUL bytes are what a C program writes behind a line."""
_HOLES = re.compile(rb"\x00{64,}")
_PATH_CHARS = 200
_SAMPLE_BYTES = 4096
_LINES_BEFORE_BYTES = 1 << 16
_BREAK_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class Mark:
    """How far a file was read; `position` counts unpacked bytes. `id` is None before it is stored.

    `head` are the prints up to the position, `tail` that of the bytes before it; device to mtime_ns are the file's
    when that was found. `complete` says that nothing is left to read while they stay.
    """

    id: int | None
    path: str
    head: bytes
    tail: bytes
    position: int
    device: int
    inode: int
    size: int
    mtime_ns: int
    complete: bool
    problem: str = ""

    @property
    def head_length(self) -> int:
        """How many bytes the prints reach over."""
        prints = len(self.head) // _PRINT_BYTES
        return _PLACES[prints - 1] if prints else 0

    def is_at(self, stat: os.stat_result) -> bool:
        """True when nothing has happened to the file since all of it was read."""
        seen = (self.device, self.inode, self.size, self.mtime_ns)
        return self.complete and seen == (stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns)

    def is_of(self, stat: os.stat_result) -> bool:
        """True when it was this very file that was read; after its deletion, another may have its number."""
        return (self.device, self.inode) == (stat.st_dev, stat.st_ino)

    def agrees(self, place: int, window: bytes) -> bool:
        """False when what was read had another content before `place`, as far as that is known."""
        if place == self.position and self.tail != _print(window):
            return False
        at = _INDEX.get(place, len(_PLACES)) * _PRINT_BYTES
        return self.head[at : at + _PRINT_BYTES] in (b"", _print(window))


@dataclass(frozen=True, slots=True)
class LogFile:
    """A file that a source's patterns name, as it was when they were looked up."""

    path: Path
    stat: os.stat_result


@dataclass(frozen=True, slots=True)
class OpenLog:
    """An opened file: the same one throughout, whatever becomes of its name; what is behind `size` is left out."""

    path: Path
    stat: os.stat_result
    descriptor: int
    size: int

    def content(self, end: int | None = None) -> Content:
        """Its bytes, from the start up to an end, if one is given."""
        return content_of(self.descriptor, self.size if end is None else end)

    def read(self, position: int, most_bytes: int) -> bytes:
        """Some bytes from a position on, packed as they are."""
        return os.pread(self.descriptor, min(most_bytes, self.size - position), position)


@dataclass(frozen=True, slots=True)
class Piece:
    """Whole lines of a file; `mark` is where it has been read to after them.

    `too_long` is the start of a line that was passed over before them; `consumed` counts the file's bytes so far.
    `hole` counts the NUL bytes between and before them, `lost` those of them that stand behind a line.
    """

    lines: list[bytes]
    too_long: bytes | None
    mark: Mark
    consumed: int
    hole: int = 0
    lost: int = 0


@dataclass(slots=True)
class Found:
    """The files of a source, the one written to longest ago first, and what was wrong with others.

    `aged` are those that are too old; `unmatched` the patterns that name nothing, as far as it may be seen.
    """

    files: list[LogFile] = field(default_factory=list)
    problems: list[Message] = field(default_factory=list)
    aged: list[LogFile] = field(default_factory=list)
    unmatched: list[str] = field(default_factory=list)

    @property
    def all_problems(self) -> list[Message]:
        """What was wrong, patterns that name nothing included."""
        none = [
            msg("No file matches {pattern}: correct [[logs.source]] paths", pattern=name) for name in self.unmatched
        ]
        return [*self.problems, *none]


def find_files(folder: Path, patterns: Sequence[str], oldest_mtime_s: float = -math.inf) -> Found:
    """The files of the patterns; those unchanged since `oldest_mtime_s` are not looked into."""
    found, seen = Found(), set[Path]()
    for pattern in patterns:
        blocked: list[Message] = []

        def block(path: Path, error: OSError, blocked: list[Message] = blocked) -> None:
            if (told := unreadable(path, error)) not in blocked:
                blocked.append(told)

        begin, parts = start_of(pattern)
        paths = sorted(matches(folder / begin, parts, block))
        found.problems += blocked
        if not paths and not blocked:
            found.unmatched.append(pattern)
        for path in paths:
            if path not in seen:
                seen.add(path)
                _look_at(path, pattern, oldest_mtime_s, found)
    for files in (found.files, found.aged):
        files.sort(key=lambda file: (file.stat.st_mtime_ns, str(file.path)))
    return found


def _look_at(path: Path, pattern: str, oldest_mtime_s: float, found: Found) -> None:
    try:
        stat = path.stat()
        if modes.S_ISDIR(stat.st_mode) and "**" in pattern:  # it names all folders, whoever writes it
            return
        if modes.S_ISREG(stat.st_mode) and stat.st_mtime < oldest_mtime_s:
            found.aged.append(LogFile(path, stat))
        elif (problem := _unfit(path, stat)) is not None:
            found.problems.append(problem)
        else:
            found.files.append(LogFile(path, stat))
    except OSError as error:
        if not isinstance(error, GONE) or path.is_symlink():  # else a rotation took it away meanwhile
            found.problems.append(unreadable(path, error))


@contextmanager
def open_log(path: Path) -> Iterator[OpenLog]:
    """Open a log file, never waiting for one; raises OSError."""
    # What was a file when it was found may be a named pipe by now.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    try:
        stat = os.fstat(descriptor)
        if not modes.S_ISREG(stat.st_mode):
            raise OSError(errno.EINVAL, "no regular file")
        yield OpenLog(path, stat, descriptor, stat.st_size)
    finally:
        os.close(descriptor)


def identify(file: LogFile | OpenLog, marks: Sequence[Mark], taken: set[int | None]) -> Mark | None:
    """The mark from which to read a file on, a new one for a file not seen before; None for one with nothing new.

    A mark that is `complete` is to be stored as it is: the file holds nothing that was not read elsewhere. `taken`
    holds the marks that other files of this pass are at: the same content again is a copy. Raises OSError.
    """
    with _opened(file) as log:
        if log.stat.st_size == 0 or any(mark.is_at(log.stat) for mark in marks):
            return None
        return _identify(log, marks, taken)


def _identify(log: OpenLog, marks: Sequence[Mark], taken: set[int | None]) -> Mark | None:
    stat, content = log.stat, log.content()
    begun = next((mark.id for mark in marks if mark.is_of(stat) and not mark.position and mark.id not in taken), None)
    path, identity = (
        printable(str(log.path), 2 * _PATH_CHARS),
        (stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns),
    )
    new = Mark(begun, path, b"", _print(b""), 0, *identity, complete=False)
    alike, longer = _alike(content, marks)
    if any(_occurs_once(content.start()[: mark.position]) for mark in longer):
        return replace(new, complete=True)  # a copy in the making, or one of before the last lines
    for mark in sorted(alike, key=lambda mark: (-mark.position, not mark.is_of(stat), mark.id in taken)):
        ends, free = content.ends_at(mark.position), mark.id not in taken
        if not (mark.is_of(stat) or _occurs_once(content.start()[: mark.position]) or (ends and free)):
            continue
        read = replace(new, head=mark.head, tail=mark.tail, position=mark.position)
        if free:
            return replace(read, id=mark.id)
        # A second name of a file that has grown since it was read through the first waits for the next pass.
        return None if mark.is_of(stat) else replace(read, complete=ends)
    return new


def _alike(content: Content, marks: Sequence[Mark]) -> tuple[list[Mark], list[Mark]]:
    """The marks up to which a file has the same content, and those of which it is the beginning."""
    alike: list[Mark] = []
    left = [mark for mark in marks if mark.position]
    for place in sorted({*_PLACES, *(mark.position for mark in left)}):
        if not left:
            break
        window = content.window(place)
        if window is None:
            return alike, left if place > _PLACES[0] else []
        left = [mark for mark in left if mark.agrees(place, window)]
        alike += [mark for mark in left if mark.position == place]
        left = [mark for mark in left if mark.position > place]
    return alike, []


def _occurs_once(start: bytes) -> bool:
    """True for a content that two files have only if one is a copy: a banner without a time may be in each."""
    return len(start) >= START_BYTES or _TIME.search(start) is not None


def pieces(
    file: LogFile | OpenLog, mark: Mark, *, settled: bool, block_bytes: int = BLOCK_BYTES, end: int | None = None
) -> Iterator[Piece]:
    """The lines of a file from a mark to the size that it had when it was opened, a block at a time.

    With an `end`, which stands behind a line break, only up to there.

    A last line without its end is left for the next time, unless the file is `settled` or packed: then it is whole.
    What is wrong with a packed file is in the last mark; what could be unpacked before is given all the same.
    Raises OSError.
    """
    with _opened(file) as log:
        yield from _pieces(log.content(end), mark, settled, block_bytes, end is None)


def end_of_batch(log: OpenLog, begin: int, position: int, batch_bytes: int) -> int | None:
    """Where a batch ends that is read from a position: with the line that reaches over a multiple of its size.

    Multiples are counted from where the reading began. None for the file's end; what is packed is not cut.
    """
    at = begin + ((position - begin) // batch_bytes + 1) * batch_bytes
    while at < log.size and not log.content().packed and (block := log.read(at, _BREAK_BYTES)):
        found = block.find(b"\n")
        if found >= 0:
            return at + found + 1 if at + found + 1 < log.size else None
        at += len(block)
    return None


def identity(log: OpenLog) -> tuple[int, int]:
    """What names an opened file as long as it is there."""
    return log.stat.st_dev, log.stat.st_ino


def _pieces(content: Content, mark: Mark, settled: bool, block_bytes: int, to_the_end: bool) -> Iterator[Piece]:
    before = content.window(mark.position) or b""
    trail = _Trail(mark.position, bytearray(mark.head), before)
    trail.written = bool(before.strip(b"\x00"))
    rest, too_long = b"", None
    unended = before != b"" and not before.endswith(b"\n")  # its last line was taken without its end
    for block in content.blocks(block_bytes):
        data = rest + block
        *lines, rest = data.split(b"\n")
        passed_over, holes = None, (0, 0)
        if lines:
            if unended and not lines[0].strip(b"\r"):
                del lines[0]
            elif too_long is not None or len(lines[0].lstrip(b"\x00")) > MOST_LINE_BYTES:
                passed_over, too_long = too_long or _sample(lines[0]), None
                del lines[0]
            trail.follow(data, len(data) - len(rest))
            mark, unended, holes = trail.mark(mark), False, trail.holes()
        if too_long is not None or len(rest) > MOST_LINE_BYTES:
            line = b"" if too_long is not None else rest.lstrip(b"\x00")  # a hole is no part of the line behind it
            if len(line) > MOST_LINE_BYTES:
                too_long, line = _sample(line), b""
            trail.follow(rest, len(rest) - len(line))
            rest = line
        yield Piece(lines, passed_over, mark, content.consumed(), *holes)
    if not to_the_end:
        return
    whole = content.problem is None and (settled or content.packed)
    if whole:
        trail.follow(rest, len(rest))
        mark = trail.mark(mark)
    holes = trail.holes() if whole else (0, 0)  # those that the mark is not behind are met again
    complete = whole or content.problem is not None or content.ends_at(mark.position)
    mark = replace(mark, complete=complete, problem=content.problem or "")
    last = [rest] if whole and rest.strip(b"\x00") else []
    yield Piece(last, too_long if whole else None, mark, content.consumed(), *holes)


def lines_before(log: OpenLog, mark: Mark) -> list[bytes]:
    """The last lines before a mark, as many as are looked back at; raises OSError."""
    window = log.content().window(mark.position, keep=_LINES_BEFORE_BYTES) or b""
    lines = window.split(b"\n")
    return lines if len(window) == mark.position else lines[1:]


@dataclass(slots=True)
class _Trail:
    """What is remembered of a file while it is read."""

    position: int
    prints: bytearray
    before: bytes
    written: bool = False
    """Whether a line was seen."""
    _hole: int = 0
    _lost: int = 0
    _next: int = field(init=False)

    def __post_init__(self) -> None:
        self._next = bisect_right(_PLACES, self.position)

    def follow(self, data: bytes, end: int) -> None:
        """Go on over these bytes, up to an end."""
        start, self.position = self.position, self.position + end
        self._look_for_holes(data, end)
        while self._next < len(_PLACES) and (place := _PLACES[self._next]) <= self.position:
            self.prints += _print(self._window(data, place - start))
            self._next += 1
        self.before = self._window(data, end)

    def _look_for_holes(self, data: bytes, end: int) -> None:
        if data.find(_HOLE, 0, end) >= 0:
            for found in _HOLES.finditer(data, 0, end):
                length = found.end() - found.start()
                self._hole += length
                if self.written or data[: found.start()].strip(b"\x00"):
                    self._lost += length
        self.written = self.written or bool(data[:end].strip(b"\x00"))

    def holes(self) -> tuple[int, int]:
        """NUL bytes in place of lines since the last call, and those of them behind a line."""
        found = (self._hole, self._lost)
        self._hole = self._lost = 0
        return found

    def _window(self, data: bytes, end: int) -> bytes:
        window = data[max(0, end - WINDOW_BYTES) : end]
        missing = WINDOW_BYTES - len(window)
        return self.before[-missing:] + window if missing else window

    def mark(self, mark: Mark) -> Mark:
        """A mark moved to here."""
        return replace(mark, head=bytes(self.prints), tail=_print(self.before), position=self.position)


@contextmanager
def _opened(file: LogFile | OpenLog) -> Iterator[OpenLog]:
    if isinstance(file, OpenLog):
        yield file
        return
    with open_log(file.path) as log:
        yield log


def _sample(line: bytes) -> bytes:
    return line.lstrip(b"\x00")[:_SAMPLE_BYTES]


def _print(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=_PRINT_BYTES).digest()


def _unfit(path: Path, stat: os.stat_result) -> Message | None:
    """Why something is no log file, if it is none; raises OSError."""
    file = printable(str(path), _PATH_CHARS)
    if not modes.S_ISREG(stat.st_mode):
        return msg("{file} is not a regular file", file=file)
    with open_log(path) as log:
        start = os.pread(log.descriptor, max(map(len, _OTHER_PACKINGS)), 0)
    for magic, program in _OTHER_PACKINGS.items():
        if start.startswith(magic):
            return msg("{file} is compressed with {program}: use gzip", file=file, program=program)
    return None
