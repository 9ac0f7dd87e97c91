"""When growth changed, and what is no change of growth."""

import numpy as np
import pytest

from tasks.capacity.forecast.change import SHORTEST, last_change, without_steps
from tests.deep import examples

T = np.arange(90.0)


def noise(seed: int, size: int = 90) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=size)


@pytest.mark.parametrize(("before", "after"), [(0.4, 1.2), (0.0, 0.5), (1.0, -0.5), (1.2, 0.4)])
def test_a_change_of_growth_is_found(before: float, after: float) -> None:
    change = last_change(10 + before * T + (after - before) * np.maximum(T - 55, 0) + 0.5 * noise(1))
    assert change is not None and abs(change.at - 55) <= 3
    assert (change.before, change.after) == (pytest.approx(before, abs=0.05), pytest.approx(after, abs=0.1))


def test_the_last_of_several_counts() -> None:
    bends = np.maximum(T - 30, 0) - 0.7 * np.maximum(T - 65, 0)
    change = last_change(10 + 0.1 * T + bends + 0.2 * noise(2))
    assert change is not None and abs(change.at - 65) <= 3 and change.after == pytest.approx(0.4, abs=0.1)


@pytest.mark.parametrize("step", [-30.0, 30.0])
@pytest.mark.parametrize("day", [20, 45, 80])
def test_a_single_step_is_none(step: float, day: int) -> None:
    assert last_change(10 + 0.5 * T + np.where(day <= T, step, 0) + 0.3 * noise(3)) is None


def test_neither_is_a_spike_nor_what_is_constant_or_straight_or_short() -> None:
    assert last_change(10 + 0.5 * T + np.where(T == 40, 50, 0) + 0.3 * noise(4)) is None
    assert last_change(np.full(90, 7.0)) is None
    assert last_change(0.5 * T) is None
    assert last_change(np.abs(np.arange(2.0 * SHORTEST - 1) - 10)) is None


def test_noise_and_wandering_seldom_look_like_a_change() -> None:
    runs = examples(100)
    still = sum(last_change(0.5 * T + noise(seed)) is not None for seed in range(runs))
    wandering = sum(last_change(np.cumsum(0.5 + noise(seed))) is not None for seed in range(runs))
    assert still == 0 and wandering <= 0.15 * runs


def test_steps_that_are_how_it_grows_stay() -> None:
    stairs = np.floor(T / 7) * 5 + 0.01 * noise(5)
    assert (without_steps(stairs) == stairs).all()
    one = 0.5 * T + np.where(T >= 45, 30, 0) + 0.1 * noise(5)
    assert without_steps(one)[-1] == pytest.approx(one[-1] - 30, abs=1)
