"""Figures by minute, on both databases."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, text

from tasks.history.engine import HistoryError, reading
from tasks.samples.facts import Reading
from tasks.samples.store.minutes import newest_sample, oldest_sample, store_readings, synthetic_until
from tests.operated import figures

NOON = datetime(2026, 11, 25, 12, 0, 30, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def cpu(value: float, subject: str = "host") -> Reading:
    return Reading("cpu.used", subject, value, "%")


def test_figures_come_back_by_subject_in_the_order_of_time(history: Engine) -> None:
    given = [
        (NOON + MINUTE, cpu(2)),
        (NOON, cpu(1)),
        (NOON, cpu(9, "web-2")),
        (NOON, Reading("swap.used", "host", 5, "%")),
    ]
    assert store_readings(history, "shop", given) == 4
    found = figures(history, "shop", "cpu.used", NOON, NOON + 2 * MINUTE)
    assert found == {"host": (1.0, 2.0), "web-2": (9.0,)}


def test_a_minute_holds_one_figure_the_last_one(history: Engine) -> None:
    store_readings(history, "shop", [(NOON, cpu(1)), (NOON + timedelta(seconds=20), cpu(2))])
    assert store_readings(history, "shop", [(NOON, cpu(3))]) == 1
    assert figures(history, "shop", "cpu.used", NOON, NOON + MINUTE) == {"host": (3.0,)}


def test_the_end_of_the_time_asked_for_is_not_in_it(history: Engine) -> None:
    store_readings(history, "shop", [(NOON + n * MINUTE, cpu(n)) for n in range(4)])
    assert figures(history, "shop", "cpu.used", NOON + MINUTE, NOON + 3 * MINUTE) == {"host": (1.0, 2.0)}


def test_services_do_not_see_each_other(history: Engine) -> None:
    store_readings(history, "shop", [(NOON, cpu(1))])
    store_readings(history, "bar", [(NOON, cpu(2))], synthetic=True)
    assert figures(history, "shop", "cpu.used", NOON, NOON + MINUTE) == {"host": (1.0,)}
    assert synthetic_until(history, "shop") is None
    assert synthetic_until(history, "bar") == NOON.replace(second=0)


def test_those_that_come_at_once_with_the_same_new_figures(history: Engine) -> None:
    names = [f"disk-{place}" for place in range(40)]

    def store(place: int) -> int:
        ordered = names if place % 2 else list(reversed(names))
        return store_readings(history, "shop", [(NOON, cpu(place, name)) for name in ordered])

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(store, range(16))) == [40] * 16
    assert set(figures(history, "shop", "cpu.used", NOON, NOON + MINUTE)) == set(names)


def test_what_cannot_be_stored_leaves_nothing_behind(history: Engine) -> None:
    with pytest.raises(HistoryError):
        store_readings(history, "shop", [(NOON, cpu(1)), (NOON, cpu(None, "web-2"))])  # type: ignore[arg-type]
    with reading(history) as connection:
        assert connection.execute(text("SELECT COUNT(*) FROM samples")).scalar() == 0
        assert connection.execute(text("SELECT COUNT(*) FROM sample_series")).scalar() == 0


def test_a_month_of_minutes_is_one_transaction(history: Engine) -> None:
    given = ((NOON + n * MINUTE, cpu(n % 100)) for n in range(43_200))
    assert store_readings(history, "shop", given) == 43_200
    [found] = figures(history, "shop", "cpu.used", NOON, NOON + 43_200 * MINUTE).values()
    assert (len(found), found[-1]) == (43_200, 99.0)


def test_the_oldest_and_the_newest_minute_of_a_name(history: Engine) -> None:
    assert newest_sample(history, "shop", "cpu.used") is None
    store_readings(history, "shop", [(NOON + n * MINUTE, cpu(n, f"host-{n % 2}")) for n in range(4)])
    store_readings(history, "bar", [(NOON + 9 * MINUTE, cpu(1))])
    store_readings(history, "shop", [(NOON + 9 * MINUTE, Reading("swap.used", "host", 5, "%"))])
    assert oldest_sample(history, "shop", "cpu.used") == NOON.replace(second=0)
    assert newest_sample(history, "shop", "cpu.used") == NOON.replace(second=0) + 3 * MINUTE
