"""Whether the test itself can be relied on: its target, its generator, the load that was reached."""

from collections.abc import Iterator
from datetime import datetime

from tasks.check_result import CheckResult, Limit, Message, Quantity, Scalar, Status, Table, msg
from tasks.load.analysis.held import achieved_percent, sent_percent
from tasks.load.checks import ACHIEVED, GENERATOR, TARGET
from tasks.load.facts import LoadRun
from tasks.load.judge.validity import achieved_reasons, answer_reasons, environment_reasons, generator_reasons, shown
from tasks.load.limits import LoadLimits

_CPU = msg("[load.limits] max_generator_percent")
_LAG = msg("[load.limits] max_lag_ms")
_ACHIEVED = msg("[load.limits] min_achieved_percent")
_REQUESTS = msg("[load.limits] min_requests")
_MEANT = msg("[load] environment")
_ANSWERED = msg("At least one answer without an error")


def judge_target(run: LoadRun, *, asked: bool, now: datetime) -> list[CheckResult]:
    """Did the service answer, at allowed hosts alone, and is it the environment that was meant?"""
    subject = shown(run.base_url)
    reasons = list(answer_reasons(run))
    if not run.whole.requests:
        reasons.append(msg("No request was measured"))
    answered = run.whole.succeeded.count
    if reasons:
        found = [TARGET.judged(Status.UNKNOWN, subject, reasons[0], at=now)]
    else:
        reason = msg("{number} requests were answered without an error", number=answered)
        limit = Limit("≥", 1, "", _ANSWERED)
        found = [TARGET.judged(Status.PASS, subject, reason, at=now, observed=Quantity(answered), limit=limit)]
    return [*found, _judge_environment(run, asked=asked, now=now)]


def _judge_environment(run: LoadRun, *, asked: bool, now: datetime) -> CheckResult:
    subject = "environment"
    if not asked:
        reason = msg("[load.identity] is not set: which environment answered is not checked")
        return TARGET.judged(Status.SKIPPED, subject, reason, at=now)
    limit = Limit("=", run.environment, "", _MEANT)
    if reasons := list(environment_reasons(run, asked=True)):
        other = next((name for name in run.environment_seen if name not in (None, run.environment)), None)
        observed = None if other is None else Quantity(shown(other))
        return TARGET.judged(Status.UNKNOWN, subject, reasons[-1], at=now, observed=observed, limit=limit)
    reason = msg("The service says so itself, before and after the test")
    return TARGET.judged(Status.PASS, subject, reason, at=now, observed=Quantity(run.environment), limit=limit)


def judge_generator(run: LoadRun, limits: LoadLimits, now: datetime) -> CheckResult:
    """Had the load generator enough CPU time, and were its timers on time? UNKNOWN otherwise: figures would be its own.

    Shown is the lag where it alone is too long, else the CPU time.
    """
    cpu, lag = (None, None) if run.generator is None else (run.generator.cpu_percent, run.generator.lag_ms)
    late = lag is not None and lag > limits.max_lag_ms and (cpu is None or cpu <= limits.max_generator_percent)
    value, unit = (lag, "ms") if late else (cpu, "%")
    limit = Limit("≤", limits.max_lag_ms, "ms", _LAG) if late else Limit("≤", limits.max_generator_percent, "%", _CPU)
    observed = None if value is None else Quantity(round(value, 1), unit)
    reason = next(generator_reasons(run, limits), None)
    if reason is not None or run.generator is None or lag is None:
        unknown = reason or msg("How busy the load generator was is not known")
        return GENERATOR.judged(Status.UNKNOWN, "generator", unknown, at=now, observed=observed, limit=limit)
    good = msg(
        "Processes: {number}; timers at most {ms} ms late (p99)", number=run.generator.processes, ms=round(lag, 1)
    )
    return GENERATOR.judged(Status.PASS, "generator", good, at=now, observed=observed, limit=limit)


def judge_achieved(run: LoadRun, limits: LoadLimits, now: datetime) -> CheckResult:
    """Was the planned load reached, by the open-loop probe and by users whose rate is known?"""
    shares = list(_shares(run))
    limit = Limit("≥", limits.min_achieved_percent, "%", _ACHIEVED)
    observed = None if not shares else Quantity(round(min(share for _, share in shares), 1), "%")
    evidence = (_table(run, shares),) if shares else ()
    if (reason := next(achieved_reasons(run, limits), None)) is not None:
        if run.whole.requests < limits.min_requests:
            observed, limit = Quantity(run.whole.requests), Limit("≥", limits.min_requests, "", _REQUESTS)
        return ACHIEVED.judged(
            Status.UNKNOWN, "load", reason, at=now, observed=observed, limit=limit, evidence=evidence
        )
    assert observed is not None  # the probe's share is known, else there is a reason
    reason = msg("{number} requests were measured, ramp-up left out", number=run.whole.requests)
    return ACHIEVED.judged(Status.PASS, "load", reason, at=now, observed=observed, limit=limit, evidence=evidence)


def _shares(run: LoadRun) -> Iterator[tuple[Message, float]]:
    """What was reached of what was planned, where it decides."""
    if run.probe is not None and (sent := sent_percent(run.probe)) is not None:
        yield msg("Open-loop probe"), sent
    for step in run.steps[:1] if run.seeks_limit else run.steps:
        if (share := achieved_percent(step)) is not None:
            yield msg("{users} users", users=step.users), share


def _table(run: LoadRun, shares: list[tuple[Message, float]]) -> Table:
    rows: list[tuple[Scalar | Message, ...]] = [(who, round(share, 1)) for who, share in shares]
    if not any(step.planned_per_second for step in run.steps):
        rows.append((msg("Users: their rate is not fixed (rate_per_user)"), None))
    return Table(msg("Achieved share of the planned load"), (msg("Load of"), msg("Achieved (%)")), tuple(rows))
