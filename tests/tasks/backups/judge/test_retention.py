"""Whether every day that is kept has a backup."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.backups.facts import Backup
from tasks.backups.judge.retention import judge_retention
from tasks.backups.settings import BackedUp
from tasks.check_result import Status, Table
from tests.tasks.backups.judge.test_files import BLIND, NOW, ON, TARGET, TOKYO, UTC_ZONE, backup, reason_text, value


def on_days(*days: int, hour: int = 3) -> list[Backup]:
    """A backup at that hour (UTC) of so many days ago each, newest first."""
    midnight = NOW.replace(hour=0)
    return [backup((NOW - (midnight - timedelta(days=n) + timedelta(hours=hour))) / timedelta(hours=1)) for n in days]


def test_an_empty_file_is_no_backup_of_its_day() -> None:
    """pg_dump leaves one when it is refused."""
    refused = [replace(one, bytes=0) if number in (3, 5) else one for number, one in enumerate(on_days(*range(14)))]
    result = judge_retention(ON, refused, TARGET, UTC_ZONE, NOW)
    assert result.status is Status.FAIL and value(result) == 12 and reason_text(result).startswith("No backup on ")
    none = judge_retention(ON, [replace(one, bytes=0) for one in refused], TARGET, UTC_ZONE, NOW)
    assert (none.status, value(none), reason_text(none)) == (Status.FAIL, 0, "All backups are empty")


@pytest.mark.parametrize(
    ("days", "status", "observed"),
    [
        (range(14), Status.PASS, 14),
        (range(1, 15), Status.PASS, 14),
        (range(40), Status.PASS, 14),
        (range(13), Status.WARN, 13),
        (range(1, 14), Status.WARN, 13),
        ([0], Status.WARN, 1),
        ([1], Status.WARN, 1),
        ([n for n in range(14) if n != 5], Status.FAIL, 13),
        ([n for n in range(15) if n != 14], Status.PASS, 14),
        (range(2, 16), Status.FAIL, 13),
        ([30], Status.FAIL, 0),
        ([0, 30], Status.FAIL, 1),
        ([], Status.FAIL, 0),
    ],
)
def test_every_day_that_is_kept_has_a_backup(days: list[int], status: Status, observed: int) -> None:
    result = judge_retention(ON, on_days(*days), TARGET, UTC_ZONE, NOW)
    assert (result.status, value(result)) == (status, observed)


def test_gaps_are_named_and_counted() -> None:
    one = judge_retention(ON, on_days(*(n for n in range(14) if n not in (3, 5))), TARGET, UTC_ZONE, NOW)
    assert reason_text(one) == "No backup on 2026-11-22, 2026-11-20"
    ten = judge_retention(ON, on_days(0, 11), TARGET, UTC_ZONE, NOW)
    assert reason_text(ten).startswith("No backup on 2026-11-24") and reason_text(ten).endswith("2026-11-15")
    many = judge_retention(ON, on_days(0, 12), TARGET, UTC_ZONE, NOW)
    assert reason_text(many).endswith("2026-11-15 and on 1 more")
    short = judge_retention(ON, on_days(0, 1), TARGET, UTC_ZONE, NOW)
    assert reason_text(short) == "Backups reach back only to 2026-11-24; 14 days are required"
    (table,) = one.evidence
    assert isinstance(table, Table) and len(table.rows) == 14
    assert table.rows[0] == ("2026-11-25", 1, 1.0) and table.rows[3] == ("2026-11-22", 0, 0.0)


def test_a_day_is_the_services() -> None:
    at_night = on_days(*range(14), hour=16)  # 01:00 of the next day in Tokyo; the first is yet to come
    in_tokyo = judge_retention(ON, at_night[1:], BackedUp(keep_days=13), TOKYO, NOW)
    (table,) = in_tokyo.evidence
    assert isinstance(table, Table) and table.rows[0][0] == "2026-11-25" and in_tokyo.status is Status.PASS


def test_a_backup_around_midnight_misses_a_day_without_a_gap() -> None:
    before, after = NOW.replace(day=22, hour=23, minute=50), NOW.replace(day=24, hour=0, minute=10)
    around = [Backup(Path("x"), at, 1) for at in (NOW.replace(hour=0), after, before)]
    assert judge_retention(ON, around, BackedUp(keep_days=4), UTC_ZONE, NOW).status is Status.PASS
    wide = [Backup(Path("x"), at, 1) for at in (NOW, NOW.replace(day=24, hour=11, minute=51), before)]
    assert judge_retention(ON, wide, BackedUp(keep_days=4), UTC_ZONE, NOW).status is Status.FAIL


def test_a_long_retention_has_a_bounded_table() -> None:
    result = judge_retention(ON, on_days(*range(400)), BackedUp(keep_days=365), UTC_ZONE, NOW)
    (table,) = result.evidence
    assert result.status is Status.PASS and isinstance(table, Table) and len(table.rows) == 40


WEEKLY = BackedUp(every_h=168, rpo_h=170, keep_days=28)


@pytest.mark.parametrize(
    ("hours", "status", "observed"),
    [
        ([1, 169, 337, 505, 673], Status.PASS, 168),
        ([1, 169, 337, 505], Status.PASS, 168),
        ([252, 504, 672], Status.PASS, 252),
        ([252.1, 420, 588], Status.FAIL, 252.1),
        ([1, 169, 505, 673], Status.FAIL, 336),
        ([1, 169, 337, 420], Status.PASS, 168),
        ([1, 169, 337, 419], Status.WARN, 17.5),
        ([1, 169, 337, 505, 671, 2000], Status.FAIL, 1329),
        ([1, 169, 337, 505, 672, 2000], Status.PASS, 168),
    ],
)
def test_longer_intervals_are_judged_between_two_backups(hours: list[float], status: Status, observed: float) -> None:
    result = judge_retention(ON, [backup(each) for each in hours], WEEKLY, UTC_ZONE, NOW)
    assert (result.status, value(result)) == (status, observed)


def test_retention_is_unknown_for_an_unreadable_folder_or_wrong_clocks() -> None:
    assert judge_retention(ON, BLIND, TARGET, UTC_ZONE, NOW).status is Status.UNKNOWN
    assert judge_retention(ON, [backup(-1)], TARGET, UTC_ZONE, NOW).status is Status.UNKNOWN
    assert judge_retention(ON, [backup(-1), *on_days(*range(14))], TARGET, UTC_ZONE, NOW).status is Status.PASS
    assert judge_retention(ON, [backup(-1), *on_days(2)], TARGET, UTC_ZONE, NOW).status is Status.FAIL


@given(st.sets(st.integers(0, 20)), st.integers(1, 15))
def test_no_day_is_passed_over(days: set[int], keep: int) -> None:
    result = judge_retention(ON, on_days(*sorted(days)), BackedUp(keep_days=keep), UTC_ZONE, NOW)
    first = 0 if 0 in days else 1
    assert (result.status is Status.PASS) == (set(range(first, first + keep)) <= days)


@given(st.integers(0, 364), st.integers(1, 20))
def test_a_changed_clock_makes_no_gap(start: int, keep: int) -> None:
    """A backup at 02:30 local time of every day, through both changes of a year."""
    zone = ZoneInfo("America/New_York")
    now = datetime(2026, 1, 25, 12, 0, tzinfo=zone) + timedelta(days=start)
    days = [date(2026, 1, 25) + timedelta(days=start - n) for n in range(keep)]
    local = [datetime(day.year, day.month, day.day, 2, 30, tzinfo=zone) for day in days]
    kept = [Backup(Path("x"), at.astimezone(UTC), 1) for at in local]
    result = judge_retention(ON, kept, BackedUp(keep_days=keep), zone, now.astimezone(UTC))
    assert result.status is Status.PASS
