"""Which minutes were monitored to the end, on both databases."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine

from tasks.monitoring.facts import Gap, Monitored
from tasks.monitoring.store.lease import begin_minute, end_minute
from tasks.monitoring.store.minutes import read_monitored, remove_monitored_hours

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


def monitor(history: Engine, *minutes: int, service: str = "shop") -> None:
    """Minutes after noon, each begun and ended."""
    for minute in minutes:
        begin_minute(history, service, "run", NOON + minute * MINUTE)
        end_minute(history, service, "run", NOON + minute * MINUTE + 9 * MINUTE / 60, monitored=True)


def read(history: Engine, minute: float, span: timedelta = DAY) -> Monitored | None:
    return read_monitored(history, "shop", NOON + minute * MINUTE, span)


def gap(first: int, end: int) -> Gap:
    return Gap(NOON + first * MINUTE, NOON + end * MINUTE)


def test_nothing_is_on_record_of_a_service_that_nobody_monitored(history: Engine) -> None:
    assert read(history, 0) is None
    monitor(history, 0, service="bar")
    assert read(history, 5) is None
    begin_minute(history, "shop", "run", NOON)
    assert read(history, 5) is None  # begun is not monitored
    monitor(history, 6)
    assert read(history, 6) is None  # nor is a minute of what is then the future


def test_minutes_are_counted_from_the_first_one_on_record(history: Engine) -> None:
    monitor(history, 7, 8, 9)
    assert read(history, 10.5) == Monitored(NOON + 7 * MINUTE, NOON + 10 * MINUTE, (), NOON + 9 * MINUTE)


def test_gaps_are_found_within_and_between_hours_and_at_the_end(history: Engine) -> None:
    monitor(history, 58, 59, 60, 63, 64, 130)
    found = read(history, 133)
    assert found is not None and found.gaps == (gap(61, 63), gap(65, 130), gap(131, 133))
    assert found.begun == NOON + 130 * MINUTE


def test_a_minute_that_was_begun_and_not_ended_is_a_gap(history: Engine) -> None:
    monitor(history, 0)
    begin_minute(history, "shop", "run", NOON + MINUTE)
    found = read(history, 2)
    assert found is not None and (found.gaps, found.begun) == ((gap(1, 2),), NOON + MINUTE)


def test_a_minute_in_which_nothing_could_be_collected_is_a_gap(history: Engine) -> None:
    monitor(history, 0)
    begin_minute(history, "shop", "run", NOON + MINUTE)
    end_minute(history, "shop", "run", NOON + MINUTE, monitored=False)
    found = read(history, 2)
    assert found is not None and found.gaps == (gap(1, 2),)


def test_a_monitoring_that_stopped_days_ago_is_all_gap(history: Engine) -> None:
    monitor(history, 0, 1)
    after = 3 * 1440
    found = read(history, after)
    assert found is not None
    assert (found.gaps, found.begun) == ((gap(after - 1440, after),), NOON + MINUTE)


def test_a_minute_counts_once_whoever_ends_it_and_in_any_order(history: Engine) -> None:
    monitor(history, 2, 2, 0, 1, 2)
    found = read(history, 3)
    assert found is not None and (found.first, found.gaps) == (NOON, ())


def test_old_hours_are_removed_and_the_others_stay(history: Engine) -> None:
    monitor(history, 0, 60, 120)
    assert sum(remove_monitored_hours(history, "shop", int((NOON + 60 * MINUTE).timestamp()) // 60)) == 1
    found = read(history, 121)
    assert found is not None and found.first == NOON + 60 * MINUTE
