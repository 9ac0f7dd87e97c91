"""When a load test has to end early, and when it has not."""

from typing import Any

import pytest

from tasks.load.facts import Ended
from tasks.load.generator.watch import Watch
from tasks.load.limits import LoadLimits
from tests.load_target import profile

START = 1000.0


def watch(workers: int = 0, **limits: Any) -> Watch:
    return Watch(profile((4, 30.0)), LoadLimits(**limits), workers, START, 60.0 if workers else 0.0)


def begun(of: Watch) -> Watch:
    of.take([{"kind": "ready", "at": START, "empty": []}, {"kind": "step", "step": 0, "at": START + 1}], START + 1)
    return of


def beat(of: Watch, at: float, seconds: list[list[Any]], *, waiting: int = 1, workers: int = 0, step: int = 0) -> Watch:
    line = {"kind": "now", "at": at, "step": step, "users": 4, "workers": workers, "seconds": seconds}
    of.take([{**line, "waiting": waiting, "refused": []}], at)
    return of


def every_second(of: Watch, until: int, count: int, failed: int) -> Watch:
    for second in range(1, until):
        beat(of, START + second + 1, [[int(START) + second, count, failed, 5.0]])
    return of


def reason(of: Watch, now: float) -> tuple[Ended, str] | None:
    stop = of.stop(now)
    return None if stop is None else (stop.ended, stop.problem.text)


def test_a_test_that_goes_well_goes_on() -> None:
    running = every_second(begun(watch()), 25, 20, 1)
    assert reason(running, START + 25) is None
    live = running.live()
    assert (live.step, live.users, live.per_second, live.failed, live.p95_ms) == (1, 4, 20.0, 24, 5.0)
    assert live.elapsed_s == 24.0 and live.planned_s == 31.0


@pytest.mark.parametrize(("failed", "stops"), [(9, False), (10, True), (11, True)])
def test_half_of_ten_seconds_failed(failed: int, stops: bool) -> None:
    running = every_second(begun(watch()), 13, 20, failed)
    assert (reason(running, START + 13) is not None) is stops


def test_failures_of_the_first_seconds_do_not_end_it_yet() -> None:
    assert reason(every_second(begun(watch()), 9, 20, 20), START + 9) is None


def test_few_requests_do_not_end_it() -> None:
    running = begun(watch())
    for second in (3, 7, 12):
        beat(running, START + second + 1, [[int(START) + second, 1, 1, None]])
    assert reason(running, START + 13) is None


@pytest.mark.parametrize(("count", "stops"), [(999, False), (1000, False), (1001, True)])
def test_more_requests_in_a_second_than_the_limit(count: int, stops: bool) -> None:
    running = beat(begun(watch()), START + 3, [[int(START) + 2, count, 0, 5.0]])
    found = reason(running, START + 3)
    assert (found is not None) is stops
    assert found is None or found[0] is Ended.ABORTED


def test_a_service_that_answers_nothing_ends_it_and_one_that_is_asked_nothing_does_not() -> None:
    hanging, idle = begun(watch()), begun(watch())
    for second in range(2, 18):
        beat(hanging, START + second, [])
        beat(idle, START + second, [], waiting=0)
    assert reason(hanging, START + 17) == (Ended.ABORTED, "No request was answered for {n} s")
    assert reason(idle, START + 17) is None


def test_a_generator_without_a_sign_of_life() -> None:
    assert reason(watch(), START + 60) is None
    assert reason(watch(), START + 61) == (Ended.BROKEN, "The load generator did not start in {n} s")
    silent = beat(begun(watch()), START + 5, [])
    assert reason(silent, START + 20) is None
    assert reason(silent, START + 21) == (Ended.BROKEN, "The load generator gave no sign of life for {n} s")


def test_a_worker_that_is_gone() -> None:
    complete = beat(begun(watch(workers=2)), START + 3, [], workers=2)
    assert reason(complete, START + 3) is None
    assert reason(beat(complete, START + 4, [], workers=1), START + 4) == (
        Ended.BROKEN,
        "Only {n} of {of} workers are left",
    )


def test_workers_that_end_after_the_last_step_are_no_loss() -> None:
    over = begun(watch(workers=2))
    over.take([{"kind": "end", "at": START + 32}], START + 32)
    assert reason(beat(over, START + 33, [], workers=0), START + 33) is None


def test_a_load_that_never_begins_or_never_ends() -> None:
    waiting = watch(workers=2)
    for second in range(130):
        beat(waiting, START + second, [], step=-1)
    assert reason(waiting, START + 120) is None
    assert reason(waiting, START + 121) == (Ended.BROKEN, "The load had not begun after {n} s")
    endless = begun(watch())
    for second in range(2, 95):
        beat(endless, START + second, [[int(START) + second - 1, 5, 0, 1.0]])
    assert reason(endless, START + 93) == (Ended.BROKEN, "The load test was not over after {n} s")


def test_a_file_without_users_ends_it() -> None:
    of = watch()
    of.take([{"kind": "ready", "at": START, "empty": ["lists.py"]}], START)
    stop = of.stop(START)
    assert stop is not None and stop.problem.params == {"file": "lists.py"}


@pytest.mark.parametrize(
    ("seeks_limit", "step", "ended"), [(True, 1, Ended.LIMIT), (True, 0, Ended.ABORTED), (False, 1, Ended.ABORTED)]
)
def test_beyond_its_first_step_what_seeks_the_limit_has_found_it(seeks_limit: bool, step: int, ended: Ended) -> None:
    failing, hanging = begun(watch()), begun(watch())
    for running in (failing, hanging):
        running.profile = running.profile.model_copy(update={"seeks_limit": seeks_limit})
    every_second(failing, 13, 20, 20)
    for second in range(2, 18):
        beat(hanging, START + second, [])
    for running, now in ((failing, START + 13), (hanging, START + 17)):
        assert running._now is not None
        running._now["step"] = step
        found = reason(running, now)
        assert found is not None and found[0] is ended
