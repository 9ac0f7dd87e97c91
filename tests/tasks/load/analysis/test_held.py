"""Up to which load the SLO was met."""

from dataclasses import replace

import pytest

from tasks.load.analysis.held import achieved_percent, highest_held, levels_of, probe_gates, sent_percent
from tasks.load.facts import ProbeStats, StepStats
from tasks.load.limits import LoadLimits
from tasks.load.settings import GUIDE_GATES, Gate
from tests.load_runs import a_run, a_step, latency, not_reached

LIMITS = LoadLimits()


def held(*steps: StepStats, gates: tuple[Gate, ...] = GUIDE_GATES) -> int | None:
    level = highest_held(levels_of(a_run(*steps, seeks_limit=True), gates, LIMITS))
    return None if level is None else level.users


def why(step: StepStats, gates: tuple[Gate, ...] = GUIDE_GATES) -> list[str]:
    [level] = levels_of(a_run(step, seeks_limit=True), gates, LIMITS)
    return [failure.text.format(**failure.params) for failure in level.failures]


def test_the_highest_step_that_meets_every_gate() -> None:
    assert held(a_step(5), a_step(10), a_step(20)) == 20
    assert held(a_step(5), a_step(10), a_step(20, 101.0)) == 10
    assert held(a_step(5, 101.0), a_step(10)) is None
    assert held(a_step(5), a_step(10, failed=2)) == 5


def test_a_step_above_a_failed_one_does_not_count() -> None:
    assert held(a_step(5), a_step(10, 101.0), a_step(20)) == 5
    assert held(a_step(20), a_step(10, 101.0), a_step(5)) == 5


def test_of_a_load_that_comes_again_all_steps_count() -> None:
    assert held(a_step(10), a_step(100), a_step(10, 101.0)) is None


def test_capacity_is_successes_in_a_second() -> None:
    level = levels_of(a_run(a_step(10, per_second=80.0, failed=30)), (), LIMITS)[0]
    assert level.per_second == pytest.approx(80.0)


@pytest.mark.parametrize(("rate", "ok"), [(95.1, True), (95.0, True), (94.9, False)])
def test_the_planned_load_must_be_reached(rate: float, ok: bool) -> None:
    step = a_step(10, per_second=100.0, planned=100.0)
    step = replace(step, whole=replace(step.whole, per_second=rate))
    assert achieved_percent(step) == pytest.approx(rate)
    assert why(step) == ([] if ok else ["Only 94.9 % of the planned load"])


def test_why_a_level_is_not_held() -> None:
    assert why(not_reached(10)) == ["Not reached"]
    assert why(a_step(10, per_second=1.6))[0] == "Only 96 requests (100 needed)"
    assert why(a_step(10, 101.0)) == ["latency p95: 202.0 ms (limit ≤ 200.0)"]
    slow = Gate(metric="latency", statistic="p50", module="shopping", max=30)
    assert why(a_step(10), (slow,)) == ["latency p50 shopping: 40.0 ms (limit ≤ 30.0)"]
    lists = Gate(metric="latency", statistic="p50", route="/lists", max=30)
    assert why(a_step(10, per_second=4.0), (lists,)) == ["latency p50 shopping:/lists: too few requests (60)"]


def test_gates_of_other_steps_and_on_throughput_do_not_count() -> None:
    others = (Gate(metric="throughput", min=10_000), Gate(metric="latency", statistic="p50", max=1, users=99))
    assert held(a_step(10), gates=others) == 10
    assert held(a_step(99), gates=others) is None


def test_a_wait_that_only_the_open_loop_probe_sees_breaks_a_level() -> None:
    frozen = replace(a_step(10, 5.0), probe=ProbeStats(600, 600, 0, latency(100.0, 600, 1527.0)))
    assert why(frozen) == ["open-loop p95: 1527.0 ms (limit ≤ 200.0)"]


def test_what_the_probe_sent() -> None:
    assert sent_percent(ProbeStats(200, 190, 0, latency(5.0))) == 95.0
    assert sent_percent(ProbeStats(0, 0, 0, latency(5.0))) is None
    assert probe_gates((*GUIDE_GATES, Gate(metric="latency", statistic="p50", max=1, module="a"))) == GUIDE_GATES[:1]
