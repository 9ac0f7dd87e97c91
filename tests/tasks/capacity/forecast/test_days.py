"""Gaps and seasons."""

import numpy as np
import pytest

from tasks.capacity.forecast.days import even_days, parts_of


def test_growth_in_a_short_gap_is_spread_evenly() -> None:
    even = even_days(np.array([10, 11, 15]), np.array([1.0, 2.0, 6.0]), 14)
    assert even.values.tolist() == [1, 2, 3, 4, 5, 6]
    assert (even.first, even.last, even.measured) == (10, 15, 3)


@pytest.mark.parametrize(("gap", "measured"), [(14, 40), (15, 20)])
def test_only_what_came_after_a_long_gap_counts(gap: int, measured: int) -> None:
    days = np.concatenate((np.arange(20), np.arange(20 + gap, 40 + gap)))
    assert even_days(days, np.arange(40.0), 14).measured == measured


@pytest.mark.parametrize("days", [21, 63])
def test_season_trend_and_noise_come_apart(days: int) -> None:
    t = np.arange(days)
    season = np.array([1, 2, 0, -1, -2, 3, -3.0])
    parts = parts_of(even_days(t, 5 + 0.5 * t + season[t % 7], 14))
    assert np.allclose(parts.season, season, atol=0.75)
    assert np.allclose(np.diff(parts.trend), 0.5, atol=0.11)
    assert np.abs(parts.noise).max() < 1
