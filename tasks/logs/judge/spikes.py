"""When a day's count is more than chance: quantiles of count distributions."""

import math
from collections.abc import Callable, Sequence

from scipy.special import betainc, pdtr


def spike_limit(daily_counts: Sequence[int], q: float = 0.999) -> int:
    """The count that a day like the past ones exceeds with a chance of 1 - q at most; a spike is above it.

    Mean and dispersion are those of the past days, by moments. Counts of errors vary more than Poisson's, which
    would call every busy day a spike; where they do not, Poisson it is.
    """
    if not daily_counts:
        raise ValueError("without past days there is no limit")
    days = len(daily_counts)
    mean = sum(daily_counts) / days
    variance = sum((count - mean) ** 2 for count in daily_counts) / (days - 1) if days > 1 else 0.0
    if variance <= mean:
        return poisson_quantile(mean, q)
    return negative_binomial_quantile(mean, mean**2 / (variance - mean), q)


def poisson_quantile(mean: float, q: float) -> int:
    """The least count that at most this many come to with a probability of q."""
    _check(mean, q)
    return 0 if mean == 0 else _least(lambda count: float(pdtr(count, mean)), mean, q)


def negative_binomial_quantile(mean: float, k: float, q: float) -> int:
    """The same for the negative binomial with variance mean + mean²/k."""
    _check(mean, q)
    if not k > 0:
        raise ValueError(f"a dispersion of {k!r} is none: it is above 0")
    success = k / (k + mean)
    return 0 if mean == 0 else _least(lambda count: float(betainc(k, count + 1.0, success)), mean, q)


def _check(mean: float, q: float) -> None:
    if not (0 <= mean < math.inf):
        raise ValueError(f"{mean!r} is no mean of counts")
    if not 0 < q < 1:
        raise ValueError(f"{q!r} is not between 0 and 1")


def _least(distribution: Callable[[int], float], mean: float, q: float) -> int:
    below, above = -1, max(1, math.ceil(mean))
    while distribution(above) < q:
        below, above = above, above * 2
    while above - below > 1:
        middle = (below + above) // 2
        below, above = (below, middle) if distribution(middle) >= q else (middle, above)
    return above
