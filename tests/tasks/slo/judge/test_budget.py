"""The policy's steps, and the curves of budgets."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tasks.check_result import CheckResult, Curve, Status, msg
from tasks.observation import Absent, Unobserved
from tasks.slo.budget.incidents import Incident
from tasks.slo.budget.policy import PolicyStep, policy_step
from tasks.slo.judge.budget import judge_budget, least_left_percent
from tasks.slo.settings import Policy
from tests.tasks.slo.figures import START, availability, events, minutes_up, state, uptime, window

NOW = datetime(2026, 12, 1, tzinfo=UTC)
MONTH = 30 * 1440
BUDGET_MIN = 21.6
UTC_ZONE = ZoneInfo("UTC")


@pytest.mark.parametrize(
    ("left", "incident", "step"),
    [
        (1.0, 0.0, PolicyStep.NORMAL),
        (0.501, 0.2, PolicyStep.NORMAL),
        (0.5, 0.0, PolicyStep.CAUTION),
        (0.1, 0.0, PolicyStep.CAUTION),
        (0.099, 0.0, PolicyStep.POSTMORTEM),
        (0.9, 0.201, PolicyStep.POSTMORTEM),
        (0.0, 0.0, PolicyStep.EXHAUSTED),
        (-3.0, 0.0, PolicyStep.EXHAUSTED),
    ],
)
def test_steps_of_the_policy(left: float, incident: float, step: PolicyStep) -> None:
    assert policy_step(left, incident, Policy()) is step


def budget(down: int, incidents: tuple[Incident, ...] = (), **more: Any) -> CheckResult:
    seen = state(uptime(), minutes_up(MONTH, down=[(60, 60 + down)], **more), window(30))
    return judge_budget([(uptime(), seen)], incidents, Policy(), UTC_ZONE, NOW)


@pytest.mark.parametrize(
    ("down", "status"), [(0, Status.PASS), (10, Status.PASS), (11, Status.WARN), (20, Status.WARN), (22, Status.FAIL)]
)
def test_a_budget_asks_for_more_care_the_more_of_it_is_spent(down: int, status: Status) -> None:
    result = budget(down)
    assert result.status is status
    assert result.observed is not None and result.observed.value == round(100 * (1 - down / BUDGET_MIN), 1)
    curve = next(piece for piece in result.evidence if isinstance(piece, Curve))
    assert (len(curve.at), curve.values[-1], curve.expected[-1]) == (30, round(100 * (1 - down / BUDGET_MIN), 2), 0.0)


def test_one_incident_that_took_a_fifth_makes_a_postmortem_due() -> None:
    start = START + timedelta(minutes=60)
    incident = Incident(start, start + timedelta(minutes=5), ("disk",), ())
    result = budget(5, (incident,))
    assert result.status is Status.WARN and "postmortem" in result.reason.text
    assert budget(5, (Incident(start, start + timedelta(minutes=4), ("disk",), ()),)).status is Status.PASS


def test_an_unknown_budget_does_not_pass() -> None:
    good = state(uptime(), minutes_up(MONTH), window(30))
    half = state(uptime(), minutes_up(MONTH, unmeasured=[(0, MONTH // 2)]), window(30))
    spent = state(uptime(), minutes_up(MONTH, down=[(0, 30)]), window(30))
    unmeasured = Unobserved(msg("gone"))
    other = availability()
    assert judge_budget([(uptime(), half)], (), Policy(), UTC_ZONE, NOW).status is Status.UNKNOWN
    assert judge_budget([(uptime(), good), (other, unmeasured)], (), Policy(), UTC_ZONE, NOW).status is Status.UNKNOWN
    assert judge_budget([(uptime(), spent), (other, unmeasured)], (), Policy(), UTC_ZONE, NOW).status is Status.FAIL
    assert (
        judge_budget([(uptime(), good), (other, Absent(msg("none")))], (), Policy(), UTC_ZONE, NOW).status
        is Status.PASS
    )
    assert judge_budget([(other, Absent(msg("none")))], (), Policy(), UTC_ZONE, NOW).status is Status.SKIPPED


def test_too_few_requests_exhaust_no_budget() -> None:
    one_of_fifty = state(availability(), events([49], [50]), window(1 / 1440))
    result = judge_budget([(availability(), one_of_fifty)], (), Policy(), UTC_ZONE, NOW)
    assert result.status is Status.UNKNOWN
    half_spent = state(uptime(), minutes_up(MONTH, down=[(10, 40)], unmeasured=[(100, MONTH // 2)]), window(30))
    assert judge_budget([(uptime(), half_spent)], (), Policy(), UTC_ZONE, NOW).status is Status.FAIL


def test_a_curve_has_a_point_at_each_local_midnight_and_at_its_end() -> None:
    seen = state(uptime(), minutes_up(MONTH, unmeasured=[(1440, 2 * 1440)]), window(30, 5.5))
    result = judge_budget([(uptime(), seen)], (), Policy(), ZoneInfo("Asia/Tokyo"), NOW)
    curve = next(piece for piece in result.evidence if isinstance(piece, Curve))
    assert curve.at == (*(f"2026-11-{day:02}T15:00Z" for day in range(1, 6)), "2026-11-06T12:00Z")
    assert curve.values == (100.0, 100.0, 100.0, 100.0, 100.0, 100.0)
    short = state(uptime(), minutes_up(MONTH, unmeasured=[(60, 120)]), window(30, 0.25))
    hours = judge_budget([(uptime(), short)], (), Policy(), ZoneInfo("Asia/Tokyo"), NOW)
    curve = next(piece for piece in hours.evidence if isinstance(piece, Curve))
    assert (len(curve.at), curve.values[:3]) == (6, (100.0, None, 100.0))


def test_the_lowest_remaining_budget_is_a_known_one() -> None:
    good = state(uptime(), minutes_up(MONTH), window(30))
    some = state(uptime(), minutes_up(MONTH, down=[(0, 3)]), window(30))
    half = state(uptime(), minutes_up(MONTH, down=[(0, 5)], unmeasured=[(100, MONTH)]), window(30))
    spent = state(uptime(), minutes_up(MONTH, down=[(0, 30)], unmeasured=[(100, MONTH)]), window(30))
    assert least_left_percent([good, some, half]) == 86.1
    assert least_left_percent([some, spent]) == -38.9  # whatever the minutes were that nobody measured
    assert least_left_percent([half]) is least_left_percent([]) is None
