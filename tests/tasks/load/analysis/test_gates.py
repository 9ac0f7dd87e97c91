"""Which requests a gate asks for, at which steps, and what it makes of them."""

from dataclasses import replace

import pytest

from tasks.load.analysis.gates import Measured, Scope, keeps, measured, scopes_of, steps_of, subject, worst
from tasks.load.settings import Gate
from tests.load_runs import a_run, a_step, not_reached

P95 = Gate(metric="latency", statistic="p95", max=200)
ERRORS = Gate(metric="error-share", max=0.1)
RATE = Gate(metric="throughput", min=50)


def gate(**changes: object) -> Gate:
    return P95.model_copy(update=changes)


@pytest.mark.parametrize(
    ("asked", "names"),
    [
        (gate(), [""]),
        (gate(module="shopping"), ["shopping"]),
        (gate(route="/lists"), ["shopping:/lists"]),
        (gate(route="shopping:/lists"), ["shopping:/lists"]),
        (gate(module="users", route="/lists"), []),
        (gate(module="payments"), []),
        (gate(route="/nowhere"), []),
    ],
)
def test_the_requests_that_a_gate_names(asked: Gate, names: list[str]) -> None:
    assert [scope.name for scope in scopes_of(asked, a_run())] == names


def test_a_route_that_two_modules_have_is_judged_in_each() -> None:
    run = a_run(a_step(5, names=("a:/", "b:/")))
    assert scopes_of(gate(route="/"), run) == (Scope("a", "/"), Scope("b", "/"))


def test_a_gate_is_judged_at_its_step_else_at_all_or_at_the_first() -> None:
    steps = (a_step(5), a_step(10), a_step(20))
    assert steps_of(gate(), a_run(*steps)) == steps
    assert steps_of(gate(), a_run(*steps, seeks_limit=True)) == steps[:1]
    assert steps_of(gate(users=10), a_run(*steps, seeks_limit=True)) == steps[1:2]
    assert steps_of(gate(users=99), a_run(*steps)) == ()


def test_names_in_reports() -> None:
    assert subject(P95, Scope()) == "latency p95"
    assert subject(gate(users=80), Scope("shopping", "/lists")) == "latency p95 shopping:/lists @80"
    assert subject(ERRORS, Scope("shopping")) == "error-share shopping"


@pytest.mark.parametrize(("value", "kept"), [(199.9, True), (200.0, True), (200.1, False)])
def test_at_a_limit_a_gate_is_kept(value: float, kept: bool) -> None:
    assert keeps(P95, value) is kept


@pytest.mark.parametrize(("value", "kept"), [(50.1, True), (50.0, True), (49.9, False)])
def test_at_a_lowest_value_too(value: float, kept: bool) -> None:
    assert keeps(RATE, value) is kept


def test_figures_of_a_step() -> None:
    step = a_step(10, 60.0, per_second=100.0, failed=1, seconds=60.0)
    assert measured(P95, Scope(), step, 100) == Measured(10, 6000, 120.0, True)
    errors = measured(ERRORS, Scope("shopping"), step, 100)
    assert errors.requests == 3002 and errors.value == pytest.approx(100 * 2 / 3002) and errors.kept
    assert measured(RATE, Scope(), step, 100) == Measured(10, 6004, 100.0, True)


def test_too_few_requests_keep_nothing() -> None:
    step = a_step(10, per_second=396 / 60, seconds=60.0)  # 99 of each route
    one = Scope("users", "/me")
    assert measured(P95, one, step, 100) == Measured(10, 99, 80.0, None)
    assert measured(P95, one, step, 99).kept is True
    assert measured(P95, Scope("users", "/none"), step, 0) == Measured(10, 0, None, None)
    assert measured(RATE, Scope(), not_reached(10), 0) == Measured(10, 0, None, None)


def test_no_throughput_at_all_is_a_figure() -> None:
    step = a_step(10, failed=50)
    nothing = replace(step.whole, succeeded=replace(step.whole.succeeded, count=0))
    assert measured(RATE, Scope(), replace(step, whole=nothing), 100).kept is False


def test_the_step_that_decides() -> None:
    kept, closer, unknown = Measured(1, 500, 90.0, True), Measured(2, 500, 190.0, True), Measured(3, 0, None, None)
    broken = Measured(4, 500, 210.0, False)
    assert worst(P95, [kept, closer]) is closer
    assert worst(P95, [closer, unknown]) is unknown
    assert worst(P95, [unknown, broken]) is broken
    assert worst(RATE, [kept, closer]) is kept
