"""A straight line through a figure's days, with intervals: for growth, and beside a forecast to compare it with."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

Values = NDArray[np.float64]
_FEWEST = 3


@dataclass(frozen=True, slots=True)
class Interval:
    """A lower and an upper end."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Line:
    """Ordinary least squares: `intercept + slope · t`, from `n` points around `mean_t`; `spread` is the sum of
    squares of t around it, `residual` the standard deviation around the line, `follows` the residuals' correlation
    from one day to the next.
    """

    slope: float
    intercept: float
    n: int
    mean_t: float
    spread: float
    residual: float
    follows: float

    def at(self, t: float) -> float:
        """The line's value."""
        return self.intercept + self.slope * t

    def slope_interval(self, level: float) -> Interval:
        """The slope's interval; wider where one day's deviation lasts into the next (AR(1): √((1+ρ)/(1−ρ)))."""
        lasting = min(max(self.follows, 0.0), 0.95)
        error = self.residual / math.sqrt(self.spread) * math.sqrt((1 + lasting) / (1 - lasting))
        wide = float(stdtrit(self.n - 2, (1 + level) / 2)) * error
        return Interval(self.slope - wide, self.slope + wide)

    def crossing(self, value: float) -> float | None:
        """Where the line crosses a value; None when it is level."""
        return (value - self.intercept) / self.slope if self.slope else None

    def crossing_interval(self, value: float, level: float) -> Interval | None:
        """Where it crosses a value, with Fieller's interval; None where that is unbounded.

        Source: Fieller (1954), in the form for calibration lines: Draper and Smith, Applied Regression Analysis, 3.2.
        """
        crossing = self.crossing(value)
        if crossing is None:
            return None
        quantile = float(stdtrit(self.n - 2, (1 + level) / 2))
        g = (quantile * self.residual / self.slope) ** 2 / self.spread
        if g >= 1:
            return None
        away = crossing - self.mean_t
        half = quantile * self.residual / abs(self.slope) * math.sqrt((1 - g) / self.n + away**2 / self.spread)
        low, high = ((away + sign * half) / (1 - g) - 0.0 for sign in (-1, 1))
        return Interval(self.mean_t + low, self.mean_t + high)


def line_through(t: Values, y: Values) -> Line | None:
    """The line through points; None for fewer than three, or all at one t."""
    n = len(t)
    mean_t = float(t.mean()) if n else 0.0
    spread = float(((t - mean_t) ** 2).sum())
    if n < _FEWEST or not spread:
        return None
    slope = float(((t - mean_t) * (y - y.mean())).sum()) / spread
    intercept = float(y.mean()) - slope * mean_t
    off = y - intercept - slope * t
    squares = float(off @ off)
    follows = float(off[1:] @ off[:-1]) / squares if squares else 0.0
    return Line(slope, intercept, n, mean_t, spread, math.sqrt(squares / (n - 2)), follows)
