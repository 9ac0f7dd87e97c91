"""Deploys by week, failures, lead and recovery times, and how the frequency is judged."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from tasks.check_result import CheckResult, Status, msg
from tasks.slo.dora import Changes, changes
from tasks.slo.facts import Deploy, Origin, Outcome
from tasks.slo.judge_deploys import judge_deploys
from tasks.slo.settings import DeployFrequency

TOKYO = ZoneInfo("Asia/Tokyo")
NOVEMBER, DECEMBER = datetime(2026, 11, 1, tzinfo=TOKYO), datetime(2026, 12, 1, tzinfo=TOKYO)
NOW = datetime(2026, 12, 1, tzinfo=UTC)


def deploy(day: int, hour: int = 12, outcome: Outcome = Outcome.SUCCEEDED, lead_min: float | None = None) -> Deploy:
    start = datetime(2026, 11, day, hour, tzinfo=TOKYO)
    end = start + timedelta(minutes=5)
    commit = None if lead_min is None else end - timedelta(minutes=lead_min)
    return Deploy(f"1.{day}.{hour}", "production", start, end, outcome, Origin.RECORDED, commit)


def seen(*deploys: Deploy) -> Changes:
    return changes(deploys, NOVEMBER, DECEMBER, TOKYO)


def test_weeks_are_the_zones_and_belong_to_the_window_in_which_they_end() -> None:
    before = Deploy("0", "production", NOVEMBER - timedelta(days=2), None, Outcome.SUCCEEDED, Origin.RECORDED)
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
    failed, fix = deploy(10, 12, Outcome.FAILED), deploy(10, 14, lead_min=90)
    lost = deploy(28, 12, Outcome.ROLLED_BACK)
    found = seen(deploy(3, lead_min=30), failed, fix, lost)
    assert (found.succeeded, found.failed, found.failure_share) == (2, 2, 0.5)
    assert (found.lead_min, found.recovery_min, found.unrecovered) == ((30.0, 90.0), (120.0,), 1)


def test_a_version_that_was_there_from_the_start_is_no_deploy() -> None:
    start = NOVEMBER + timedelta(days=1)
    first = Deploy("1", "production", start, start, Outcome.SUCCEEDED, Origin.FIRST_SEEN)
    later = Deploy("2", "production", start, start, Outcome.SUCCEEDED, Origin.INFERRED)
    assert (seen(first).succeeded, seen(first, later).succeeded, seen(first, later).inferred) == (0, 1, 1)


def test_a_deploy_after_the_window_only_tells_of_recovery() -> None:
    start = DECEMBER + timedelta(hours=1)
    later = Deploy("9", "production", start, start, Outcome.SUCCEEDED, Origin.RECORDED)
    found = seen(deploy(30, 23, Outcome.FAILED), later)
    assert (found.succeeded, len(found.recovery_min), found.recovery_min[0]) == (0, 1, 115.0)


def judged(found: Changes, *, ever: bool = True) -> CheckResult:
    objective = DeployFrequency(name="deploy-frequency", kind="deploy-frequency")
    return judge_deploys(objective, found, msg("the service file"), NOW, ever=ever)


OCTOBER = tuple(
    Deploy(f"0.{n}", "production", NOVEMBER - timedelta(days=n), None, Outcome.SUCCEEDED, Origin.RECORDED)
    for n in (1, 2)
)
WEEKS = ((3, 4), (10, 11), (17, 18), (24, 25))


def test_two_deploys_in_each_whole_week_are_enough_and_partial_weeks_are_not_judged() -> None:
    days = [day for week in WEEKS for day in week]
    result = judged(seen(*OCTOBER, *map(deploy, days)))
    assert (result.status, result.observed and result.observed.value) == (Status.PASS, 2.0)


@pytest.mark.parametrize(
    ("days", "status"), [((3, 4, 5, 10, 17, 18, 24, 25), Status.WARN), ((3, 4, 10, 17, 18, 24, 25), Status.FAIL)]
)
def test_one_poor_week_warns_and_too_few_in_all_fail(days: tuple[int, ...], status: Status) -> None:
    result = judged(seen(*OCTOBER, *map(deploy, days)))
    assert result.status is status
    assert "2026-W46" in str(result.reason.params.get("short", "2026-W46"))


def test_a_window_without_a_whole_week_and_a_service_without_records_are_unknown() -> None:
    young = changes([deploy(2)], NOVEMBER, NOVEMBER + timedelta(hours=5), TOKYO)
    assert judged(young).status is Status.UNKNOWN
    assert judged(seen(), ever=False).status is Status.UNKNOWN
    assert judged(seen()).status is Status.FAIL
