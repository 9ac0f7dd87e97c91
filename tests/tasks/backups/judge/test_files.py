"""How old the newest backup is, who can read it, and how large it is: inside, at and outside each limit."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from pydantic import ValidationError

from tasks.backups.facts import Backup
from tasks.backups.judge.files import judge_encryption, judge_freshness, judge_size
from tasks.backups.limits import BackupLimits
from tasks.backups.settings import BackedUp
from tasks.check_result import Chart, CheckResult, Limit, Status, msg
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


def reason_text(result: CheckResult) -> str:
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
    assert "was started at" in reason_text(result)


def test_a_modification_time_is_named_as_one() -> None:
    result = judge_freshness(ON, [backup(1, known=False)], TARGET, NOW)
    assert result.status is Status.PASS and "last written at 2026-11-25T09:00Z; without a manifest" in reason_text(
        result
    )


def test_no_backup_fails_and_an_unreadable_folder_is_unknown() -> None:
    none = judge_freshness(ON, [], TARGET, NOW)
    assert none.status is Status.FAIL
    assert reason_text(none) == "There is no backup: nothing matches backups/shop-*.dump"
    assert judge_freshness(ON, [], BackedUp(), NOW).status is Status.FAIL
    assert judge_freshness(ON, BLIND, TARGET, NOW).status is Status.UNKNOWN


def test_a_backup_dated_in_the_future_has_no_age() -> None:
    result = judge_freshness(ON, [backup(-0.0834)], TARGET, NOW)
    assert result.status is Status.UNKNOWN and "correct the clocks" in reason_text(result)


# Encryption


@pytest.mark.parametrize(
    ("encrypted", "demanded", "otherwise"),
    [
        (True, Status.PASS, "is encrypted; encryption is not required"),
        (False, Status.FAIL, "is not encrypted; encryption is not required"),
        (None, Status.UNKNOWN, "is unknown"),
        (BLIND, Status.UNKNOWN, "is unknown"),
    ],
)
def test_encryption_is_judged_where_it_is_demanded(
    encrypted: bool | Unobserved | None, demanded: Status, otherwise: str
) -> None:
    assert judge_encryption(ON, encrypted, BackedUp(encrypted=True), NOW).status is demanded
    result = judge_encryption(ON, encrypted, TARGET, NOW)
    assert result.status is Status.SKIPPED and otherwise in reason_text(result)


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
def test_a_size_is_compared_with_the_median_of_earlier_ones(size: int, status: Status, limit: str) -> None:
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
    assert few.status is Status.SKIPPED and "Only 2 earlier backups" in reason_text(few)
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
