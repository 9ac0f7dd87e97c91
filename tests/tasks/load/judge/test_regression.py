"""Slowdowns by module, and when there is nothing to compare with."""

from dataclasses import replace

import pytest

from tasks.check_result import CheckResult, Message, Quantity, Status, Table, msg
from tasks.load.facts import LoadRun
from tasks.load.judge.regression import judge_regression
from tasks.load.limits import LoadLimits
from tasks.load.settings import GUIDE_GATES
from tasks.observation import Unobserved
from tests.load_runs import AT, a_run, a_step, slowed

LIMITS = LoadLimits()


def judged(run: LoadRun, runs: int = 6, invalid: Message | None = None) -> dict[str, CheckResult]:
    earlier = [slowed(a_run(), {"": 1 + 0.01 * (-1) ** n}) for n in range(runs)]
    return {r.subject: r for r in judge_regression(run, earlier, GUIDE_GATES, LIMITS, invalid, AT)}


@pytest.mark.parametrize("runs", [0, 4])
def test_before_five_comparable_runs_there_is_no_baseline(runs: int) -> None:
    found = judged(slowed(a_run(), {"users": 3.0}), runs)
    assert {r.status for r in found.values()} == {Status.SKIPPED}
    assert found["modules"].reason.params == {"number": runs, "needed": 5}
    assert {r.status for r in judged(a_run(), 5).values()} == {Status.PASS}


def test_the_module_that_became_slower_is_named() -> None:
    found = judged(slowed(a_run(), {"users": 1.15}))
    assert {subject: r.status for subject, r in found.items()} == {
        "module:recipes": Status.PASS,
        "module:shopping": Status.PASS,
        "module:users": Status.WARN,
    }
    result = found["module:users"]
    assert (result.observed, result.limit and result.limit.value) == (Quantity(4), 0)
    [table] = result.evidence
    assert isinstance(table, Table) and len(table.rows) == 4


@pytest.mark.parametrize(("factor", "status"), [(1.09, Status.PASS), (1.12, Status.WARN)])
def test_small_changes_are_not_reported(factor: float, status: Status) -> None:
    assert judged(slowed(a_run(), {"users": factor}))["module:users"].status is status


def test_what_cannot_be_compared_is_unknown() -> None:
    few = a_run(a_step(10, per_second=396 / 60))
    found = judged(few)
    assert found["module:users"].status is Status.UNKNOWN
    shopping = found["module:shopping"]
    assert shopping.status is Status.UNKNOWN and "too few to compare" in shopping.reason.text and shopping.evidence
    gone = replace(a_run(), modules=a_run().modules[:1])
    assert judged(replace(gone, routes=gone.routes[:2]))["module:users"].status is Status.UNKNOWN
    bare = replace(a_run(), modules=(), routes=())
    assert [r.status for r in judge_regression(bare, [bare] * 5, (), LIMITS, None, AT)] == [Status.UNKNOWN]


def test_a_route_that_lost_most_of_its_requests_hides_behind_no_other() -> None:
    def answered(count: int) -> CheckResult:
        first, *others = (route for route in a_run().routes)
        rare = replace(first, succeeded=replace(first.succeeded, count=count))
        return judged(replace(a_run(), routes=(rare, *others)))[f"module:{first.module}"]

    usual = a_run().routes[0].succeeded.count
    assert usual >= 2 * LIMITS.min_requests
    assert answered(LIMITS.min_requests).status is Status.PASS
    lost = answered(LIMITS.min_requests - 1)
    assert lost.status is Status.UNKNOWN
    assert lost.reason.params == {"route": a_run().routes[0].route, "number": 99, "usual": usual}
    first, *others = a_run().routes
    absent = judged(replace(a_run(), routes=tuple(others)))[f"module:{first.module}"]
    assert absent.status is Status.UNKNOWN and absent.reason.params["number"] == 0


def test_an_invalid_test_or_an_unreadable_history_says_nothing() -> None:
    assert {r.status for r in judged(a_run(), invalid=msg("x")).values()} == {Status.UNKNOWN}
    [unread] = judge_regression(a_run(), Unobserved(msg("damaged")), GUIDE_GATES, LIMITS, None, AT)
    assert (unread.status, unread.reason) == (Status.UNKNOWN, msg("damaged"))
