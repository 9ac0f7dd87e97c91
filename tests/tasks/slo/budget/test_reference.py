"""The published figures: SRE workbook, and those of the spec that were worked out by hand."""

from datetime import date, timedelta
from fractions import Fraction
from zoneinfo import ZoneInfo

import pytest

from tasks.periods import month_period
from tasks.slo.budget.budget import (
    allowed,
    budget_minutes,
    budget_of,
    burn_rate,
    detection_s,
    shown_share,
)
from tasks.slo.settings import Alerts, BurnRule
from tasks.slo.sli.minutes import Tally, tally
from tests.tasks.slo.figures import FIRST, events, minutes_up, window

DAY_MIN = 24 * 60


def of(good: int, total: int) -> Tally:
    return Tally(good, total, 1, 1)


def test_shares_are_pooled_and_no_mean_of_ratios() -> None:
    pooled = tally(events([9, 9990], [10, 9990]), (FIRST, FIRST + 2))
    assert pooled.share == pytest.approx(0.9999)
    assert pytest.approx(0.95) == (9 / 10 + 9990 / 9990) / 2


@pytest.mark.parametrize(("days", "minutes"), [(28, 20.16), (29, 20.88), (30, 21.6), (31, 22.32)])
def test_budget_of_a_month_at_the_guides_uptime(days: int, minutes: float) -> None:
    assert budget_minutes(0.9995, days * DAY_MIN) == pytest.approx(minutes, abs=1e-12)


def test_budget_of_30_days_at_three_nines() -> None:
    assert budget_minutes(0.999, 30 * DAY_MIN) == pytest.approx(43.2, abs=1e-12)


@pytest.mark.parametrize(
    ("month", "hours"), [(date(2026, 3, 1), 743), (date(2026, 11, 1), 721), (date(2026, 2, 1), 672)]
)
def test_months_of_new_york_follow_its_clocks(month: date, hours: int) -> None:
    period = month_period(month, ZoneInfo("America/New_York"))
    assert (period.end - period.start) / timedelta(hours=1) == hours


@pytest.mark.parametrize(("days", "factors"), [(30, (14.4, 6.0, 3.0, 1.0)), (28, (13.44, 5.6, 2.8, 0.93333333))])
def test_burn_rate_factors_come_from_the_real_period(days: float, factors: tuple[float, ...]) -> None:
    rules = Alerts().burn
    assert [rule.factor(days) for rule in rules] == pytest.approx(factors)
    assert [(rule.budget_share, rule.long_h) for rule in rules] == [(0.02, 1), (0.05, 6), (0.1, 24), (0.1, 72)]


def test_a_period_in_which_a_factor_falls_under_one_is_refused_with_what_would_do() -> None:
    with pytest.raises(ValueError, match=r"72 h of 28 days is a burn rate of 0\.933: .* at least 0\.107"):
        Alerts(period_days=28)


@pytest.mark.parametrize(("target", "seconds"), [(0.999, 51.84), (0.9995, 25.92)])
def test_detection_time_of_a_total_outage(target: float, seconds: float) -> None:
    assert detection_s(target, BurnRule(budget_share=0.02, long_h=1, level="page").factor(30), 1) == pytest.approx(
        seconds
    )


def test_one_failure_of_ten_requests_is_a_burn_rate_of_100() -> None:
    assert burn_rate(of(9, 10), 0.999) == 100


def test_the_worst_burn_rate_of_a_target_of_90_percent_never_pages() -> None:
    assert burn_rate(of(0, 1000), 0.9) == 10 < BurnRule(budget_share=0.02, long_h=1, level="page").factor(30)


def test_a_partial_window_has_two_shares_and_an_end() -> None:
    """Day 10 of 30, 15 minutes down, 99.95 %: 69.4 % of the full budget; prorated 208 %; burn 2.08; over in 4.4 d."""
    counted = tally(minutes_up(10 * DAY_MIN, down=[(100, 115)]), (FIRST, FIRST + 10 * DAY_MIN))
    budget = budget_of(counted, 0.9995, window(30, 10), timeslices=True)
    assert budget is not None and budget.ends_at is not None
    assert (round(budget.spent, 3), round(budget.spent_so_far, 2), round(budget.burn, 2)) == (0.694, 2.08, 2.08)
    assert (budget.ends_at - window(30, 10).as_of) / timedelta(days=1) == pytest.approx(4.4)


def test_the_workbooks_example() -> None:
    """SRE workbook, chapter 2: 3,557,865 of 3,663,253 good; 109,897 failures are allowed at 97 %."""
    counted = of(3_557_865, 3_663_253)
    assert round(100 * (counted.share or 0), 3) == 97.123
    assert int(allowed(0.97) * counted.total) == 109_897
    assert counted.meets(0.97) and not counted.meets(0.975)


@pytest.mark.parametrize(("target", "fewest"), [(0.999, 2995), (0.9995, 5990)])
def test_what_a_sample_without_failure_shows(target: float, fewest: int) -> None:
    assert shown_share(of(fewest, fewest)) >= target > shown_share(of(fewest - 1, fewest - 1))


def test_targets_are_exact_and_not_binary_fractions() -> None:
    assert allowed(0.9995) == Fraction(5, 10_000)
    assert of(9995, 10_000).meets(0.9995) and not of(9994, 10_000).meets(0.9995)
