"""Finds when growth changed: a bend in the line, not a single step such as a clean-up or an import."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]
SHORTEST: Final = 14
"""Days on either side of a change of growth: with fewer a bend is not told from noise."""
_MOST_CHANGES = 4
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
    begin, found = 0, None
    for _ in range(_MOST_CHANGES):
        bend = _bend(smooth[begin:])
        if bend is None:
            return found
        found = Change(begin + bend.at, bend.before, bend.after)
        begin = found.at
    return found


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


def _bend(level: Values) -> Change | None:
    """The likeliest bend of a line, if it is certain and not slight: largest |t| over all places, with residuals
    taken as AR(1), so that a wandering level bends only where its increments change.

    Source of the scan: Andrews (1993), tests with an unknown change point; `_CERTAIN` is tuned by simulation.
    """
    n = level.size
    if n < 2 * SHORTEST:
        return None
    t = np.arange(n, dtype=np.float64)
    places = np.arange(SHORTEST, n - SHORTEST + 1, max(1, n // _MOST_PLACES))
    hinges = np.maximum(t[None, :] - places[:, None], 0.0)
    follows = 0.0
    for _ in range(3):
        scores, slopes = _scores(level, t, hinges, follows)
        best = int(np.argmax(np.abs(scores)))
        follows = _follows(level, t, hinges[best])
    before, bent = slopes[best]
    after = before + bent
    if abs(scores[best]) < _CERTAIN or abs(bent) < _SLIGHT * max(abs(before), abs(after)):
        return None
    return Change(int(places[best]), float(before), float(after))


def _scores(level: Values, t: Values, hinges: Values, follows: float) -> tuple[Values, Values]:
    """t of every hinge, and its slopes before and beyond, after what follows from the day before is taken out."""
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
    scores = bent / np.sqrt(np.maximum(residual, tiny) / squares)
    rest = y[None, :] - bent[:, None] * bends
    design = np.stack((ones, line), axis=1)
    slopes = np.linalg.lstsq(design, rest.T, rcond=None)[0][1]
    return scores, np.stack((slopes, bent), axis=1)


def _follows(level: Values, t: Values, hinge: Values) -> float:
    """Correlation of the residuals with those of the day before, corrected for being too low in a short series."""
    design = np.stack((np.ones_like(t), t, hinge), axis=1)
    off = level - design @ np.linalg.lstsq(design, level, rcond=None)[0]
    squares = float(off @ off)
    if squares <= np.finfo(np.float64).eps * max(float(level @ level), 1.0):
        return 0.0
    found = float(off[1:] @ off[:-1]) / squares
    return float(np.clip(found + (2 + 4 * found) / level.size, 0.0, 0.98))
