"""Everything that makes a load test's figures meaningless, just inside and just outside each limit."""

from dataclasses import replace

import pytest

from tasks.check_result import msg
from tasks.load.facts import Ended, FailureKind, Generator, LoadRun, ProbeStats
from tasks.load.judge.validity import invalid_reasons
from tasks.load.settings import Gate, Load
from tests.load_runs import NOTHING, a_load, a_run, a_step, latency, not_reached

PROBE = ProbeStats(1000, 1000, 0, latency(40.0))


def why(run: LoadRun, load: Load | None = None) -> list[str]:
    return [reason.text.format(**reason.params) for reason in invalid_reasons(run, load or a_load())]


def test_a_run_that_went_well_is_valid() -> None:
    assert why(a_run()) == [] == why(a_run(environment_seen=(None, None)))
    assert why(a_run(a_step(5), not_reached(10, planned=100.0), seeks_limit=True)) == []


def test_a_limit_that_was_sought_and_found_is_no_failed_test() -> None:
    found = a_run(a_step(5), not_reached(10), seeks_limit=True, ended=Ended.LIMIT, problem=msg("96 % failed"))
    assert why(found) == []
    assert why(replace(found, steps=(not_reached(5),))) != []


UNANSWERED = replace(a_step(10).whole, succeeded=NOTHING, failed=500)
INVALID = {
    "aborted": (a_run(ended=Ended.ABORTED, problem=msg("96 % failed")), "96 % failed"),
    "aborted-without-words": (a_run(ended=Ended.ABORTED), "The test was ended early"),
    "broken": (a_run(ended=Ended.BROKEN), "The load generator did not finish"),
    "problem": (a_run(problem=msg("After the test: no answer")), "After the test: no answer"),
    "unanswered": (a_run(whole=UNANSWERED), "The service answered none of 500 requests without an error"),
    "raised": (
        a_run(
            whole=replace(UNANSWERED, per_second=0.0),
            failures=(FailureKind("", "Shop (Locust file)", "raised KeyError", 500),),
        ),
        "The users of the Locust files failed before they sent a request: Shop (Locust file) raised KeyError",
    ),
    "refused": (
        a_run(refused=("elsewhere.example:80", "a\u202eb:80")),
        "Requests to hosts that are not in [load] hosts were refused: elsewhere.example:80, a\\u202eb:80",
    ),
    "cpu": (
        a_run(generator=Generator(2, 90.1, 5.0)),
        "The load generator needed 90.1 % of a CPU: it measured its own delay",
    ),
    "no-cpu": (a_run(generator=Generator(2, None, 5.0)), "The load generator's CPU time could not be measured"),
    "lag": (a_run(generator=Generator(2, 50.0, 100.1)), "The load generator's timers were 100.1 ms late (p99)"),
    "no-lag": (
        a_run(generator=Generator(2, 50.0, None)),
        "The delay of the load generator's timers could not be measured",
    ),
    "no-generator": (a_run(generator=None), "How busy the load generator was is not known"),
    "no-probe": (a_run(probe=None), "The open-loop probe measured nothing"),
    "empty-probe": (a_run(probe=ProbeStats(0, 0, 0, NOTHING)), "The open-loop probe measured nothing"),
    "probe-unanswered": (a_run(probe=replace(PROBE, latency=NOTHING)), "The open-loop probe measured nothing"),
    "probe": (a_run(probe=replace(PROBE, sent=949)), "The open-loop probe sent only 94.9 % of its requests in time"),
    "no-step": (replace(a_run(), steps=()), "No step was measured"),
    "unreached": (a_run(a_step(5), not_reached(10)), "The step of 10 users was not reached"),
    "first-unreached": (
        a_run(not_reached(5), seeks_limit=True, routes=a_step(5).routes),
        "The step of 5 users was not reached",
    ),
    "few": (a_run(a_step(5, per_second=96 / 60)), "Only 96 requests (100 needed)"),
}


@pytest.mark.parametrize(("run", "reason"), INVALID.values(), ids=INVALID)
def test_what_makes_a_test_invalid(run: LoadRun, reason: str) -> None:
    assert why(run) == [reason]


def test_at_each_limit_a_test_is_still_valid() -> None:
    assert why(a_run(generator=Generator(1, 90.0, 100.0))) == []
    assert why(a_run(probe=replace(PROBE, sent=950))) == []
    assert why(a_run(a_step(5, per_second=100 / 60))) == []


@pytest.mark.parametrize(("rate", "valid"), [(95.0, True), (94.9, False)])
def test_the_users_own_rate(rate: float, valid: bool) -> None:
    step = a_step(10, planned=100.0)
    slow = replace(step, whole=replace(step.whole, per_second=rate))
    assert why(a_run(slow)) == ([] if valid else ["10 users: only 94.9 % of the planned load"])
    # What seeks the limit finds it at a later step, but the first one must be reached.
    assert why(a_run(step, slow, seeks_limit=True)) == []
    assert why(a_run(slow, step, seeks_limit=True)) == why(a_run(slow))


@pytest.mark.parametrize(
    ("seen", "reasons"),
    [
        (("staging", "staging"), []),
        (("staging", None), ["The service did not say which environment it is, before and after the test"]),
        (("staging", "production"), ["The service says that it is production, not staging"]),
    ],
)
def test_the_environment_that_answered(seen: tuple[str | None, str | None], reasons: list[str]) -> None:
    assert why(a_run(environment_seen=seen), a_load(identity=True)) == reasons


def test_zero_requests() -> None:
    empty = replace(a_step(10).whole, succeeded=NOTHING, failed=0, per_second=0.0)
    run = replace(a_run(), whole=empty, modules=(), routes=())
    assert why(run, a_load(Gate(metric="error-share", max=1, module="users"))) == ["Only 0 requests (100 needed)"]


def test_a_gate_that_names_nothing_says_what_there_was() -> None:
    payments = Gate(metric="latency", statistic="p95", max=200, module="payments")
    assert why(a_run(), a_load(payments)) == [
        "No request is named payments, which a gate asks for; there were: shopping, users, recipes"
    ]
    route = Gate(metric="error-share", max=1, route="/pay")
    assert why(a_run(), a_load(route)) == [
        "No request is named /pay, which a gate asks for; there were: shopping:/lists, shopping:/items, users:/me, "
        "recipes:/search"
    ]


def test_all_reasons_are_given() -> None:
    run = a_run(ended=Ended.ABORTED, generator=None, probe=None, refused=("x:1",))
    assert len(why(run)) == 4
