"""Which rounds a schedule plans."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from tasks.periods import week_before
from tasks.schedule.planned import PERIODS, days_between, interval_of, is_daily, planned_rounds

TOKYO, BERLIN = ZoneInfo("Asia/Tokyo"), ZoneInfo("Europe/Berlin")


def test_the_rounds_of_some_days() -> None:
    days = [date(2026, 11, 15) + timedelta(days=n) for n in range(10)]
    found = [(one.period.key, one.at) for one in planned_rounds("0 9 * * 1", week_before, days, TOKYO)]
    assert found == [
        ("2026-W46", datetime(2026, 11, 16, tzinfo=UTC)),
        ("2026-W47", datetime(2026, 11, 23, tzinfo=UTC)),
    ]


@pytest.mark.parametrize(("kind", "period"), [("day", "2026-11-01"), ("week", "2026-W43"), ("month", "2026-10")])
def test_what_a_round_of_a_day_is_for(kind: str, period: str) -> None:
    assert PERIODS[kind](date(2026, 11, 1), TOKYO).key == period


def test_days_are_the_zones() -> None:
    first, last = datetime(2026, 10, 24, 22, 30, tzinfo=UTC), datetime(2026, 10, 25, 23, 0, tzinfo=UTC)
    assert list(days_between(first, last, BERLIN)) == [date(2026, 10, 25), date(2026, 10, 26)]
    assert list(days_between(last, first, BERLIN)) == []


@pytest.mark.parametrize(
    ("cron", "daily", "hours"), [("40 * * * *", True, 1), ("40 18 * * *", True, 24), ("0 9 * * 1", False, None)]
)
def test_how_far_runs_are_apart(cron: str, daily: bool, hours: int | None) -> None:
    assert is_daily(cron) is daily
    if hours is not None:
        assert interval_of(cron) == timedelta(hours=hours)
    else:
        with pytest.raises(ValueError, match="neither hourly nor daily"):
            interval_of(cron)


@pytest.mark.parametrize("cron", ["*/5 * * * *", "@daily", ""])
def test_a_schedule_of_another_form_is_refused(cron: str) -> None:
    with pytest.raises(ValueError):
        interval_of(cron)
