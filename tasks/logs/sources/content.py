"""The bytes of a log file, plain or packed with gzip: up to the size that it had, forwards, in bounded memory."""

import os
import zlib
from collections.abc import Generator, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Protocol

from isal import isal_zlib

from tasks.logs.facts import Damage

WINDOW_BYTES = 1024
START_BYTES = 4096
BLOCK_BYTES = 1 << 20
_CAREFUL_BYTES = 1 << 16
_GZIP = b"\x1f\x8b"
_GZIP_FORMAT = 31
"""zlib's word for: with a gzip header and its check sum."""


class Content(Protocol):
    """A file's bytes, unpacked. `problem` tells, after the last block, that not all could be unpacked."""

    packed: bool
    problem: Damage | None

    def window(self, position: int, keep: int = WINDOW_BYTES) -> bytes | None:
        """Go to a position, never back, and give up to `keep` bytes before it; None when the content is shorter."""

    def start(self) -> bytes:
        """The first bytes, up to START_BYTES, as far as they were passed."""

    def ends_at(self, position: int) -> bool:
        """True when there is nothing behind a position that was gone to."""

    def blocks(self, most_bytes: int = BLOCK_BYTES) -> Iterator[bytes]:
        """What follows the position that was gone to."""

    def consumed(self) -> int:
        """How many bytes of the file were read so far, packed as they are."""


def content_of(descriptor: int, size: int) -> Content:
    """The content of an opened file; what is packed is known by its first bytes, whatever its name."""
    return _Packed(descriptor, size) if os.pread(descriptor, 2, 0) == _GZIP else _Plain(descriptor, size)


@dataclass
class _Plain:
    descriptor: int
    size: int
    packed: bool = False
    problem: Damage | None = None
    _at: int = 0

    def window(self, position: int, keep: int = WINDOW_BYTES) -> bytes | None:
        if position > self.size:
            return None
        self._at = position
        start = max(0, position - keep)
        return os.pread(self.descriptor, position - start, start)

    def start(self) -> bytes:
        return os.pread(self.descriptor, min(START_BYTES, self.size), 0)

    def ends_at(self, position: int) -> bool:
        return position == self.size

    def blocks(self, most_bytes: int = BLOCK_BYTES) -> Iterator[bytes]:
        while block := os.pread(self.descriptor, min(most_bytes, self.size - self._at), self._at):
            self._at += len(block)
            yield block

    def consumed(self) -> int:
        return self._at


@dataclass
class _Packed:
    """A gzip file, member by member; a piece of bounded size is unpacked at a time."""

    descriptor: int
    size: int
    packed: bool = True
    problem: Damage | None = None
    _at: int = 0
    _read: int = 0
    _start: bytes = b""
    _before: bytes = b""
    _ahead: bytes = b""
    _stream: Iterator[bytes] = field(init=False)

    def __post_init__(self) -> None:
        self._stream = self._unpacked()

    def window(self, position: int, keep: int = WINDOW_BYTES) -> bytes | None:
        while self._at < position and (block := self._next()):
            passed, self._ahead = block[: position - self._at], block[position - self._at :]
            self._at += len(passed)
            self._before = (self._before + passed[-keep:])[-keep:]
            self._start += passed[: START_BYTES - len(self._start)]
        return self._before if self._at == position else None

    def start(self) -> bytes:
        return self._start

    def ends_at(self, position: int) -> bool:
        if self._at != position:
            return False
        self._ahead = self._next()
        return not self._ahead

    def blocks(self, most_bytes: int = BLOCK_BYTES) -> Iterator[bytes]:
        while block := self._next():
            block, self._ahead = block[:most_bytes], block[most_bytes:]
            self._at += len(block)
            yield block

    def consumed(self) -> int:
        return self._read

    def _next(self) -> bytes:
        block, self._ahead = self._ahead, b""
        return block or next(self._stream, b"")

    def _more(self) -> bytes:
        data = os.pread(self.descriptor, min(BLOCK_BYTES, self.size - self._read), self._read)
        self._read += len(data)
        return data

    def _unpacked(self) -> Iterator[bytes]:
        given = self._more()
        while given:
            given = given.lstrip(b"\x00")  # tapes and block devices pad behind a member
            if given:
                given = yield from self._member(given)
            given = given or self._more()

    def _member(self, given: bytes) -> Generator[bytes, None, bytes]:
        """Unpack a member that begins with `given`, and return what was read behind it."""
        start, made, unpacker = self._read - len(given), 0, isal_zlib.decompressobj(wbits=_GZIP_FORMAT)
        full = False  # then something may still be held back inside the unpacker
        while not unpacker.eof:
            if not given and not full and not (given := self._more()):
                self.problem = Damage.TRUNCATED
                return b""
            try:
                block = unpacker.decompress(given, BLOCK_BYTES)
            except isal_zlib.error:  # type: ignore[misc]  # its stub says an instance
                self.problem = Damage.DAMAGED
                yield from _without(made, self._up_to_damage(start))
                self._read = self.size
                return b""
            made, given, full = made + len(block), unpacker.unconsumed_tail, len(block) == BLOCK_BYTES
            if block:
                yield block
        return unpacker.unused_data

    def _up_to_damage(self, start: int) -> Iterator[bytes]:
        """The member at `start` once more: isal gives nothing of the piece in which it meets an error."""
        unpacker, self._read, given = zlib.decompressobj(wbits=_GZIP_FORMAT), start, b""
        while given := given or self._more():
            before = unpacker.copy()
            try:
                yield unpacker.decompress(given, _CAREFUL_BYTES)
            except zlib.error:
                with suppress(zlib.error):
                    for place in range(len(given)):  # what one call gives is lost with its error
                        yield before.decompress(given[place : place + 1])
                return
            given = unpacker.unconsumed_tail


def _without(count: int, blocks: Iterator[bytes]) -> Iterator[bytes]:
    """What follows the first `count` bytes."""
    for block in blocks:
        if fresh := block[count:]:
            yield fresh
        count = max(0, count - len(block))
