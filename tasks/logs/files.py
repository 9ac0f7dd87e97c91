"""Log files on disk: which one is which after a rotation, and their lines from where they were read to.

A file is known by the hash of its first bytes, so that it stays the same one when it is renamed, copied and
truncated, or packed. The hash of the bytes before the position tells two files apart that begin alike.
"""

import glob
import hashlib
import os
import stat as modes
import zlib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Protocol

from isal import isal_zlib

from tasks.check_result import Message, msg
from tasks.logs.facts import Damage
from tasks.logs.scan import MOST_LINE_BYTES
from tasks.observation import ObservationError, shown

HEAD_BYTES = 1024
_READ_BYTES = 1 << 20
_CAREFUL_BYTES = 1 << 14
_GZIP = b"\x1f\x8b"
_PATH_CHARS = 200


@dataclass(frozen=True, slots=True)
class Mark:
    """How far a file was read; `position` counts unpacked bytes. `id` is None before it is stored."""

    id: int | None
    path: str
    head: bytes
    head_length: int
    tail: bytes
    position: int
    device: int
    inode: int
    size: int
    mtime_ns: int
    complete: bool
    problem: str = ""

    def is_at(self, stat: os.stat_result) -> bool:
        """True when nothing has happened to the file since it was read to its end."""
        seen = (self.device, self.inode, self.size, self.mtime_ns)
        return self.complete and seen == (stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns)


@dataclass(frozen=True, slots=True)
class LogFile:
    """A file that a source's patterns name, as it was when they were looked up."""

    path: Path
    stat: os.stat_result


@dataclass(frozen=True, slots=True)
class Piece:
    """Whole lines of a file; `mark` is where it has been read to after them.

    `too_long` is the start of a line that was passed over before them.
    """

    lines: list[bytes]
    too_long: bytes | None
    mark: Mark


def find_files(folder: Path, patterns: Sequence[str], oldest_mtime_s: float) -> tuple[list[LogFile], list[Message]]:
    """The files of the patterns, the one written to longest ago first, and what was wrong with others.

    Raises ObservationError if a pattern names nothing. Files unchanged since `oldest_mtime_s` are left out.
    """
    found: dict[Path, LogFile] = {}
    problems: list[Message] = []
    for pattern in patterns:
        matches = sorted(glob.glob(str(folder / pattern), recursive=True))  # noqa: PTH207  Path.glob takes no absolute pattern
        if not matches:
            raise ObservationError(msg("No file is named {pattern}: correct [[logs.source]] paths", pattern=pattern))
        for match in map(Path, matches):
            try:
                stat = match.stat()
            except OSError as error:
                problems.append(_unreadable(match, error))
                continue
            if not modes.S_ISREG(stat.st_mode):
                problems.append(msg("{file} is no regular file", file=shown(str(match), _PATH_CHARS)))
            elif stat.st_mtime >= oldest_mtime_s:
                found[match] = LogFile(match, stat)
    return sorted(found.values(), key=lambda file: (file.stat.st_mtime_ns, str(file.path))), problems


def identify(file: LogFile, marks: Sequence[Mark], taken: set[int | None]) -> Mark | None:
    """The mark from which to read a file on, a new one for a file not seen before; None for one with nothing new.

    `taken` holds the marks that other files of this pass are at: the same content again is a copy.
    Raises OSError.
    """
    stat = file.stat
    if stat.st_size == 0 or any(mark.is_at(stat) for mark in marks):
        return None
    with file.path.open("rb") as opened:
        head = _content(opened, stat.st_size).skip(HEAD_BYTES)
        new = Mark(None, str(file.path), _hash(head), len(head), _hash(b""), 0, *_identity(stat), complete=False)
        alike = [m for m in marks if m.head_length <= len(head) and _hash(head[: m.head_length]) == m.head]
        for mark in sorted(alike, key=lambda mark: (mark.id in taken, -mark.position)):
            content = _content(opened, stat.st_size)
            tail = content.skip(mark.position)
            if (
                content.at < mark.position
            ):  # shorter than what was read: emptied and begun anew, or a copy in the making
                if mark.inode == stat.st_ino and mark.device == stat.st_dev and not content.packed:
                    continue
                return None
            if _hash(tail) != mark.tail:
                continue
            if mark.id not in taken:
                return replace(new, id=mark.id, position=mark.position, tail=mark.tail)
            if mark.head_length == HEAD_BYTES or content.ended:
                return None
        return new if head else None


def pieces(file: LogFile, mark: Mark, *, settled: bool) -> Iterator[Piece]:
    """The lines of a file from a mark to its size when it was found.

    A last line without its end is left for the next time, unless the file is `settled` or packed: then it is whole.
    What is wrong with a packed file is in the last mark; what could be unpacked before is given all the same.
    Raises OSError.
    """
    with file.path.open("rb") as opened:
        content = _content(opened, file.stat.st_size)
        before, rest = content.skip(mark.position), b""
        position, passed_over = mark.position, None
        for block in content.blocks():
            data = rest + block
            *lines, rest = data.split(b"\n")
            too_long = None
            if lines:
                if passed_over is not None:
                    too_long, passed_over = passed_over, None
                    del lines[0]
                whole = data[: len(data) - len(rest)]
                before, position = (before + whole)[-HEAD_BYTES:], position + len(whole)
                mark = replace(mark, position=position, tail=_hash(before))
                yield Piece(lines, too_long, mark)
            if passed_over is not None or len(rest) > MOST_LINE_BYTES:
                passed_over = passed_over or rest[:4096]
                before, position, rest = (before + rest)[-HEAD_BYTES:], position + len(rest), b""
    problem = content.problem
    last = [rest] if rest and problem is None and (settled or content.packed) else []
    if last:
        before, position = (before + rest)[-HEAD_BYTES:], position + len(rest)
        mark = replace(mark, position=position, tail=_hash(before))
    yield Piece(last, None, replace(mark, complete=True, problem=problem or ""))


