"""What is usual at an hour or on a day, and how much is more than chance."""

from collections.abc import Mapping, Sequence
from statistics import median

from tasks.logs.judge.spikes import poisson_quantile, spike_limit

WEEK = 7


def usual_count(counts: Sequence[int]) -> float | None:
    """What a day like the past ones usually holds, newest first; None without a day.

    The median outlives an outage; where the same weekday of last week held less, that is as usual: there are services
    that rest at the weekend.
    """
    if not counts:
        return None
    return float(min([median(counts[:WEEK]), *counts[WEEK - 1 : WEEK]]))


def usual_hour(by_hour: Mapping[int, int], hour: int, days: int) -> float | None:
    """The same for an hour of the day, from the `days` days before.

    The hours around it count too, the least of the three: clocks are changed, and jobs start late.
    """
    around = [usual_count([by_hour.get(h - 24 * day, 0) for day in range(1, days + 1)]) for h in _around(hour)]
    known = [count for count in around if count is not None]
    return min(known) if known else None


def days_before(hour: int, oldest: int) -> int:
    """How many days back `usual_hour` can look from an hour when counts begin at `oldest`: at most a week."""
    return min(WEEK, max(0, (hour - 1 - oldest) // 24))


def most_by_chance(daily: Sequence[int], quantile: float) -> int:
    """More than this on a day is a spike.

    That none came in n days says no more than that the mean is below 3/n (the rule of three, 95 %): one line after a
    quiet month is no spike.
    """
    return max(spike_limit(daily, quantile), poisson_quantile(3 / len(daily), quantile))


def _around(hour: int) -> tuple[int, int, int]:
    return hour - 1, hour, hour + 1
