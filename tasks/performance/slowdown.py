"""Which routes are slower than in the weeks before, beyond what weeks differ by themselves. Pure arithmetic."""

import warnings
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr

from tasks.performance.facts import Figures

Flags = NDArray[np.bool_]

LEAST_WEEKS: Final = 2
"""Weeks before that are needed: of one nothing is known of how weeks differ."""

LEAST_SPREAD: Final = 0.02
"""Spread of weeks, of ln(ms), that is assumed at least; a bin of the sketches is as wide."""


COMMON_WEIGHT: Final = 8
"""For how many weeks of a route's own the spread of all routes counts, where its own is the larger one."""


@dataclass(frozen=True, slots=True, eq=False)
class Shift:
    """How each route's quantiles moved against the weeks before: routes, quantiles.

    `change` is that of ln(ms) against the median of the weeks before, `slower_p` and `faster_p` the chance of such a
    change without a cause, corrected for all of them (Holm, Scandinavian Journal of Statistics 6, 1979). NaN and 1
    where nothing can be compared. `above` and `below` say whether the week lies beyond every week before.
    """

    change: Figures
    slower_p: Figures
    faster_p: Figures
    above: Flags
    below: Flags


def shift_of(weeks_ms: Figures, days_ms: Figures) -> Shift:
    """Compare the last week with those before it.

    `weeks_ms`: routes, weeks, quantiles; `days_ms`: routes, weeks, days, quantiles; NaN where not measured. A route
    with fewer than two weeks before is not compared.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of nothing the mean is NaN, and stays so
        logs = np.log(weeks_ms)
        now, before = logs[:, -1], logs[:, :-1]
        weeks = np.isfinite(before).sum(axis=1)
        comparable = np.isfinite(now) & (weeks >= LEAST_WEEKS)
        spread, freedom = _spread(before, weeks, np.log(days_ms[:, :-1]), comparable)
        score = (now - np.nanmean(before, axis=1)) / np.sqrt(spread * (1 + 1 / np.maximum(weeks, 1)))
        slower = np.where(comparable, stdtr(freedom, -score), 1.0)
        faster = np.where(comparable, stdtr(freedom, score), 1.0)
        change = np.where(comparable, now - np.nanmedian(before, axis=1), np.nan)
        above = comparable & (now > np.nanmax(before, axis=1))
        below = comparable & (now < np.nanmin(before, axis=1))
    return Shift(change, holm(slower, comparable), holm(faster, comparable), above, below)


def holm(p: Figures, tested: Flags) -> Figures:
    """P-values of a family of tests corrected by Holm's method; those that were not tested are 1."""
    found = np.ones_like(p)
    values = p[tested]
    order = np.argsort(values)
    corrected = np.minimum(1.0, np.maximum.accumulate(values[order] * np.arange(values.size, 0, -1)))
    values[order] = corrected
    found[tested] = values
    return found


def _spread(before: Figures, weeks: NDArray[np.int64], days: Figures, comparable: Flags) -> tuple[Figures, Figures]:
    """The variance of a week's ln(ms) of each route and quantile, and its degrees of freedom.

    Four weeks say little of a route's spread: it is what its days explain, and what the weeks of all routes differ by
    beyond that. A route that differs more by itself is given more, as in a moderated t-test (Smyth, Statistical
    Applications in Genetics and Molecular Biology 3, 2004), and none is given less.
    """
    own, by_days = np.nan_to_num(np.nanvar(before, axis=1, ddof=1)), _by_days(days)
    freedom = np.where(comparable, weeks - 1, 0)
    beyond = np.sum(np.where(comparable, (own - by_days) * freedom, 0), axis=0) / np.maximum(freedom.sum(axis=0), 1)
    common = by_days + np.maximum(beyond, LEAST_SPREAD**2)
    moderated = (COMMON_WEIGHT * common + freedom * own) / (COMMON_WEIGHT + freedom)
    return np.maximum(common, moderated), np.broadcast_to(np.maximum(freedom.sum(axis=0), 1), own.shape)


def _by_days(days: Figures) -> Figures:
    """The variance of a week's mean that the differences of its days explain, weekdays apart; 0 if unknown."""
    rest = days - np.nanmean(days, axis=2, keepdims=True)
    rest = rest - np.nanmean(rest, axis=1, keepdims=True)
    there = np.isfinite(rest).sum(axis=(1, 2))
    full = np.isfinite(days).any(axis=2).sum(axis=1) - 1, np.isfinite(days).any(axis=1).sum(axis=1) - 1
    lost = there - full[0] - full[1] - 1
    variance = np.nansum(rest**2, axis=(1, 2)) / np.maximum(lost, 1)
    return np.where(lost > 0, variance / np.maximum(full[1] + 1, 1), 0.0)
