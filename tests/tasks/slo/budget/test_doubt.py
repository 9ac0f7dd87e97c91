"""What nobody measured or could read, held against the budget."""

import math
from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from tasks.check_result import CheckResult, Status, msg
from tasks.observation import Absent
from tasks.slo.budget.burn import BurnState
from tasks.slo.budget.incidents import Incident
from tasks.slo.facts import Minutes
from tasks.slo.judge.budget import judge_budget, least_left_percent
from tasks.slo.judge.burn import judge_burn
from tasks.slo.judge.incidents import judge_downtime, judge_resolution
from tasks.slo.judge.objectives import judge_objective
from tasks.slo.settings import Alerts, ErrorRate, Latency, Policy, Resolution
from tests.tasks.slo.figures import FIRST, START, UTC_ZONE, availability, events, minutes_up, state, uptime, window

NOW = START + timedelta(days=30)
MONTH = 30 * 1440
FILE = msg("the service file")


def judged(objective: Any, minutes: Minutes, days: float = 30, **more: Any) -> CheckResult:
    return judge_objective(objective, state(objective, minutes, window(30, days), **more), FILE, NOW)


@pytest.mark.parametrize(
    ("gap", "down", "status"),
    [
        (21, 0, Status.PASS),
        (22, 0, Status.UNKNOWN),
        (16, 5, Status.PASS),
        (17, 5, Status.UNKNOWN),
        (99, 22, Status.FAIL),
    ],
)
def test_minutes_that_nobody_measured_fit_into_the_budget_that_is_left(gap: int, down: int, status: Status) -> None:
    result = judged(uptime(), minutes_up(MONTH, down=[(50, 50 + down)], unmeasured=[(500, 500 + gap)]))
    assert result.status is status
    if status is Status.UNKNOWN:
        assert result.reason.params == {"minutes": gap, "left": round(21.6 - down, 1)}


def test_34_hours_without_a_sample_are_unknown_and_a_late_probe_a_day_is_not() -> None:
    lost = judged(uptime(target=0.999), minutes_up(MONTH, unmeasured=[(9000, 9000 + 34 * 60)]))
    assert (lost.status, lost.reason.params) == (Status.UNKNOWN, {"minutes": 2040, "left": 43.2})
    late = [(minute, minute + 1) for minute in range(60, MONTH, 1440)]
    assert judged(uptime(), minutes_up(MONTH, unmeasured=late)).status is Status.PASS


def test_a_team_may_say_that_nights_are_not_meant_to_be_measured() -> None:
    nights = minutes_up(MONTH, unmeasured=[(day * 1440, day * 1440 + 480) for day in range(30)])
    assert judged(uptime(min_coverage=0.6), nights).status is Status.PASS
    assert judged(uptime(min_coverage=0.95), minutes_up(MONTH, unmeasured=[(50, 100)])).status is Status.UNKNOWN


def test_a_gap_on_the_first_day_is_held_against_the_whole_month() -> None:
    early = minutes_up(MONTH, unmeasured=[(60, 70)])
    assert judged(uptime(), early, days=1).status is Status.PASS
    young = judged(uptime(), minutes_up(MONTH, unmeasured=[(0, 1440)]))
    assert young.status is Status.UNKNOWN and "set [slo] since" in young.reason.text


@pytest.mark.parametrize(
    ("objective", "unread", "status"),
    [
        (availability(), 0.001, Status.PASS),
        (availability(), 0.011, Status.UNKNOWN),
        (ErrorRate(name="errors", kind="error-rate", max_share=0.001), 0.011, Status.UNKNOWN),
        (Latency(name="latency", kind="latency", within_ms=200, target=0.95), 0.52, Status.PASS),
        (Latency(name="latency", kind="latency", within_ms=200, target=0.95), 0.53, Status.UNKNOWN),
    ],
)
def test_requests_that_could_not_be_read_may_all_be_bad(objective: Any, unread: float, status: Status) -> None:
    result = judged(objective, events([10] * MONTH, [10] * MONTH, unread=unread))
    assert result.status is status
    if status is Status.UNKNOWN:
        assert result.reason.params["unread"] == math.ceil(unread * MONTH)
        assert result.reason.params["left"] < result.reason.params["unread"]  # type: ignore[operator]


def test_a_failure_stands_beside_what_could_not_be_read() -> None:
    assert judged(availability(), events([9] * MONTH, [10] * MONTH, unread=5)).status is Status.FAIL


def test_requests_without_any_known_status_are_named() -> None:
    nothing = np.zeros(MONTH, dtype=np.int64)
    unread = np.full(MONTH, 2.0)
    minutes = Minutes(FIRST, nothing, nothing, nothing == 0, unread, values=('status="ok"', 'status=""'))
    result = judged(availability(), minutes)
    assert result.status is Status.UNKNOWN and result.reason.params["values"] == 'status="ok", status=""'


DOUBT = state(uptime(), minutes_up(MONTH), window(30), doubt=msg("the log could not be read"))
GAP = state(uptime(), minutes_up(MONTH, unmeasured=[(900, 1000)]), window(30))


@pytest.mark.parametrize("seen", [DOUBT, GAP], ids=["unreadable", "not measured"])
def test_doubt_reaches_all_that_rests_on_an_objective(seen: Any) -> None:
    over, resolution = window(30), Resolution(name="resolution", kind="incident-resolution")
    short = Incident(START, START + timedelta(minutes=5), ("disk",), ())
    results = [
        judge_objective(uptime(), seen, FILE, NOW),
        judge_budget([(uptime(), seen)], (), Policy(), UTC_ZONE, NOW),
        judge_downtime(seen, (), over, NOW),
        judge_downtime(seen, (short,), over, NOW),
        judge_resolution(resolution, (), seen, over, FILE, NOW),
        judge_resolution(resolution, (short,), seen, over, FILE, NOW),
    ]
    assert [result.status for result in results] == [Status.UNKNOWN] * 6
    assert least_left_percent([seen]) is None
    # Recorded incidents are all there is where nobody asked for uptime.
    recorded = judge_resolution(resolution, (short,), Absent(msg("no probes")), over, FILE, NOW)
    assert recorded.status is Status.PASS


def test_a_budget_that_is_spent_stays_so_in_doubt() -> None:
    seen = state(uptime(), minutes_up(MONTH, down=[(0, 30)]), window(30), doubt=msg("gone"))
    assert judge_budget([(uptime(), seen)], (), Policy(), UTC_ZONE, NOW).status is Status.FAIL


@pytest.mark.parametrize(("unread", "status"), [(0.0, Status.PASS), (0.009, Status.PASS), (0.2, Status.UNKNOWN)])
def test_a_burn_rate_is_unknown_where_unread_requests_would_alert(unread: float, status: Status) -> None:
    seen = state(availability(), events([10] * 4320, [10] * 4320, unread=unread), window(30, 3))
    assert judge_burn(availability(), seen, Alerts(), NOW).status is status
    assert (seen.burns[0].state is BurnState.UNREAD) is (status is Status.UNKNOWN)
