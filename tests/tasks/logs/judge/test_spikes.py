"""Spike limits: published check values, the definition of a quantile, and how often chance alone passes them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import betainc, pdtr

from tasks.logs.judge.spikes import negative_binomial_quantile, poisson_quantile, spike_limit
from tests.deep import examples


def test_the_check_values() -> None:
    assert negative_binomial_quantile(40, 8, 0.999) == 104
    assert poisson_quantile(40, 0.999) == 61


@given(st.floats(0.001, 1e5), st.floats(0.01, 1e4), st.sampled_from([0.5, 0.9, 0.99, 0.999]))
@settings(max_examples=examples(60))
def test_it_is_the_least_count_of_that_probability(mean: float, k: float, q: float) -> None:
    count = negative_binomial_quantile(mean, k, q)
    assert betainc(k, count + 1, k / (k + mean)) >= q
    assert count == 0 or betainc(k, count, k / (k + mean)) < q
    count = poisson_quantile(mean, q)
    assert pdtr(count, mean) >= q
    assert count == 0 or pdtr(count - 1, mean) < q


def test_a_large_k_is_poisson() -> None:
    assert negative_binomial_quantile(40, 1e9, 0.999) == poisson_quantile(40, 0.999)


@pytest.mark.parametrize(
    ("counts", "limit"),
    [
        ([0] * 28, 0),
        ([40] * 28, 61),
        ([40], 61),
        ([39, 41] * 14, 61),
    ],
)
def test_days_that_vary_little_are_poisson(counts: list[int], limit: int) -> None:
    assert spike_limit(counts) == limit


def test_days_that_vary_more_have_a_higher_limit() -> None:
    counts = [25, 55] * 14
    mean, variance = 40.0, 225.0 * 28 / 27
    assert spike_limit(counts) == negative_binomial_quantile(mean, mean**2 / (variance - mean), 0.999)
    assert spike_limit(counts) > 61


def test_a_higher_quantile_is_a_higher_limit() -> None:
    counts = [25, 55] * 14
    assert spike_limit(counts, 0.9) < spike_limit(counts, 0.99) < spike_limit(counts, 0.999)


@pytest.mark.parametrize(("counts", "q"), [([], 0.999), ([1], 0.0), ([1], 1.0), ([1, 50], float("nan"))])
def test_no_days_and_no_quantile_are_refused(counts: list[int], q: float) -> None:
    with pytest.raises(ValueError, match=r"past days|between 0 and 1"):
        spike_limit(counts, q)


@pytest.mark.parametrize(("mean", "k"), [(-1, 8), (float("nan"), 8), (float("inf"), 8), (40, 0), (40, float("nan"))])
def test_what_is_no_distribution_is_refused(mean: float, k: float) -> None:
    with pytest.raises(ValueError, match=r"mean|dispersion"):
        negative_binomial_quantile(mean, k, 0.999)


def test_chance_alone_seldom_passes_the_limit() -> None:
    chance = np.random.default_rng(20261124)
    days = chance.negative_binomial(8, 8 / 48, size=(2000, 29))
    alarms = sum(int(row[28]) > spike_limit(row[:28].tolist()) for row in days)
    poisson = sum(int(row[28]) > poisson_quantile(float(row[:28].mean()), 0.999) for row in days)
    assert alarms / len(days) < 0.006
    assert poisson / len(days) > 0.05
