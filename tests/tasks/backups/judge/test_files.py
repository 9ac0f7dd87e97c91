"""What the files of backups, and the drills of the past, come to: inside, at and outside each limit."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from tasks.backups.checks import CONTAINER, CONTENT, DECODE, MANIFEST, RESTORE
from tasks.backups.facts import Backup, Drill, DrillStep, DrillVerdict, OffsiteCopy, Outcome, PastDrill, StepResult
from tasks.backups.judge.drills import judge_drill
from tasks.backups.judge.files import judge_encryption, judge_freshness, judge_size
from tasks.backups.judge.offsite import judge_offsite
from tasks.backups.judge.recovery import judge_recovery_time
from tasks.backups.judge.retention import judge_retention
from tasks.backups.limits import BackupLimits
from tasks.backups.settings import BackedUp, Offsite
from tasks.check_result import Chart, CheckResult, Ladder, Limit, Message, Quantity, Status, Table, msg
from tasks.observation import ObservationError, Unobserved

NOW = datetime(2026, 11, 25, 10, 0, tzinfo=UTC)
TOKYO = ZoneInfo("Asia/Tokyo")
UTC_ZONE = ZoneInfo("UTC")
ON = "database:shop"
TARGET = BackedUp(pattern="backups/shop-*.dump")
LIMITS = BackupLimits()
BLIND = Unobserved(msg("gone"))
MB = 1_000_000


def backup(hours: float, size: int = MB, name: str = "", *, known: bool = True) -> Backup:
    return Backup(Path("/backups") / (name or f"shop-{hours:g}.dump"), NOW - timedelta(hours=hours), size, known)


def said(result: CheckResult) -> str:
    """A reason in English."""
    return str(ObservationError(result.reason))


def value(result: CheckResult) -> object:
    assert result.observed is not None
    return result.observed.value


# Freshness


@pytest.mark.parametrize(
    ("hours", "status", "observed"),
    [
        (0, Status.PASS, 0.0),
        (25.99, Status.PASS, 25.9),
        (26, Status.PASS, 26.0),
        (26.001, Status.FAIL, 26.1),
        (-5 / 60, Status.PASS, 0.0),
        (100, Status.FAIL, 100.0),
    ],
)
def test_the_newest_backup_is_no_older_than_the_rpo(hours: float, status: Status, observed: float) -> None:
    result = judge_freshness(ON, [backup(hours), backup(200)], TARGET, NOW)
    assert (result.status, value(result)) == (status, observed)
    assert result.limit == Limit("≤", 26.0, "h", msg("the service file"))
    assert "was begun at" in said(result)


def test_a_time_of_modification_is_called_so() -> None:
    result = judge_freshness(ON, [backup(1, known=False)], TARGET, NOW)
    assert result.status is Status.PASS and "last written at 2026-11-25T09:00Z; no manifest says" in said(result)


def test_no_backup_is_a_failure_and_no_sight_of_them_is_none() -> None:
    none = judge_freshness(ON, [], TARGET, NOW)
    assert none.status is Status.FAIL
    assert said(none) == "There is no backup: nothing matches backups/shop-*.dump"
    assert judge_freshness(ON, [], BackedUp(), NOW).status is Status.FAIL
    assert judge_freshness(ON, BLIND, TARGET, NOW).status is Status.UNKNOWN


def test_a_backup_of_the_future_has_no_age() -> None:
    result = judge_freshness(ON, [backup(-0.0834)], TARGET, NOW)
    assert result.status is Status.UNKNOWN and "set the clocks right" in said(result)


# Encryption


@pytest.mark.parametrize(
    ("encrypted", "demanded", "otherwise"),
    [
        (True, Status.PASS, "is encrypted, though"),
        (False, Status.FAIL, "whoever gets the file"),
        (None, Status.UNKNOWN, "is not known"),
        (BLIND, Status.UNKNOWN, "is not known"),
    ],
)
def test_encryption_is_judged_where_it_is_demanded(
    encrypted: bool | Unobserved | None, demanded: Status, otherwise: str
) -> None:
    assert judge_encryption(ON, encrypted, BackedUp(encrypted=True), NOW).status is demanded
    result = judge_encryption(ON, encrypted, TARGET, NOW)
    assert result.status is Status.SKIPPED and otherwise in said(result)


# Size


@pytest.mark.parametrize(
    ("size", "status", "limit"),
    [
        (0, Status.FAIL, ">"),
        (10 * MB - 1, Status.FAIL, "≥"),
        (10 * MB, Status.WARN, "≥"),
        (50 * MB - 1, Status.WARN, "≥"),
        (50 * MB, Status.PASS, "≥"),
        (300 * MB, Status.PASS, "≥"),
        (300 * MB + 1, Status.WARN, "≤"),
    ],
)
def test_a_size_is_held_against_the_median_of_those_before(size: int, status: Status, limit: str) -> None:
    before = [backup(24 * n, 100 * MB) for n in range(1, 16)]
    result = judge_size(ON, [backup(0, size), *before], LIMITS, NOW)
    assert result.status is status and result.limit is not None and result.limit.comparison == limit
    (chart,) = result.evidence
    assert isinstance(chart, Chart) and len(chart.values) == 14
    assert (chart.values[-1], chart.labels[-1], chart.labels[0]) == (round(size / MB, 3), "11-25 10:00", "11-12 10:00")


def test_the_median_is_of_the_fourteen_before_it() -> None:
    before = [backup(24 * n, 100 if n <= 14 else 10_000) for n in range(1, 40)]
    assert judge_size(ON, [backup(0, 100), *before], LIMITS, NOW).status is Status.PASS


def test_too_few_before_it_compare_nothing_but_an_empty_one_is_empty() -> None:
    few = judge_size(ON, [backup(0), backup(24), backup(48)], LIMITS, NOW)
    assert few.status is Status.SKIPPED and "Only 2 backups before it" in said(few)
    assert judge_size(ON, [backup(0), backup(24), backup(48), backup(72)], LIMITS, NOW).status is Status.PASS
    assert judge_size(ON, [backup(0, 0)], LIMITS, NOW).status is Status.FAIL
    empty = [backup(n, 0) for n in range(1, 5)]
    assert judge_size(ON, [backup(0), *empty], LIMITS, NOW).status is Status.UNKNOWN
    assert judge_size(ON, [], LIMITS, NOW).status is Status.UNKNOWN
    assert judge_size(ON, BLIND, LIMITS, NOW).status is Status.UNKNOWN


def test_the_limits_of_a_size_stand_in_order() -> None:
    assert BackupLimits(min_size_share=0.1).fail_size_share == 0.1
    with pytest.raises(ValidationError, match=r"fail_size_share 0\.1 is above min_size_share 0\.05"):
        BackupLimits(min_size_share=0.05)


# Retention


def on_days(*days: int, hour: int = 3) -> list[Backup]:
    """A backup at that hour (UTC) of so many days ago each, newest first."""
    midnight = NOW.replace(hour=0)
    return [backup((NOW - (midnight - timedelta(days=n) + timedelta(hours=hour))) / timedelta(hours=1)) for n in days]


def test_an_empty_file_is_no_backup_of_its_day() -> None:
    """pg_dump leaves one when it is refused."""
    refused = [replace(one, bytes=0) if number in (3, 5) else one for number, one in enumerate(on_days(*range(14)))]
    result = judge_retention(ON, refused, TARGET, UTC_ZONE, NOW)
    assert result.status is Status.FAIL and value(result) == 12 and said(result).startswith("No backup of ")
    none = judge_retention(ON, [replace(one, bytes=0) for one in refused], TARGET, UTC_ZONE, NOW)
    assert (none.status, value(none), said(none)) == (Status.FAIL, 0, "Every backup is empty")


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
    assert said(one) == "No backup of 2026-11-22, 2026-11-20"
    ten = judge_retention(ON, on_days(0, 11), TARGET, UTC_ZONE, NOW)
    assert said(ten).startswith("No backup of 2026-11-24") and said(ten).endswith("2026-11-15")
    many = judge_retention(ON, on_days(0, 12), TARGET, UTC_ZONE, NOW)
    assert said(many).endswith("2026-11-15 and 1 more")
    short = judge_retention(ON, on_days(0, 1), TARGET, UTC_ZONE, NOW)
    assert said(short) == "Backups reach back to 2026-11-24, 14 days are asked for"
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


def test_retention_without_sight_or_with_wrong_clocks() -> None:
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


# The second place

FAR = BackedUp(offsite=Offsite(pattern="far/*.dump", within_h=6))


def copy(name: str, size: int = MB, hours: float = 0.0) -> OffsiteCopy:
    return OffsiteCopy(name, size, NOW - timedelta(hours=hours))


@pytest.mark.parametrize(
    ("backups", "copies", "status", "observed"),
    [
        ([backup(7)], [copy("shop-7.dump")], Status.PASS, MB),
        ([backup(7)], [copy("shop-7.dump", MB - 1)], Status.FAIL, MB - 1),
        ([backup(7)], [copy("shop-8.dump")], Status.FAIL, msg("missing")),
        ([backup(7)], [], Status.FAIL, msg("missing")),
        ([backup(6), backup(30)], [copy("shop-30.dump")], Status.PASS, MB),
        ([backup(6.01), backup(30)], [copy("shop-30.dump")], Status.FAIL, msg("missing")),
        ([backup(1), backup(30)], [copy("shop-1.dump", 1), copy("shop-30.dump")], Status.PASS, MB),
        ([backup(1), backup(30)], [copy("shop-1.dump")], Status.FAIL, msg("missing")),
        ([backup(1)], [copy("shop-1.dump")], Status.PASS, MB),
        ([backup(1), backup(2)], [copy("shop-2.dump")], Status.PASS, MB),
        ([backup(7)], [copy("shop-7.dump", 1), copy("shop-7.dump")], Status.PASS, MB),
        ([backup(7)], [copy("shop-7.dump", hours=7.08)], Status.PASS, MB),
        ([backup(7)], [copy("shop-7.dump", hours=7.1)], Status.FAIL, msg("missing")),
    ],
)
def test_a_backup_that_had_time_enough_is_elsewhere_too(
    backups: list[Backup], copies: list[OffsiteCopy], status: Status, observed: object
) -> None:
    result = judge_offsite(ON, backups, copies, FAR, NOW)
    assert (result.status, value(result)) == (status, observed)


def test_what_is_wrong_with_a_copy_is_named() -> None:
    different = judge_offsite(ON, [backup(7)], [copy("shop-7.dump", 5)], FAR, NOW)
    assert said(different) == "shop-7.dump has 5 B in the second place, and 1000000 B here"
    stale = judge_offsite(ON, [backup(7)], [copy("shop-7.dump", hours=31)], FAR, NOW)
    assert said(stale) == "The copy of shop-7.dump is of 2026-11-24T03:00Z, older than the backup"


def test_nothing_is_said_of_a_second_place_that_was_not_seen() -> None:
    assert judge_offsite(ON, [backup(7)], None, TARGET, NOW).status is Status.SKIPPED
    assert judge_offsite(ON, [backup(7)], None, FAR, NOW).status is Status.UNKNOWN
    assert judge_offsite(ON, [backup(7)], BLIND, FAR, NOW).status is Status.UNKNOWN
    assert judge_offsite(ON, BLIND, [], FAR, NOW).status is Status.UNKNOWN
    assert judge_offsite(ON, [], [], FAR, NOW).status is Status.UNKNOWN
    early = judge_offsite(ON, [backup(1), backup(6)], [copy("shop-1.dump", 4)], FAR, NOW)
    assert early.status is Status.UNKNOWN and "No backup is older than the 6" in said(early)


# Recovery time


def drill(recovery_s: float | None = 60.0, steps: tuple[StepResult, ...] = ()) -> Drill:
    return Drill(
        backup=backup(3), form=None, steps=steps, started_at=NOW, seconds=100.0, manifest=BLIND, live=BLIND,
        recovery_s=recovery_s,
    )  # fmt: skip


def past(days: float, verdict: DrillVerdict = DrillVerdict.PASSED, recovery_s: float | None = 60.0) -> PastDrill:
    return PastDrill(
        at=NOW - timedelta(days=days), verdict=verdict, backup=f"shop-{days:g}.dump", backup_at=None, bytes=MB,
        recovery_s=recovery_s, server_version="16.4", reached="restore",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("seconds", "status"),
    [(60, Status.PASS), (120, Status.PASS), (120.1, Status.WARN), (3600, Status.WARN), (3600.1, Status.FAIL)],
)
def test_a_recovery_is_held_against_the_rto_and_those_before(seconds: float, status: Status) -> None:
    before = [past(n) for n in range(1, 4)]
    result = judge_recovery_time(ON, drill(seconds), before, TARGET, LIMITS, NOW)
    assert (result.status, result.observed) == (status, Quantity(seconds, "s"))
    assert result.limit is not None and result.limit.value == 3600
    assert "the guide" in result.limit.source.text


def test_few_and_unfinished_recoveries_are_no_measure() -> None:
    before = [past(1), past(2), past(3, recovery_s=None)]
    assert judge_recovery_time(ON, drill(1000), before, TARGET, LIMITS, NOW).status is Status.PASS
    today_is_kept_already = [past(0, recovery_s=1000), *(past(n) for n in range(1, 4))]
    result = judge_recovery_time(ON, drill(1000), today_is_kept_already, TARGET, LIMITS, NOW)
    assert said(result) == "16.7 times the median of the 3 before, 60.0 s"


def test_the_chart_has_the_last_fourteen_and_todays() -> None:
    before = [past(n, recovery_s=float(n)) for n in (*range(20, 10, -1), *range(1, 11))]
    result = judge_recovery_time(ON, drill(1), before, BackedUp(rto_min=30), LIMITS, NOW)
    (chart,) = result.evidence
    assert isinstance(chart, Chart) and chart.limit == 1800
    assert chart.values == (*(float(n) for n in range(14, 0, -1)), 1.0)
    assert result.limit is not None and result.limit.source == msg("the service file")


def test_a_recovery_that_did_not_happen_has_no_time() -> None:
    stopped = drill(None, (StepResult(DrillStep.DECODE, Outcome.FAILED, msg("bad")),))
    result = judge_recovery_time(ON, stopped, [past(1)], TARGET, LIMITS, NOW)
    assert result.status is Status.UNKNOWN and said(result) == "Not reached: an earlier step ended the drill"


# The drill

PASSED, FAILED, ERROR = DrillVerdict.PASSED, DrillVerdict.FAILED, DrillVerdict.ERROR


def rung(check: object, status: Status, reason: Message) -> CheckResult:
    assert hasattr(check, "judged")
    one, limit = Quantity(1), Limit("=", 1, "", msg("own"))
    result: CheckResult = check.judged(status, ON, reason, at=NOW, observed=one, limit=limit)
    return result


LADDER = (
    rung(MANIFEST, Status.UNKNOWN, msg("no manifest")),
    rung(CONTAINER, Status.PASS, msg("whole")),
    rung(DECODE, Status.FAIL, msg("cut off")),
    rung(RESTORE, Status.UNKNOWN, msg("not reached")),
    rung(CONTENT, Status.FAIL, msg("rows differ")),
)
STEPS = (
    StepResult(DrillStep.MANIFEST, Outcome.SKIPPED, msg("no manifest"), 0.0),
    StepResult(DrillStep.CONTAINER, Outcome.PASSED, msg("whole"), 0.25),
    StepResult(DrillStep.DECODE, Outcome.FAILED, msg("cut off"), 3.21),
    StepResult(DrillStep.RESTORE, Outcome.NOT_REACHED, msg("not reached"), 0.0),
)


def judged(verdict: DrillVerdict | None, *before: PastDrill) -> CheckResult:
    return judge_drill(ON, drill() if verdict else None, verdict, (), before, LIMITS, NOW)


@pytest.mark.parametrize(
    ("verdict", "before", "status", "observed"),
    [
        (PASSED, [], Status.PASS, 0.0),
        (PASSED, [past(1, FAILED)], Status.PASS, 0.0),
        (FAILED, [past(1)], Status.FAIL, 1.0),
        (FAILED, [], Status.FAIL, msg("never")),
        (ERROR, [past(1)], Status.WARN, 1.0),
        (ERROR, [past(8)], Status.WARN, 8.0),
        (ERROR, [past(8.01)], Status.FAIL, 8.1),
        (ERROR, [past(1, FAILED), past(2)], Status.FAIL, 2.0),
        (ERROR, [past(1, ERROR), past(2, FAILED)], Status.FAIL, msg("never")),
        (ERROR, [past(1, ERROR)], Status.UNKNOWN, None),
        (ERROR, [], Status.UNKNOWN, None),
        (None, [past(1)], Status.PASS, 1.0),
        (None, [past(7.99)], Status.PASS, 7.9),
        (None, [past(8)], Status.PASS, 8.0),
        (None, [past(8.01)], Status.FAIL, 8.1),
        (None, [past(3), past(1, FAILED)], Status.FAIL, 3.0),
        (None, [past(1, FAILED), past(0.5)], Status.PASS, 0.5),
        (None, [past(1, ERROR), past(2)], Status.PASS, 2.0),
        (None, [past(1, ERROR)], Status.UNKNOWN, None),
        (None, [], Status.UNKNOWN, None),
        (None, [past(-0.1)], Status.UNKNOWN, None),
        (None, [past(-0.003)], Status.PASS, 0.0),
    ],
)
def test_an_error_erases_no_verdict_and_gives_none(
    verdict: DrillVerdict | None, before: list[PastDrill], status: Status, observed: object
) -> None:
    result = judged(verdict, *before)
    assert result.status is status
    assert (None if result.observed is None else result.observed.value) == observed


def test_what_is_said_of_drills() -> None:
    assert said(judged(None)) == "It was never drilled: run a restore drill"
    assert said(judged(None, past(1, ERROR))) == "No drill gave a verdict so far; 1 could not be done"
    assert said(judged(None, past(1))) == "The last good drill was of 2026-11-24T10:00Z"
    assert said(judged(None, past(1, ERROR), past(2))).endswith("2026-11-23T10:00Z; 1 since then gave no verdict")
    assert said(judged(None, past(1, ERROR), past(2, FAILED))).endswith("backup bad; 1 since then gave no verdict")
    assert said(judged(None, past(9))) == "No successful drill since 2026-11-16T10:00Z"
    assert said(judged(None, past(1, ERROR), past(9))).endswith("; 1 since then gave no verdict")
    assert said(judged(ERROR, past(1))).endswith("the last good one was of 2026-11-24T10:00Z")


def test_a_failed_drill_is_told_in_the_words_of_its_first_bad_step_and_drawn() -> None:
    result = judge_drill(ON, drill(None, STEPS), FAILED, LADDER, [past(1), past(2, ERROR, None)], LIMITS, NOW)
    assert (result.status, said(result)) == (Status.FAIL, "cut off")
    ladder, table = result.evidence
    assert isinstance(ladder, Ladder) and ladder.finding == msg("cut off")
    assert [(step.name, step.status, step.seconds) for step in ladder.steps] == [
        (MANIFEST.title, Status.UNKNOWN, None),
        (CONTAINER.title, Status.PASS, 0.2),
        (DECODE.title, Status.FAIL, 3.2),
        (RESTORE.title, Status.UNKNOWN, None),
        (CONTENT.title, Status.FAIL, None),
    ]
    assert ladder.steps[2].note == msg("cut off")
    assert isinstance(table, Table)
    assert table.rows == (
        ("2026-11-24T10:00Z", msg("passed"), "shop-1.dump", "16.4", 60.0),
        ("2026-11-23T10:00Z", msg("no verdict"), "shop-2.dump", "16.4", None),
    )


def test_the_picture_of_a_drill_without_a_failure() -> None:
    whole = judge_drill(ON, drill(), PASSED, LADDER[1:2], (), LIMITS, NOW).evidence[0]
    unsure = judge_drill(ON, drill(), PASSED, LADDER[:2], (), LIMITS, NOW).evidence[0]
    assert isinstance(whole, Ladder) and whole.finding == msg("No step failed")
    assert isinstance(unsure, Ladder) and unsure.finding == msg("Not every step gave an answer")


def test_the_last_ten_drills_are_shown() -> None:
    (table,) = judged(None, *(past(n) for n in range(20, 0, -1))).evidence
    assert isinstance(table, Table) and [row[2] for row in table.rows] == [f"shop-{n}.dump" for n in range(1, 11)]
