"""A load test judged as a whole: valid or not, passed or failed, and everything that it says."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from tasks.check_result import CheckResult, Evidence, Limit, Message, Quantity, Scalar, Status, Table, msg
from tasks.database.limits import DatabaseLimits
from tasks.load.analysis.held import levels_of
from tasks.load.analysis.peak import Peak
from tasks.load.checks import GATE, VERDICT
from tasks.load.facts import JudgedRun, LoadRun, LoadVerdict
from tasks.load.judge.capacity import Capacity, capacity_of, judge_capacity
from tasks.load.judge.database import judge_database
from tasks.load.judge.gates import judge_gates, judge_open_loop
from tasks.load.judge.regression import judge_regression
from tasks.load.judge.running import judge_achieved, judge_generator, judge_target
from tasks.load.judge.tables import run_evidence
from tasks.load.judge.validity import invalid_reasons
from tasks.load.settings import Load
from tasks.observation import Absent, Unobserved

_PASSES = msg("Every gate must be kept by a valid test")
_MOST_REASONS = 12


@dataclass(frozen=True, slots=True)
class Known:
    """What is known beside a run: comparable valid runs, newest first, the production peak, limits of databases."""

    earlier: Sequence[LoadRun] | Unobserved
    peak: Peak | Unobserved | Absent
    database: DatabaseLimits


@dataclass(frozen=True, slots=True)
class Judgement:
    """A judged run with its results; `capacity` is meaningless for an invalid run."""

    judged: JudgedRun
    results: tuple[CheckResult, ...]
    capacity: Capacity
    reasons: tuple[Message, ...]


def judge_run(run: LoadRun, load: Load, known: Known, now: datetime) -> Judgement:
    """All results of a load test; of an invalid one no gate, capacity or comparison is good or bad: UNKNOWN."""
    capacity = capacity_of(levels_of(run, load.gate, load.limits))
    reasons = invalid_reasons(run, load)
    gates = _judge_gates(run, load, reasons[0] if reasons else None, now)
    if not reasons and not any(gate.status is Status.FAIL for gate in gates):
        reasons = _not_judged(gates)
        if reasons:
            gates = _judge_gates(run, load, reasons[0], now)
    invalid = reasons[0] if reasons else None
    failed = [gate for gate in gates if gate.status is Status.FAIL]
    verdict = LoadVerdict.INVALID if reasons else LoadVerdict.FAIL if failed else LoadVerdict.PASS
    earlier = () if isinstance(known.earlier, Unobserved) else known.earlier
    results = (
        _judge_verdict(verdict, reasons, failed, run_evidence(run, capacity.levels, earlier, load.gate), now),
        *judge_target(run, asked=load.identity is not None, now=now),
        judge_generator(run, load.limits, now),
        judge_achieved(run, load.limits, now),
        *gates,
        judge_capacity(run, capacity, known.peak, load.limits, invalid, now),
        *judge_regression(run, known.earlier, load.gate, load.limits, invalid, now),
        judge_database(run, configured=load.database is not None, limits=known.database, now=now),
    )
    held = None if reasons else capacity.per_second
    return Judgement(JudgedRun(run, verdict, held), results, capacity, reasons)


def _judge_gates(run: LoadRun, load: Load, invalid: Message | None, now: datetime) -> list[CheckResult]:
    gates = judge_gates(run, load.gate, load.limits, invalid, now)
    return [*gates, judge_open_loop(run, load.gate, load.limits, invalid, now)]


def _not_judged(gates: Sequence[CheckResult]) -> tuple[Message, ...]:
    """Why a test cannot pass: a gate, or the probe beside them, that was not judged, or none that was."""
    unknown = tuple(
        msg("Gate {gate} could not be judged", gate=gate.subject) for gate in gates if gate.status is Status.UNKNOWN
    )
    if not unknown and not any(gate.check == GATE.id and gate.status.measured for gate in gates):
        return (msg("No gate is asked of this profile: there is nothing that it could fail"),)
    return unknown


def _judge_verdict(
    verdict: LoadVerdict,
    reasons: Sequence[Message],
    failed: Sequence[CheckResult],
    evidence: tuple[Evidence, ...],
    now: datetime,
) -> CheckResult:
    limit = Limit("=", LoadVerdict.PASS.value, "", _PASSES)
    if verdict is LoadVerdict.INVALID:
        observed = Quantity(msg("invalid"))
        table = _list(msg("Why the test is invalid"), reasons)
        return VERDICT.judged(
            Status.UNKNOWN, "test", reasons[0], at=now, observed=observed, limit=limit, evidence=(table, *evidence)
        )
    if verdict is LoadVerdict.FAIL:
        observed = Quantity(msg("fail"))
        names = ", ".join(result.subject for result in failed[:_MOST_REASONS])
        why = msg("Not kept: {gates}", gates=names)
        return VERDICT.judged(Status.FAIL, "test", why, at=now, observed=observed, limit=limit, evidence=evidence)
    why = msg("The test is valid, and every gate was kept")
    observed = Quantity(msg("pass"))
    return VERDICT.judged(Status.PASS, "test", why, at=now, observed=observed, limit=limit, evidence=evidence)


def _list(title: Message, reasons: Sequence[Message]) -> Table:
    rows: tuple[tuple[Scalar | Message, ...], ...] = tuple((reason,) for reason in reasons[:_MOST_REASONS])
    return Table(title, (msg("Reason"),), rows)
