"""Up to which load the service met its SLO: step by step, from the lowest load on."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tasks.check_result import Message, msg
from tasks.load.analysis.gates import UNITS, bound, measured, scopes_of, subject
from tasks.load.facts import LoadRun, ProbeStats, StepStats
from tasks.load.limits import LoadLimits
from tasks.load.settings import Gate


@dataclass(frozen=True, slots=True)
class Level:
    """What one number of users came to: successful requests/s, and why it did not meet the SLO; empty: it did.

    `per_second` is None for one that was not reached.
    """

    users: int
    per_second: float | None
    failures: tuple[Message, ...]


def levels_of(run: LoadRun, gates: Sequence[Gate], limits: LoadLimits) -> tuple[Level, ...]:
    """Each number of users once, rising; of one that came several times every step must have met the SLO."""
    return tuple(
        _level(users, [step for step in run.steps if step.users == users], run, gates, limits)
        for users in sorted({step.users for step in run.steps})
    )


def highest_held(levels: Sequence[Level]) -> Level | None:
    """The highest level that met the SLO with all below it: one above a failed one does not count."""
    held = None
    for level in levels:
        if level.failures:
            break
        held = level
    return held


def throughput(step: StepStats) -> float | None:
    """Successful requests in a second; None for a step that was not reached."""
    return step.whole.succeeded.count / step.measured_s if step.measured_s else None


def achieved_percent(step: StepStats) -> float | None:
    """Share of the planned rate that was sent; None where none was planned or the step was not reached."""
    if not step.planned_per_second or not step.measured_s:
        return None
    return 100 * step.whole.per_second / step.planned_per_second


def sent_percent(probe: ProbeStats) -> float | None:
    """Share of the open-loop probe's arrivals that were sent in time; None where none were planned."""
    return 100 * probe.sent / probe.planned if probe.planned else None


def probe_gates(gates: Sequence[Gate]) -> tuple[Gate, ...]:
    """The gates that the open-loop probe is held against: those on the latency of all requests."""
    return tuple(
        g for g in gates if g.metric == "latency" and g.max is not None and (g.module, g.route) == (None, None)
    )


def _level(
    users: int, steps: Sequence[StepStats], run: LoadRun, gates: Sequence[Gate], limits: LoadLimits
) -> Level:  # fmt: skip
    failures = tuple(failure for step in steps for failure in _failures(step, run, gates, limits))
    rates = [rate for step in steps if (rate := throughput(step)) is not None]
    return Level(users, sum(rates) / len(rates) if rates else None, failures)


def _failures(step: StepStats, run: LoadRun, gates: Sequence[Gate], limits: LoadLimits) -> Iterator[Message]:
    if not step.measured_s:
        yield msg("Not reached")
        return
    achieved = achieved_percent(step)
    if achieved is not None and achieved < limits.min_achieved_percent:
        yield msg("Only {percent} % of the planned load", percent=round(achieved, 1))
    if step.whole.requests < limits.min_requests:
        yield msg("Only {number} requests ({needed} needed)", number=step.whole.requests, needed=limits.min_requests)
    for gate in gates:
        # Throughput is what load varies: a gate on it says nothing of the other steps.
        if gate.metric != "throughput" and gate.users in (None, step.users):
            yield from _gate_failures(gate, step, run, limits)
    if step.probe is not None:
        yield from _probe_failures(step.probe, step, gates)


def _gate_failures(gate: Gate, step: StepStats, run: LoadRun, limits: LoadLimits) -> Iterator[Message]:
    for scope in scopes_of(gate, run):
        found = measured(gate, scope, step, limits.min_requests)
        if found.kept is None:
            yield msg("{gate}: too few requests ({number})", gate=subject(gate, scope), number=found.requests)
        elif not found.kept:
            yield _beyond(subject(gate, scope), gate, found.value or 0.0)


def _probe_failures(probe: ProbeStats, step: StepStats, gates: Sequence[Gate]) -> Iterator[Message]:
    for gate in probe_gates(gates):
        value = probe_value(gate, probe)
        if gate.users in (None, step.users) and value is not None and value > bound(gate):
            yield _beyond(f"open-loop {gate.statistic}", gate, value)


def probe_value(gate: Gate, probe: ProbeStats) -> float | None:
    """The statistic of a gate on latency, of the open-loop probe."""
    value: float | None = getattr(probe.latency, f"{gate.statistic}_ms")
    return value


def _beyond(name: str, gate: Gate, value: float) -> Message:
    sign = "≤" if gate.max is not None else "≥"
    return msg("{gate}: {value} {unit} (limit {sign} {limit})", gate=name, value=round(value, 2),
               unit=UNITS[gate.metric], sign=sign, limit=bound(gate))  # fmt: skip
