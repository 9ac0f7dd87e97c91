"""A load test as a whole: pass, fail or invalid, and what that makes of a round."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from tasks.check_result import Chart, Curve, Status, Table, msg
from tasks.database.limits import DatabaseLimits
from tasks.guide.judge import Verdict, judge_lines
from tasks.load.analysis.peak import Peak
from tasks.load.checks import CHECKS, LINE
from tasks.load.facts import Ended, LoadRun, LoadVerdict, LocustSummary, ProbeStats
from tasks.load.judge.run import Judgement, Known, judge_run
from tasks.load.settings import GUIDE_GATES, Gate, Load
from tasks.observation import Absent
from tests.load_runs import AT, a_load, a_run, a_step, latency, slowed

PEAK = Peak(20.0, AT, 28)


def judged(run: LoadRun, load: Load | None = None, earlier: Sequence[LoadRun] = ()) -> Judgement:
    return judge_run(run, load or a_load(), Known(earlier, PEAK, DatabaseLimits()), AT)


def line(judgement: Judgement) -> Verdict:
    return judge_lines([LINE], judgement.results)[0].verdict


def statuses(judgement: Judgement, *checks: str) -> set[Status]:
    return {r.status for r in judgement.results if r.check.removeprefix("load.") in checks}


def test_a_valid_test_that_keeps_every_gate_passes() -> None:
    found = judged(a_run(a_step(5), a_step(10)))
    assert found.judged.verdict is LoadVerdict.PASS and line(found) is Verdict.PASSED
    assert found.judged.capacity_per_second == pytest.approx(100.0)
    assert {r.check for r in found.results} == {check.id for check in CHECKS}


def test_a_gate_that_is_not_kept_fails_the_round() -> None:
    found = judged(a_run(a_step(10, 150.0)))
    assert found.judged.verdict is LoadVerdict.FAIL and line(found) is Verdict.FAILED
    assert found.results[0].reason.params == {"gates": "latency p95"}


@pytest.mark.parametrize("gates", [(), (Gate(metric="latency", statistic="p95", max=200, users=80),)])
def test_a_test_of_which_no_gate_is_asked_does_not_pass(gates: tuple[Gate, ...]) -> None:
    found = judged(a_run(a_step(10)), a_load().model_copy(update={"gate": gates}))
    assert found.judged.verdict is LoadVerdict.INVALID and line(found) is Verdict.INCOMPLETE


def test_a_test_whose_probe_has_too_few_requests_does_not_pass() -> None:
    run = a_run(a_step(10))
    assert run.probe is not None
    few = replace(run.probe, latency=replace(run.probe.latency, count=99))
    found = judged(replace(run, probe=few))
    assert found.judged.verdict is LoadVerdict.INVALID and statuses(found, "gate", "open-loop") == {Status.UNKNOWN}


def test_an_invalid_test_is_incomplete_and_nothing_of_it_is_good_or_bad() -> None:
    earlier = [a_run(at=AT - timedelta(days=7 * n)) for n in range(1, 7)]
    for run in (a_run(a_step(5), a_step(10)), a_run(a_step(5, 500.0), a_step(10))):
        found = judged(replace(run, ended=Ended.ABORTED, probe=None), earlier=earlier)
        assert (found.judged.verdict, found.judged.capacity_per_second) == (LoadVerdict.INVALID, None)
        assert line(found) is Verdict.INCOMPLETE
        assert statuses(found, "verdict", "gate", "open-loop", "capacity", "regression") == {Status.UNKNOWN}
        table = found.results[0].evidence[0]
        assert isinstance(table, Table) and len(table.rows) == 2


def test_a_hang_that_locust_does_not_see_fails_the_test() -> None:
    """A server frozen 2 s in every 10: Locust says p95 7 ms, users that do not wait for each other 1,527 ms."""
    run = a_run(
        a_step(10, 3.5),
        probe=ProbeStats(1200, 1200, 0, latency(20.0, 1200, 1527.0)),
        locust=LocustSummary(6000, 0, 7.0, 9.0, 81.0),
    )
    found = judged(run)
    assert found.judged.verdict is LoadVerdict.FAIL
    assert statuses(found, "gate") == {Status.PASS} and statuses(found, "open-loop") == {Status.FAIL}
    table = found.results[0].evidence[0]
    assert isinstance(table, Table) and [row[3] for row in table.rows] == [7, 7.0, 1527.0]


def test_a_gate_that_cannot_be_judged_lets_no_test_pass() -> None:
    gate = Gate(metric="latency", statistic="p95", max=200, route="/me")
    few = a_run(a_step(10, per_second=396 / 60))
    found = judged(few, a_load(*GUIDE_GATES, gate))
    assert found.judged.verdict is LoadVerdict.INVALID and statuses(found, "gate") == {Status.UNKNOWN}
    slow = judged(a_run(a_step(10, 150.0, per_second=396 / 60)), a_load(*GUIDE_GATES, gate))
    assert slow.judged.verdict is LoadVerdict.FAIL and statuses(slow, "gate") == {
        Status.FAIL,
        Status.UNKNOWN,
        Status.PASS,
    }


def test_a_slowdown_needs_attention_and_fails_nothing() -> None:
    earlier = [a_run(at=AT - timedelta(days=7 * n)) for n in range(1, 7)]
    found = judged(slowed(a_run(), {"users": 1.3}), earlier=earlier)
    assert found.judged.verdict is LoadVerdict.PASS and line(found) is Verdict.ATTENTION
    curves = [piece for piece in found.results[0].evidence if isinstance(piece, Curve)]
    assert len(curves) == 1 and len(curves[0].at) == 7 and curves[0].limit == 200.0


def test_charts_of_steps_and_tables_of_failures() -> None:
    evidence = judged(a_run(a_step(5, failed=2), a_step(10))).results[0].evidence
    [chart] = [piece for piece in evidence if isinstance(piece, Chart)]
    assert (chart.labels, chart.values, chart.limit) == (("5", "10"), (80.0, 80.0), 200.0)
    titles = [piece.title.text for piece in evidence if isinstance(piece, Table)]
    assert "Failed requests by cause" in titles and "Steps" in titles


def test_two_runs_of_one_minute_are_one_point_of_the_trend() -> None:
    earlier = [a_run(at=AT - timedelta(seconds=20)), a_run(at=AT - timedelta(seconds=40))]
    assert [
        len(piece.at) for piece in judged(a_run(), earlier=earlier).results[0].evidence if isinstance(piece, Curve)
    ] == [2]


def test_without_logs_of_production_the_rest_is_judged_all_the_same() -> None:
    known = Known((), Absent(msg("no logs")), DatabaseLimits())
    found = judge_run(a_run(a_step(5), a_step(10)), a_load(), known, AT)
    assert found.judged.verdict is LoadVerdict.PASS and statuses(found, "capacity") == {Status.SKIPPED}
