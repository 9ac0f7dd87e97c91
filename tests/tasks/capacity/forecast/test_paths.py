"""First passage against published figures, and where simulated paths come from."""

import numpy as np
import pytest

from tasks.capacity.forecast.days import Parts, even_days, parts_of
from tasks.capacity.forecast.paths import PATHS, Growing, Steady, draw_paths, first_passage, sources_of, weekly_means

GRID = 0.5826
"""Seen once a day, a wandering figure reaches its limit later, as if that were 0.5826 σ higher.

Source: Broadie, Glasserman and Kou (1997), a continuity correction for discrete barriers.
"""


def parts(values: np.ndarray) -> Parts:
    return parts_of(even_days(np.arange(values.size), values.astype(np.float64), 14))


def test_first_passage_of_a_drift() -> None:
    steps = np.random.default_rng(1).normal(1.0, 2.0, (20_000, 365)).astype(np.float32)
    days = first_passage(np.cumsum(steps, axis=1), 30.0 - GRID * 2.0)
    assert days.mean() == pytest.approx(30, abs=0.6)
    # A passage within a day is seen at its end: half a day later in the middle.
    for share, day in ((0.1, 17.865), (0.5, 28.142), (0.9, 44.513)):
        assert np.quantile(days, share) - 0.5 == pytest.approx(day, abs=0.75)
    assert (days <= 30).mean() == pytest.approx(0.57062, abs=0.015)


def test_a_limit_that_is_reached_exactly_and_one_that_is_not() -> None:
    paths = np.array([[1, 2, 3], [1, 1, 1], [5, 0, 0]], dtype=np.float32)
    assert first_passage(paths, 3.0).tolist() == [3, 4, 1]


def test_the_same_seed_draws_the_same_paths() -> None:
    past = parts(np.arange(60) + np.random.default_rng(1).normal(size=60))
    one, two, other = (draw_paths(past, 60, sources_of(past, None, accumulates=True), 30, seed) for seed in (1, 1, 2))
    assert one.shape == (PATHS, 30) and (one == two).all() and not (one == other).all()


def test_a_line_without_noise_goes_on_as_it_is() -> None:
    past = parts(np.arange(40.0))
    paths = draw_paths(past, 40, sources_of(past, None, accumulates=True), 50, 1)
    ahead = np.arange(38, 88) + 1.0  # from the median of the newest three days
    assert np.allclose(paths, ahead, atol=0.01)


def test_the_season_goes_on() -> None:
    weekend = np.where(np.arange(91) % 7 >= 5, -10.0, 0.0)
    past = parts(50 + weekend)
    middle = np.median(draw_paths(past, 91, sources_of(past, None, accumulates=True), 14, 1), axis=0)
    assert np.allclose(middle, 50 + np.where(np.arange(91, 105) % 7 >= 5, -10.0, 0.0), atol=0.5)


def test_half_of_the_paths_are_of_the_time_after_a_change() -> None:
    t = np.arange(80.0)
    past = parts(0.1 * t + np.maximum(t - 50, 0))
    [whole, after] = sources_of(past, 50, accumulates=True)
    assert isinstance(whole, Growing) and isinstance(after, Growing)
    assert after.increments.mean() == pytest.approx(1.1) and whole.increments.mean() < 0.7
    last = draw_paths(past, 80, (whole, after), 30, 1)[:, -1]
    grown = last - past.level[-1]
    assert (np.abs(grown - 33) < 3).mean() > 0.45
    assert len(sources_of(past, 74, accumulates=True)) == 1  # too short for a block


def test_fewer_blocks_are_less_certain() -> None:
    chance = np.random.default_rng(3)
    values = np.cumsum(chance.normal(1, 1, 200))
    past = parts(values)
    widths = []
    for days in (15, 60, 190):
        source = Growing(float(past.level[-1]), np.diff(past.trend)[-days:], past.noise)
        low, high = np.quantile(draw_paths(past, 200, (source,), 60, 1)[:, -1], [0.1, 0.9])
        widths.append(high - low)
    assert widths[0] > widths[1] > widths[2]


def test_what_does_not_accumulate_stays_around_its_line_in_half_of_the_paths() -> None:
    past = parts(50 + 5 * np.random.default_rng(3).normal(size=60))
    growing, steady = sources_of(past, None, accumulates=False)
    assert isinstance(growing, Growing) and isinstance(steady, Steady)
    spread = [draw_paths(past, 60, (source,), 90, 1)[:, -1].std() for source in (growing, steady)]
    assert spread[1] < 0.7 * spread[0]


def test_a_line_that_does_not_accumulate_goes_on_too() -> None:
    past = parts(np.arange(40.0))
    paths = draw_paths(past, 40, sources_of(past, None, accumulates=False)[1:], 50, 1)
    assert np.allclose(paths, np.arange(40, 90), atol=0.01)


def test_weekly_means_begin_with_the_past() -> None:
    means = weekly_means(np.full((2, 3), 14.0, dtype=np.float32), np.full(10, 7.0))
    assert means == pytest.approx(np.array([[8.0, 9.0, 10.0]] * 2))
