"""Many stored sketches unpacked at once, as arrays."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from tasks.logs.count.sketch import LEAST_INDEX, MOST_INDEX, value_of

BINS: Final = MOST_INDEX - LEAST_INDEX + 1
"""Bins of a sketch, the outer ones included."""

VALUES_MS: Final = np.array([value_of(index) for index in range(LEAST_INDEX, MOST_INDEX + 1)])
"""The latency in ms of each bin: within 1 % of all of it."""

_VERSION = 1
_SEVEN = 7
_LOW = np.int64(0x7F)

Ints = NDArray[np.int64]


def unpack_many(data: NDArray[np.uint8], starts: Ints) -> tuple[Ints, Ints, Ints]:
    """Of packed sketches one behind another, each beginning at one of `starts`: for each bin that was counted the
    sketch's number, the bin from 0 on, and its count.

    Raises ValueError when these are not the bytes of sketches.
    """
    if not starts.size:
        return (np.zeros(0, dtype=np.int64),) * 3
    if (data[starts] != _VERSION).any():
        raise ValueError(f"not a sketch of version {_VERSION}")
    body = np.ones(data.size, dtype=np.bool_)
    body[starts] = False
    numbers, ends = _numbers(data[body])
    # A sketch's last number ends where the next sketch begins, its version byte taken off.
    until = np.append(starts[1:], data.size) - np.arange(1, starts.size + 1)
    last = np.searchsorted(ends, until, side="right")
    if (last % 2).any() or not np.isin(until[np.diff(until, prepend=0) > 0], ends).all():
        raise ValueError("a sketch's last bin is torn")
    sketch = np.repeat(np.arange(starts.size), np.diff(last // 2, prepend=0))
    steps, counts = numbers[::2], numbers[1::2]
    steps = np.where(steps & 1, -(steps >> 1) - 1, steps >> 1)
    along = np.cumsum(steps)
    first = np.flatnonzero(np.diff(sketch, prepend=-1))
    before = np.zeros(starts.size, dtype=np.int64)
    before[sketch[first]] = along[first] - steps[first]
    index = along - before[sketch]
    inner = np.ones(index.size, dtype=np.bool_)
    inner[first] = False
    if (counts == 0).any() or (steps[inner] <= 0).any() or (index < LEAST_INDEX).any() or (index > MOST_INDEX).any():
        raise ValueError("a sketch's bins must rise within their range, each with a count")
    return sketch, index - LEAST_INDEX, counts


def _numbers(data: NDArray[np.uint8]) -> tuple[Ints, Ints]:
    """The numbers, and the place behind the last byte of each."""
    ends = np.flatnonzero(data < 0x80) + 1
    if data.size and (not ends.size or ends[-1] != data.size):
        raise ValueError("a sketch's last bin is torn")
    if ends.size == data.size:  # nearly always: every number has one byte
        return data.astype(np.int64), ends
    begins = np.concatenate(([0], ends[:-1]))
    place = np.arange(data.size) - np.repeat(begins, ends - begins)
    parts = (data.astype(np.int64) & _LOW) << (_SEVEN * place)
    return np.add.reduceat(parts, begins), ends


def quantiles_ms(bins: NDArray[np.int64], q: float) -> NDArray[np.float64]:
    """The nearest-rank quantile of each row of bins in ms, within 1 %; NaN for a row without a count."""
    along = np.cumsum(bins, axis=-1)
    count = along[..., -1]
    rank = np.maximum(1, np.ceil(q * count))[..., None]
    found = VALUES_MS[(along < rank).sum(axis=-1).clip(max=BINS - 1)]
    return np.where(count > 0, found, np.nan)
