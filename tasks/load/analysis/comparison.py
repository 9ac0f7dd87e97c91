"""Is a module or a route slower than in comparable earlier runs?"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.special import stdtrit

from tasks.load.analysis.figures import STATISTICS, Key, compared_figures
from tasks.load.analysis.spread import Matrix, Variance, spread_of
from tasks.load.facts import LoadRun
from tasks.load.limits import LoadLimits
from tasks.load.settings import Gate

MOST_RUNS: Final = 12
"""Earlier runs that are compared at most: a quarter of weekly ones."""
_MEDIAN: Final = np.pi / 2
"""Variance of a median of n normal values, times n."""


@dataclass(frozen=True, slots=True)
class Change:
    """One figure against its median in earlier runs: both in ms, change with its interval in %.

    The interval holds for all figures of the comparison together. `slower`: it is above 0, and the change large enough.
    `relative`: it is that of the change beyond what all figures of the run changed by, which says more here.
    """

    module: str
    route: str
    statistic: str
    usual_ms: float
    now_ms: float
    percent: float
    low_percent: float
    high_percent: float
    slower: bool
    relative: bool


def comparable(run: LoadRun, earlier: Sequence[LoadRun], limits: LoadLimits) -> tuple[LoadRun, ...]:
    """Those of alike runs whose database had about the same size where both are known; newest first."""
    most = 1 + limits.max_size_difference_percent / 100
    size = _size(run)

    def alike(other: LoadRun) -> bool:
        theirs = _size(other)
        return not size or not theirs or 1 / most <= theirs / size <= most

    return tuple(other for other in earlier if alike(other))[:MOST_RUNS]


def compare(run: LoadRun, earlier: Sequence[LoadRun], gates: Sequence[Gate], limits: LoadLimits) -> tuple[Change, ...]:
    """Every figure that can be compared: those with enough requests now and in each of the earlier runs.

    Prediction intervals of one more run by Student's t around the medians of earlier runs, with Bonferroni's correction
    for their number. Each figure is asked twice, by itself and beside the others of its run: a slow day of the machine
    hides nothing and accuses nobody. Raises ValueError for fewer earlier runs than `min_runs`.
    """
    if len(earlier) < limits.min_runs:
        raise ValueError(f"{len(earlier)} earlier runs, {limits.min_runs} needed")
    now, *before = compared_figures((run, *earlier), gates, limits)
    keys = list(now)
    return tuple(change for kind in _kinds(keys) for change in _compared(kind, len(keys), now, before, limits))


def _kinds(keys: Sequence[Key]) -> Iterator[list[Key]]:
    """Figures that are alike: a p95 differs more from run to run than a median, a route's more than a module's."""
    for statistic in STATISTICS:
        for is_route in (False, True):
            if kind := [key for key in keys if key[2] == statistic and bool(key[1]) is is_route]:
                yield kind


def _compared(
    keys: Sequence[Key], all_keys: int, now: Mapping[Key, float], before: Sequence[Mapping[Key, float]],
    limits: LoadLimits,
) -> Iterator[Change]:  # fmt: skip
    spread = spread_of(np.log(np.array([[figures[key] for figures in before] for key in keys])))
    change = np.log(np.array([now[key] for key in keys])) - spread.level
    runs, chance = len(before), limits.max_false_alarm_percent / 100 / (2 * all_keys)
    middle, reach = np.zeros(len(keys)), _reach(spread.whole, 1 + _MEDIAN / runs, chance)
    beside = change, reach
    if spread.own is not None:
        middle = np.full(len(keys), np.median(change))
        beside = change - middle, _reach(spread.own, 1 + _MEDIAN / runs + _MEDIAN / len(keys), chance)
    for place, key in enumerate(keys):
        alone, relative = (change[place], reach[place]), (beside[0][place], beside[1][place])
        yield _change(key, float(np.exp(spread.level[place])), now[key], alone, relative, limits)


def _change(
    key: Key, usual: float, now: float, alone: tuple[float, float], beside: tuple[float, float], limits: LoadLimits
) -> Change:
    """A figure by the one of its two intervals, each a middle and half a width, that shows it to be slower."""
    relative = alone[0] <= alone[1] and beside[0] > beside[1]
    middle, reach = beside if relative else alone
    enough = _percent(alone[0]) >= limits.min_effect_percent and now - usual >= limits.min_effect_ms
    low, high = _percent(middle - reach), _percent(middle + reach)
    return Change(*key, usual, now, _percent(alone[0]), low, high, slower=low > 0 and enough, relative=relative)


def _reach(variance: Variance, of_medians: float, chance: float) -> Matrix:
    """Half the width of the interval."""
    return np.asarray(stdtrit(variance.freedom, 1 - chance) * np.sqrt(variance.value * of_medians), np.float64)


def _percent(change: float) -> float:
    return 100 * float(np.expm1(change))


def _size(run: LoadRun) -> int | None:
    return None if run.database is None else run.database.size_bytes
