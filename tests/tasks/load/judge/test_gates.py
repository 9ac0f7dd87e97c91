"""Gates and the open-loop probe."""

from dataclasses import replace

import pytest

from tasks.check_result import CheckResult, Message, Quantity, Status, Table, msg
from tasks.load.facts import LoadRun, ProbeStats
from tasks.load.judge.gates import judge_gates, judge_open_loop
from tasks.load.limits import LoadLimits
from tasks.load.settings import GUIDE_GATES, Gate
from tests.load_runs import AT, NOTHING, a_run, a_step, latency, not_reached

LIMITS = LoadLimits()
P95 = Gate(metric="latency", statistic="p95", max=200)


def judged(run: LoadRun, *gates: Gate, invalid: Message | None = None) -> list[CheckResult]:
    return judge_gates(run, gates, LIMITS, invalid, AT)


@pytest.mark.parametrize(("p50", "status"), [(99.9, Status.PASS), (100.0, Status.PASS), (100.1, Status.FAIL)])
def test_a_gate_is_judged_by_its_limit(p50: float, status: Status) -> None:
    [result] = judged(a_run(a_step(10, p50)), P95)
    assert (result.subject, result.status, result.observed) == ("latency p95", status, Quantity(2 * p50, "ms"))
    assert result.limit is not None and (result.limit.comparison, result.limit.value) == ("≤", 200.0)


def test_a_gate_for_all_requests_shows_every_module() -> None:
    [result] = judged(a_run(), P95)
    [table] = result.evidence
    assert isinstance(table, Table) and [row[1] for row in table.rows] == ["shopping", "users", "recipes"]


def test_the_worst_step_decides_and_a_gate_of_one_step_looks_there_alone() -> None:
    run = a_run(a_step(5), a_step(10, 150.0))
    assert [r.status for r in judged(run, P95, P95.model_copy(update={"users": 5}))] == [Status.FAIL, Status.PASS]
    assert [r.status for r in judged(replace(run, seeks_limit=True), P95)] == [Status.PASS]


def test_a_step_that_the_profile_has_not_is_no_gate_of_it() -> None:
    [result] = judged(a_run(), P95.model_copy(update={"users": 99}))
    assert result.status is Status.SKIPPED


def test_what_was_not_measured_is_unknown() -> None:
    few = a_run(a_step(10, per_second=396 / 60))
    unreached = a_run(a_step(5), not_reached(10), seeks_limit=True)
    for run, gate in (
        (few, Gate(metric="error-share", max=1, route="/me")),
        (unreached, P95.model_copy(update={"users": 10})),
        (a_run(a_step(5), not_reached(10)), P95),
        (a_run(), P95.model_copy(update={"module": "payments"})),
        (replace(a_run(), steps=()), P95),
    ):
        assert [r.status for r in judged(run, gate, invalid=msg("x") if not run.steps else None)] == [Status.UNKNOWN]


def test_a_failure_at_one_step_outweighs_what_another_does_not_say() -> None:
    assert [r.status for r in judged(a_run(a_step(5, 150.0), not_reached(10)), P95)] == [Status.FAIL]


def test_of_an_invalid_test_nothing_is_good_or_bad() -> None:
    for run in (a_run(), a_run(a_step(10, 500.0))):
        assert {r.status for r in judged(run, *GUIDE_GATES, invalid=msg("x"))} == {Status.UNKNOWN}
        assert judge_open_loop(run, GUIDE_GATES, LIMITS, msg("x"), AT).status is Status.UNKNOWN


def test_few_requests_say_little_of_rare_errors() -> None:
    errors = GUIDE_GATES[1]
    [few] = judged(a_run(a_step(10, per_second=20.0)), errors)
    assert few.status is Status.PASS and few.reason.params["bound"] == 0.25
    [many] = judged(a_run(a_step(10, per_second=50.0)), errors)
    assert "bound" not in many.reason.params


def probe(p95: float, count: int = 1200) -> ProbeStats:
    return ProbeStats(count, count, 0, latency(20.0, count, p95))


@pytest.mark.parametrize(
    ("seen", "status"),
    [
        (probe(199.0), Status.PASS),
        (probe(200.0), Status.PASS),
        (probe(201.0), Status.FAIL),
        (probe(50.0, 100), Status.PASS),
        (probe(50.0, 99), Status.UNKNOWN),
        (ProbeStats(1200, 1200, 0, NOTHING), Status.UNKNOWN),
        (None, Status.UNKNOWN),
    ],
)
def test_the_open_loop_probe_keeps_the_same_gate(seen: ProbeStats | None, status: Status) -> None:
    assert judge_open_loop(a_run(probe=seen), GUIDE_GATES, LIMITS, None, AT).status is status
    first = a_run(replace(a_step(5), probe=seen), a_step(10), seeks_limit=True, probe=probe(9999.0))
    assert judge_open_loop(first, GUIDE_GATES, LIMITS, None, AT).status is status


def test_its_p99_stands_beside_locusts() -> None:
    result = judge_open_loop(a_run(probe=probe(1527.0), locust=None), GUIDE_GATES, LIMITS, None, AT)
    [table] = result.evidence
    assert isinstance(table, Table) and [row[1:] for row in table.rows] == [(1527.0, 1985.1), (None, None)]


def test_without_a_gate_on_all_latencies_it_is_skipped() -> None:
    others = (GUIDE_GATES[1], P95.model_copy(update={"module": "users"}), P95.model_copy(update={"users": 10}))
    assert judge_open_loop(a_run(), others, LIMITS, None, AT).status is Status.SKIPPED


def test_p95_goes_before_other_statistics() -> None:
    gates = (Gate(metric="latency", statistic="p50", max=1), P95)
    assert judge_open_loop(a_run(), gates, LIMITS, None, AT).status is Status.PASS
    assert judge_open_loop(a_run(), gates[:1], LIMITS, None, AT).status is Status.FAIL
