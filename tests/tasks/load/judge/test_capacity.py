"""Capacity and its headroom over the production peak."""

from dataclasses import replace

import pytest

from tasks.check_result import CheckResult, Message, Plot, Quantity, Status, Table, msg
from tasks.load.analysis.held import levels_of
from tasks.load.analysis.peak import Peak
from tasks.load.facts import Ended, LoadRun, StepStats
from tasks.load.judge.capacity import capacity_of, judge_capacity
from tasks.load.limits import LoadLimits
from tasks.load.settings import GUIDE_GATES
from tasks.observation import Absent, Unobserved
from tests.load_runs import AT, a_run, a_step

LIMITS = LoadLimits()


def peak(per_second: float) -> Peak:
    return Peak(per_second, AT, 28)


def judged(
    run: LoadRun, seen: Peak | Unobserved | Absent, invalid: Message | None = None
) -> CheckResult:  # fmt: skip
    capacity = capacity_of(levels_of(run, GUIDE_GATES, LIMITS))
    return judge_capacity(run, capacity, seen, LIMITS, invalid, AT)


def steps(*slow: int) -> LoadRun:
    """Six levels with 10 requests/s a user; those that are slow miss the SLO."""
    users = (5, 10, 20, 40, 80, 160)
    return a_run(*(a_step(n, 150.0 if n in slow else 40.0, 10.0 * n) for n in users), seeks_limit=True)


@pytest.mark.parametrize(("rate", "status"), [(266.0, Status.PASS), (400 / 1.5, Status.PASS), (267.0, Status.WARN)])
def test_headroom_over_the_production_peak(rate: float, status: Status) -> None:
    result = judged(steps(80, 160), peak(rate))
    assert (result.status, result.observed) == (status, Quantity(round(400 / rate, 2), "×"))
    assert result.reason.params["users"] == 40 and "more did not" in result.reason.text


def test_the_highest_load_tested_is_no_limit() -> None:
    assert judged(steps(), peak(10.0)).reason.text.startswith("At least")


def test_no_step_that_meets_the_slo_is_a_failure() -> None:
    result = judged(steps(5), peak(1.0))
    assert (result.status, result.observed) == (Status.FAIL, Quantity(0.0, "×"))
    assert capacity_of(levels_of(steps(5), GUIDE_GATES, LIMITS)).per_second is None


def test_without_a_peak_there_is_no_headroom() -> None:
    assert judged(steps(), Unobserved(msg("no rollups"))).status is Status.UNKNOWN
    assert judged(steps(), Absent(msg("no logs"))).status is Status.SKIPPED
    assert judged(steps(5), Unobserved(msg("no rollups"))).status is Status.FAIL


def test_why_a_test_that_found_its_limit_ended_early_is_evidence() -> None:
    run = replace(steps(80, 160), ended=Ended.LIMIT, problem=msg("96 % failed"))
    shown = [piece for piece in judged(run, peak(1.0)).evidence if isinstance(piece, Table)]
    assert shown[-1].rows == ((msg("96 % failed"),),)


def test_an_invalid_test_says_nothing_of_capacity() -> None:
    assert judged(steps(), peak(1.0), msg("x")).status is Status.UNKNOWN
    assert judged(steps(5), peak(1.0), msg("x")).status is Status.UNKNOWN


def test_one_load_says_nothing_of_more() -> None:
    one = a_run(a_step(10), a_step(10))
    assert judged(one, peak(1.0)).status is Status.SKIPPED
    assert capacity_of(levels_of(one, GUIDE_GATES, LIMITS)).per_second is None


def usl_words(run: LoadRun) -> str:
    table = judged(run, peak(1.0)).evidence[0]
    assert isinstance(table, Table)
    words = table.rows[2][1]
    assert isinstance(words, Message)
    return words.text.format(**words.params)


def law(users: int, sigma: float, kappa: float) -> StepStats:
    return a_step(users, per_second=round(10 * users / (1 + sigma * (users - 1) + kappa * users * (users - 1))))


def test_what_is_said_of_the_peak() -> None:
    users = (5, 10, 20, 40, 80, 120, 160)
    bent = [law(n, 0.02, 0.0002) for n in users]
    assert usl_words(a_run(*bent)) == "70 users (95 % interval 70 to 71)"
    assert usl_words(a_run(*bent[:5])) == "not fitted: it needs 6 different numbers of users"
    assert usl_words(steps()) == "no peak within the tested loads"
    far = [law(n, 0.0, 1 / 400**2) for n in (5, 10, 20, 40, 80, 120, 160)]
    assert usl_words(a_run(*far)) in (
        "not given: it lies far beyond the tested loads",
        "no peak within the tested loads",
    )
    wild = [a_step(n, per_second=rate) for n, rate in zip(users, (100, 400, 90, 500, 80, 600, 70), strict=True)]
    assert usl_words(a_run(*wild)) == "not given: the law does not describe this throughput"


def test_throughput_is_drawn_with_the_law_through_it() -> None:
    [plot] = [piece for piece in judged(steps(), peak(1.0)).evidence if isinstance(piece, Plot)]
    measured, fitted = plot.lines
    assert fitted.fitted and not measured.fitted
    assert dict(zip(plot.xs, measured.values, strict=True))[40.0] == 400.0
    assert None not in fitted.values
    few = a_run(a_step(5), a_step(10), seeks_limit=True)
    [plot] = [piece for piece in judged(few, peak(1.0)).evidence if isinstance(piece, Plot)]
    assert plot.xs == (5.0, 10.0) and len(plot.lines) == 1
