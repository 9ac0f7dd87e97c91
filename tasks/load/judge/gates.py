"""The gates, and the open-loop probe beside them."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from tasks.check_result import CheckResult, Evidence, Limit, Message, Quantity, Status, Table, msg
from tasks.load.analysis.gates import UNITS, Measured, Scope, bound, measured, scopes_of, steps_of, subject, worst
from tasks.load.analysis.held import probe_gates, probe_value
from tasks.load.checks import GATE, OPEN_LOOP
from tasks.load.facts import LoadRun, ProbeStats
from tasks.load.judge.tables import parts_table
from tasks.load.limits import LoadLimits
from tasks.load.settings import Gate

_SOURCE = msg("[[load.gate]]")
_PROBE = "open-loop"
_RULE_OF_THREE = 3


def judge_gates(
    run: LoadRun, gates: Sequence[Gate], limits: LoadLimits, invalid: Message | None, now: datetime
) -> list[CheckResult]:
    """One result for each gate and each route or module that it names; UNKNOWN for an invalid test."""
    return [result for gate in gates for result in _judge_gate(gate, run, limits, invalid, now)]


def _judge_gate(
    gate: Gate, run: LoadRun, limits: LoadLimits, invalid: Message | None, now: datetime
) -> Iterator[CheckResult]:
    named = Scope(gate.module or "", gate.route or "")
    if not (steps := steps_of(gate, run)) and invalid is None:
        why = msg("The profile {profile} has no step of {users} users", profile=run.profile, users=gate.users)
        yield GATE.judged(Status.SKIPPED, subject(gate, named), why, at=now)
        return
    for scope in scopes_of(gate, run) or (named,):
        found = [measured(gate, scope, step, limits.min_requests) for step in steps]
        yield _judge_scope(gate, scope, run, found, invalid, now)


def _judge_scope(
    gate: Gate, scope: Scope, run: LoadRun, found: Sequence[Measured], invalid: Message | None, now: datetime
) -> CheckResult:
    limit, name = _limit(gate), subject(gate, scope)
    if invalid is not None or not found:
        why = msg("The test is invalid: its figures say nothing")
        return GATE.judged(Status.UNKNOWN, name, why, at=now, limit=limit)
    one = worst(gate, found)
    evidence = _evidence(gate, scope, run, found)
    observed = None if one.value is None else Quantity(round(one.value, 3), UNITS[gate.metric])
    if one.kept is None or observed is None:
        why = msg("{users} users: too few requests ({number}) to say", users=one.users, number=one.requests)
        return GATE.judged(Status.UNKNOWN, name, why, at=now, observed=observed, limit=limit, evidence=evidence)
    status = Status.PASS if one.kept else Status.FAIL
    return GATE.judged(status, name, _words(gate, one), at=now, observed=observed, limit=limit, evidence=evidence)


def _words(gate: Gate, one: Measured) -> Message:
    # The rule of three: the 95 % bound after n requests without a failure.
    shown = _RULE_OF_THREE * 100 / max(one.requests, 1)
    if gate.metric == "error-share" and one.value == 0 and gate.max is not None and shown > gate.max:
        return msg(
            "0 of {number} requests failed with {users} users; so few only show a share below {bound} %",
            number=one.requests,
            users=one.users,
            bound=round(shown, 2),
        )
    return msg("{number} requests with {users} users", number=one.requests, users=one.users)


def _limit(gate: Gate) -> Limit:
    return Limit("≤" if gate.max is not None else "≥", bound(gate), UNITS[gate.metric], _SOURCE)


def _evidence(gate: Gate, scope: Scope, run: LoadRun, found: Sequence[Measured]) -> tuple[Evidence, ...]:
    steps = Table(
        msg("The gate at each step"),
        (msg("Users"), msg("Requests"), msg("Value ({unit})", unit=UNITS[gate.metric])),
        tuple((one.users, one.requests, None if one.value is None else round(one.value, 3)) for one in found),
    )
    several = (steps,) if len(found) > 1 else ()
    # A limit for all requests hides a slow module behind many fast requests of another.
    whole = scope == Scope() and gate.metric != "throughput"
    return (*several, parts_table(msg("Modules at the judged steps"), steps_of(gate, run))) if whole else several


def judge_open_loop(
    run: LoadRun, gates: Sequence[Gate], limits: LoadLimits, invalid: Message | None, now: datetime
) -> CheckResult:
    """The open-loop probe against the first gate on the latency of all requests, p95 before others.

    Of a profile that seeks the limit it is judged at the first step, as the gates are.
    """
    mine = sorted((g for g in probe_gates(gates) if g.users is None), key=lambda gate: gate.statistic != "p95")
    if not mine:
        why = msg("No gate limits the latency of all requests at every step")
        return OPEN_LOOP.judged(Status.SKIPPED, _PROBE, why, at=now)
    gate, limit = mine[0], _limit(mine[0])
    evidence = (_beside(run),)
    if invalid is not None:
        why = msg("The test is invalid: its figures say nothing")
        return OPEN_LOOP.judged(Status.UNKNOWN, _PROBE, why, at=now, limit=limit, evidence=evidence)
    probe = run.steps[0].probe if run.seeks_limit else run.probe
    if probe is None:
        why = msg("The probe's figures of the first step alone are not known")
        return OPEN_LOOP.judged(Status.UNKNOWN, _PROBE, why, at=now, limit=limit, evidence=evidence)
    return _judge_probe(gate, probe, limits, evidence, now)


def _judge_probe(
    gate: Gate, probe: ProbeStats, limits: LoadLimits, evidence: tuple[Evidence, ...], now: datetime
) -> CheckResult:
    limit, value = _limit(gate), probe_value(gate, probe)
    observed = None if value is None else Quantity(round(value, 1), "ms")
    if observed is None or value is None or probe.latency.count < limits.min_requests:
        why = msg("Only {number} requests ({needed} needed)", number=probe.latency.count, needed=limits.min_requests)
        status = Status.UNKNOWN
    elif value <= bound(gate):
        status = Status.PASS
        why = msg("{statistic} of {number} requests, timed from when they were due", statistic=gate.statistic,
                  number=probe.latency.count)  # fmt: skip
    else:
        status = Status.FAIL
        why = msg(
            "{statistic} of {number} requests, timed from when they were due: users wait longer than those of the "
            "test, who wait for each answer before they ask again",
            statistic=gate.statistic,
            number=probe.latency.count,
        )
    return OPEN_LOOP.judged(status, _PROBE, why, at=now, observed=observed, limit=limit, evidence=evidence)


def _beside(run: LoadRun) -> Table:
    """The probe's tail next to Locust's own."""
    probe, locust = run.probe, run.locust
    rows = (
        (msg("Open-loop probe"), _ms(None if probe is None else probe.latency.p95_ms),
         _ms(None if probe is None else probe.latency.p99_ms)),
        (msg("Locust alone"), _ms(None if locust is None else locust.p95_ms),
         _ms(None if locust is None else locust.p99_ms)),
    )  # fmt: skip
    return Table(msg("Tail of the response times"), (msg("Measured by"), msg("p95 (ms)"), msg("p99 (ms)")), rows)


def _ms(value: float | None) -> float | None:
    return None if value is None else round(value, 1)
