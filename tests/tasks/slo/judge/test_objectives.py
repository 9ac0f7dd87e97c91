"""Objectives compared with what was counted: just inside, at and just outside, and everything that is not known."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tasks.check_result import CheckResult, Status, Table, msg
from tasks.observation import Absent, Unobserved
from tasks.records.facts import Maintenance
from tasks.slo.judge.objectives import judge_objective, percent
from tasks.slo.settings import ErrorRate, Latency
from tasks.slo.sli.minutes import Tally, slices
from tests.tasks.slo.figures import FIRST, START, availability, events, minutes_up, state, uptime, window

NOW = datetime(2026, 12, 1, tzinfo=UTC)
FILE = msg("the service file")
MONTH = 30 * 1440


def judged(objective: Any, seen: Any, **more: Any) -> CheckResult:
    return judge_objective(objective, seen, FILE, NOW, **more)


def requests(objective: Any, bad: int, total: int, **more: Any) -> CheckResult:
    """A month with all of its requests in the first minute, and none in the others."""
    counts = [0] * (MONTH - 1)
    minutes = events([total - bad, *counts], [total, *counts])
    return judged(objective, state(objective, minutes, window(30)), **more)


def error_rate(**more: Any) -> ErrorRate:
    return ErrorRate(name="error-rate", kind="error-rate", max_share=0.001, **more)


@pytest.mark.parametrize(("bad", "status"), [(9, Status.PASS), (10, Status.PASS), (11, Status.FAIL)])
def test_availability_is_met_at_its_target(bad: int, status: Status) -> None:
    result = requests(availability(), bad, 10_000)
    assert result.status is status
    assert result.reason.params["bad"] == bad
    assert result.observed is not None and result.observed.value == percent(1 - bad / 10_000)
    assert result.limit is not None and (result.limit.comparison, result.limit.value) == ("≥", 99.9)


@pytest.mark.parametrize(("bad", "status"), [(9, Status.PASS), (10, Status.FAIL), (11, Status.FAIL)])
def test_an_error_rate_at_its_limit_is_over_it(bad: int, status: Status) -> None:
    result = requests(error_rate(), bad, 10_000)
    assert result.status is status
    assert result.limit is not None and (result.limit.comparison, result.limit.value) == ("<", 0.1)


@pytest.mark.parametrize(("slow", "status"), [(500, Status.PASS), (501, Status.FAIL)])
def test_p95_is_the_share_within_the_limit(slow: int, status: Status) -> None:
    objective = Latency(name="latency", kind="latency", within_ms=200, target=0.95)
    result = requests(objective, slow, 10_000)
    assert result.status is status and result.reason.params["limit"] == 200


@pytest.mark.parametrize(("down", "status"), [(21, Status.PASS), (22, Status.FAIL)])
def test_a_month_of_30_days_has_21_minutes(down: int, status: Status) -> None:
    result = judged(uptime(), state(uptime(), minutes_up(MONTH, down=[(50, 50 + down)]), window(30)))
    assert result.status is status
    assert result.reason.text == "{bad} of {total} measured minutes were down"


def test_absent_is_skipped_and_unobserved_is_unknown() -> None:
    assert judged(availability(), Absent(msg("no log"))).status is Status.SKIPPED
    unseen = judged(availability(), Unobserved(msg("Prometheus cannot be reached")))
    assert (unseen.status, unseen.observed) == (Status.UNKNOWN, None)


def test_a_month_without_data_is_unknown_and_has_no_share() -> None:
    for objective in (availability(), uptime(), error_rate()):
        result = judged(objective, state(objective, minutes_up(MONTH, unmeasured=[(0, MONTH)]), window(30)))
        assert (result.status, result.observed) == (Status.UNKNOWN, None)
        assert result.reason.text == "Nothing was measured in this window"


def test_a_month_half_measured_is_unknown_however_good_the_half() -> None:
    seen = state(uptime(), minutes_up(MONTH, unmeasured=[(100, 100 + MONTH // 2)]), window(30))
    result = judged(uptime(), seen)
    assert result.status is Status.UNKNOWN
    assert result.reason.params == {"measured": MONTH // 2, "expected": MONTH, "least": 95.0}


@pytest.mark.parametrize(("missing", "status"), [(2160, Status.PASS), (2161, Status.UNKNOWN)])
def test_coverage_at_its_minimum_is_enough(missing: int, status: Status) -> None:
    lax = uptime(target=0.94)
    seen = state(lax, minutes_up(MONTH, unmeasured=[(500, 500 + missing)]), window(30))
    assert judged(lax, seen).status is status


def test_a_budget_that_the_measured_half_overspent_has_failed_whatever_the_other_half_was() -> None:
    minutes = minutes_up(MONTH, down=[(10, 40)], unmeasured=[(100, 100 + MONTH // 2)])
    result = judged(uptime(), state(uptime(), minutes, window(30)))
    assert (result.status, result.reason.params["bad"], result.reason.params["measured"]) == (
        Status.FAIL,
        30,
        MONTH // 2,
    )
    # What is shown is the best that the month can have been.
    assert result.observed is not None and result.observed.value == percent(1 - 30 / MONTH)


def test_an_error_rate_that_was_measured_in_part_shows_the_least_it_can_have_been() -> None:
    sliced = error_rate(budgeting="timeslices")
    minutes = minutes_up(MONTH, down=[(10, 110)], unmeasured=[(200, 200 + MONTH // 2)])
    result = judged(sliced, state(sliced, minutes, window(30)))
    assert (result.status, result.observed and result.observed.value) == (Status.FAIL, percent(100 / MONTH))


def test_a_service_that_started_on_the_10th_is_asked_to_set_since() -> None:
    seen = state(uptime(), minutes_up(MONTH, unmeasured=[(0, 9 * 1440)]), window(30))
    result = judged(uptime(), seen)
    assert result.status is Status.UNKNOWN
    assert "set [slo] since" in result.reason.text and result.reason.params["since"] == "2026-11-10T00:00Z"
    later = window(21, start=START + timedelta(days=9))
    assert judged(uptime(), state(uptime(), minutes_up(MONTH, unmeasured=[(0, 9 * 1440)]), later)).status is Status.PASS


def test_too_little_traffic_is_unknown() -> None:
    result = requests(availability(), 1, 99)
    assert result.status is Status.UNKNOWN
    assert result.reason.params == {"bad": 1, "total": 99, "least": 100}
    assert requests(availability(), 0, 0).status is Status.UNKNOWN
    assert requests(availability(), 0, 100).status is Status.PASS


def test_a_small_sample_shows_what_it_proves() -> None:
    few = requests(availability(), 0, 2994)
    assert few.status is Status.PASS and "this few only prove {shown} %" in few.reason.text
    assert few.reason.params["shown"] == 99.899
    assert "so few" not in requests(availability(), 0, 2995).reason.text


def test_a_running_month_under_its_target_can_still_be_met() -> None:
    """Day 10 of 30, 15 minutes down: 99.896 % so far, and 30.6 % of the month's budget left."""
    over = window(30, 10)
    result = judged(uptime(), state(uptime(), minutes_up(MONTH, down=[(100, 115)]), over))
    assert (result.status, result.reason.params["left"]) == (Status.WARN, 30.6)
    spent = judged(uptime(), state(uptime(), minutes_up(MONTH, down=[(100, 122)]), over))
    assert spent.status is Status.FAIL


