"""Which times of lines can be."""

from datetime import UTC, datetime, timedelta

from tasks.logs.lines.clock import BACK, KEPT, SKEW, Clock

NOW = datetime(2026, 11, 25, 9, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def takes(clock: Clock, at: datetime) -> bool:
    return clock.takes(int(at.timestamp()) // 60)


def test_no_line_is_from_after_it_was_read_but_for_the_skew_of_clocks() -> None:
    clock = Clock.at(NOW)
    assert takes(clock, NOW + SKEW)
    assert not takes(clock, NOW + SKEW + MINUTE)
    assert not takes(clock, NOW + 27000 * timedelta(days=1))


def test_no_line_is_from_long_before_those_before_it() -> None:
    clock = Clock.at(NOW)
    assert takes(clock, NOW - 9000 * timedelta(days=1))  # an old file may be read for the first time
    assert takes(clock, NOW)
    assert takes(clock, NOW - BACK)
    assert not takes(clock, NOW - BACK - MINUTE)
    assert takes(clock, NOW)


def test_no_line_is_from_long_before_it_was_written() -> None:
    clock = Clock.at(NOW, written_after=NOW)
    assert takes(clock, NOW - KEPT)
    assert not takes(clock, NOW - KEPT - MINUTE)
