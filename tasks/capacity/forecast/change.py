"""Finds when growth changed: a bend in the line, not a single step such as a clean-up or an import."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]
SHORTEST: Final = 14
"""Days on either side of a change of growth: with fewer a bend is not told from noise."""
_ROUNDS = 3
_STEP = 8.0
_STEPS_PER_DAYS = 14
_CERTAIN = 7.0
_MOST_PLACES = 120
_SLIGHT = 0.25


@dataclass(frozen=True, slots=True)
class Change:
    """From the place `at` of the series on, growth per day is `after` instead of `before`."""

    at: int
    before: float
    after: float


def last_change(level: Values) -> Change | None:
    """The last change of growth in a level without season; None where none is certain."""
    smooth = without_steps(level)
    at = _last_bend(smooth)
    if at is None:
        return None
    since = _last_bend(smooth[:at]) or 0
    change = Change(at, _slope(smooth[since:at]), _slope(smooth[at:]))
    slight = abs(change.after - change.before) < _SLIGHT * max(abs(change.before), abs(change.after))
    return None if slight else change


def without_steps(level: Values) -> Values:
    """A level from which single steps are taken out: rare increments far from the usual ones.

    Where such increments are frequent they are how it grows, and stay.
    """
    grown = np.diff(level)
    usual = np.median(grown)
    off = np.abs(grown - usual)
    scale = 1.4826 * float(np.median(off))
    steps = off > _STEP * scale
    if not scale or not steps.any() or steps.sum() * _STEPS_PER_DAYS > grown.size + _STEPS_PER_DAYS:
        return level
    # A spike goes up and comes down again: that is no step, and taking out both leaves the same level behind it.
    return np.concatenate(([level[0]], level[0] + np.cumsum(np.where(steps, usual, grown))))


def _last_bend(level: Values) -> int | None:
    """The place of the last bend: of what is behind one, the bend, and so on."""
    begin, found = 0, None
    while (bend := _bend(level[begin:])) is not None:
        found = begin = begin + bend
    return found


def _bend(level: Values) -> int | None:
    """The likeliest bend of a line, if it is certain: largest |t| over all places, with residuals taken as AR(1), so
    that a wandering level bends only where its increments change.

    Source of the scan: Andrews (1993), tests with an unknown change point; `_CERTAIN` is tuned by simulation.
    """
    n = level.size
    if n < 2 * SHORTEST:
        return None
    t = np.arange(n, dtype=np.float64)
    places = np.arange(SHORTEST, n - SHORTEST + 1, max(1, n // _MOST_PLACES))
    hinges = np.maximum(t[None, :] - places[:, None], 0.0)
    follows, best, scores = 0.0, 0, np.zeros(places.size)
    for _ in range(_ROUNDS):
        scores = _scores(level, t, hinges, follows)
        best = int(np.argmax(np.abs(scores)))
        follows = _follows(level, t, hinges[best])
    return int(places[best]) if abs(scores[best]) >= _CERTAIN else None


def _slope(level: Values) -> float:
    return float(np.polyfit(np.arange(level.size), level, 1)[0])


def _scores(level: Values, t: Values, hinges: Values, follows: float) -> Values:
    """t of every hinge, after what follows from the day before is taken out."""
    ones = np.full(level.size - 1, 1 - follows) if follows < 1 else np.zeros(level.size - 1)
    y, line = level[1:] - follows * level[:-1], t[1:] - follows * t[:-1]
    bends = hinges[:, 1:] - follows * hinges[:, :-1]
    base, _ = np.linalg.qr(np.stack((ones, line), axis=1))
    y_left = y - base @ (base.T @ y)
    left = bends - (bends @ base) @ base.T
    squares = np.einsum("ij,ij->i", left, left)
    bent = left @ y_left / squares
    residual = np.maximum(y_left @ y_left - bent**2 * squares, 0.0) / (y.size - 3)
    tiny = np.finfo(np.float64).eps * max(float(y @ y), 1.0)
    scores: Values = bent / np.sqrt(np.maximum(residual, tiny) / squares)
    return scores


def _follows(level: Values, t: Values, hinge: Values) -> float:
    """Correlation of the residuals with those of the day before, corrected for being too low in a short series."""
    design = np.stack((np.ones_like(t), t, hinge), axis=1)
    off = level - design @ np.linalg.lstsq(design, level, rcond=None)[0]
    squares = float(off @ off)
    if squares <= np.finfo(np.float64).eps * max(float(level @ level), 1.0):
        return 0.0
    found = float(off[1:] @ off[:-1]) / squares
    return float(np.clip(found + (2 + 4 * found) / level.size, 0.0, 0.98))