class _Content(Protocol):
    """A file's bytes, unpacked; `at` counts them, `ended` says that there are no more."""

    packed: bool
    at: int
    problem: Damage | None

    @property
    def ended(self) -> bool: ...

    def skip(self, count: int) -> bytes:
        """Go to a position, and give up to HEAD_BYTES before it."""

    def blocks(self) -> Iterator[bytes]: ...


def _content(opened: IO[bytes], size: int) -> "_Content":
    opened.seek(0)
    packed = opened.read(2) == _GZIP
    opened.seek(0)
    return _Packed(opened, size) if packed else _Plain(opened, size)


@dataclass
class _Plain:
    """A plain file up to the size it had."""

    file: IO[bytes]
    size: int
    at: int = 0
    packed: bool = False
    problem: Damage | None = None

    @property
    def ended(self) -> bool:
        return self.at >= self.size

    def skip(self, count: int) -> bytes:
        self.at = min(count, self.size)
        start = max(0, self.at - HEAD_BYTES)
        self.file.seek(start)
        return self.file.read(self.at - start)

    def blocks(self) -> Iterator[bytes]:
        while not self.ended and (block := self.file.read(min(_READ_BYTES, self.size - self.at))):
            self.at += len(block)
            yield block


@dataclass
class _Packed:
    """A gzip file, member by member; a piece of bounded size is unpacked at a time."""

    file: IO[bytes]
    size: int
    at: int = 0
    packed: bool = True
    problem: Damage | None = None
    ended: bool = False
    _ahead: bytes = b""
    _stream: Iterator[bytes] = field(init=False)

    def __post_init__(self) -> None:
        self._stream = self._unpacked()

    def skip(self, count: int) -> bytes:
        before = b""
        while self.at < count and (block := self._next()):
            taken, self._ahead = block[: count - self.at], block[count - self.at :]
            self.at += len(taken)
            before = (before + taken)[-HEAD_BYTES:]
        self.ended = not self._ahead and not (following := self._next())
        if not self.ended and not self._ahead:
            self._ahead = following
        return before

    def blocks(self) -> Iterator[bytes]:
        while block := self._next():
            self.at += len(block)
            yield block

    def _next(self) -> bytes:
        block, self._ahead = self._ahead, b""
        return block or next(self._stream, b"")

    def _unpacked(self) -> Iterator[bytes]:
        unpacker, given, read, made = isal_zlib.decompressobj(wbits=31), b"", 0, 0
        between, more = True, False  # two members; something is still held back inside the unpacker
        while True:
            if not given and not more:
                given = self.file.read(min(_READ_BYTES, self.size - read))
                read += len(given)
                if not given:
                    self.problem = None if between else Damage.TRUNCATED
                    return
            if between and not (given := given.lstrip(b"\x00")):  # tapes and block devices pad
                continue
            try:
                block = unpacker.decompress(given, _READ_BYTES)
            except isal_zlib.error:  # type: ignore[misc]  # its stub says an instance
                self.problem = Damage.DAMAGED
                yield from self._before_damage(read, made)
                return
            made += len(block)
            if block:
                yield block
            between = unpacker.eof
            given, more = unpacker.unconsumed_tail, len(block) == _READ_BYTES and not between
            if between:
                given, unpacker = unpacker.unused_data, isal_zlib.decompressobj(wbits=31)

    def _before_damage(self, read: int, made: int) -> Iterator[bytes]:
        """What follows the first `made` bytes: isal gives nothing of the piece in which it meets an error."""
        unpacker, at = zlib.decompressobj(wbits=31), 0
        self.file.seek(0)
        with suppress(zlib.error):
            while at < read:
                step = _CAREFUL_BYTES if at < read - 2 * _READ_BYTES else 1
                at += step
                data = unpacker.unused_data + self.file.read(step)
                if unpacker.eof:
                    unpacker = zlib.decompressobj(wbits=31)
                block = unpacker.decompress(data)
                new, made = block[made:], max(0, made - len(block))
                if new:
                    yield new


def _identity(stat: os.stat_result) -> tuple[int, int, int, int]:
    return stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns


def _hash(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()[:16]


def _unreadable(path: Path, error: OSError) -> Message:
    why = error.strerror or type(error).__name__
    return msg("{file} cannot be read: {why}", file=shown(str(path), _PATH_CHARS), why=why)


def unreadable(file: LogFile, error: OSError) -> Message:
    """Why a file could not be read, in words."""
    return _unreadable(file.path, error)
