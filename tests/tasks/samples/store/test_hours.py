"""Figures by minute merged into hours, on both databases."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pandas as pd
import pytest
from sqlalchemy import Engine, select

from tasks.history.engine import reading
from tasks.history.kept import read_kept
from tasks.performance.observe import read_kpi_means
from tasks.periods import week_period
from tasks.samples.facts import Figures, Reading
from tasks.samples.store.hours import merge_samples, read_figures, remove_sample_hours
from tasks.samples.store.minutes import read_samples, store_readings
from tasks.samples.tables import sample_hours

START = datetime(2026, 10, 1, tzinfo=UTC)
FIRST = int(START.timestamp()) // 60
MINUTE = timedelta(minutes=1)


def fill(history: Engine, values: dict[int, float], name: str = "cpu.used", service: str = "shop") -> None:
    readings = ((START + m * MINUTE, Reading(name, "host", value, "%")) for m, value in values.items())
    store_readings(history, service, readings)


def hours(history: Engine, name: str = "cpu.used") -> list[Figures]:
    return read_figures(history, "shop", name, FIRST - 60, FIRST + 600).get("host", [])


def test_an_hour_has_its_sum_its_extremes_and_its_last_figure(history: Engine) -> None:
    fill(history, {0: 5.0, 7: 1.0, 59: 3.0, 60: 8.0, 120: 4.0})
    fill(history, {0: 5.0}, service="other")
    assert sum(merge_samples(history, "shop", FIRST + 120, 60)) == 4
    assert hours(history) == [
        Figures(FIRST, 3, 9.0, 3.0),
        Figures(FIRST + 60, 1, 8.0, 8.0),
        Figures(FIRST + 120, 1, 4.0, 4.0),  # a minute that is young enough
    ]
    with reading(history) as connection:
        first = connection.execute(select(sample_hours).order_by(sample_hours.c.minute)).first()
    assert first is not None and (first.low, first.high) == (1.0, 5.0)
    assert read_samples(history, "shop", "cpu.used", FIRST, FIRST + 600) == {"host": [(FIRST + 120, 4.0)]}
    assert len(read_samples(history, "other", "cpu.used", FIRST, FIRST + 600)["host"]) == 1
    assert read_kept(history, "shop", "minutes") == START + timedelta(hours=2)


def test_figures_that_come_late_are_added(history: Engine) -> None:
    fill(history, {0: 5.0, 1: 1.0})
    list(merge_samples(history, "shop", FIRST + 60, 60))
    fill(history, {2: 9.0})
    assert hours(history) == [Figures(FIRST, 2, 6.0, 1.0), Figures(FIRST + 2, 1, 9.0, 9.0)]
    assert sum(merge_samples(history, "shop", FIRST + 60, 60)) == 1
    assert hours(history) == [Figures(FIRST, 3, 15.0, 9.0)]


@pytest.mark.parametrize(("zone", "step_min"), [("Asia/Tokyo", 60), ("Asia/Kolkata", 30)])
def test_the_mean_of_an_old_week_is_that_of_its_minutes(history: Engine, zone: str, step_min: int) -> None:
    place, monday = ZoneInfo(zone), datetime(2026, 10, 5, tzinfo=ZoneInfo(zone))
    week = week_period(monday.date(), place)
    begin = int((week.start - START) / MINUTE)
    values = {begin + n: float(n * n % 97) for n in range(-3000, 12_000, 7)}
    fill(history, values, "kpi.value")

    def means() -> pd.DataFrame:
        return read_kpi_means(history, "shop", week, week.end, place)

    before = means()
    assert sum(merge_samples(history, "shop", FIRST + begin + 5000, step_min)) > 1000
    pd.testing.assert_frame_equal(means(), before)
    assert before.loc["host", "sampled_percent"] == 100


def test_old_hours_are_removed(history: Engine) -> None:
    fill(history, dict.fromkeys(range(0, 300, 30), 1.0))
    list(merge_samples(history, "shop", FIRST + 300, 60))
    assert sum(remove_sample_hours(history, "shop", FIRST + 180)) == 3
    assert [hour.minute for hour in hours(history)] == [FIRST + 180, FIRST + 240]
    assert read_kept(history, "shop", "hours") == START + timedelta(hours=3)
    assert list(remove_sample_hours(history, "shop", FIRST + 180)) == []
