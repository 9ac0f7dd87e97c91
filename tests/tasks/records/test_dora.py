"""Deploys by week, failures, lead and recovery times."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from tasks.records.dora import Changes, changes
from tasks.records.facts import Deploy, DeployOutcome, Origin

TOKYO = ZoneInfo("Asia/Tokyo")
NOVEMBER, DECEMBER = datetime(2026, 11, 1, tzinfo=TOKYO), datetime(2026, 12, 1, tzinfo=TOKYO)


def deploy(
    day: int, hour: int = 12, outcome: DeployOutcome = DeployOutcome.SUCCEEDED, lead_min: float | None = None
) -> Deploy:
    start = datetime(2026, 11, day, hour, tzinfo=TOKYO)
    end = start + timedelta(minutes=5)
    commit = None if lead_min is None else end - timedelta(minutes=lead_min)
    return Deploy(f"1.{day}.{hour}", "production", start, end, outcome, Origin.RECORDED, commit)


def seen(*deploys: Deploy) -> Changes:
    return changes(deploys, NOVEMBER, DECEMBER, TOKYO)


def test_weeks_are_the_zones_and_belong_to_the_window_in_which_they_end() -> None:
    before = Deploy("0", "production", NOVEMBER - timedelta(days=2), None, DeployOutcome.SUCCEEDED, Origin.RECORDED)
    found = seen(before, deploy(1), deploy(2, 0), deploy(8, 23), deploy(9, 0))
    assert [(week.key, week.deploys, week.partial) for week in found.weeks] == [
        ("2026-W44", 2, False),  # it ends on Sunday 1 November
        ("2026-W45", 2, False),
        ("2026-W46", 1, False),
        ("2026-W47", 0, False),
        ("2026-W48", 0, False),
        ("2026-W49", 0, True),  # Monday 30 November
    ]
    assert found.succeeded == 4


def test_weeks_that_were_not_on_record_from_their_start_are_not_judged() -> None:
    began = datetime(2026, 11, 11, tzinfo=TOKYO)
    found = changes([deploy(11), deploy(17), deploy(18)], NOVEMBER, DECEMBER, TOKYO, began)
    assert [(week.key, week.partial) for week in found.weeks[2:4]] == [("2026-W46", True), ("2026-W47", False)]


def test_failures_lead_and_recovery() -> None:
    failed, fix = deploy(10, 12, DeployOutcome.FAILED), deploy(10, 14, lead_min=90)
    lost = deploy(28, 12, DeployOutcome.ROLLED_BACK)
    found = seen(deploy(3, lead_min=30), failed, fix, lost)
    assert (found.succeeded, found.failed, found.failure_share) == (2, 2, 0.5)
    assert (found.lead_min, found.recovery_min, found.unrecovered) == ((30.0, 90.0), (120.0,), 1)


def test_a_version_that_was_there_from_the_start_is_no_deploy() -> None:
    start = NOVEMBER + timedelta(days=1)
    first = Deploy("1", "production", start, start, DeployOutcome.SUCCEEDED, Origin.FIRST_SEEN)
    later = Deploy("2", "production", start, start, DeployOutcome.SUCCEEDED, Origin.INFERRED)
    assert (seen(first).succeeded, seen(first, later).succeeded, seen(first, later).inferred) == (0, 1, 1)


def test_a_deploy_after_the_window_only_counts_for_recovery() -> None:
    start = DECEMBER + timedelta(hours=1)
    later = Deploy("9", "production", start, start, DeployOutcome.SUCCEEDED, Origin.RECORDED)
    found = seen(deploy(30, 23, DeployOutcome.FAILED), later)
    assert (found.succeeded, len(found.recovery_min), found.recovery_min[0]) == (0, 1, 115.0)
