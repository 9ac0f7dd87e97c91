"""The Universal Scalability Law, fitted to throughput by virtual users.

X(N) = λN / (1 + σ(N−1) + κN(N−1)) with its peak at N* = √((1−σ)/κ). Source: N. Gunther, Guerrilla Capacity Planning
(2007), chapters 4 to 6.

Users of a script with pauses load a service in proportion to their number until it saturates. The law describes that
too (σ and κ near 0), but then only steps near saturation say anything of the peak: without a bend in the measured
throughput no peak is given.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
from scipy.special import fdtri

MIN_LEVELS: Final = 6
"""Distinct numbers of users. Source: Gunther, section 5.4: at least half a dozen data points."""
MAX_RESIDUAL_PERCENT: Final = 10.0
"""Root mean square of the relative residuals, by degrees of freedom; above it the law does not describe the service.
Source: opsrounds' default, three times the usual noise of a minute's throughput."""
MAX_EXTRAPOLATION: Final = 2.0
"""N* as a multiple of the most users tested; beyond it nothing is said of the peak. Source: opsrounds' default."""
CONFIDENCE: Final = 0.95
CLAIM: Final = 0.99
"""How surely throughput must fall off before a peak is given; less, and most peaks given would be noise."""
_PARAMETERS = 3
_GRID = 240
_FARTHEST = 1000.0
"""Peaks are sought up to so many times the most users tested."""

Level = tuple[float, float]
"""Users, and successful requests in a second."""


class NoFit(StrEnum):
    """Why no peak is given."""

    TOO_FEW = "too few levels"
    POOR = "the law does not describe the throughput"
    NO_PEAK = "no peak within the tested range"
    FAR = "the peak is far outside the tested range"


@dataclass(frozen=True, slots=True)
class Usl:
    """A fitted law: λ in requests/s, σ and κ without unit; the peak in users with its 95 % interval.

    `no_peak` says why `peak` and its interval are None. `residual_percent` is how far the throughput lies from it.
    """

    lam: float
    sigma: float
    kappa: float
    residual_percent: float
    peak: float | None
    low: float | None
    high: float | None
    no_peak: NoFit | None

    def throughput(self, users: float) -> float:
        """Requests in a second that the law gives."""
        return self.lam * users / (1 + self.sigma * (users - 1) + self.kappa * users * (users - 1))


def fit_usl(levels: Sequence[Level]) -> Usl | NoFit:
    """The law through levels, or why there is none; a level without throughput is none.

    N/X is linear in N* given: N/X = u(1 + N(N−1)/N*²) + vN with σ = v/(u+v), so that each N* has one best fit with
    u, v ≥ 0 (relative residuals, since the noise of throughput is relative). The interval are those N* whose fit is not
    significantly worse (profile likelihood: Seber & Wild, Nonlinear Regression, 5.3).
    """
    usable = sorted((users, rate) for users, rate in levels if rate > 0)
    if len({users for users, _ in usable}) < MIN_LEVELS:
        return NoFit.TOO_FEW
    profile = _Profile(usable)
    best = profile.best()
    sigma, kappa, lam = profile.law(best)
    freedom = len(usable) - _PARAMETERS
    least = profile.rss(best)
    residual = 100 * float(np.sqrt(least / freedom))
    within, claimed = (least * (1 + float(fdtri(1, freedom, share)) / freedom) for share in (CONFIDENCE, CLAIM))
    no_peak = _refusal(profile, best, residual, claimed)
    low, high = (None, None) if no_peak else profile.interval(best, within)
    return Usl(lam, sigma, kappa, residual, None if no_peak else best, low, high, no_peak)


def _refusal(profile: "_Profile", best: float, residual: float, limit: float) -> NoFit | None:
    if residual > MAX_RESIDUAL_PERCENT:
        return NoFit.POOR
    if profile.rss(profile.farthest) <= limit:  # κ = 0 explains the throughput as well
        return NoFit.NO_PEAK
    return NoFit.FAR if best > MAX_EXTRAPOLATION * profile.most else None


class _Profile:
    """The best fit for each N*."""

    def __init__(self, levels: Sequence[Level]) -> None:
        self._users = np.array([users for users, _ in levels])
        self._inverse = self._users / np.array([rate for _, rate in levels])
        self.most = float(self._users.max())
        self.farthest = _FARTHEST * self.most

    def _fit(self, peak: float) -> tuple[float, float, float]:
        from scipy.optimize import nnls  # takes 13 MB: most processes judge no load test

        bend = 1 + self._users * (self._users - 1) / peak**2
        design = np.column_stack([bend, self._users]) / self._inverse[:, None]
        (u, v), norm = nnls(design, np.ones_like(self._inverse))
        return float(u), float(v), float(norm) ** 2

    def rss(self, peak: float) -> float:
        """Sum of the squared relative residuals."""
        return self._fit(peak)[2]

    def law(self, peak: float) -> tuple[float, float, float]:
        """σ, κ and λ; a peak at the end of what is sought is κ = 0."""
        u, v, _ = self._fit(peak)
        sigma = v / (u + v)
        return sigma, 0.0 if peak >= self.farthest else (1 - sigma) / peak**2, 1 / (u + v)

    def best(self) -> float:
        """The N* with the least residuals."""
        grid = np.geomspace(1.0, self.farthest, _GRID)
        for _ in range(3):  # each round looks between the neighbours of the best
            place = int(np.argmin([self.rss(peak) for peak in grid]))
            low, high = grid[max(place - 1, 0)], grid[min(place + 1, len(grid) - 1)]
            best, grid = float(grid[place]), np.geomspace(low, high, 41)
        return best

    def interval(self, best: float, limit: float) -> tuple[float, float]:
        """Where the residuals reach a limit, below and above the best."""
        from scipy.optimize import brentq

        def beyond(peak: float) -> float:
            return self.rss(peak) - limit

        low = 1.0 if beyond(1.0) <= 0 else float(brentq(beyond, 1.0, best))
        return low, float(brentq(beyond, best, self.farthest))
