"""Latencies counted in bins that merge, each quantile within 1 % (DDSketch: Masson, Rim, Lee, VLDB 2019)."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

RELATIVE_ERROR = 0.01
GAMMA = (1 + RELATIVE_ERROR) / (1 - RELATIVE_ERROR)
"""Bin i holds GAMMA^(i-1) < ms ≤ GAMMA^i."""

LEAST_MS = 0.01
MOST_MS = 1e7
_PER_LOG = 1 / math.log(GAMMA)
LEAST_INDEX = math.ceil(math.log(LEAST_MS) * _PER_LOG) - 1
"""The one bin of everything up to 0.01 ms."""
MOST_INDEX = math.ceil(math.log(MOST_MS) * _PER_LOG) + 1
"""The one bin of everything above 10^7 ms, which is nearly three hours."""

_VERSION = 1
_MOST_VARINT_BYTES = 9


def sketch_index(ms: float) -> int:
    """The bin of a latency in ms; raises ValueError when it is negative or not a finite number."""
    if ms > LEAST_MS:
        if ms <= MOST_MS:
            return math.ceil(math.log(ms) * _PER_LOG)
        if ms != math.inf:
            return MOST_INDEX
    elif ms >= 0:
        return LEAST_INDEX
    raise ValueError(f"{ms!r} is not a duration in ms")


def value_of(index: int) -> float:
    """The latency in ms that is within 1 % of all of its bin; of the two outer bins, the bound."""
    if index <= LEAST_INDEX:
        return LEAST_MS
    if index >= MOST_INDEX:
        return MOST_MS
    return 2.0 * math.exp(index / _PER_LOG) / (GAMMA + 1)


@dataclass(frozen=True, slots=True)
class Sketch:
    """Counts by bin; whoever gives the bins does not change them afterwards."""

    bins: Mapping[int, int] = field(default_factory=dict)

    @classmethod
    def of(cls, latencies_ms: Iterable[float]) -> "Sketch":
        """Count latencies in ms."""
        bins: dict[int, int] = {}
        for ms in latencies_ms:
            index = sketch_index(ms)
            bins[index] = bins.get(index, 0) + 1
        return cls(bins)

    @classmethod
    def merged(cls, sketches: Iterable["Sketch"]) -> "Sketch":
        """What one pass over the latencies of all of them would have counted."""
        bins: dict[int, int] = {}
        for sketch in sketches:
            for index, count in sketch.bins.items():
                bins[index] = bins.get(index, 0) + count
        return cls(bins)

    def merge(self, other: "Sketch") -> "Sketch":
        """What one pass over the latencies of both would have counted."""
        return Sketch.merged((self, other))

    @property
    def count(self) -> int:
        """How many latencies were counted."""
        return sum(self.bins.values())

    def quantile(self, q: float) -> float | None:
        """The nearest-rank quantile (numpy's `inverted_cdf`) in ms, within 1 %; None when nothing was counted."""
        if not 0 <= q <= 1:
            raise ValueError(f"{q!r} is not between 0 and 1")
        left = max(1, math.ceil(q * self.count))
        for index in sorted(self.bins):
            left -= self.bins[index]
            if left <= 0:
                return value_of(index)
        return None

    def pack(self) -> bytes:
        """Bytes for storing: the version, then for each bin the step from the last one (zigzag) and the count."""
        packed = bytearray((_VERSION,))
        last = 0
        for index in sorted(self.bins):
            if count := self.bins[index]:
                step, last = index - last, index
                _put(packed, step * 2 if step >= 0 else -step * 2 - 1)
                _put(packed, count)
        return bytes(packed)

    @classmethod
    def unpack(cls, data: bytes) -> "Sketch":
        """What was packed; raises ValueError when these are not a sketch's bytes."""
        if data[:1] != bytes((_VERSION,)):
            raise ValueError(f"not a sketch of version {_VERSION}")
        numbers = _numbers(data[1:])
        bins: dict[int, int] = {}
        index = 0
        for zigzag, count in zip(numbers[::2], numbers[1::2], strict=True):
            step = -(zigzag >> 1) - 1 if zigzag & 1 else zigzag >> 1
            index += step
            if count == 0 or (bins and step <= 0) or not LEAST_INDEX <= index <= MOST_INDEX:
                raise ValueError("a sketch's bins must rise within their range, each with a count")
            bins[index] = count
        return cls(bins)


def _put(packed: bytearray, number: int) -> None:
    if number < 0 or number >> 7 * _MOST_VARINT_BYTES:
        raise ValueError(f"a sketch cannot hold the number {number}")
    while number > 0x7F:
        packed.append(number & 0x7F | 0x80)
        number >>= 7
    packed.append(number)


def _numbers(data: bytes) -> list[int]:
    numbers = []
    number = bits = 0
    for byte in data:
        if byte >= 0x80:
            number |= (byte & 0x7F) << bits
            bits += 7
            continue
        if bits and (byte == 0 or bits >= 7 * _MOST_VARINT_BYTES):
            raise ValueError("a sketch's number is longer than it may be")
        numbers.append(number | byte << bits)
        number = bits = 0
    if bits or len(numbers) % 2:
        raise ValueError("a sketch's last bin is torn")
    return numbers
