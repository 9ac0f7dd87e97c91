"""Days, weeks and months in a zone."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from tasks.periods import day_period, month_before, month_period, parse_period, week_before, week_period

TOKYO, NEW_YORK = ZoneInfo("Asia/Tokyo"), ZoneInfo("America/New_York")


def test_a_period_begins_and_ends_at_the_zones_midnight() -> None:
    assert month_period(date(2026, 11, 30), TOKYO).start == datetime(2026, 10, 31, 15, tzinfo=UTC)
    assert week_period(date(2026, 11, 25), TOKYO).key == "2026-W48"
    assert week_period(date(2026, 11, 29), TOKYO).start.astimezone(TOKYO).date() == date(2026, 11, 23)
    assert day_period(date(2026, 3, 8), NEW_YORK).end - day_period(date(2026, 3, 8), NEW_YORK).start == timedelta(
        hours=23
    )


def test_a_day_without_midnight_begins_when_the_clocks_have_skipped_it() -> None:
    zone = ZoneInfo("America/Sao_Paulo")
    begins = day_period(date(2018, 11, 4), zone).start
    assert begins.astimezone(zone).strftime("%d %H:%M") == "04 01:00"


def test_what_comes_before() -> None:
    assert month_before(date(2026, 1, 15), TOKYO).key == "2025-12"
    assert week_before(date(2027, 1, 4), TOKYO).key == "2026-W53"


@pytest.mark.parametrize("key", ["2026-11-24", "2026-W48", "2026-11", "2026-W53", "2020-02-29"])
def test_a_key_names_its_period(key: str) -> None:
    period = parse_period(key, TOKYO)
    assert period.key == key and period.is_month == (key == "2026-11")


@pytest.mark.parametrize(
    "text",
    ["", "2026", "2026-13", "2026-W54", "2025-W53", "2026-02-30", "2026-1", "2026-W1", "９９９９-11", "9999-12-31"],
)
def test_what_is_no_period(text: str) -> None:
    with pytest.raises(ValueError, match="a day is 2026-11-24, a week 2026-W48, a month 2026-11"):
        parse_period(text, TOKYO)
