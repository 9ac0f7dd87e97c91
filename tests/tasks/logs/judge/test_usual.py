"""What is usual: an outage, a weekend, a changed clock and a quiet month must not mislead."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.logs.judge.spikes import spike_limit
from tasks.logs.judge.usual import days_before, most_by_chance, usual_count, usual_hour
from tests.deep import examples


@pytest.mark.parametrize(
    ("counts", "usual"),
    [
        ([], None),
        ([40], 40),
        ([0, 40, 40, 40, 40, 40, 40], 40),  # an outage yesterday
        ([40, 40, 40, 40, 40, 0, 0], 0),  # closed on this weekday last week
        ([0, 0, 0, 0, 40, 40, 40], 0),
        ([40] * 7 + [0] * 21, 40),  # older days do not count
    ],
)
def test_a_day_is_as_usual_as_the_middle_of_a_week_and_this_weekday_last_week(
    counts: list[int], usual: float | None
) -> None:
    assert usual_count(counts) == usual


def every_day(hours: range, count: int = 100, days: int = 8) -> dict[int, int]:
    return {1000 * 24 - day * 24 + hour: count for day in range(1, days + 1) for hour in hours}


def test_a_clock_change_moves_no_module_into_silence() -> None:
    by_hour = every_day(range(8, 18))
    assert [usual_hour(by_hour, 1000 * 24 + hour, 7) for hour in (7, 8, 9, 16, 17, 18)] == [0, 0, 100, 100, 0, 0]


def test_without_a_day_nothing_is_usual() -> None:
    assert usual_hour({}, 100, 0) is None
    assert usual_hour({}, 100, 1) == 0


@pytest.mark.parametrize(
    ("back", "days"), [(0, 0), (24, 0), (25, 1), (7 * 24, 6), (7 * 24 + 1, 7), (90 * 24, 7), (-5, 0)]
)
def test_a_day_counts_when_the_hours_around_it_are_in_the_log_too(back: int, days: int) -> None:
    assert days_before(1000, 1000 - back) == days


@given(st.lists(st.integers(0, 10_000), min_size=1, max_size=28), st.sampled_from([0.9, 0.999]))
@settings(max_examples=examples(40))
def test_chance_is_never_given_less_room_than_by_the_counts_alone(daily: list[int], quantile: float) -> None:
    assert most_by_chance(daily, quantile) >= max(spike_limit(daily, quantile), 1)
    assert most_by_chance(daily, quantile) >= sum(daily) / len(daily)
