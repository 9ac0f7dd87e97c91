"""The target, the generator and the load that was reached."""

from dataclasses import replace

import pytest

from tasks.check_result import Limit, Quantity, Status
from tasks.load.facts import Generator, LoadRun
from tasks.load.judge.running import judge_achieved, judge_generator, judge_target
from tasks.load.limits import LoadLimits
from tests.load_runs import AT, NOTHING, a_run, a_step, not_reached

LIMITS = LoadLimits()


def target(run: LoadRun, *, asked: bool = False) -> list[Status]:
    return [result.status for result in judge_target(run, asked=asked, now=AT)]


def test_a_target_that_answered() -> None:
    assert target(a_run()) == [Status.PASS, Status.SKIPPED]
    assert target(a_run(), asked=True) == [Status.PASS, Status.PASS]


def test_a_target_that_did_not_answer_or_is_another() -> None:
    none = replace(a_run().whole, succeeded=NOTHING)
    assert target(a_run(whole=replace(none, failed=9))) == [Status.UNKNOWN, Status.SKIPPED]
    assert target(a_run(whole=none)) == [Status.UNKNOWN, Status.SKIPPED]
    assert target(a_run(refused=("x:1",)))[0] is Status.UNKNOWN
    for seen in ((None, None), ("staging", None), (None, "staging"), ("production", "staging")):
        assert target(a_run(environment_seen=seen), asked=True) == [Status.PASS, Status.UNKNOWN]
    [_, other] = judge_target(a_run(environment_seen=("production", None)), asked=True, now=AT)
    assert other.observed == Quantity("production")


@pytest.mark.parametrize(
    ("generator", "status", "observed", "limit"),
    [
        (Generator(1, 90.0, 100.0), Status.PASS, Quantity(90.0, "%"), 90.0),
        (Generator(1, 90.1, 5.0), Status.UNKNOWN, Quantity(90.1, "%"), 90.0),
        (Generator(1, 40.0, 100.1), Status.UNKNOWN, Quantity(100.1, "ms"), 100.0),
        (Generator(1, 95.0, 300.0), Status.UNKNOWN, Quantity(95.0, "%"), 90.0),
        (Generator(1, None, 5.0), Status.UNKNOWN, None, 90.0),
        (Generator(1, 40.0, None), Status.UNKNOWN, Quantity(40.0, "%"), 90.0),
        (None, Status.UNKNOWN, None, 90.0),
    ],
)
def test_the_generator(generator: Generator | None, status: Status, observed: Quantity | None, limit: float) -> None:
    result = judge_generator(a_run(generator=generator), LIMITS, AT)
    assert (result.status, result.observed) == (status, observed)
    assert isinstance(result.limit, Limit) and result.limit.value == limit


def test_the_load_that_was_reached() -> None:
    probe = a_run().probe
    assert probe is not None
    good = judge_achieved(a_run(probe=replace(probe, sent=1140)), LIMITS, AT)
    assert (good.status, good.observed) == (Status.PASS, Quantity(95.0, "%"))
    bad = judge_achieved(a_run(probe=replace(probe, sent=1139)), LIMITS, AT)
    assert (bad.status, bad.observed) == (Status.UNKNOWN, Quantity(94.9, "%"))
    assert judge_achieved(a_run(probe=None), LIMITS, AT).status is Status.UNKNOWN
    assert judge_achieved(a_run(not_reached(5), a_step(10)), LIMITS, AT).status is Status.UNKNOWN


def test_the_slowest_of_probe_and_users_is_shown() -> None:
    step = a_step(10, planned=100.0)
    step = replace(step, whole=replace(step.whole, per_second=97.0))
    assert judge_achieved(a_run(step), LIMITS, AT).observed == Quantity(97.0, "%")
    higher = replace(step, whole=replace(step.whole, per_second=10.0))
    assert judge_achieved(a_run(step, higher, seeks_limit=True), LIMITS, AT).observed == Quantity(97.0, "%")


def test_too_few_requests_are_shown_as_such() -> None:
    result = judge_achieved(a_run(a_step(10, per_second=96 / 60)), LIMITS, AT)
    assert (result.status, result.observed) == (Status.UNKNOWN, Quantity(96))
