"""The day of a figure, minute by minute, and the size of the history, on both databases."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine

from tasks.resources.store import read_day, read_growth
from tasks.samples.facts import Reading
from tasks.samples.store.minutes import read_samples, store_readings

NOON = datetime(2026, 11, 25, 12, 0, 30, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def test_a_day_has_a_place_for_each_minute_up_to_now(history: Engine) -> None:
    taken = {1: 10.0, 3: 30.0, 1440: 50.0, 1441: 60.0, 0: 70.0}  # minutes ago
    readings = [(NOON - ago * MINUTE, Reading("cpu.used", "host", value, "%")) for ago, value in taken.items()]
    readings += [(NOON - MINUTE, Reading("cpu.used", "web-2", 1.0, "%")), (NOON, Reading("swap.used", "host", 1, "%"))]
    store_readings(history, "shop", readings)
    store_readings(history, "other", readings)
    day = read_day(history, "shop", "cpu.used", NOON)
    assert set(day) == {"host", "web-2"}
    assert len(day["host"]) == 1440
    assert {1440 - at: value for at, value in enumerate(day["host"]) if value is not None} == {
        1440: 50.0,
        3: 30.0,
        1: 10.0,
    }


def test_the_history_is_measured_and_its_growth_is_that_of_a_week(history: Engine) -> None:
    """The size of a week ago counts, not one of long ago; of less than a day's growth nothing is said."""
    first = read_growth(history, "shop", 45, NOON)
    assert first.growth_bytes is None and first.total_bytes > 100_000 and first.minutes_days == 0
    assert (first.free_bytes is None) == (history.dialect.name == "postgresql")
    assert read_growth(history, "shop", 45, NOON + timedelta(hours=19)).growth_bytes is None
    for days_ago, megabytes in ((30, 0.0), (6, 1.0), (1, 1.5)):
        size = Reading("history.size", "history", megabytes * 1_000_000, "B")
        store_readings(history, "shop", [(NOON - timedelta(days=days_ago), size)])
    found = read_growth(history, "shop", 45, NOON)
    assert (found.over_days, found.minutes_days, found.kept_days) == (6.0, 30.0, 45)
    assert found.growth_bytes == (found.total_bytes - 1_000_000) / 6
    read = read_samples(history, "shop", "history.size", 0, 10**9)["history"]
    assert len(read) == 5  # that of the first round was replaced in its minute
