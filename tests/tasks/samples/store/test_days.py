"""Figures by day, on both databases."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from sqlalchemy import Engine, text

from tasks.history.engine import writing
from tasks.samples.facts import DailySeries, DayFigures, Reading
from tasks.samples.store.days import LONGEST_DAYS, read_days, roll_up_days
from tasks.samples.store.minutes import store_readings

TOKYO, NEW_YORK = ZoneInfo("Asia/Tokyo"), ZoneInfo("America/New_York")
DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)
FIRST, END = date(2026, 1, 1), date(2027, 1, 1)


def fill(history: Engine, begin: datetime, values: list[float], subject: str = "host", **options: bool) -> None:
    readings = ((begin + n * MINUTE, Reading("cpu.used", subject, v, "%")) for n, v in enumerate(values))
    store_readings(history, "shop", readings, **options)


def midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=zone)


def days_of(history: Engine, subject: str = "host") -> tuple[DayFigures, ...]:
    found = [s.days for s in read_days(history, "shop", FIRST, END) if s.subject == subject]
    return found[0] if found else ()


def test_a_day_has_the_figures_that_numpy_finds(history: Engine) -> None:
    chance = np.random.default_rng(1)
    begin = midnight(date(2026, 10, 1), TOKYO)
    a, b = (chance.uniform(0, 100, n).round(3) for n in (1440, 7))
    fill(history, begin, [float(v) for v in a])
    fill(history, begin, [float(v) for v in b], "web-2", synthetic=True)
    assert roll_up_days(history, "shop", TOKYO, begin + DAY) == 1
    for subject, values in (("host", a), ("web-2", b)):
        [day] = days_of(history, subject)
        p95 = float(np.quantile(values, 0.95, method="inverted_cdf"))
        assert (day.day, day.samples, day.p95) == (date(2026, 10, 1), values.size, p95)
        assert (day.high, day.last) == (values.max(), values[-1])
        assert day.mean == pytest.approx(values.mean())
    [one, two] = read_days(history, "shop", FIRST, END)
    assert (one.name, one.unit, one.synthetic_until) == ("cpu.used", "%", None)
    assert two.synthetic_until == (begin + 6 * MINUTE).astimezone(UTC)


@pytest.mark.parametrize(("day", "minutes"), [(date(2026, 3, 8), 1380), (date(2026, 11, 1), 1500)])
def test_a_day_on_which_clocks_change(history: Engine, day: date, minutes: int) -> None:
    begin = midnight(day, NEW_YORK).astimezone(UTC) - 10 * MINUTE
    fill(history, begin, [float(n) for n in range(-10, 1600)])
    roll_up_days(history, "shop", NEW_YORK, begin + 3 * DAY)
    found = {d.day: (d.samples, d.last, d.high) for d in days_of(history)}
    assert found[day] == (minutes, minutes - 1, minutes - 1)
    assert found[day - DAY] == (10, -1, -1)


def test_a_day_is_rolled_up_when_it_is_over_and_again_when_figures_come_late(history: Engine) -> None:
    begin = midnight(date(2026, 10, 1), TOKYO)
    for n in range(6):
        fill(history, begin + n * DAY, [float(n)] * 5)
    assert roll_up_days(history, "shop", TOKYO, begin + 6 * DAY - MINUTE) == 5
    assert [d.last for d in days_of(history)] == [0, 1, 2, 3, 4]
    before = days_of(history)
    fill(history, begin + 3 * DAY + timedelta(hours=1), [50.0])  # one of the last three days that were rolled up
    fill(history, begin + DAY + timedelta(hours=1), [50.0])  # an older one
    assert roll_up_days(history, "shop", TOKYO, begin + 6 * DAY) == 4
    after = days_of(history)
    assert [(d.samples, d.last) for d in after] == [(5, 0), (5, 1), (5, 2), (6, 50), (5, 4), (5, 5)]
    assert after[:3] == before[:3]
    assert roll_up_days(history, "shop", TOKYO, begin + 6 * DAY) == 3
    assert days_of(history) == after


def test_a_new_series_begins_with_its_oldest_minute_and_a_gone_one_costs_nothing(history: Engine) -> None:
    begin = midnight(date(2026, 10, 1), TOKYO)
    fill(history, begin, [1.0])
    fill(history, begin + 30 * DAY, [1.0], "web-2")
    roll_up_days(history, "shop", TOKYO, begin + 31 * DAY)
    fill(history, begin + 5 * DAY, [2.0], "web-3")  # imported
    assert roll_up_days(history, "shop", TOKYO, begin + 31 * DAY) == 26
    assert roll_up_days(history, "shop", TOKYO, begin + 31 * DAY) == 3
    assert [d.last for d in days_of(history, "web-3")] == [2.0]


@pytest.mark.deep  # four hundred days are rolled up
def test_wrong_clocks_neither_stop_the_days_nor_make_them_endless(history: Engine) -> None:
    begin = midnight(date(2026, 10, 1), TOKYO)
    fill(history, datetime(1999, 1, 1, tzinfo=UTC), [1.0])
    fill(history, begin, [2.0])
    assert roll_up_days(history, "shop", TOKYO, begin + DAY) <= LONGEST_DAYS
    with writing(history) as connection:
        connection.execute(text("INSERT INTO sample_days SELECT series_id, 40000, 1, 1, 1, 1, 1 FROM sample_days"))
    fill(history, begin + DAY, [3.0])
    roll_up_days(history, "shop", TOKYO, begin + 2 * DAY)
    assert [d.last for d in days_of(history)] == [2.0, 3.0]


def test_days_are_kept_when_their_minutes_are_not(history: Engine) -> None:
    begin = midnight(date(2026, 10, 1), TOKYO)
    fill(history, begin, [7.0])
    roll_up_days(history, "shop", TOKYO, begin + DAY)
    with writing(history) as connection:
        connection.execute(text("DELETE FROM samples"))
    fill(history, begin + DAY, [8.0])
    roll_up_days(history, "shop", TOKYO, begin + 2 * DAY)
    assert [d.last for d in days_of(history)] == [7.0, 8.0]


def test_nothing_known_is_nothing_rolled_up(history: Engine) -> None:
    assert roll_up_days(history, "shop", TOKYO, midnight(END, TOKYO)) == 0
    assert read_days(history, "shop", FIRST, END) == ()


def test_services_do_not_see_each_other(history: Engine) -> None:
    begin = midnight(date(2026, 10, 1), TOKYO)
    store_readings(history, "bar", [(begin, Reading("cpu.used", "host", 1, "%"))])
    assert roll_up_days(history, "shop", TOKYO, begin + DAY) == 0
    assert roll_up_days(history, "bar", TOKYO, begin + DAY) == 1
    found: tuple[DailySeries, ...] = read_days(history, "shop", FIRST, END)
    assert found == ()
