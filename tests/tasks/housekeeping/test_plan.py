"""What is too old, at the borders of days, months and clock changes."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from tasks.housekeeping.plan import plan_of, step_of
from tasks.settings import Settings, load_settings
from tasks.slo.unfrozen import unfrozen_months

TOKYO = ZoneInfo("Asia/Tokyo")
NOW = datetime(2026, 11, 27, 3, 40, tzinfo=TOKYO)
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def settings_of(folder: Path, text: str = "", zone: str = "Asia/Tokyo") -> Settings:
    file = folder / "shop.toml"
    service = f'[service]\nname = "shop"\nbase_url = "http://shop.example"\ntimezone = "{zone}"\n'
    file.write_text(f"{service}{text}", encoding="utf-8")
    return load_settings(file)


def test_everything_ends_with_a_day_of_the_zone(tmp_path: Path) -> None:
    plan = plan_of(settings_of(tmp_path), (), NOW)
    assert plan.minutes == datetime(2026, 10, 13, tzinfo=TOKYO)
    assert plan.hours == datetime(2025, 10, 23, tzinfo=TOKYO)
    assert (plan.resolved, plan.messages, plan.pages) == (NOW - 400 * DAY, NOW - 90 * DAY, None)
    assert (plan.step_min, plan.waiting) == (60, ())


def test_a_day_on_which_clocks_change_is_kept_whole(tmp_path: Path) -> None:
    now = datetime(2026, 12, 16, 12, tzinfo=ZoneInfo("America/New_York"))  # 45 days after November 1st
    plan = plan_of(settings_of(tmp_path, zone="America/New_York"), (), now)
    assert plan.minutes == datetime(2026, 11, 1, 4, tzinfo=UTC)
    assert (
        plan_of(settings_of(tmp_path, zone="America/New_York"), (), now + DAY).minutes == plan.minutes + 25 * DAY / 24
    )


@pytest.mark.parametrize(
    ("zone", "step"),
    [("Asia/Tokyo", 60), ("Asia/Kolkata", 30), ("Asia/Kathmandu", 15), ("Australia/Lord_Howe", 30), ("UTC", 60)],
)
def test_hours_fit_those_of_utc_and_of_the_zone(zone: str, step: int) -> None:
    assert {step_of(ZoneInfo(zone), NOW + n * 91 * DAY) for n in range(4)} == {step}


def test_the_minutes_of_a_month_that_is_not_frozen_stay_with_what_its_report_reads(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    since, frozen = datetime(2026, 9, 10, tzinfo=TOKYO), {"2026-10"}
    plan = plan_of(settings, unfrozen_months(settings, frozen, since, NOW), NOW)
    assert plan.waiting == ("2026-09",)
    assert plan.minutes == datetime(2026, 8, 31, tzinfo=TOKYO)  # an hour before the month
    assert plan.hours == datetime(2025, 10, 23, tzinfo=TOKYO)
    assert plan_of(settings, unfrozen_months(settings, {"2026-09", "2026-10"}, since, NOW), NOW).waiting == ()
    given_up = settings_of(tmp_path, '[history]\ngive_up_months = ["2026-09"]')
    assert plan_of(given_up, unfrozen_months(given_up, frozen, since, NOW), NOW).waiting == ()


def test_hours_stay_as_long_as_minutes_need_them(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    plan = plan_of(settings, unfrozen_months(settings, (), datetime(2025, 9, 1, tzinfo=TOKYO), NOW), NOW)
    assert plan.waiting[0] == "2025-09"
    assert plan.hours == plan.minutes - 31 * DAY


def test_months_that_nobody_waits_for(tmp_path: Path) -> None:
    """Those before the first round, before [slo] since, and all where no objective counts minutes."""
    settings = settings_of(tmp_path)
    keys = [month.period.key for month in unfrozen_months(settings, (), datetime(2026, 9, 30, 23, tzinfo=TOKYO), NOW)]
    assert keys == ["2026-09", "2026-10", "2026-11"]
    assert unfrozen_months(settings, (), datetime(2026, 10, 1, tzinfo=TOKYO), NOW)[0].period.key == "2026-10"
    younger = settings_of(tmp_path, "[slo]\nsince = 2026-11-01")
    assert [month.period.key for month in unfrozen_months(younger, (), LONG_AGO, NOW)] == ["2026-11"]
    other = settings_of(tmp_path, '[[slo.objective]]\nname = "deploys"\nkind = "deploy-frequency"')
    assert unfrozen_months(other, (), LONG_AGO, NOW) == ()


def test_a_rolling_window_reaches_back_beyond_its_month(tmp_path: Path) -> None:
    text = '[history]\nkeep_minutes_days = 104\n[[slo.objective]]\nname = "up"\nkind = "uptime"\ntarget = 0.999\n'
    text += 'window = "90d"\n[health]\nready = "/ready"'
    [month] = unfrozen_months(settings_of(tmp_path, text), {"2026-11"}, datetime(2026, 10, 5, tzinfo=TOKYO), NOW)
    assert month.reads_from == datetime(2026, 11, 1, tzinfo=TOKYO) - 90 * DAY - timedelta(hours=1)
