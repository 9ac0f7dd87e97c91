"""From days to an outlook: what is too short, too old or too full, and what comes out of known growth."""

from datetime import date, timedelta

import numpy as np
import pytest

from tasks.capacity.forecast.outlook import HORIZON, Outlook, look_ahead
from tasks.capacity.limits import CapacityLimits
from tasks.observation import Unobserved
from tests.capacity_days import TODAY

LIMITS = CapacityLimits()
DAY = timedelta(days=1)


def given(values: np.ndarray, newest: date = TODAY - DAY) -> list[tuple[date, float]]:
    first = newest - (values.size - 1) * DAY
    return [(first + n * DAY, float(v)) for n, v in enumerate(values)]


def outlook(values: np.ndarray, limit: float | None = 95.0, newest: date = TODAY - DAY) -> Outlook:
    found = look_ahead(given(values, newest), limit, TODAY, LIMITS, accumulates=True)
    assert isinstance(found, Outlook)
    return found


def why_not(days: list[tuple[date, float]]) -> dict[str, object]:
    found = look_ahead(days, 95.0, TODAY, LIMITS, accumulates=True)
    assert isinstance(found, Unobserved)
    return dict(found.reason.params)


def test_twenty_days_are_too_few_and_twenty_one_are_enough() -> None:
    assert why_not(given(np.arange(20.0))) == {"n": 20, "days": 21}
    assert outlook(np.arange(21.0)).even.measured == 21
    assert why_not([]) == {}


def test_days_that_are_missing_do_not_count() -> None:
    days = given(np.arange(24.0))
    assert why_not([day for n, day in enumerate(days) if n % 6]) == {"n": 20, "days": 21}


def test_what_is_old_is_not_forecast() -> None:
    values = np.arange(30.0)
    assert outlook(values, newest=TODAY - 3 * DAY).newest == TODAY - 3 * DAY
    assert why_not(given(values, TODAY - 4 * DAY)) == {"day": "2026-10-28"}


def test_only_what_came_after_a_long_gap_counts() -> None:
    days = given(np.arange(60.0))
    assert why_not(days[:25] + days[40:]) == {"n": 20, "days": 21}


def test_growth_of_a_known_size_reaches_its_limit_on_a_known_day() -> None:
    noise = np.random.default_rng(1).normal(size=60) * 0.3
    found = outlook(20 + 1.0 * np.arange(60) + noise).passage
    assert found is not None
    low, middle, high = found.dates
    assert low is not None and middle is not None and high is not None and low <= middle <= high
    assert abs((middle - TODAY).days - 16) <= 1
    assert found.soon > 0.99 and found.later > 0.99


@pytest.mark.parametrize("values", [np.full(60, 50.0), 80 - 0.5 * np.arange(60.0)], ids=["constant", "falling"])
def test_what_does_not_grow_is_not_full_within_a_year(values: np.ndarray) -> None:
    found = outlook(values)
    assert found.passage is not None
    assert (found.passage.soon, found.passage.later, found.passage.dates) == (0, 0, (None, None, None))
    assert found.change is None


def test_full_is_full_now_whatever_way_it_moves() -> None:
    found = outlook(np.linspace(120, 95, 60))
    assert found.full and found.passage is not None and found.passage.soon == 1
    assert not outlook(np.linspace(120, 94.9, 60)).full


def test_probabilities_count_from_the_day_of_the_report() -> None:
    values = 64.5 + np.arange(60) * 0.25 + np.random.default_rng(2).normal(size=60).cumsum()
    values += 87.5 - values[-1]
    soon = [
        found.passage.soon
        for late in (1, 3)
        if (found := outlook(values, newest=TODAY - late * DAY)).passage is not None
    ]
    assert 0 < soon[0] < soon[1] < 1


def test_the_same_days_give_the_same_outlook() -> None:
    values = 20 + np.random.default_rng(1).normal(size=60).cumsum()
    assert outlook(values).passage == outlook(values).passage
    assert outlook(values).bands(30) == outlook(values).bands(30)


def test_bands_are_in_order_and_never_below_nothing() -> None:
    bands = outlook(np.abs(np.random.default_rng(1).normal(size=40))).bands(HORIZON)
    assert len(bands) == HORIZON and bands[0].day == TODAY
    assert all(0 <= band.low <= band.middle <= band.high for band in bands)


def test_a_change_of_growth_is_dated() -> None:
    t = np.arange(60)
    found = outlook(20 + 0.4 * t + 0.8 * np.maximum(t - 40, 0) + np.random.default_rng(1).normal(size=60) * 0.1)
    assert found.change is not None and abs((found.change.day - (TODAY - 20 * DAY)).days) <= 2
    assert found.growth_per_day == pytest.approx(1.2, abs=0.1)


def test_a_leak_of_three_weeks_after_a_calm_year_is_not_overlooked() -> None:
    t = np.arange(380)
    calm = 30 + 0.01 * t + np.random.default_rng(1).normal(size=380) * 0.2
    found = outlook(calm + 2.0 * np.maximum(t - 359, 0))
    assert found.passage is not None and 100 * found.passage.soon > LIMITS.fail_30_days_percent


def test_a_disk_that_was_extended_does_not_fill_faster_than_before() -> None:
    values = 70 + 0.4 * np.arange(60)
    values[40:] /= 2
    seen = outlook(values + np.random.default_rng(3).normal(0, 0.3, 60))
    assert seen.passage is not None and seen.passage.later < 0.4, seen.passage
