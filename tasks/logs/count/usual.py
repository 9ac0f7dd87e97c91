"""Usual lines, each kept as one number and added up in arrays.

Such a number is a line's slot (latency bin, and in some bits how many of the bounds the latency is over) and, in its
lowest bits, its facet (what its level and its status say).
"""

from array import array
from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tasks.logs.count.batch import Batch
from tasks.logs.count.sketch import LEAST_INDEX
from tasks.logs.lines.levels import Level

LEVEL_FACETS: Final = {Level.INFO: 0, Level.WARNING: 1, Level.ABSENT: 2}
UNAUTHORIZED: Final = 3
FORBIDDEN: Final = 6
_FACET_BITS = 4
_FACETS = 1 << _FACET_BITS
_OVER_BITS = 3
# Beside the slots of durations, which are a few thousand on both sides of 0.
_NO_DURATION_SLOT = 1 << 20
_NO_REQUEST_SLOT = _NO_DURATION_SLOT + 1
NO_DURATION: Final = _NO_DURATION_SLOT << _FACET_BITS
NO_REQUEST: Final = _NO_REQUEST_SLOT << _FACET_BITS
_BIN_BITS = 20

Numbers = Mapping[tuple[str, str, int], "array[int]"]
"""The lines' numbers by module, route and minute."""


def timed_number(index: int, over: int) -> int:
    """The number, without a facet, of a line whose latency is in this bin and over so many of the bounds."""
    return ((index << _OVER_BITS) + over) << _FACET_BITS


def add_usual(batch: Batch, numbers: Numbers, bounds: int) -> None:
    """Add lines to a batch."""
    if not numbers:
        return
    places = len(numbers)
    found = np.concatenate([np.frombuffer(part, np.intc) for part in numbers.values()]).astype(np.int64)
    place = np.repeat(np.arange(places), [len(part) for part in numbers.values()])
    slot = found >> _FACET_BITS
    facets = _sums(place * _FACETS + (found & (_FACETS - 1)), places * _FACETS).reshape(places, _FACETS)
    by_answer = facets[:, : FORBIDDEN + UNAUTHORIZED].reshape(places, UNAUTHORIZED, UNAUTHORIZED)
    is_timed = slot < _NO_DURATION_SLOT
    timed_at, index, over = place[is_timed], slot[is_timed] >> _OVER_BITS, slot[is_timed] & ((1 << _OVER_BITS) - 1)
    requests_at = place[slot != _NO_REQUEST_SLOT]
    counted = (requests_at, timed_at, *(timed_at[over <= bound] for bound in range(bounds)))
    sums = np.column_stack(
        (by_answer.sum(axis=1), by_answer.sum(axis=2)[:, 1:], *(_sums(at, places) for at in counted))
    )
    bins = _bins(timed_at, index, places)
    for (module, route, minute), row, counts in zip(numbers, sums.tolist(), bins, strict=True):
        info, warnings, absent, unauthorized, forbidden, requests, timed, *reached = row
        lines, activity = batch.lines_of(minute // 60), batch.activity_of(module, minute // 60)
        total = info + warnings + absent
        lines.lines += total
        lines.parsed += total
        lines.levelled -= absent
        lines.requests += requests
        lines.timed += timed
        activity.lines += total
        activity.warnings += warnings
        activity.unauthorized += unauthorized
        activity.forbidden += forbidden
        if requests:
            traffic = batch.traffic_of(module, route, minute, bounds)
            traffic.valid += requests
            traffic.timed += timed
            traffic.within = [mine + more for mine, more in zip(traffic.within, reached, strict=True)]
            traffic.add_bins(counts)


def _sums(key: NDArray[np.int64], keys: int) -> NDArray[np.int64]:
    return np.bincount(key, minlength=keys)


def _bins(place: NDArray[np.int64], index: NDArray[np.int64], places: int) -> list[dict[int, int]]:
    """For each place how often each bin comes."""
    found = np.sort((place << _BIN_BITS) + (index - LEAST_INDEX))
    begins = np.flatnonzero(np.diff(found, prepend=-1))
    keys, counts = found[begins], np.diff(begins, append=found.size)
    ends = np.searchsorted(keys >> _BIN_BITS, np.arange(places), side="right").tolist()
    indexes, each = ((keys & ((1 << _BIN_BITS) - 1)) + LEAST_INDEX).tolist(), counts.tolist()
    return [
        dict(zip(indexes[start:end], each[start:end], strict=True))
        for start, end in zip([0, *ends], ends, strict=False)
    ]
