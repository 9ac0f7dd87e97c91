"""How far a command or Loki was read: a moment, and the lines that were counted from then on.

Lines of a stream come a little late and out of order. Each time it is asked again for the last minute, and what was
counted before is known by its time and hash.
"""

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from operator import itemgetter

import msgspec

PAGE = 5000
OVERLAP_NS = 60 * 1_000_000_000
MOST_REMEMBERED = 100_000
_LEAST_OVERLAP_NS = 1_000_000
_MOST_REMEMBERED_BYTES = 16 * 1024 * 1024
_HASH_BYTES = 8
_TIME_BYTES = 8

Stamped = Sequence[tuple[int | None, bytes]]
"""Lines with their moments in ns since 1970; None for those before the first line that tells its time."""
Placed = Sequence[tuple[int, bytes]]
"""Lines with their moments, none of them before the one that was asked from."""


@dataclass(frozen=True, slots=True)
class Page:
    """Some lines in the order of their time, each moment whole, and whether there are `more` to come.

    Of a `crowded` one, all of one moment, the source may hold more lines than it gives.
    """

    lines: Placed
    more: bool
    crowded: bool = False


def in_pages(lines: Placed, most: int = PAGE) -> Iterator[Page]:
    """Lines in the order of their time, some thousand at once."""
    start, end = 0, len(lines)
    while start < end:
        stop = min(start + most, end)
        while stop < end and lines[stop][0] == lines[stop - 1][0]:
            stop += 1
        yield Page(lines[start:stop], more=stop < end)
        start = stop


class _StoredCursor(msgspec.Struct, array_like=True):
    since_ns: int
    seen: dict[bytes, int]


@dataclass(slots=True)
class Cursor:
    """`since_ns` is the moment to ask from, in ns since 1970; `seen` counts the lines known from then on."""

    since_ns: int
    seen: Counter[bytes] = field(default_factory=Counter)

    def placed(self, answer: Stamped) -> Placed:
        """An answer's lines in the order of their time, without those that belong to lines from before."""
        start = sum(1 for _ in takewhile(lambda entry: entry[0] is None, answer))
        # What comes before a known line belongs to one before that, and was counted with it.
        continued = start < len(answer) and _name(answer[start][0] or 0, answer[start][1]) in self.seen
        stamped = ((self.since_ns if at is None else at, line) for at, line in answer[start if continued else 0 :])
        return sorted((entry for entry in stamped if entry[0] >= self.since_ns), key=itemgetter(0))

    def new_lines(self, lines: Placed) -> Iterator[tuple[int, bytes]]:
        """The (moment, line) pairs that were not counted before."""
        met: Counter[bytes] = Counter()
        for at_ns, line in lines:
            name = _name(at_ns, line)
            if name in self.seen and met[name] < self.seen[name]:
                met[name] += 1
            else:
                yield at_ns, line

    def after(self, lines: Placed, now_ns: int) -> "Cursor":
        """Where to go on after lines, of which each moment is whole: a minute before the newest, never after now.

        A line that was counted stays known as long as it may come again, though an answer was without it.
        """
        # A clock that is ahead must not carry the cursor past lines that are still to be written.
        newest = max((at_ns for at_ns, _ in lines if at_ns <= now_ns), default=self.since_ns)
        overlap = OVERLAP_NS
        while True:
            since = max(self.since_ns, newest - overlap)
            again = [(at_ns, line) for at_ns, line in lines if at_ns >= since]
            known = {name: count for name, count in self.seen.items() if _time(name) >= since}
            most = max(len(again), len(known))
            many = most > MOST_REMEMBERED or sum(len(line) for _, line in again) > _MOST_REMEMBERED_BYTES
            if overlap == 0 or not many:
                break
            overlap = overlap // 2 if overlap > _LEAST_OVERLAP_NS else 0
        return Cursor(since, Counter(_name(at_ns, line) for at_ns, line in again) | Counter(known))

    def pack(self) -> bytes:
        """Bytes for storing."""
        return msgspec.msgpack.encode(_StoredCursor(self.since_ns, dict(self.seen)))

    @classmethod
    def unpack(cls, data: bytes) -> "Cursor":
        """What was packed."""
        stored = msgspec.msgpack.decode(data, type=_StoredCursor)
        return cls(stored.since_ns, Counter(stored.seen))


def _name(at_ns: int, line: bytes) -> bytes:
    time = at_ns.to_bytes(_TIME_BYTES, "big", signed=True)
    return time + hashlib.blake2b(line, digest_size=_HASH_BYTES).digest()


def _time(name: bytes) -> int:
    return int.from_bytes(name[:_TIME_BYTES], "big", signed=True)
