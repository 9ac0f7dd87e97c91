"""The Universal Scalability Law: what is known comes back, what is not known is not claimed."""

import numpy as np
import pytest

from tasks.load.analysis.usl import NoFit, Usl, fit_usl
from tests.deep import examples

STEPS = (5, 10, 20, 40, 80, 120, 160)


def throughput(sigma: float, kappa: float, lam: float = 50.0, steps: tuple[int, ...] = STEPS) -> list[float]:
    return [lam * n / (1 + sigma * (n - 1) + kappa * n * (n - 1)) for n in steps]


def fitted(rates: list[float], steps: tuple[int, ...] = STEPS) -> Usl:
    found = fit_usl(list(zip(steps, rates, strict=True)))
    assert isinstance(found, Usl)
    return found


@pytest.mark.parametrize(("sigma", "kappa"), [(0.02, 0.0002), (0.05, 0.0005), (0.0, 0.0001)])
def test_coefficients_come_back(sigma: float, kappa: float) -> None:
    found = fitted(throughput(sigma, kappa))
    assert (found.lam, found.sigma, found.kappa) == pytest.approx((50.0, sigma, kappa), rel=1e-2, abs=1e-4)
    peak = ((1 - sigma) / kappa) ** 0.5
    assert found.peak == pytest.approx(peak, rel=1e-2)
    assert found.throughput(40) == pytest.approx(throughput(sigma, kappa)[3], rel=1e-3)


def test_a_published_example() -> None:
    """SPEC SDM91 on a 16-way server, as in the R package usl: σ 0.0277, κ 0.000104, peak at 96.5 of free λ."""
    steps = (1, 18, 36, 72, 108, 144, 216)
    found = fitted([64.9, 995.9, 1652.4, 1853.2, 1828.9, 1775.0, 1702.2], steps)
    assert found.peak is not None and found.low is not None and found.high is not None
    assert found.low < 96.5 < found.high


def test_fewer_than_six_levels_are_not_fitted() -> None:
    levels = list(zip(STEPS, throughput(0.02, 0.0002), strict=True))
    assert fit_usl(levels[:5]) is NoFit.TOO_FEW
    assert fit_usl([*levels[:5], levels[4]]) is NoFit.TOO_FEW
    assert fit_usl([*levels[:5], (160, 0.0)]) is NoFit.TOO_FEW
    assert isinstance(fit_usl(levels[:6]), Usl)


def test_throughput_that_follows_no_law_gives_no_peak() -> None:
    found = fitted([100.0, 400.0, 90.0, 500.0, 80.0, 600.0, 70.0])
    assert (found.no_peak, found.peak, found.low) == (NoFit.POOR, None, None)


@pytest.mark.parametrize("sigma", [0.0, 0.3])
def test_without_a_bend_there_is_no_peak(sigma: float) -> None:
    noise = np.exp(np.random.default_rng(5).normal(0, 0.02, len(STEPS)))
    found = fitted([float(rate * n) for rate, n in zip(throughput(sigma, 0.0), noise, strict=True)])
    assert found.no_peak is NoFit.NO_PEAK


def test_a_peak_far_beyond_the_tested_loads_is_not_given() -> None:
    assert fitted(throughput(0.0, 1 / 330.0**2)).no_peak is NoFit.FAR
    assert fitted(throughput(0.0, 1 / 310.0**2)).peak == pytest.approx(310.0, rel=1e-2)


def _coverage(sigma: float, kappa: float, noise: float, times: int) -> tuple[int, int]:
    """How often the interval held the true peak, and how often a peak was given at all."""
    random, peak = np.random.default_rng(11), ((1 - sigma) / kappa) ** 0.5
    held = given = 0
    for _ in range(times):
        rates = throughput(sigma, kappa) * np.exp(random.normal(0, noise, len(STEPS)))
        found = fitted([float(rate) for rate in rates])
        if found.low is not None and found.high is not None:
            given, held = given + 1, held + (found.low <= peak <= found.high)
    return held, given


@pytest.mark.parametrize(
    "noise", [pytest.param(0.01, marks=pytest.mark.deep), 0.03, pytest.param(0.05, marks=pytest.mark.deep)]
)
def test_the_interval_holds_the_true_peak_in_95_of_100(noise: float) -> None:
    times = 40 if noise == 0.03 else 300
    held, given = _coverage(0.05, 0.0005, noise, times)
    assert given >= 0.95 * times
    assert held >= (0.85 if times == 40 else 0.92) * given


def test_noise_alone_seldom_makes_a_peak() -> None:
    _, given = _coverage(0.3, 1e-9, 0.03, examples(200))
    assert given <= max(0.03 * examples(200), 1)
