"""The busiest minute of production, and when too little is known of it."""

from datetime import UTC, datetime, timedelta

from tasks.load.analysis.peak import Peak, peak_of
from tasks.observation import Unobserved

UNTIL = datetime(2026, 11, 22, 18, 0, tzinfo=UTC)
DAY = 24 * 60
END = int(UNTIL.timestamp()) // 60


def test_the_busiest_minute_of_four_weeks() -> None:
    minutes = [(END - DAY * day - 1, 60 * day) for day in range(40)]
    found = peak_of(minutes, UNTIL, 7)
    assert found == Peak(27.0, UNTIL - timedelta(days=27, minutes=1), 27)  # none today


def test_a_minute_that_is_not_over_does_not_count() -> None:
    found = peak_of([*((END - DAY * day - 1, 60) for day in range(9)), (END, 6000)], UNTIL, 7)
    assert isinstance(found, Peak) and found.per_second == 1.0


def test_days_without_requests_make_it_unknown() -> None:
    enough = [(END - DAY * day - 1, 60) for day in range(0, 14, 2)]
    assert isinstance(peak_of(enough, UNTIL, 7), Peak)
    few = peak_of(enough[1:], UNTIL, 7)
    assert isinstance(few, Unobserved) and few.reason.params["days"] == 6
    old = peak_of([(END - DAY * day - 1, 60) for day in range(14, 28)], UNTIL, 7)
    assert isinstance(old, Unobserved) and old.reason.params["days"] == 0
    for nothing in ([], [(END - 30 * DAY, 60)], [(END - 5, 0)]):
        assert isinstance(peak_of(nothing, UNTIL, 7), Unobserved)
