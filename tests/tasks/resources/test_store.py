"""The day of a figure, minute by minute, on both databases."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine

from tasks.resources.store import read_day
from tasks.samples.facts import Reading
from tasks.samples.store.minutes import store_readings

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