def test_lines_that_are_missing_leave_no_objective_met_but_a_failure_stands() -> None:
    doubt = msg("the log could not be read")
    minutes = events([100] * MONTH, [100] * MONTH), events([99] * MONTH, [100] * MONTH)
    passed, failed = (judged(availability(), state(availability(), m, window(30), doubt=doubt)) for m in minutes)
    assert (passed.status, passed.reason) == (Status.UNKNOWN, doubt)
    assert failed.status is Status.FAIL


def test_maintenance_is_left_out_and_the_figure_with_it_is_shown() -> None:
    start = START + timedelta(minutes=100)
    planned = Maintenance(start, start + timedelta(minutes=30), None, "upgrade", start - timedelta(days=1), "kim")
    minutes = minutes_up(MONTH, down=[(100, 130)])
    seen = state(uptime(), minutes, window(30), [planned])
    result = judged(uptime(), seen)
    assert (result.status, seen.excluded_min, seen.counted.bad, seen.with_maintenance.bad) == (Status.PASS, 30, 0, 30)
    figures = {row[0].text: row[1] for row in tables(result)[0].rows}  # type: ignore[union-attr]
    assert figures["Minutes excluded for maintenance"] == 30
    assert figures["SLI including maintenance, %"] == percent(1 - 30 / MONTH) != figures["SLI, %"]
    counted = uptime(maintenance="counted")
    assert judged(counted, state(counted, minutes, window(30), [planned])).status is Status.FAIL
    other = Maintenance(start, start + timedelta(minutes=30), "users", "upgrade", start, "kim")
    assert judged(uptime(), state(uptime(), minutes, window(30), [other])).status is Status.FAIL


def test_modules_are_listed_worst_first() -> None:
    result = requests(
        availability(), 9, 10_000, modules={"a": Tally(4_998, 5_000, 1, 1), "b": Tally(4_993, 5_000, 1, 1)}
    )
    rows = tables(result)[1].rows
    assert [(row[0], row[1], row[2], row[4]) for row in rows] == [("b", 5_000, 7, 70.0), ("a", 5_000, 2, 20.0)]


def test_a_window_of_which_nothing_has_passed_is_unknown() -> None:
    empty = state(uptime(), slices(FIRST, minutes_up(1).measured[:0], minutes_up(1).measured[:0]), window(30, 0))
    assert judged(uptime(), empty).status is Status.UNKNOWN


def tables(result: CheckResult) -> list[Table]:
    return [piece for piece in result.evidence if isinstance(piece, Table)]
