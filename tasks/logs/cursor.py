"""How far a command or Loki was read: a moment, and the lines that were counted from then on.

Lines of a stream come a little late and out of order. Each time it is asked again for the last minute, and what was
counted before is known by its hash.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import msgspec

OVERLAP_NS = 60 * 1_000_000_000
_MOST_REMEMBERED = 200_000
_HASH_BYTES = 8


class _Stored(msgspec.Struct, array_like=True):
    since_ns: int
    seen: dict[bytes, int]


@dataclass(slots=True)
class Cursor:
    """`since_ns` is the moment to ask from, in ns since 1970; `seen` counts the lines known from then on."""

    since_ns: int
    seen: Counter[bytes] = field(default_factory=Counter)

    def new_lines(self, lines: Iterable[tuple[int, bytes]]) -> Iterator[tuple[int, bytes]]:
        """The (moment, line) pairs of an answer that were not counted before."""
        left = Counter(self.seen)
        for at_ns, line in lines:
            if at_ns < self.since_ns:
                continue
            name = _name(at_ns, line)
            if left[name] > 0:
                left[name] -= 1
            else:
                yield at_ns, line

    def after(self, lines: Iterable[tuple[int, bytes]]) -> "Cursor":
        """Where to go on after an answer: the minute before its newest line."""
        answer = list(lines)
        if not answer:
            return self
        newest = max(at_ns for at_ns, _ in answer)
        overlap = OVERLAP_NS
        while True:
            since = max(self.since_ns, newest - overlap)
            seen = [_name(at_ns, line) for at_ns, line in answer if at_ns >= since]
            if len(seen) <= _MOST_REMEMBERED or overlap == 0:
                return Cursor(since, Counter(seen))
            overlap //= 2 if overlap > 1_000_000 else overlap

    def pack(self) -> bytes:
        """Bytes for storing."""
        return msgspec.msgpack.encode(_Stored(self.since_ns, dict(self.seen)))

    @classmethod
    def unpack(cls, data: bytes) -> "Cursor":
        """What was packed."""
        stored = msgspec.msgpack.decode(data, type=_Stored)
        return cls(stored.since_ns, Counter(stored.seen))


def _name(at_ns: int, line: bytes) -> bytes:
    return hashlib.blake2b(line, digest_size=_HASH_BYTES, salt=at_ns.to_bytes(8, "big", signed=True)).digest()
