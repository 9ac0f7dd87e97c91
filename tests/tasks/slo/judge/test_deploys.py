"""Deploys by week compared with the frequency that is asked for."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from tasks.check_result import CheckResult, Status, msg
from tasks.records.dora import Changes, changes
from tasks.records.facts import Deploy, DeployOutcome, Origin
from tasks.slo.judge.deploys import judge_deploys
from tasks.slo.settings import DeployFrequency

TOKYO = ZoneInfo("Asia/Tokyo")
NOVEMBER, DECEMBER = datetime(2026, 11, 1, tzinfo=TOKYO), datetime(2026, 12, 1, tzinfo=TOKYO)
NOW = datetime(2026, 12, 1, tzinfo=UTC)


def deploy(day: int) -> Deploy:
    start = datetime(2026, 11, day, 12, tzinfo=TOKYO)
    end = start + timedelta(minutes=5)
    return Deploy(f"1.{day}", "production", start, end, DeployOutcome.SUCCEEDED, Origin.RECORDED)


def seen(*deploys: Deploy) -> Changes:
    return changes(deploys, NOVEMBER, DECEMBER, TOKYO)


def judged(found: Changes, *, ever: bool = True) -> CheckResult:
    objective = DeployFrequency(name="deploy-frequency", kind="deploy-frequency")
    return judge_deploys(objective, found, msg("the service file"), NOW, ever=ever)


OCTOBER = tuple(
    Deploy(f"0.{n}", "production", NOVEMBER - timedelta(days=n), None, DeployOutcome.SUCCEEDED, Origin.RECORDED)
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
