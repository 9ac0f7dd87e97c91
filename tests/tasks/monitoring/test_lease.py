"""Who monitors a service, on both databases: each minute once, and no gap unseen."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine

from tasks.monitoring.store.lease import Begun, Held, begin_minute, end_minute, let_go

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
MINUTE, SECOND = timedelta(minutes=1), timedelta(seconds=1)


def test_a_holder_begins_minute_after_minute(history: Engine) -> None:
    for number in range(4):
        assert begin_minute(history, "shop", "one", NOON + number * MINUTE + SECOND) == Begun(None)


def test_a_minute_is_begun_once_and_others_wait_for_the_end_of_the_lease(history: Engine) -> None:
    begin_minute(history, "shop", "one", NOON)
    until = NOON + 70 * SECOND
    for after in (1, 59, 60, 69):
        assert begin_minute(history, "shop", "two", NOON + after * SECOND) == Held("one", until)
    assert begin_minute(history, "shop", "one", NOON + 30 * SECOND) == Held("one", until)
    assert begin_minute(history, "bar", "two", NOON) == Begun(None)
    end_minute(history, "shop", "one", NOON + 9 * SECOND, monitored=True)
    assert begin_minute(history, "shop", "two", NOON + 70 * SECOND) == Begun(None)
    assert begin_minute(history, "shop", "one", NOON + 2 * MINUTE) == Held("two", NOON + 130 * SECOND)


def test_a_lease_that_was_let_go_is_free_at_once(history: Engine) -> None:
    begin_minute(history, "shop", "one", NOON)
    let_go(history, "shop", "two")
    assert begin_minute(history, "shop", "two", NOON + MINUTE) == Held("one", NOON + 70 * SECOND)
    let_go(history, "shop", "one")
    assert begin_minute(history, "shop", "two", NOON + MINUTE) == Begun(None)


def test_minutes_that_nobody_began_are_found(history: Engine) -> None:
    begin_minute(history, "shop", "one", NOON)
    end_minute(history, "shop", "one", NOON, monitored=True)
    found = begin_minute(history, "shop", "two", NOON + 5 * MINUTE + 3 * SECOND)
    assert found == Begun((NOON + MINUTE, NOON + 5 * MINUTE))
    assert begin_minute(history, "shop", "two", NOON + 6 * MINUTE) == Begun(None)


def test_a_minute_in_which_its_holder_was_killed_is_found(history: Engine) -> None:
    for holder, minute in (("one", NOON), ("one", NOON + MINUTE)):
        begin_minute(history, "shop", holder, minute)
    end_minute(history, "shop", "two", NOON + MINUTE, monitored=True)
    end_minute(history, "shop", "one", NOON, monitored=True)  # late
    assert begin_minute(history, "shop", "two", NOON + 131 * SECOND) == Begun((NOON + MINUTE, NOON + 2 * MINUTE))


def test_what_a_holder_could_not_do_it_says_itself(history: Engine) -> None:
    begin_minute(history, "shop", "one", NOON)
    assert begin_minute(history, "shop", "one", NOON + MINUTE) == Begun(None)
    let_go(history, "shop", "one")
    assert begin_minute(history, "shop", "two", NOON + 2 * MINUTE) == Begun(None)


def test_a_clock_that_was_set_back_stops_nobody(history: Engine) -> None:
    begin_minute(history, "shop", "one", NOON)
    before = NOON - timedelta(hours=1)
    assert begin_minute(history, "shop", "two", before) == Begun(None)
    assert begin_minute(history, "shop", "two", before + MINUTE) == Begun(None)


def test_of_many_at_once_one_begins(history: Engine) -> None:
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda name: begin_minute(history, "shop", name, NOON), "abcd"))
    assert sum(isinstance(one, Begun) for one in found) == 1
