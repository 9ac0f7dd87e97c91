"""How far a command or Loki was read: a moment, and the lines that were counted from then on.

Lines of a stream come a little late and out of order. Each time it is asked again for the last minute, and what was
counted before is known by its time and hash.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import takewhile

import msgspec

OVERLAP_NS = 60 * 1_000_000_000
MOST_REMEMBERED = 100_000
_LEAST_OVERLAP_NS = 1_000_000
_MOST_REMEMBERED_BYTES = 16 * 1024 * 1024
_HASH_BYTES = 8
_TIME_BYTES = 8

Stamped = Sequence[tuple[int | None, bytes]]
"""Lines with their moments in ns since 1970; None for those before the first line that tells its time."""


class _Stored(msgspec.Struct, array_like=True):
    since_ns: int
    seen: dict[bytes, int]


@dataclass(slots=True)
class Cursor:
    """`since_ns` is the moment to ask from, in ns since 1970; `seen` counts the lines known from then on."""

    since_ns: int
    seen: Counter[bytes] = field(default_factory=Counter)

    def new_lines(self, answer: Stamped) -> Iterator[tuple[int, bytes]]:
        """The (moment, line) pairs of an answer that were not counted before."""
        left = Counter(self.seen)
        for at_ns, line in self._from_here(answer):
            name = _name(at_ns, line)
            if left[name] > 0:
                left[name] -= 1
            else:
                yield at_ns, line

    def after(self, answer: Stamped, now_ns: int) -> "Cursor":
        """Where to go on after an answer: the minute before its newest line, and never after now.

        A line that was counted stays known as long as it may come again, though an answer was without it.
        """
        lines = list(self._from_here(answer))
        # A clock that is ahead must not carry the cursor past lines that are still to be written.
        newest = max((at_ns for at_ns, _ in lines if at_ns <= now_ns), default=self.since_ns)
        overlap = OVERLAP_NS
        while True:
            since = max(self.since_ns, newest - overlap)
            again = [(at_ns, line) for at_ns, line in lines if at_ns >= since]
            many = len(again) > MOST_REMEMBERED or sum(len(line) for _, line in again) > _MOST_REMEMBERED_BYTES
            if overlap == 0 or not many:
                break
            overlap = overlap // 2 if overlap > _LEAST_OVERLAP_NS else 0
        known = {name: count for name, count in self.seen.items() if _time(name) >= since}
        return Cursor(since, Counter(_name(at_ns, line) for at_ns, line in again) | Counter(known))

    def pack(self) -> bytes:
        """Bytes for storing."""
        return msgspec.msgpack.encode(_Stored(self.since_ns, dict(self.seen)))

    @classmethod
    def unpack(cls, data: bytes) -> "Cursor":
        """What was packed."""
        stored = msgspec.msgpack.decode(data, type=_Stored)
        return cls(stored.since_ns, Counter(stored.seen))

    def _from_here(self, answer: Stamped) -> Iterable[tuple[int, bytes]]:
        start = sum(1 for _ in takewhile(lambda entry: entry[0] is None, answer))
        # What comes before a known line belongs to one before that, and was counted with it.
        continued = start < len(answer) and _name(answer[start][0] or 0, answer[start][1]) in self.seen
        for at_ns, line in answer[start if continued else 0 :]:
            at = self.since_ns if at_ns is None else at_ns
            if at >= self.since_ns:
                yield at, line


def _name(at_ns: int, line: bytes) -> bytes:
    time = at_ns.to_bytes(_TIME_BYTES, "big", signed=True)
    return time + hashlib.blake2b(line, digest_size=_HASH_BYTES).digest()


def _time(name: bytes) -> int:
    return int.from_bytes(name[:_TIME_BYTES], "big", signed=True)
