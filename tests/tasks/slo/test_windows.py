"""The windows of objectives as they stand at an instant."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from tasks.slo.windows import window_at

TOKYO, NEW_YORK = ZoneInfo("Asia/Tokyo"), ZoneInfo("America/New_York")
NOON = datetime(2026, 11, 10, 12, tzinfo=TOKYO)


@pytest.mark.parametrize(
    ("name", "start", "end"),
    [
        ("month", datetime(2026, 11, 1, tzinfo=TOKYO), datetime(2026, 12, 1, tzinfo=TOKYO)),
        ("week", datetime(2026, 11, 9, tzinfo=TOKYO), datetime(2026, 11, 16, tzinfo=TOKYO)),
        ("28d", NOON - timedelta(days=28), NOON),
    ],
)
def test_a_window_holds_the_instant(name: str, start: datetime, end: datetime) -> None:
    window = window_at(name, NOON, TOKYO)
    assert (window.start, window.end, window.as_of) == (start, end, NOON)
    assert window.running == (name != "28d")


def test_the_instant_at_which_a_month_ends_belongs_to_it() -> None:
    window = window_at("month", datetime(2026, 12, 1, tzinfo=TOKYO), TOKYO)
    assert window.start == datetime(2026, 11, 1, tzinfo=TOKYO) and not window.running and window.elapsed_share == 1


@pytest.mark.parametrize(("month", "hours"), [(3, 743), (11, 721)])
def test_months_with_a_clock_change_have_their_own_length(month: int, hours: int) -> None:
    end = datetime(2026, month + 1, 1, tzinfo=NEW_YORK)
    assert window_at("month", end, NEW_YORK).length_min == hours * 60


def test_nothing_before_the_service_began_belongs_to_a_window() -> None:
    window = window_at("month", NOON, TOKYO, since=date(2026, 11, 5))
    assert window.start == datetime(2026, 11, 5, tzinfo=TOKYO)
    assert window_at("30d", NOON, TOKYO, since=date(2026, 11, 5)).start == datetime(2026, 11, 5, tzinfo=TOKYO)
    assert window_at("month", NOON, TOKYO, since=date(2026, 10, 5)).start == datetime(2026, 11, 1, tzinfo=TOKYO)
    unborn = window_at("month", NOON, TOKYO, since=date(2027, 1, 1))
    assert unborn.elapsed_min == 0


def test_a_month_in_utc_is_another_than_in_tokyo() -> None:
    at = datetime(2026, 10, 31, 20, tzinfo=UTC)
    assert window_at("month", at, TOKYO).start == datetime(2026, 10, 31, 15, tzinfo=UTC)
    assert window_at("month", at, ZoneInfo("UTC")).start == datetime(2026, 10, 1, tzinfo=UTC)
