"""The straight line, against figures published with the specification."""

from dataclasses import replace

import numpy as np
import pytest

from tasks.capacity.forecast.line import line_through

T = np.arange(10, dtype=np.float64)
Y = np.array([10, 12.1, 13.9, 16.2, 17.8, 20.1, 22.3, 23.8, 26.2, 27.9])


def test_ten_points() -> None:
    line = line_through(T, Y)
    assert line is not None
    assert line.slope == pytest.approx(1.9993939, abs=5e-8)
    assert line.intercept == pytest.approx(10.0327273, abs=5e-8)
    assert line.crossing(50) == pytest.approx(19.98969, abs=5e-6)
    ends = line.crossing_interval(50, 0.95)
    assert ends is not None
    assert (ends.low, ends.high) == (pytest.approx(19.62337, abs=5e-6), pytest.approx(20.37357, abs=5e-6))


def test_a_falling_line_has_its_interval_in_order() -> None:
    line = line_through(T, -Y)
    assert line is not None
    ends = line.crossing_interval(-50, 0.95)
    assert ends is not None and ends.low == pytest.approx(19.62337, abs=5e-6)


def test_where_growth_is_not_certain_the_crossing_has_no_interval() -> None:
    line = line_through(T, np.array([5, 4, 6, 5, 4, 6, 5, 4, 6, 5.0]))
    assert line is not None and line.crossing_interval(50, 0.95) is None


def test_what_is_level_never_crosses() -> None:
    line = line_through(T, np.full(10, 3.0))
    assert line is not None and (line.slope, line.crossing(50), line.crossing_interval(50, 0.95)) == (0, None, None)


def test_no_line_through_two_points_or_one_time() -> None:
    assert line_through(T[:2], Y[:2]) is None
    assert line_through(np.full(5, 1.0), Y[:5]) is None


def test_deviations_that_last_make_the_slope_less_certain() -> None:
    wandering = np.cumsum(np.random.default_rng(1).normal(size=100))
    line = line_through(np.arange(100.0), wandering)
    assert line is not None and line.follows > 0.5
    wide, narrow = line.slope_interval(0.95), replace(line, follows=0.0).slope_interval(0.95)
    assert wide.high - wide.low > 1.7 * (narrow.high - narrow.low)
