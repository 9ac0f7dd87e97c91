"""Simulated futures of a figure: weekly blocks of its own past put together anew, and when they reach a limit.

What accumulates, such as the use of a disk, goes on by blocks of the daily increments of its 7-day mean. Blocks of the
raw figure would add the noise of their two ends each week, though noise around a trend does not add up; it is laid on
the paths afterwards. What does not accumulate, such as CPU usage, goes on so in half of its paths alone: in the others
it stays around its line, else the noise of a busy but steady machine would be taken for growth to come.
Sources: Künsch (1989), moving blocks; Davison and Hinkley (1997), Bootstrap Methods, for two levels of resampling.
"""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri, stdtrit

from tasks.capacity.forecast.days import WEEK, Parts

Values = NDArray[np.float64]
Paths = NDArray[np.float32]
PATHS: Final = 4000
_NEWEST = 3
_RANGE_KNOWN = 4
"""Weeks from which on the growth of the past's weeks bounds that of the paths; of fewer it says too little."""
_LEVEL = 0.9
_WANDERING = math.sqrt(2)
"""The 7-day mean of a level that wanders (independent increments) moves by 2/3 of their variance in a week."""


@dataclass(frozen=True, slots=True, eq=False)
class Growing:
    """A stretch of the past whose growth goes on: the newest level, increments of the trend, noise around it."""

    newest: float
    increments: Values
    noise: Values


@dataclass(frozen=True, slots=True, eq=False)
class Steady:
    """A stretch of the past that goes on along its line: the level without season."""

    level: Values


Source = Growing | Steady


def sources_of(parts: Parts, change_at: int | None, *, accumulates: bool) -> tuple[Source, ...]:
    """The whole past, and the part after the last change of growth where it is long enough for a block."""
    begins = [0]
    if change_at is not None and parts.trend.size - change_at > WEEK:
        # Place 0 of the trend is the mean of days 0 to 6: from the change on, means of days after it alone.
        begins.append(change_at)
    newest = _newest(parts)
    growing = (Growing(newest, np.diff(parts.trend[begin:]), parts.noise[begin:]) for begin in begins)
    steady = () if accumulates else (Steady(parts.level[begin:]) for begin in begins)
    return (*growing, *steady)


def draw_paths(
    parts: Parts, first_day: int, sources: tuple[Source, ...], horizon: int, seed: int, paths: int = PATHS
) -> Paths:
    """Futures of `horizon` days after the last day of the past, as many of each source."""
    chance = np.random.default_rng(seed)
    each = paths // len(sources)
    drawn = [
        _grown(source, each, horizon, chance)
        if isinstance(source, Growing)
        else _along_line(source.level, each, horizon, chance)
        for source in sources
    ]
    days = np.arange(first_day, first_day + horizon)
    joined = np.concatenate(drawn)
    joined += parts.season[days % WEEK].astype(np.float32)
    return joined


def first_passage(paths: Paths, limit: float) -> NDArray[np.int64]:
    """The first day, from 1 on, on which each path is at the limit or above; one more than the last for none."""
    reached = paths >= limit
    days: NDArray[np.int64] = np.where(reached.any(axis=1), reached.argmax(axis=1) + 1, paths.shape[1] + 1)
    return days


def weekly_means(paths: Paths, past: Values) -> Paths:
    """The mean of the seven days up to each day to come; the first ones take in the newest days of the past."""
    before = np.broadcast_to(past[1 - WEEK :].astype(np.float32), (paths.shape[0], WEEK - 1))
    summed = np.cumsum(np.concatenate((np.zeros((paths.shape[0], 1)), before, paths), axis=1), axis=1)
    means: Paths = ((summed[:, WEEK:] - summed[:, :-WEEK]) / WEEK).astype(np.float32)
    return means


def _newest(parts: Parts) -> float:
    """Where the future begins: the newest days without season; by their median, which a step moves at once but a
    single day's spike does not.
    """
    return float(np.median(parts.level[-_NEWEST:]))


def _along_line(level: Values, paths: int, horizon: int, chance: np.random.Generator) -> Paths:
    """The line through a stretch, each time through the stretch with its residuals put together anew, and residuals
    around what follows of it.
    """
    t = np.arange(level.size) - (level.size - 1) / 2
    slope, middle = np.polyfit(t, level, 1)
    blocks = np.lib.stride_tricks.sliding_window_view(level - middle - slope * t, WEEK)
    weeks = -(-level.size // WEEK)
    again = blocks[chance.integers(0, blocks.shape[0], (paths, weeks))].reshape(paths, -1)[:, : level.size]
    off = _student(weeks) * np.stack((again.mean(axis=1), again @ t / (t @ t)))
    after = t[-1] + np.arange(1, horizon + 1)
    ahead: Paths = (middle + off[0][:, None] + (slope + off[1])[:, None] * after).astype(np.float32)
    following = chance.integers(0, blocks.shape[0], (paths, -(-horizon // WEEK)))
    ahead += blocks.astype(np.float32)[following].reshape(paths, -1)[:, :horizon]
    return ahead


def _grown(source: Growing, paths: int, horizon: int, chance: np.random.Generator) -> Paths:
    """Growth and noise around it. First the blocks of the past are resampled, then each path draws from its own
    resample: growth itself is uncertain too, more so the fewer blocks there are (Student's t).
    """
    blocks = np.lib.stride_tricks.sliding_window_view(source.increments, WEEK).astype(np.float32)
    grown: Paths
    weeks, own = -(-horizon // WEEK), max(2, source.increments.size // WEEK)
    resample = chance.integers(0, blocks.shape[0], (paths, own))
    chosen = np.take_along_axis(resample, chance.integers(0, own, (paths, weeks)), axis=1)
    grown = blocks[chosen].reshape(paths, -1)[:, :horizon]
    means = blocks.mean(axis=1)
    own_growth = means[resample].mean(axis=1)
    widened = _WANDERING * math.sqrt(own / (own - 1))
    growth = means.mean() + widened * _student(own) * (own_growth - means.mean())
    if own >= _RANGE_KNOWN:
        # Of a single large step, widening would make growth that no week had.
        growth = np.clip(growth, means.min(), means.max())
    grown = widened * (grown - own_growth[:, None]) + growth[:, None]
    np.cumsum(grown, axis=1, out=grown)
    around = np.lib.stride_tricks.sliding_window_view(source.noise, min(WEEK, source.noise.size)).astype(np.float32)
    lengths = -(-horizon // around.shape[1])
    grown += np.float32(source.newest)
    grown += around[chance.integers(0, around.shape[0], (paths, lengths))].reshape(paths, -1)[:, :horizon]
    return grown


def _student(blocks: int) -> float:
    """By how much Student's t for a mean of so few blocks is wider than the normal distribution."""
    return float(stdtrit(blocks - 1, _LEVEL)) / float(ndtri(_LEVEL))
